//! Routes on networks.

use api::network::{ConnectRequest, CreateRequest, DisconnectRequest, Network};
use api::version::Version;
use hyper::StatusCode;

use crate::request::Request;
use crate::response::{self, Answer};
use crate::service::blocking;

/// `GET /networks`.
pub(super) async fn list(request: Request) -> Answer {
    let filters = request.query.filters()?;
    let networks = request.handles.networks.clone();
    // Before 1.28 the list had what now only inspect has.
    let whole = request.version < Version::minor(28);
    let list = move || {
        let list = networks.list(&filters)?;
        // One that has gone meanwhile is in the list no more.
        let inspect = |network: Network| networks.inspect(&network.id).ok();
        Ok(if whole { list.into_iter().filter_map(inspect).collect() } else { list })
    };
    response::json(&blocking(list).await?)
}

/// `GET /networks/{id}`.
pub(super) async fn inspect(request: Request) -> Answer {
    if !matches!(request.query.get("scope"), "" | "local") {
        return Err(errdefs::not_found(format!("network {} not found", request.name)));
    }
    let verbose = request.query.get("verbose");
    if !verbose.is_empty() && api::filters::parse_bool(verbose).is_none() {
        return Err(errdefs::invalid(format!(
            "invalid value for verbose: {verbose}: strconv.ParseBool: parsing {verbose:?}: invalid syntax"
        )));
    }
    let networks = request.handles.networks.clone();
    response::json(&blocking(move || networks.inspect(&request.name)).await?)
}

/// `POST /networks/create`.
pub(super) async fn create(mut request: Request) -> Answer {
    let body: CreateRequest = request.json().await?;
    let networks = request.handles.networks.clone();
    response::json_status(StatusCode::CREATED, &blocking(move || networks.create(body)).await?)
}

/// `DELETE /networks/{id}`.
pub(super) async fn remove(request: Request) -> Answer {
    let networks = request.handles.networks.clone();
    blocking(move || networks.remove(&request.name)).await?;
    response::no_content()
}

/// `POST /networks/{id}/connect`.
pub(super) async fn connect(mut request: Request) -> Answer {
    let body: ConnectRequest = request.json().await?;
    let networks = request.handles.networks.clone();
    blocking(move || networks.connect(&request.name, body)).await?;
    response::empty(StatusCode::OK)
}

/// `POST /networks/{id}/disconnect`.
pub(super) async fn disconnect(mut request: Request) -> Answer {
    let body: DisconnectRequest = request.json().await?;
    let networks = request.handles.networks.clone();
    blocking(move || networks.disconnect(&request.name, &body)).await?;
    response::empty(StatusCode::OK)
}

/// `POST /networks/prune`.
pub(super) async fn prune(request: Request) -> Answer {
    let filters = request.query.filters()?;
    let networks = request.handles.networks.clone();
    response::json(&blocking(move || networks.prune(&filters)).await?)
}
