//! The engine about itself.

use api::version::Version;
use engine::system::UsageOf;
use errdefs::invalid;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, HeaderName, HeaderValue, PRAGMA};

use crate::legacy;
use crate::request::Request;
use crate::response::{self, Answer};
use crate::service::blocking;

/// `HEAD|GET /_ping`. `Builder-Version: 1` makes clients build with `POST /build`.
pub(super) async fn ping(_: Request) -> Answer {
    let mut response = response::text(StatusCode::OK, "OK");
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store, must-revalidate"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(HeaderName::from_static("builder-version"), HeaderValue::from_static("1"));
    headers.insert(HeaderName::from_static("swarm"), HeaderValue::from_static("inactive"));
    Ok(response)
}

/// `GET /version`.
pub(super) async fn version(request: Request) -> Answer {
    response::json(&request.handles.system.version())
}

/// `GET /info`.
pub(super) async fn info(request: Request) -> Answer {
    let system = request.handles.system.clone();
    let info = blocking(move || Ok(system.info())).await?;
    if request.version >= Version::minor(50) {
        return response::json(&info);
    }
    response::json(&legacy::info(&info, request.version)?)
}

/// `POST /auth`.
pub(super) async fn auth(mut request: Request) -> Answer {
    let config: api::auth::Config = request.json().await?;
    let images = request.handles.images.clone();
    response::json(&blocking(move || images.login(&config)).await?)
}

/// `GET /system/df`.
pub(super) async fn disk_usage(request: Request) -> Answer {
    let part = |name: String| match name.as_str() {
        "container" => Ok(UsageOf::Containers),
        "image" => Ok(UsageOf::Images),
        "volume" => Ok(UsageOf::Volumes),
        "build-cache" => Ok(UsageOf::BuildCache),
        _ => Err(invalid(format!("unknown object type: {name}"))),
    };
    // Clients of old get everything, whatever they ask for.
    let types = if request.version < Version::minor(42) { Vec::new() } else { request.query.all("type") };
    let parts: Vec<UsageOf> = types.into_iter().map(part).collect::<Result<_, _>>()?;
    let system = request.handles.system.clone();
    response::json(&blocking(move || system.disk_usage(&parts)).await?)
}
