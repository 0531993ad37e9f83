//! Taking a connection over: after the answer's headers it carries raw bytes in both directions.
//!
//! With `Upgrade: tcp` the answer is `101 UPGRADED`, then the descriptor itself goes to the engine, which hands it to the
//! container's shim: the daemon is not in the way of the bytes, and the session outlives it. Without an upgrade, and
//! over TLS, a socket pair stands in for the connection and its other end is relayed.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use errdefs::{Context as _, Result};
use hyper::ext::ReasonPhrase;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, UPGRADE};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use crate::body::Body;
use crate::connection::{Connection, Io, Plain};
use crate::inflow::Inflow;
use crate::response::{self, Answer};

/// Raw bytes, for a terminal and for clients before 1.42.
pub(crate) const RAW: &str = "application/vnd.docker.raw-stream";
/// Frames, see `api::stream`.
pub(crate) const MULTIPLEXED: &str = "application/vnd.docker.multiplexed-stream";

/// Bytes relayed at a time.
const PIECE: usize = 32 << 10;
/// Pieces on their way before the container has to wait.
const PIECES: usize = 4;

/// How often, and how many times at most, a forgetful client is asked whether it has read its headers.
const HEADER_WAIT: Duration = Duration::from_millis(1);
const HEADER_WAITS: u32 = 200;

/// Who gets the connection, with the bytes that were read from it already. Runs on a blocking thread.
pub(crate) type HandOver = Box<dyn FnOnce(OwnedFd, Vec<u8>) + Send>;

/// What of a request is needed to take its connection.
pub(crate) struct Hold {
    /// The client asks for an upgrade.
    pub(crate) wanted: bool,
    /// Becomes the connection once a 101 is sent.
    pub(crate) upgrade: OnUpgrade,
    /// The client loses bytes that arrive together with the answer's headers.
    pub(crate) forgetful: bool,
    /// Input of a client without an upgrade.
    pub(crate) body: Inflow,
    /// The connection, unless it is TLS.
    pub(crate) peer: Option<Arc<Plain>>,
}

/// Answers the request and gives its connection away.
///
/// # Errors
/// If no socket pair can be made where one is needed.
pub(crate) fn take(hold: Hold, content_type: &'static str, hand_over: HandOver) -> Answer {
    if hold.wanted {
        // What follows the headers is the stream's.
        drop(hold.body.into_inner());
        tokio::spawn(upgraded(hold.upgrade, hold.forgetful, hand_over));
        return Ok(switching(content_type));
    }
    let (ours, theirs) = pair()?;
    tokio::task::spawn_blocking(move || hand_over(theirs, Vec::new()));
    Ok(response::with(StatusCode::OK, content_type, relayed(ours, hold.body, hold.peer)))
}

fn switching(content_type: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.extensions_mut().insert(ReasonPhrase::from_static(b"UPGRADED"));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("tcp"));
    response
}

/// A socket pair: a relayed end and the engine's.
///
/// # Errors
/// If descriptors run out.
pub(crate) fn pair() -> Result<(UnixStream, OwnedFd)> {
    let (ours, theirs) = UnixStream::pair().context(|| "make a socket pair")?;
    let theirs = theirs.into_std().context(|| "make a socket pair")?;
    Ok((ours, theirs.into()))
}

async fn upgraded(upgrade: OnUpgrade, forgetful: bool, hand_over: HandOver) {
    let result = match upgrade.await {
        Ok(connection) => give(connection, forgetful, hand_over).await,
        Err(error) => Err(errdefs::system(error.to_string())),
    };
    if let Err(error) = result {
        tracing::debug!(%error, "hijacked connection lost");
    }
}

async fn give(connection: Upgraded, forgetful: bool, hand_over: HandOver) -> Result<()> {
    let parts = connection
        .downcast::<Connection>()
        .map_err(|_| errdefs::system("hijack: the connection is of an unknown type"))?;
    let initial = parts.read_buf.to_vec();
    match parts.io.into_io() {
        Io::Plain(plain) => {
            let descriptor = plain.duplicate().context(|| "duplicate the connection")?;
            drop(plain);
            if forgetful {
                headers_read(&descriptor).await;
            }
            // This task has nothing else to do.
            tokio::task::block_in_place(move || hand_over(descriptor, initial));
        }
        Io::Tls(stream) => {
            let (mut ours, theirs) = pair()?;
            tokio::task::spawn_blocking(move || hand_over(theirs, initial));
            let mut stream = stream.into_inner();
            tokio::io::copy_bidirectional(&mut stream, &mut ours).await.context(|| "relay")?;
        }
    }
    Ok(())
}

/// Gives the client time to read the headers alone. The kernel tells nobody when a peer has read, so this asks again.
async fn headers_read(descriptor: &OwnedFd) {
    for _ in 0..HEADER_WAITS {
        if !sys::socket::has_unread(descriptor).unwrap_or(false) {
            return;
        }
        tokio::time::sleep(HEADER_WAIT).await;
    }
}

/// Clients that read the headers through a buffer and then the stream past it, so that bytes which came along with the
/// headers are lost: everything built on docker-py. An engine as slow as Docker never sends any.
pub(crate) fn forgetful(user_agent: &str) -> bool {
    ["docker-sdk-python", "docker-py", "docker-compose/1.", "ansible"]
        .iter()
        .any(|name| user_agent.contains(name))
}

/// The answer's body is what comes out of the socket; the request's body, if any, goes in.
fn relayed(socket: UnixStream, mut body: Inflow, peer: Option<Arc<Plain>>) -> Body {
    let (mut output, mut input) = socket.into_split();
    tokio::spawn(async move {
        while let Ok(Some(piece)) = body.piece().await {
            if input.write_all(&piece).await.is_err() {
                return;
            }
        }
        // Closing it here would close the container's input before a client without an upgrade could send any.
        input.forget();
    });
    let (sender, receiver) = mpsc::channel(PIECES);
    tokio::spawn(async move {
        let pump = async {
            let mut buffer = vec![0; PIECE];
            loop {
                let length = output.read(&mut buffer).await?;
                if length == 0 || sender.send(Bytes::copy_from_slice(&buffer[..length])).await.is_err() {
                    return Ok::<_, io::Error>(());
                }
            }
        };
        tokio::select! {
            _ = pump => {}
            () = gone(peer.as_deref()) => {}
        }
    });
    Body::Stream(Bytes::new(), receiver)
}

/// Ends when the client hangs up; never, if that cannot be told.
pub(crate) async fn gone(peer: Option<&Plain>) {
    match peer {
        Some(peer) => peer.closed().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
