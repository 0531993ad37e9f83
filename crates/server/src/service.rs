//! From a request to its answer: version check, route, handler, headers; and the engine's handles.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use api::version::{self, Outside, Version};
use errdefs::{Error, Result};
use futures_util::FutureExt as _;
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue, LOCATION, SERVER};
use hyper::{Method, Response, StatusCode};

use crate::body::Body;
use crate::connection::Plain;
use crate::inflow::Inflow;
use crate::lenient::Line;
use crate::query::{self, Query};
use crate::request::Request;
use crate::{response, router, routes};

/// The engine as the routes use it: one handle a noun.
pub struct Handles {
    /// Containers.
    pub containers: engine::Containers,
    /// Extra processes in them.
    pub execs: engine::Execs,
    /// Images.
    pub images: engine::Images,
    /// Networks.
    pub networks: engine::Networks,
    /// Volumes.
    pub volumes: engine::Volumes,
    /// The engine about itself.
    pub system: engine::System,
    /// What happens.
    pub events: engine::Events,
}

/// Answers one request; never fails, whatever the handler does.
pub(crate) async fn answer(
    request: hyper::Request<Incoming>,
    handles: Arc<Handles>,
    peer: Option<Arc<Plain>>,
    line: Line,
) -> std::result::Result<Response<Body>, Infallible> {
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let handled = AssertUnwindSafe(dispatch(request, handles, peer, line.clone())).catch_unwind().await;
    let mut response = handled.unwrap_or_else(|_| {
        // The panic's text and place are in the log already, by the panic hook.
        response::error(&errdefs::system("internal error: the handler panicked"))
    });
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        line.taken();
    }
    let status = response.status().as_u16();
    tracing::debug!(%method, path, status, "request");
    if status >= 500 && status != StatusCode::NOT_IMPLEMENTED {
        tracing::warn!(%method, path, status, "request failed");
    }
    add_headers(&mut response);
    Ok(response)
}

async fn dispatch(
    mut request: hyper::Request<Incoming>,
    handles: Arc<Handles>,
    peer: Option<Arc<Plain>>,
    line: Line,
) -> Response<Body> {
    let upgrade = hyper::upgrade::on(&mut request);
    let (parts, body) = request.into_parts();
    let body = Inflow::new(body, line);
    let path = query::decode(parts.uri.path(), false);
    if let Some(clean) = router::clean(&path) {
        return moved(&clean, parts.uri.query());
    }
    let (version, path) = router::split_version(&path);
    let version = match version.map_or(Ok(version::MAX), Version::asked) {
        Ok(version) => version,
        // Clients this old expect plain text.
        Err(Outside::Old(error)) => return response::text(StatusCode::BAD_REQUEST, format!("{error}\n")),
        Err(Outside::New(error)) => return response::error(&error),
    };
    if parts.method == Method::OPTIONS {
        return Response::new(Body::empty());
    }
    let Some((route, name)) = router::find(routes::TABLE, &parts.method, path) else {
        return response::error(&errdefs::not_found("page not found"));
    };
    let name = name.to_owned();
    let text = parts.uri.query().unwrap_or("");
    let query = match Query::parse(text) {
        Ok(query) => query,
        Err(_) if route.takes_broken_query() => Query::parse_whole_parts(text),
        Err(error) => return response::error(&error),
    };
    let request = Request { handles, version, name, query, headers: parts.headers, body, upgrade, peer };
    (route.handler)(request).await.unwrap_or_else(|error| response::error(&error))
}

/// Where a path without doubled slashes and dots is.
fn moved(path: &str, query: Option<&str>) -> Response<Body> {
    let mut location = query::encode(path);
    if let Some(query) = query {
        location.extend(["?", query]);
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// What tools find out about the engine from any answer. They parse `Server` for Docker's name and the OS.
fn add_headers(response: &mut Response<Body>) {
    const EXPERIMENTAL: HeaderName = HeaderName::from_static("docker-experimental");
    let headers = response.headers_mut();
    headers.insert(SERVER, HeaderValue::from_static(engine::system::SERVER_HEADER));
    headers.insert(HeaderName::from_static("api-version"), HeaderValue::from_static("1.51"));
    headers.insert(HeaderName::from_static("ostype"), HeaderValue::from_static("linux"));
    headers.insert(EXPERIMENTAL, HeaderValue::from_static("false"));
}

/// Runs engine code that may block.
///
/// # Errors
/// What the work fails with; System if it panicked.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panic) => Err(panicked(&panic)),
    }
}

/// Runs engine code that may block for some milliseconds, on this thread: on the way of a command each change of thread is
/// a pause. Other connections go on elsewhere; this one does not notice meanwhile that its client hangs up, so what can
/// take long is for [`blocking`].
///
/// # Errors
/// What the work fails with.
pub(crate) fn at_once<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    tokio::task::block_in_place(work)
}

/// A blocking task's panic as an error.
pub(crate) fn panicked(error: &tokio::task::JoinError) -> Error {
    errdefs::system(if error.is_panic() {
        "internal error: the engine panicked"
    } else {
        "the daemon is stopping"
    })
}
