//! The route table: the whole Engine API on one screen. The first row that fits is taken.

use std::pin::Pin;

use hyper::Method;

use crate::request::Request;
use crate::response::Answer;
use crate::router::Route;

mod absent;
mod archive;
mod container;
mod exec;
mod image;
mod network;
mod stream;
mod system;
mod volume;
mod websocket;

/// Answers one request.
pub(crate) type Handler = fn(Request) -> Pin<Box<dyn Future<Output = Answer> + Send>>;

macro_rules! table {
    ($($method:ident $pattern:literal => $handler:path;)*) => {
        &[$(Route { method: Method::$method, pattern: $pattern, handler: |request| Box::pin($handler(request)) },)*]
    };
}

#[rustfmt::skip]
pub(crate) static TABLE: &[Route<Handler>] = table! {
    HEAD   "/_ping" => system::ping;
    GET    "/_ping" => system::ping;
    GET    "/version" => system::version;
    GET    "/info" => system::info;
    GET    "/events" => stream::events;
    POST   "/auth" => system::auth;
    GET    "/system/df" => system::disk_usage;

    GET    "/containers/json" => container::list;
    POST   "/containers/create" => container::create;
    POST   "/containers/prune" => container::prune;
    GET    "/containers/{id}/json" => container::inspect;
    GET    "/containers/{id}/top" => container::top;
    GET    "/containers/{id}/changes" => container::changes;
    GET    "/containers/{id}/logs" => stream::logs;
    GET    "/containers/{id}/stats" => stream::stats;
    GET    "/containers/{id}/export" => archive::export;
    GET    "/containers/{id}/archive" => archive::get;
    HEAD   "/containers/{id}/archive" => archive::head;
    PUT    "/containers/{id}/archive" => archive::put;
    GET    "/containers/{id}/attach/ws" => websocket::attach;
    POST   "/containers/{id}/attach" => container::attach;
    POST   "/containers/{id}/start" => container::start;
    POST   "/containers/{id}/stop" => container::stop;
    POST   "/containers/{id}/restart" => container::restart;
    POST   "/containers/{id}/kill" => container::kill;
    POST   "/containers/{id}/pause" => container::pause;
    POST   "/containers/{id}/unpause" => container::unpause;
    POST   "/containers/{id}/rename" => container::rename;
    POST   "/containers/{id}/resize" => container::resize;
    POST   "/containers/{id}/update" => container::update;
    POST   "/containers/{id}/wait" => stream::wait;
    POST   "/containers/{id}/exec" => exec::create;
    DELETE "/containers/{id}" => container::remove;
    POST   "/commit" => container::commit;

    POST   "/exec/{id}/start" => exec::start;
    POST   "/exec/{id}/resize" => exec::resize;
    GET    "/exec/{id}/json" => exec::inspect;

    GET    "/images/json" => image::list;
    POST   "/images/create" => image::create;
    POST   "/images/load" => image::load;
    POST   "/images/prune" => image::prune;
    GET    "/images/get" => image::save;
    GET    "/images/search" => image::search;
    GET    "/images/{name}/json" => image::inspect;
    GET    "/images/{name}/history" => image::history;
    GET    "/images/{name}/get" => image::save;
    POST   "/images/{name}/push" => image::push;
    POST   "/images/{name}/tag" => image::tag;
    DELETE "/images/{name}" => image::remove;
    GET    "/distribution/{name}/json" => image::distribution;

    GET    "/volumes" => volume::list;
    POST   "/volumes/create" => volume::create;
    POST   "/volumes/prune" => volume::prune;
    GET    "/volumes/{name}" => volume::inspect;
    PUT    "/volumes/{name}" => absent::volume_update;
    DELETE "/volumes/{name}" => volume::remove;

    GET    "/networks" => network::list;
    GET    "/networks/" => network::list;
    POST   "/networks/create" => network::create;
    POST   "/networks/prune" => network::prune;
    POST   "/networks/{id}/connect" => network::connect;
    POST   "/networks/{id}/disconnect" => network::disconnect;
    GET    "/networks/{id}" => network::inspect;
    DELETE "/networks/{id}" => network::remove;

    POST   "/build" => absent::build;
    POST   "/build/prune" => absent::build_prune;
    POST   "/build/cancel" => absent::build_cancel;
    POST   "/session" => absent::build;
    POST   "/grpc" => absent::build;
    GET    "/plugins" => absent::plugins;
    GET    "/plugins/{any}" => absent::plugin;
    POST   "/plugins/{any}" => absent::plugin;
    POST   "/swarm/init" => absent::swarm_init;
    POST   "/swarm/join" => absent::swarm_init;
    POST   "/swarm/leave" => absent::swarm_leave;
    GET    "/swarm/{any}" => absent::swarm;
    GET    "/swarm" => absent::swarm;
    POST   "/swarm/{any}" => absent::swarm;
    GET    "/services" => absent::swarm;
    GET    "/services/{any}" => absent::swarm;
    POST   "/services/{any}" => absent::swarm;
    GET    "/tasks" => absent::swarm;
    GET    "/tasks/{any}" => absent::swarm;
    GET    "/nodes" => absent::swarm;
    GET    "/nodes/{any}" => absent::swarm;
    GET    "/secrets" => absent::swarm;
    GET    "/secrets/{any}" => absent::swarm;
    POST   "/secrets/{any}" => absent::swarm;
    GET    "/configs" => absent::swarm;
    GET    "/configs/{any}" => absent::swarm;
    POST   "/configs/{any}" => absent::swarm;
    POST   "/containers/{id}/checkpoints" => absent::checkpoint;
    GET    "/containers/{id}/checkpoints" => absent::checkpoint;
};

#[cfg(test)]
mod tests {
    use super::*;

    /// A row behind one that takes the same requests would never answer.
    #[test]
    fn no_row_hides_another() {
        for (at, route) in TABLE.iter().enumerate() {
            let example = route.pattern.replace("{any}", "x").replace("{id}", "x").replace("{name}", "x");
            let (found, _) = crate::router::find(TABLE, &route.method, &example).unwrap();
            assert!(std::ptr::eq(found, &TABLE[at]), "{} {} is hidden", route.method, route.pattern);
        }
    }
}
