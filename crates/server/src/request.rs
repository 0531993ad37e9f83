//! A request as handlers see it: version, path variable, query, headers, and the body read the way Docker reads it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use api::json::{self, Body};
use api::version::Version;
use bytes::Bytes;
use errdefs::{Result, invalid};
use hyper::body::{Body as _, Incoming};
use hyper::upgrade::OnUpgrade;
use hyper::{HeaderMap, header};

use crate::connection::Plain;
use crate::hijack::{self, Hold};
use crate::inflow::Inflow;
use crate::query::Query;
use crate::service::Handles;

/// Longest JSON body: a create with a large seccomp profile has some 100 KiB.
const MAX_JSON: usize = 16 << 20;

/// Everything a handler is given.
pub(crate) struct Request {
    /// The engine.
    pub(crate) handles: Arc<Handles>,
    /// What the client speaks.
    pub(crate) version: Version,
    /// The text in the place of the pattern's variable.
    pub(crate) name: String,
    /// The decoded query.
    pub(crate) query: Query,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// What follows them; taken by the first who reads it.
    pub(crate) body: Inflow,
    /// Becomes the connection once a 101 is sent.
    pub(crate) upgrade: OnUpgrade,
    /// The connection, unless it is TLS.
    pub(crate) peer: Option<Arc<Plain>>,
}

impl Request {
    /// A header's text; empty if missing or not text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// The credentials in `X-Registry-Auth`; broken ones count as none (semantics 11).
    pub(crate) fn auth(&self) -> api::auth::Config {
        api::auth::Config::decode(self.header(api::auth::HEADER)).unwrap_or_default()
    }

    /// True if the client asks to take the connection over.
    pub(crate) fn wants_upgrade(&self) -> bool {
        self.headers.contains_key(header::UPGRADE)
    }

    /// Gives up everything but the connection.
    pub(crate) fn into_hold(self) -> Hold {
        let forgetful = hijack::forgetful(self.header("user-agent"));
        Hold {
            wanted: self.wants_upgrade(),
            forgetful,
            upgrade: self.upgrade,
            body: self.body,
            peer: self.peer,
        }
    }

    /// True if nothing follows the headers.
    pub(crate) fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    /// The JSON body; an empty one is the default.
    ///
    /// # Errors
    /// InvalidParameter for another content type, broken JSON, or more than one document.
    pub(crate) async fn json<T: Body>(&mut self) -> Result<T> {
        Ok(self.optional_json().await?.unwrap_or_default())
    }

    /// The JSON body, which must be there.
    ///
    /// # Errors
    /// As [`Request::json`].
    pub(crate) async fn required_json<T: Body>(&mut self) -> Result<T> {
        let end = || invalid("invalid JSON: got EOF while reading request body");
        self.optional_json().await?.ok_or_else(end)
    }

    async fn optional_json<T: Body>(&mut self) -> Result<Option<T>> {
        let content_type = self.header("content-type").to_owned();
        if self.is_empty() && content_type.is_empty() {
            return Ok(None);
        }
        let (media_type, parameters) = content_type.split_once(';').unwrap_or((&content_type, ""));
        let media_type = media_type.trim();
        let malformed =
            |why: &str| Err(invalid(format!("malformed Content-Type header ({content_type}): mime: {why}")));
        if media_type.is_empty() {
            return malformed("no media type");
        }
        if parameters.split(';').any(|parameter| !parameter.trim().is_empty() && !parameter.contains('=')) {
            return malformed("invalid media parameter");
        }
        if !media_type.eq_ignore_ascii_case("application/json") {
            return Err(invalid(format!(
                "unsupported Content-Type header ({content_type}): must be 'application/json'"
            )));
        }
        json::read(&self.bytes(MAX_JSON).await?)
    }

    /// The whole body.
    ///
    /// # Errors
    /// InvalidParameter beyond `limit` bytes or if the client breaks off.
    pub(crate) async fn bytes(&mut self, limit: usize) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        while let Some(piece) = self.piece().await? {
            if all.len() + piece.len() > limit {
                return Err(invalid(format!("request body is larger than {limit} bytes")));
            }
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }

    async fn piece(&mut self) -> Result<Option<Bytes>> {
        self.body.piece().await
    }
}

/// The next bytes of a body, `None` at its end.
///
/// # Errors
/// InvalidParameter if the client breaks off.
pub(crate) async fn next_piece(body: &mut Incoming) -> Result<Option<Bytes>> {
    struct NextFrame<'b>(&'b mut Incoming);
    impl Future for NextFrame<'_> {
        type Output = Option<std::result::Result<hyper::body::Frame<Bytes>, hyper::Error>>;
        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
            Pin::new(&mut *self.0).poll_frame(cx)
        }
    }
    loop {
        match NextFrame(body).await {
            None => return Ok(None),
            Some(Err(error)) => return Err(invalid(format!("reading the request body: {error}"))),
            // Trailers are of no interest.
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) if data.is_empty() => {}
                Ok(data) => return Ok(Some(data)),
                Err(_) => {}
            },
        }
    }
}
