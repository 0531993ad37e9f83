//! Objects of the engine as candidates.

use super::Candidate;
use crate::cli::Cli;
use crate::context::DEFAULT;
use crate::failure::Outcome;
use crate::format::human;

/// What an argument of a command names.
#[derive(Clone, Copy)]
pub(super) enum Object {
    Container,
    /// One whose processes there are, paused or not.
    RunningContainer,
    /// One that can be started, or removed without force.
    StoppedContainer,
    PausedContainer,
    /// One that can be paused.
    ActiveContainer,
    Image,
    Network,
    Volume,
    Context,
}

/// What the argument number `count` of the command names.
pub(super) fn named(path: &[&str], count: usize) -> Option<Object> {
    let path = match path {
        ["container", rest @ ..] => rest,
        other => other,
    };
    match (path, count) {
        (["attach" | "exec" | "top" | "port"], 0) | (["kill" | "stop" | "stats"], _) => {
            Some(Object::RunningContainer)
        }
        (["pause"], _) => Some(Object::ActiveContainer),
        (["unpause"], _) => Some(Object::PausedContainer),
        (["start" | "rm"], _) => Some(Object::StoppedContainer),
        (["commit" | "diff" | "export" | "logs" | "rename"], 0)
        | (["inspect" | "restart" | "update" | "wait"], _) => Some(Object::Container),
        (["run" | "create" | "history" | "push" | "tag"], 0)
        | (["rmi" | "save"], _)
        | (["image", "history" | "inspect" | "push" | "rm" | "save" | "tag"], _) => Some(Object::Image),
        (["network", "inspect" | "rm"], _) | (["network", "connect" | "disconnect"], 0) => {
            Some(Object::Network)
        }
        (["network", "connect" | "disconnect"], _) => Some(Object::Container),
        (["volume", "inspect" | "rm"], _) => Some(Object::Volume),
        (["context", "export" | "update" | "use"], 0) | (["context", "inspect" | "rm"], _) => {
            Some(Object::Context)
        }
        _ => None,
    }
}

/// All objects of a kind, each with a word on it.
pub(super) fn all(cli: &Cli, object: Object) -> Outcome<Vec<Candidate>> {
    let none = client::Filters::new();
    let mut found: Vec<Candidate> = Vec::new();
    match object {
        Object::Context => {
            found.push((DEFAULT.to_owned(), "Current DOCKER_HOST based configuration".to_owned()));
            let known = crate::connect::contexts(cli).list();
            found.extend(known.into_iter().map(|meta| (meta.name.clone(), meta.description().to_owned())));
        }
        Object::Container
        | Object::RunningContainer
        | Object::StoppedContainer
        | Object::PausedContainer
        | Object::ActiveContainer => {
            let all = matches!(object, Object::Container | Object::StoppedContainer);
            let fits = |state: &str| match object {
                Object::StoppedContainer => matches!(state, "created" | "exited" | "dead"),
                Object::PausedContainer => state == "paused",
                Object::ActiveContainer => state != "paused",
                _ => true,
            };
            let options = client::container::List { all, ..Default::default() };
            for container in cli.client()?.container_list(&options)? {
                if !fits(&container.state) {
                    continue;
                }
                let names = container.names.iter().map(|name| name.trim_start_matches('/').to_owned());
                found.extend(names.map(|name| (name, container.image.clone())));
            }
        }
        Object::Image => {
            for image in cli.client()?.image_list(false, &none)? {
                let size = human::size_with_precision(image.size as f64, 3);
                found.extend(image.repo_tags.into_iter().map(|name| (name, size.clone())));
            }
        }
        Object::Network => {
            let known = cli.client()?.network_list(&none)?;
            found.extend(known.into_iter().map(|network| (network.name, network.driver)));
        }
        Object::Volume => {
            let known = cli.client()?.volume_list(&none)?.volumes;
            found.extend(known.into_iter().map(|volume| (volume.name, volume.driver)));
        }
    }
    Ok(found)
}
