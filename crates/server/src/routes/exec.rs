//! Extra processes in running containers.

use api::exec::{CreateRequest, CreateResponse, StartRequest};
use api::version::Version;
use errdefs::invalid;
use hyper::StatusCode;

use crate::hijack::{self, MULTIPLEXED, RAW};
use crate::request::Request;
use crate::response::{self, Answer};
use crate::service::blocking;

/// `POST /containers/{id}/exec`.
pub(super) async fn create(mut request: Request) -> Answer {
    let body: CreateRequest = request.required_json().await?;
    if body.cmd.as_ref().is_none_or(|words| words.is_empty()) {
        return Err(invalid("No exec command specified"));
    }
    let execs = request.handles.execs.clone();
    let id = blocking(move || execs.create(&request.name, body)).await?;
    response::json_status(StatusCode::CREATED, &CreateResponse { id })
}

/// `POST /exec/{id}/start`, detached or on the client's connection.
pub(super) async fn start(mut request: Request) -> Answer {
    let body: StartRequest = request.json().await?;
    let execs = request.handles.execs.clone();
    let id = request.name.clone();
    if body.detach {
        blocking(move || execs.start_detached(&id, &body)).await?;
        return response::empty(StatusCode::OK);
    }
    let start = blocking(move || execs.start(&id, &body)).await?;
    let framed = !start.tty() && request.wants_upgrade() && request.version >= Version::minor(42);
    let content_type = if framed { MULTIPLEXED } else { RAW };
    hijack::take(
        request.into_hold(),
        content_type,
        Box::new(move |stream, initial| start.connect(stream, initial)),
    )
}

/// `POST /exec/{id}/resize`.
pub(super) async fn resize(request: Request) -> Answer {
    let (height, width) = super::container::size(&request)?;
    let execs = request.handles.execs.clone();
    blocking(move || execs.resize(&request.name, height, width)).await?;
    response::empty(StatusCode::OK)
}

/// `GET /exec/{id}/json`.
pub(super) async fn inspect(request: Request) -> Answer {
    let execs = request.handles.execs.clone();
    response::json(&blocking(move || execs.inspect(&request.name)).await?)
}
