//! Images, and the long streams of pull, push, load, import and save.

use std::sync::Mutex;

use api::image::ProgressMessage;
use api::json;
use api::version::Version;
use engine::image::{Cancel, ImportOptions, ListOptions, PullOptions};
use errdefs::{Result, invalid};
use hyper::StatusCode;

use crate::legacy;
use crate::request::Request;
use crate::response::{self, Answer};
use crate::service::blocking;
use crate::stream::{self, Late, Sink, Upload};

const JSON: &str = "application/json";
const TAR: &str = "application/x-tar";

/// `GET /images/json`.
pub(super) async fn list(request: Request) -> Answer {
    let query = &request.query;
    let mut options = ListOptions {
        all: query.bool("all"),
        shared_size: query.bool("shared-size"),
        containers: request.version >= Version::minor(51),
        filters: query.filters()?,
    };
    // Before 1.25 the name was a parameter of its own.
    if let Some(name) =
        query.find("filter").filter(|name| !name.is_empty() && request.version < Version::minor(25))
    {
        options.filters.add("reference", name);
    }
    let handle = request.handles.images.clone();
    let mut images = blocking(move || handle.list(&options)).await?;
    if request.version < Version::minor(44) {
        images.iter_mut().for_each(|image| image.virtual_size = image.size);
    }
    if request.version < Version::minor(43) {
        return response::json(&legacy::images(&images, request.version)?);
    }
    response::json(&images)
}

/// `GET /images/{name}/json`.
pub(super) async fn inspect(request: Request) -> Answer {
    let images = request.handles.images.clone();
    let name = request.name.clone();
    let platform = match request.query.get("platform") {
        text if text.is_empty() || request.version < Version::minor(49) => None,
        text => Some(json::read::<api::image::Platform>(text.as_bytes()).map_err(|error| {
            let why = error.message().trim_start_matches("invalid JSON: ");
            invalid(format!("failed to parse platform: {why}"))
        })?),
    };
    let mut image = blocking(move || images.inspect_platform(&name, platform.flatten().as_ref())).await?;
    if request.version < Version::minor(44) {
        image.virtual_size = image.size;
    }
    let version = legacy::understood(request.version, request.header("user-agent"));
    if version >= Version::minor(50) {
        return response::json(&image);
    }
    response::json(&legacy::image(&image, version)?)
}

/// `GET /images/{name}/history`.
pub(super) async fn history(request: Request) -> Answer {
    let images = request.handles.images.clone();
    response::json(&blocking(move || images.history(&request.name)).await?)
}

/// `POST /images/{name}/tag`.
pub(super) async fn tag(request: Request) -> Answer {
    let images = request.handles.images.clone();
    blocking(move || images.tag(&request.name, request.query.get("repo"), request.query.get("tag"))).await?;
    response::empty(StatusCode::CREATED)
}

/// `DELETE /images/{name}`.
pub(super) async fn remove(request: Request) -> Answer {
    let (force, no_prune) = (request.query.bool("force"), request.query.bool("noprune"));
    let images = request.handles.images.clone();
    response::json(&blocking(move || images.remove(&request.name, force, no_prune)).await?)
}

/// `POST /images/prune`.
pub(super) async fn prune(request: Request) -> Answer {
    let filters = request.query.filters()?;
    let images = request.handles.images.clone();
    response::json(&blocking(move || images.prune(&filters)).await?)
}

/// `GET /distribution/{name}/json`.
pub(super) async fn distribution(request: Request) -> Answer {
    let images = request.handles.images.clone();
    let auth = request.auth();
    response::json(&blocking(move || images.distribution(&request.name, &auth)).await?)
}

/// `GET /images/search`.
pub(super) async fn search(request: Request) -> Answer {
    let query = &request.query;
    let limit = match query.get("limit") {
        "" => 0,
        text => text.parse().map_err(|_| {
            invalid(format!(
                "invalid limit specified: strconv.Atoi: parsing {text:?}: {}",
                crate::query::why(text)
            ))
        })?,
    };
    let (term, filters, auth) = (query.get("term").to_owned(), query.filters()?, request.auth());
    let images = request.handles.images.clone();
    response::json(&blocking(move || images.search(&term, limit, &filters, &auth)).await?)
}

/// Runs a long operation whose messages become the answer; a client that has gone cancels it.
async fn progress(
    late: Late,
    work: impl FnOnce(&(dyn Fn(ProgressMessage) + Sync), &Cancel) -> Result<()> + Send + 'static,
) -> Answer {
    stream::produce(JSON, late, move |sink: &mut Sink| {
        let cancel = Cancel::new();
        let sink = Mutex::new(sink);
        let watch = |message: ProgressMessage| {
            let mut sink = sink.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if sink.line(&message).is_err() {
                cancel.cancel();
            }
        };
        work(&watch, &cancel)
    })
    .await
}

/// `POST /images/create`: a pull (`fromImage`) or an import (`fromSrc`).
pub(super) async fn create(request: Request) -> Answer {
    let query = &request.query;
    let text = |name| query.get(name).to_owned();
    let images = request.handles.images.clone();
    if !query.get("fromImage").is_empty() {
        let options = PullOptions {
            image: text("fromImage"),
            tag: text("tag"),
            platform: text("platform"),
            auth: request.auth(),
        };
        return progress(Late::Progress, move |watch, cancel| images.pull(&options, watch, cancel)).await;
    }
    let source = text("fromSrc");
    if source.is_empty() {
        return Err(invalid("one of fromImage and fromSrc is needed"));
    }
    let options = ImportOptions {
        repo: text("repo"),
        tag: text("tag"),
        message: text("message"),
        changes: query.all("changes"),
        platform: text("platform"),
    };
    if source != "-" {
        return progress(Late::Progress, move |watch, cancel| {
            images.import_url(options, &source, watch, cancel)
        })
        .await;
    }
    let mut upload = Upload::new(request.body);
    progress(Late::Progress, move |watch, _| images.import(options, &mut upload, watch)).await
}

/// `POST /images/{name}/push`.
pub(super) async fn push(request: Request) -> Answer {
    let images = request.handles.images.clone();
    let auth = request.auth();
    let (name, tag) = (request.name.clone(), request.query.get("tag").to_owned());
    progress(Late::Progress, move |watch, cancel| images.push(&name, &tag, &auth, watch, cancel)).await
}

/// `POST /images/load`.
pub(super) async fn load(request: Request) -> Answer {
    let quiet = request.query.bool_or("quiet", true);
    let images = request.handles.images.clone();
    let mut upload = Upload::new(request.body);
    progress(Late::InStream, move |watch, _| {
        images.load(quiet, &mut upload, watch)?;
        upload.drain()
    })
    .await
}

/// `GET /images/get?names=` and `GET /images/{name}/get`.
pub(super) async fn save(request: Request) -> Answer {
    let named = !request.name.is_empty();
    let names = if named { vec![request.name.clone()] } else { request.query.all("names") };
    let images = request.handles.images.clone();
    stream::produce(TAR, Late::CutOff, move |sink| images.save(names, sink)).await
}
