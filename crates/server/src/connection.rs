//! One client connection under hyper, with a handle on it that handlers may keep.
//!
//! A plain connection is shared: hyper reads and writes it, a handler can wait for the client to hang up (a quiet
//! `logs -f` would otherwise keep its task until the next line), and a hijack duplicates its descriptor and hands that
//! on. Half-closed clients (`printf ... | nc -U`) still get their answer: an end of input ends only what is endless.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use rustix::net::{RecvFlags, recv};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;

use crate::lenient::{GROWTH, Line};

/// Bytes read at a time.
const PIECE: usize = 8192;

/// A connection whose bytes are plain on the descriptor.
pub(crate) enum Plain {
    /// From a unix socket.
    Unix(UnixStream),
    /// From a TCP socket.
    Tcp(TcpStream),
}

macro_rules! either {
    ($self:expr, $stream:ident => $body:expr) => {
        match $self {
            Plain::Unix($stream) => $body,
            Plain::Tcp($stream) => $body,
        }
    };
}

impl Plain {
    /// A second descriptor of the same connection.
    pub(crate) fn duplicate(&self) -> io::Result<OwnedFd> {
        either!(self, stream => stream.as_fd().try_clone_to_owned())
    }

    /// Ends when the client has closed its side.
    pub(crate) async fn closed(&self) {
        loop {
            let readiness = either!(self, stream => stream.ready(Interest::READABLE).await);
            if readiness.is_ok_and(|ready| !ready.is_read_closed()) {
                // Readiness may be left over from the request; a look clears it.
                match self.peek() {
                    Ok(0) => return,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                    Err(_) => return,
                    // The client has sent ahead: it is still there, and what it sent hides its end.
                    Ok(_) => std::future::pending().await,
                }
            }
            return;
        }
    }

    /// How many bytes of the first one can be read now.
    fn peek(&self) -> io::Result<usize> {
        let look = |socket: BorrowedFd<'_>| {
            let (length, _) = recv(socket, &mut [0; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT)?;
            Ok(length)
        };
        either!(self, stream => stream.try_io(Interest::READABLE, || look(stream.as_fd())))
    }
}

/// What hyper drives: the bytes, with the lines of requests as it takes them.
pub(crate) struct Connection {
    io: Io,
    line: Line,
}

impl Connection {
    /// A plain connection, and its handle for the handlers.
    pub(crate) fn plain(plain: Plain, line: Line) -> (Self, Option<Arc<Plain>>) {
        let plain = Arc::new(plain);
        (Self { io: Io::Plain(Arc::clone(&plain)), line }, Some(plain))
    }

    /// Gives up the connection itself.
    pub(crate) fn into_io(self) -> Io {
        self.io
    }

    /// A connection under TLS.
    pub(crate) fn tls(stream: TlsStream<TcpStream>, line: Line) -> (Self, Option<Arc<Plain>>) {
        (Self { io: Io::Tls(Box::new(TokioIo::new(stream))), line }, None)
    }
}

impl Read for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // All that is read must fit in its longest form; hyper's buffers are never that small.
        let room = (cursor.remaining() / GROWTH).min(PIECE);
        if !this.line.is_wanted() || room == 0 {
            return Pin::new(&mut this.io).poll_read(cx, cursor);
        }
        let mut bytes = [0; PIECE];
        let mut piece = ReadBuf::new(&mut bytes[..room]);
        ready!(Pin::new(&mut this.io).poll_read(cx, piece.unfilled()))?;
        let mut out = Vec::with_capacity(piece.filled().len());
        this.line.escape(piece.filled(), &mut out);
        cursor.put_slice(&out);
        Poll::Ready(Ok(()))
    }
}

impl Write for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

/// The way the bytes come and go.
pub(crate) enum Io {
    /// Shared with the handlers.
    Plain(Arc<Plain>),
    /// The bytes on the descriptor are not those of the stream, so nobody else can have it.
    Tls(Box<TokioIo<TlsStream<TcpStream>>>),
}

impl Read for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let plain = match self.get_mut() {
            Self::Tls(stream) => return Pin::new(stream).poll_read(cx, cursor),
            Self::Plain(plain) => plain,
        };
        // hyper hands out uninitialised memory, which safe code cannot read into; requests are small, so a copy is cheap.
        let mut buffer = [0; PIECE];
        let room = cursor.remaining().min(buffer.len());
        loop {
            ready!(either!(&**plain, stream => stream.poll_read_ready(cx)))?;
            match either!(&**plain, stream => stream.try_read(&mut buffer[..room])) {
                Ok(length) => {
                    cursor.put_slice(&buffer[..length]);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl Write for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let plain = match self.get_mut() {
            Self::Tls(stream) => return Pin::new(stream).poll_write(cx, bytes),
            Self::Plain(plain) => plain,
        };
        loop {
            ready!(either!(&**plain, stream => stream.poll_write_ready(cx)))?;
            match either!(&**plain, stream => stream.try_write(bytes)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let plain = match self.get_mut() {
            Self::Tls(stream) => return Pin::new(stream).poll_write_vectored(cx, pieces),
            Self::Plain(plain) => plain,
        };
        loop {
            ready!(either!(&**plain, stream => stream.poll_write_ready(cx)))?;
            match either!(&**plain, stream => stream.try_write_vectored(pieces)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Self::Plain(_) => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Plain(plain) => {
                let result =
                    either!(&**plain, stream => rustix::net::shutdown(stream, rustix::net::Shutdown::Write));
                Poll::Ready(match result {
                    // The client was faster.
                    Ok(()) | Err(rustix::io::Errno::NOTCONN) => Ok(()),
                    Err(error) => Err(error.into()),
                })
            }
        }
    }
}
