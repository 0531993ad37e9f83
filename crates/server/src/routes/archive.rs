//! Files of containers as tar streams.

use api::container::PathStat;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::container::PutOptions;
use errdefs::{Result, invalid};
use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};

use crate::request::Request;
use crate::response::{self, Answer};
use crate::service::blocking;
use crate::stream::{self, Late, Upload};

const TAR: &str = "application/x-tar";
const STAT: HeaderName = HeaderName::from_static("x-docker-container-path-stat");

fn path(request: &Request) -> Result<String> {
    let path = request.query.get("path");
    if path.is_empty() { Err(invalid("bad parameter: pathcannot be empty")) } else { Ok(path.to_owned()) }
}

fn stat_value(stat: &PathStat) -> Result<HeaderValue> {
    let json = serde_json::to_vec(stat).map_err(|error| errdefs::system(error.to_string()))?;
    HeaderValue::from_str(&STANDARD.encode(json)).map_err(|error| errdefs::system(error.to_string()))
}

/// `HEAD /containers/{id}/archive`.
pub(super) async fn head(request: Request) -> Answer {
    let path = path(&request)?;
    let containers = request.handles.containers.clone();
    let stat = blocking(move || containers.archive_stat(&request.name, &path)).await?;
    let mut response = response::empty(StatusCode::OK)?;
    response.headers_mut().insert(STAT, stat_value(&stat)?);
    Ok(response)
}

/// `GET /containers/{id}/archive`.
pub(super) async fn get(request: Request) -> Answer {
    let path = path(&request)?;
    let containers = request.handles.containers.clone();
    let archive = blocking(move || containers.archive_get(&request.name, &path)).await?;
    let stat = stat_value(archive.stat())?;
    let mut response = stream::produce(TAR, Late::CutOff, move |sink| archive.write(sink)).await?;
    response.headers_mut().insert(STAT, stat);
    Ok(response)
}

/// `PUT /containers/{id}/archive`.
pub(super) async fn put(request: Request) -> Answer {
    let path = path(&request)?;
    let options = PutOptions {
        no_overwrite_dir_non_dir: request.query.bool("noOverwriteDirNonDir"),
        copy_uid_gid: request.query.bool("copyUIDGID"),
    };
    let containers = request.handles.containers.clone();
    let mut upload = Upload::new(request.body);
    let name = request.name;
    blocking(move || {
        containers.archive_put(&name, &path, options, &mut upload)?;
        upload.drain()
    })
    .await?;
    response::empty(StatusCode::OK)
}

/// `GET /containers/{id}/export`.
pub(super) async fn export(request: Request) -> Answer {
    let containers = request.handles.containers.clone();
    let work = move |sink: &mut stream::Sink| containers.export(&request.name, sink);
    stream::produce("application/octet-stream", Late::CutOff, work).await
}
