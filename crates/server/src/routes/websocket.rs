//! `GET /containers/{id}/attach/ws`: attach for browsers, in binary messages (text before API 1.28) without frames around the output.
//!
//! A websocket has messages of its own, so the bytes are relayed by a socket pair instead of handing the connection on.

use api::version::Version;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::container::AttachOptions;
use errdefs::{Context as _, Result, invalid};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::StatusCode;
use hyper::header::{CONNECTION, HeaderName, HeaderValue, UPGRADE};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

use crate::hijack;
use crate::request::Request;
use crate::response::{self, Answer};
use crate::service::blocking;

const ACCEPT: HeaderName = HeaderName::from_static("sec-websocket-accept");

/// Appended to the client's key before hashing (RFC 6455, section 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Longest message of a client: terminals send keys, pastes are cut up by browsers.
const MAX_MESSAGE: usize = 1 << 20;

/// Bytes of output in one message.
const PIECE: usize = 32 << 10;

/// Answers the handshake and relays.
pub(super) async fn attach(request: Request) -> Answer {
    let key = request.header("sec-websocket-key").to_owned();
    let query = &request.query;
    // Before 1.42 all three streams were attached whatever was asked for.
    let wanted = |name| request.version < Version::minor(42) || query.bool(name);
    let options = AttachOptions {
        logs: query.bool("logs"),
        stream: query.bool("stream") && ["stdin", "stdout", "stderr"].into_iter().any(wanted),
        stdin: wanted("stdin"),
        stdout: wanted("stdout"),
        stderr: wanted("stderr"),
        detach_keys: query.get("detachKeys").to_owned(),
        raw: true,
    };
    let containers = request.handles.containers.clone();
    let name = request.name.clone();
    let attach = blocking(move || containers.attach(&name, options)).await?;
    if !request.header("upgrade").eq_ignore_ascii_case("websocket") || key.is_empty() {
        return Err(invalid("not a websocket handshake"));
    }
    let (ours, theirs) = hijack::pair()?;
    tokio::task::spawn_blocking(move || attach.connect(theirs, Vec::new()));
    let upgrade = request.upgrade;
    let as_text = request.version < Version::minor(28);
    tokio::spawn(async move {
        if let Err(error) = relay(upgrade, ours, as_text).await {
            tracing::debug!(%error, "websocket lost");
        }
    });
    let mut response = response::empty(StatusCode::SWITCHING_PROTOCOLS)?;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    let accept =
        HeaderValue::from_str(&accept_key(&key)).map_err(|error| errdefs::system(error.to_string()))?;
    headers.insert(ACCEPT, accept);
    Ok(response)
}

fn accept_key(key: &str) -> String {
    let text = format!("{key}{GUID}");
    STANDARD.encode(ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
}

/// Carries bytes both ways until one side ends; `as_text` as old clients have it, who are sent text whatever it is.
async fn relay(upgrade: OnUpgrade, container: UnixStream, as_text: bool) -> Result<()> {
    let connection = upgrade.await.context(|| "upgrade")?;
    let mut config = WebSocketConfig::default();
    config.max_message_size = Some(MAX_MESSAGE);
    config.max_frame_size = Some(MAX_MESSAGE);
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(connection), Role::Server, Some(config)).await;
    let (mut to_client, mut from_client) = socket.split();
    let (mut output, mut input) = container.into_split();
    let typed = async {
        while let Some(message) = from_client.next().await {
            let bytes = match message.context(|| "read a message")? {
                Message::Binary(bytes) => bytes,
                Message::Text(text) => text.into(),
                Message::Close(_) => break,
                _ => continue,
            };
            input.write_all(&bytes).await?;
        }
        Ok::<(), errdefs::Error>(())
    };
    let shown = async {
        let mut buffer = vec![0; PIECE];
        loop {
            let length = output.read(&mut buffer).await?;
            if length == 0 {
                return Ok(());
            }
            let message = match as_text {
                true => Message::text(String::from_utf8_lossy(&buffer[..length]).into_owned()),
                false => Message::Binary(buffer[..length].to_vec().into()),
            };
            to_client.send(message).await.context(|| "write a message")?;
        }
    };
    let ended = tokio::select! {
        ended = typed => ended,
        ended = shown => ended,
    };
    // A client that has gone without a word hears nothing any more; to its own farewell there is an answer already, which
    // the flush sends.
    let farewell = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    if to_client.send(Message::Close(Some(farewell))).await.is_err() {
        let _ = to_client.flush().await;
    }
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_6455() {
        assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
