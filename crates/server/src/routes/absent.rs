//! What this engine does not have, said in a form that clients understand.

use errdefs::{not_implemented, unavailable};

use crate::request::Request;
use crate::response::{self, Answer};

/// `GET /plugins`: there are none.
pub(super) async fn plugins(_: Request) -> Answer {
    response::json(&[(); 0])
}

/// Any use of a plugin.
pub(super) async fn plugin(request: Request) -> Answer {
    const ASKED: [&str; 6] = ["/json", "/enable", "/disable", "/set", "/push", "/upgrade"];
    // The name, which may have slashes in it, is followed by what is asked.
    let name = ASKED.iter().find_map(|asked| request.name.strip_suffix(asked)).unwrap_or(&request.name);
    Err(errdefs::not_found(format!("plugin {name:?} not found")))
}

/// Everything of swarm mode on an engine that is not in one: Docker's own words.
pub(super) async fn swarm(_: Request) -> Answer {
    Err(unavailable(engine::NO_SWARM))
}

/// `PUT /volumes/{name}`, which is about cluster volumes only: Docker's own words.
pub(super) async fn volume_update(_: Request) -> Answer {
    Err(unavailable("volume update only valid for cluster volumes, but swarm is unavailable"))
}

/// Leaving what was never joined.
pub(super) async fn swarm_leave(_: Request) -> Answer {
    Err(unavailable("This node is not part of a swarm"))
}

/// Starting swarm mode.
pub(super) async fn swarm_init(_: Request) -> Answer {
    Err(not_implemented("swarm mode is not supported by this engine yet"))
}

/// `POST /build` and what belongs to it.
pub(super) async fn build(_: Request) -> Answer {
    Err(not_implemented("building images is not supported by this engine yet"))
}

/// `POST /build/cancel`: no build of that name goes on.
pub(super) async fn build_cancel(_: Request) -> Answer {
    response::empty(hyper::StatusCode::OK)
}

/// `POST /build/prune`, a part of `system prune`: there is no cache.
pub(super) async fn build_prune(request: Request) -> Answer {
    response::json(&request.handles.system.prune_builds())
}

/// Checkpoints are experimental, and experiments are off: Docker's own words.
pub(super) async fn checkpoint(_: Request) -> Answer {
    Err(not_implemented(
        "This experimental feature is disabled by default. Start the Docker daemon in experimental mode in order to enable it.",
    ))
}
