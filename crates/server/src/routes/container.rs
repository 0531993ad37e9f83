//! Containers: everything that is one question and one answer, and attach.

use api::container::{Config, CreateRequest, UpdateRequest};
use api::image::CommitResponse;
use api::version::Version;
use engine::container::{
    AttachOptions, CommitOptions, CreateOptions, ListOptions, RemoveOptions, StopOptions,
};
use errdefs::{Result, forbidden, invalid};
use hyper::StatusCode;

use crate::hijack::{self, MULTIPLEXED, RAW};
use crate::legacy;
use crate::request::Request;
use crate::response::{self, Answer};
use crate::service::{at_once, blocking};

/// Longest body of a start that is read before it is refused.
const MAX_START: usize = 1 << 20;

/// `GET /containers/json`.
pub(super) async fn list(request: Request) -> Answer {
    let query = &request.query;
    let limit = query.number::<i64>("limit")?;
    let options = ListOptions {
        all: query.bool("all"),
        // Zero and less mean no limit.
        limit: limit.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0),
        size: query.bool("size"),
        filters: query.filters()?,
    };
    let containers = request.handles.containers.clone();
    let mut list = if options.size {
        blocking(move || containers.list(&options)).await?
    } else {
        at_once(|| containers.list(&options))?
    };
    legacy::containers(&mut list, request.version);
    response::json(&list)
}

/// `POST /containers/create`.
pub(super) async fn create(mut request: Request) -> Answer {
    let mut body = request.required_json::<CreateRequest>().await?;
    if body.config == Config::default() {
        return Err(invalid("config cannot be empty in order to create a container"));
    }
    legacy::create(&mut body, request.version)?;
    let old_mac = request.version >= Version::minor(44) && !body.config.mac_address.is_empty();
    let options = CreateOptions {
        name: request.query.get("name").to_owned(),
        platform: request.query.get("platform").to_owned(),
        request: body,
    };
    let containers = request.handles.containers.clone();
    let mut made = at_once(|| containers.create(options))?;
    if old_mac {
        made.warnings.push(
            "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead."
                .to_owned(),
        );
    }
    response::json_status(StatusCode::CREATED, &made)
}

/// `GET /containers/{id}/json`.
pub(super) async fn inspect(request: Request) -> Answer {
    let size = request.query.bool("size");
    let (containers, version) = (request.handles.containers.clone(), request.version);
    let mut container = blocking(move || containers.inspect(&request.name, size)).await?;
    legacy::inspect(&mut container, version);
    response::json(&container)
}

/// `GET /containers/{id}/top`.
pub(super) async fn top(request: Request) -> Answer {
    let containers = request.handles.containers.clone();
    response::json(&blocking(move || containers.top(&request.name, request.query.get("ps_args"))).await?)
}

/// `GET /containers/{id}/changes`; `null` if nothing has changed.
pub(super) async fn changes(request: Request) -> Answer {
    let containers = request.handles.containers.clone();
    let changes = blocking(move || containers.changes(&request.name)).await?;
    response::json(&(!changes.is_empty()).then_some(changes))
}

/// `POST /containers/{id}/start`. The body of Docker's youth, a HostConfig, is refused; `null` and `{}` are not one.
pub(super) async fn start(mut request: Request) -> Answer {
    const LEAST: usize = 8;
    if !request.is_empty() && request.bytes(MAX_START).await?.len() >= LEAST {
        let text = "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24";
        return Err(invalid(text));
    }
    if !request.query.get("checkpoint").is_empty() {
        return Err(invalid("checkpoint is only supported in experimental mode"));
    }
    let containers = request.handles.containers.clone();
    if !request.query.get("checkpoint-dir").is_empty()
        && !at_once(|| containers.inspect(&request.name, false))?.state.running
    {
        return Err(forbidden("custom checkpointdir is not supported"));
    }
    at_once(|| containers.start(&request.name))?;
    response::no_content()
}

fn stop_options(request: &Request) -> Result<StopOptions> {
    let signal = request.query.get("signal");
    Ok(StopOptions {
        signal: (!signal.is_empty()).then(|| signal.to_owned()),
        timeout: request.query.number("t")?,
    })
}

/// `POST /containers/{id}/stop`.
pub(super) async fn stop(request: Request) -> Answer {
    let options = stop_options(&request)?;
    let containers = request.handles.containers.clone();
    blocking(move || containers.stop(&request.name, &options)).await?;
    response::no_content()
}

