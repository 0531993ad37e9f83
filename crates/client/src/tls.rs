//! TLS to an engine on TCP, with client certificates.
//!
//! Nothing here runs before a TLS endpoint is used: reading certificate files and building the configuration costs
//! more than the rest of a command's start.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use tls::Trust;

use crate::endpoint::TlsOptions;

/// A client's end of TLS over TCP.
pub(crate) type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// How much is moved at once between the two sides of a pump.
const PUMP_BYTES: usize = 64 * 1024;

/// Speaks TLS on `stream` as a client of `host`.
pub(crate) fn connect(stream: TcpStream, host: &str, options: &TlsOptions) -> io::Result<TlsStream> {
    let name = tls::server_name(host)?;
    let connection = ClientConnection::new(Arc::new(configure(options)?), name).map_err(io::Error::other)?;
    Ok(StreamOwned::new(connection, stream))
}

/// Builds the configuration of a connection and throws it away.
pub(crate) fn check(options: &TlsOptions) -> io::Result<()> {
    configure(options).map(drop)
}

fn configure(options: &TlsOptions) -> io::Result<ClientConfig> {
    let trust = match &options.ca {
        // `--tls` without `--tlsverify`: that the server holds its key is still checked.
        _ if options.insecure => Trust::Anyone,
        Some(ca) => Trust::Only(ca),
        None => Trust::System,
    };
    tls::client(trust, options.cert.as_deref().zip(options.key.as_deref()))
}

/// Reads plain bytes; a peer that went away without saying goodbye is an end, as it is for Go's client.
pub(crate) fn read(stream: &mut TlsStream, buffer: &mut [u8]) -> io::Result<usize> {
    match stream.read(buffer) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
        other => other,
    }
}

/// Moves bytes between `stream` and `local` until both directions have ended. Errors end the pump: the other end of
/// `local` then sees the end of the stream.
pub(crate) fn pump(stream: TlsStream, local: UnixStream) {
    let StreamOwned { conn, sock } = stream;
    let mut pump = Pump { conn, sock, local, local_open: true };
    let _ended = pump.run();
}

struct Pump {
    conn: ClientConnection,
    sock: TcpStream,
    local: UnixStream,
    local_open: bool,
}

impl Pump {
    fn run(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; PUMP_BYTES];
        self.sock.set_nonblocking(true)?;
        self.drain_plain(&mut buffer)?;
        loop {
            let (from_sock, from_local) = self.wait()?;
            if from_sock {
                match self.conn.read_tls(&mut self.sock) {
                    Ok(0) => return Ok(()),
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
                self.conn.process_new_packets().map_err(io::Error::other)?;
                self.drain_plain(&mut buffer)?;
            }
            if from_local {
                match self.local.read(&mut buffer)? {
                    0 => {
                        self.local_open = false;
                        self.conn.send_close_notify();
                    }
                    read => self.conn.writer().write_all(buffer.get(..read).unwrap_or_default())?,
                }
            }
        }
    }

    /// Waits for bytes on either side, writing what TLS has ready whenever the network takes it.
    fn wait(&mut self) -> io::Result<(bool, bool)> {
        loop {
            let mut on_sock = PollFlags::IN;
            if self.conn.wants_write() {
                on_sock |= PollFlags::OUT;
            }
            // Nothing more is taken from the local side while the network is slow.
            let on_local =
                if self.local_open && !self.conn.wants_write() { PollFlags::IN } else { PollFlags::empty() };
            let mut fds = [PollFd::new(&self.sock, on_sock), PollFd::new(&self.local, on_local)];
            match poll(&mut fds, None) {
                Err(rustix::io::Errno::INTR) => continue,
                other => other?,
            };
            let [sock, local] = fds.map(|fd| fd.revents());
            if sock.contains(PollFlags::OUT) {
                match self.conn.write_tls(&mut self.sock) {
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                    _ => {}
                }
            }
            let ended = PollFlags::HUP | PollFlags::ERR;
            let from_sock = sock.intersects(PollFlags::IN | ended);
            let from_local = !on_local.is_empty() && local.intersects(PollFlags::IN | ended);
            if !self.local_open && local.intersects(ended) {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            if from_sock || from_local {
                return Ok((from_sock, from_local));
            }
        }
    }

    fn drain_plain(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        loop {
            match self.conn.reader().read(buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.local.write_all(buffer.get(..read).unwrap_or_default())?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}
