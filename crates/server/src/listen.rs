//! Listening sockets and the loop that takes connections from them.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::TokioTimer;
use rustix::io::Errno;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::body::Body;
use crate::connection::{Connection, Plain};
use crate::lenient::Line;
use crate::service::{self, Handles};

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a client may take for its next request's headers; Docker's number.
const HEADERS: Duration = Duration::from_secs(300);
/// How long no connection is taken when there are no descriptors left and no client gives one back. Others of the engine
/// may: its work for containers needs some too.
const EXHAUSTED: Duration = Duration::from_millis(500);

/// The log is not filled with that.
const TOLD_AGAIN: Duration = Duration::from_secs(60);

/// Where clients come from.
pub enum Listener {
    /// A unix socket.
    Unix(UnixListener),
    /// TCP, with TLS if there is an acceptor.
    Tcp(TcpListener, Option<TlsAcceptor>),
}

/// Serves clients of one listener until the returned future is dropped; connections taken before go on.
///
/// # Errors
/// Only when the listening socket itself is broken.
pub async fn serve(listener: Listener, handles: Arc<Handles>) -> io::Result<()> {
    let ended = Arc::new(Notify::new());
    let mut told: Option<Instant> = None;
    loop {
        let accepted = match &listener {
            Listener::Unix(listener) => {
                listener.accept().await.map(|(stream, _)| (Accepted::Unix(stream), None))
            }
            Listener::Tcp(listener, tls) => {
                listener.accept().await.map(|(stream, _)| (Accepted::Tcp(stream), tls.clone()))
            }
        };
        match accepted {
            Ok((accepted, tls)) => {
                let (handles, ended) = (Arc::clone(&handles), Arc::clone(&ended));
                tokio::spawn(async move {
                    connection(accepted, tls, handles).await;
                    ended.notify_one();
                });
            }
            Err(error) if of_nobody(&error) => {
                if told.is_none_or(|told| told.elapsed() > TOLD_AGAIN) {
                    told = Some(Instant::now());
                    tracing::warn!(%error, "accept: clients wait until others go");
                }
                let _ = tokio::time::timeout(EXHAUSTED, ended.notified()).await;
            }
            Err(error) if of_one_client(&error) => tracing::debug!(%error, "accept"),
            Err(error) => return Err(error),
        }
    }
}

enum Accepted {
    Unix(tokio::net::UnixStream),
    Tcp(TcpStream),
}

/// Failures for lack of something, while the client still waits.
fn of_nobody(error: &io::Error) -> bool {
    is_one_of(error, &[Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM])
}

/// Failures of one client, who is gone, that say nothing about the listening socket.
fn of_one_client(error: &io::Error) -> bool {
    is_one_of(error, &[Errno::CONNABORTED, Errno::INTR, Errno::PERM])
}

fn is_one_of(error: &io::Error, these: &[Errno]) -> bool {
    Errno::from_io_error(error).is_some_and(|errno| these.contains(&errno))
}

async fn connection(accepted: Accepted, tls: Option<TlsAcceptor>, handles: Arc<Handles>) {
    let line = Line::new();
    let (io, peer) = match (accepted, tls) {
        (Accepted::Unix(stream), _) => Connection::plain(Plain::Unix(stream), line.clone()),
        (Accepted::Tcp(stream), tls) => {
            // Terminals send single keys.
            let _ = stream.set_nodelay(true);
            match tls {
                None => Connection::plain(Plain::Tcp(stream), line.clone()),
                // Whoever has not shown who he is may not hold a connection for long.
                Some(tls) => match tokio::time::timeout(HANDSHAKE, encrypted(&tls, stream)).await {
                    Ok(Ok(Some(stream))) => Connection::tls(stream, line.clone()),
                    Ok(Ok(None)) => return,
                    Ok(Err(error)) => return tracing::debug!(%error, "TLS handshake"),
                    Err(_) => return tracing::debug!("TLS handshake took too long"),
                },
            }
        }
    };
    let answer = move |request| service::answer(request, Arc::clone(&handles), peer.clone(), line.clone());
    drive(io, service_fn(answer)).await;
}

/// The encrypted connection of a client, or none if it speaks HTTP without TLS, which it is told, as Go's server tells it.
async fn encrypted(tls: &TlsAcceptor, mut stream: TcpStream) -> io::Result<Option<TlsStream<TcpStream>>> {
    const TOLD: &[u8] = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    let mut first = [0];
    // A method begins with a letter, a handshake with its kind.
    if stream.peek(&mut first).await? == 1 && first[0].is_ascii_uppercase() {
        // The request is read, as far as it is there: the answer would be lost with bytes unread.
        let _ = stream.read(&mut [0; 4096]).await?;
        stream.write_all(TOLD).await?;
        stream.shutdown().await?;
        return Ok(None);
    }
    tls.accept(stream).await.map(Some)
}

/// Serves one connection to its end, or until it is taken over.
pub(crate) async fn drive<S>(io: Connection, service: S)
where
    S: HttpService<Incoming, ResBody = Body, Error = Infallible>,
    S::Future: Send + 'static,
{
    let mut http = http1::Builder::new();
    // Header names look as Go writes them: some clients compare them as they are.
    http.half_close(true).title_case_headers(true).timer(TokioTimer::new()).header_read_timeout(HEADERS);
    if let Err(error) = http.serve_connection(io, service).with_upgrades().await {
        tracing::debug!(%error, "connection");
    }
}
