//! Routes on volumes.

use api::version::Version;
use hyper::StatusCode;

use crate::request::Request;
use crate::response::{self, Answer};
use crate::service::blocking;

/// `GET /volumes`.
pub(super) async fn list(request: Request) -> Answer {
    let filters = request.query.filters()?;
    let volumes = request.handles.volumes.clone();
    response::json(&blocking(move || volumes.list(&filters)).await?)
}

/// `POST /volumes/create`.
pub(super) async fn create(mut request: Request) -> Answer {
    let body: api::volume::CreateRequest = request.json().await?;
    let volumes = request.handles.volumes.clone();
    response::json_status(StatusCode::CREATED, &blocking(move || volumes.create(body)).await?)
}

/// `GET /volumes/{name}`.
pub(super) async fn inspect(request: Request) -> Answer {
    let volumes = request.handles.volumes.clone();
    response::json(&blocking(move || volumes.inspect(&request.name)).await?)
}

/// `DELETE /volumes/{name}`.
pub(super) async fn remove(request: Request) -> Answer {
    let force = request.query.bool("force");
    let volumes = request.handles.volumes.clone();
    blocking(move || volumes.remove(&request.name, force)).await?;
    response::no_content()
}

/// `POST /volumes/prune`; before 1.42 it took named volumes too.
pub(super) async fn prune(request: Request) -> Answer {
    let filters = request.query.filters()?;
    let everything = request.version < Version::minor(42);
    let volumes = request.handles.volumes.clone();
    response::json(&blocking(move || volumes.prune(&filters, everything)).await?)
}