/// `POST /containers/{id}/restart`.
pub(super) async fn restart(request: Request) -> Answer {
    let options = stop_options(&request)?;
    let containers = request.handles.containers.clone();
    blocking(move || containers.restart(&request.name, &options)).await?;
    response::no_content()
}

/// `POST /containers/{id}/kill`.
pub(super) async fn kill(request: Request) -> Answer {
    let containers = request.handles.containers.clone();
    blocking(move || containers.kill(&request.name, request.query.get("signal"))).await?;
    response::no_content()
}

/// `POST /containers/{id}/pause`.
pub(super) async fn pause(request: Request) -> Answer {
    let containers = request.handles.containers.clone();
    blocking(move || containers.pause(&request.name)).await?;
    response::no_content()
}

/// `POST /containers/{id}/unpause`.
pub(super) async fn unpause(request: Request) -> Answer {
    let containers = request.handles.containers.clone();
    blocking(move || containers.unpause(&request.name)).await?;
    response::no_content()
}

/// `POST /containers/{id}/rename`.
pub(super) async fn rename(request: Request) -> Answer {
    let containers = request.handles.containers.clone();
    blocking(move || containers.rename(&request.name, request.query.get("name"))).await?;
    response::no_content()
}

/// Height and width of a terminal, both needed.
pub(super) fn size(request: &Request) -> Result<(u32, u32)> {
    let number = |name, what| {
        let text = request.query.get(name);
        text.parse()
            .map_err(|_| invalid(format!("invalid resize {what} {text:?}: {}", crate::query::why(text))))
    };
    Ok((number("h", "height")?, number("w", "width")?))
}

/// `POST /containers/{id}/resize`.
pub(super) async fn resize(request: Request) -> Answer {
    let (height, width) = size(&request)?;
    let containers = request.handles.containers.clone();
    blocking(move || containers.resize(&request.name, height, width)).await?;
    response::empty(StatusCode::OK)
}

/// `POST /containers/{id}/update`.
pub(super) async fn update(mut request: Request) -> Answer {
    let body: UpdateRequest = request.json().await?;
    let containers = request.handles.containers.clone();
    response::json(&blocking(move || containers.update(&request.name, body)).await?)
}

/// `DELETE /containers/{id}`.
pub(super) async fn remove(request: Request) -> Answer {
    // A row has one variable, and a container's name has no slash.
    if request.name.contains("/checkpoints/") {
        return super::absent::checkpoint(request).await;
    }
    let query = &request.query;
    let options =
        RemoveOptions { volumes: query.bool("v"), force: query.bool("force"), link: query.bool("link") };
    let containers = request.handles.containers.clone();
    blocking(move || containers.remove(&request.name, options)).await?;
    response::no_content()
}

/// `POST /containers/prune`.
pub(super) async fn prune(request: Request) -> Answer {
    let filters = request.query.filters()?;
    let containers = request.handles.containers.clone();
    response::json(&blocking(move || containers.prune(&filters)).await?)
}

/// `POST /commit`.
pub(super) async fn commit(mut request: Request) -> Answer {
    let config = request.json::<Option<Config>>().await?;
    let query = &request.query;
    let text = |name| query.get(name).to_owned();
    let options = CommitOptions {
        container: text("container"),
        repo: text("repo"),
        tag: text("tag"),
        comment: text("comment"),
        author: text("author"),
        pause: query.bool_or("pause", true),
        changes: query.all("changes"),
        config,
    };
    let containers = request.handles.containers.clone();
    let id = blocking(move || containers.commit(options)).await?;
    response::json_status(StatusCode::CREATED, &CommitResponse { id })
}

/// `POST /containers/{id}/attach`.
pub(super) async fn attach(request: Request) -> Answer {
    let query = &request.query;
    let options = AttachOptions {
        logs: query.bool("logs"),
        stream: query.bool("stream"),
        stdin: query.bool("stdin"),
        stdout: query.bool("stdout"),
        stderr: query.bool("stderr"),
        detach_keys: query.get("detachKeys").to_owned(),
        raw: false,
    };
    let containers = request.handles.containers.clone();
    let attach = containers.attach(&request.name, options)?;
    let framed = !attach.tty() && request.wants_upgrade() && request.version >= Version::minor(42);
    let content_type = if framed { MULTIPLEXED } else { RAW };
    hijack::take(
        request.into_hold(),
        content_type,
        Box::new(move |stream, initial| attach.connect(stream, initial)),
    )
}
