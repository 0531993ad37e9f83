//! Extra processes in running containers.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;

use api::exec::{CreateRequest, CreateResponse, StartRequest};
use api::version::Version;
use errdefs::{Class, invalid};
use hyper::StatusCode;

use crate::hijack::{self, MULTIPLEXED, RAW};
use crate::request::Request;
use crate::response::{self, Answer};
use crate::service::{at_once, blocking};

/// `POST /containers/{id}/exec`.
pub(super) async fn create(mut request: Request) -> Answer {
    let body: CreateRequest = request.json().await?;
    if body.cmd.as_ref().is_none_or(|words| words.is_empty()) {
        return Err(invalid("No exec command specified"));
    }
    let execs = request.handles.execs.clone();
    let in_memory = body.user.is_empty();
    let create = || execs.create(&request.name, body);
    // Nothing outside of this process's memory is looked at, but for a user's number: no reason to have another thread
    // take over meanwhile.
    let id = if in_memory { create() } else { at_once(create) }?;
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
    let tty = body.tty;
    let start = match execs.start(&id, &body) {
        Err(error) if error.class() == Class::NotFound => return Err(error),
        // By now Docker has taken the connection over, so clients look for any other failure in the stream.
        Err(error) => {
            let content_type = content_type(&request, tty);
            let hand_over = move |out, _| tell(&error, tty, out);
            return hijack::take(request.into_hold(), content_type, Box::new(hand_over));
        }
        Ok(start) => start,
    };
    let content_type = content_type(&request, tty);
    let hand_over = move |stream, initial| start.connect(stream, initial);
    hijack::take(request.into_hold(), content_type, Box::new(hand_over))
}

fn content_type(request: &Request, tty: bool) -> &'static str {
    let framed = !tty && request.wants_upgrade() && request.version >= Version::minor(42);
    if framed { MULTIPLEXED } else { RAW }
}

/// Writes an error as the process's output.
fn tell(error: &errdefs::Error, tty: bool, out: OwnedFd) {
    let text = format!("{error}\r\n");
    let mut bytes = Vec::new();
    if tty {
        bytes.extend_from_slice(text.as_bytes());
    } else {
        api::stream::frame(api::stream::Stream::Stdout, text.as_bytes(), &mut bytes);
    }
    // A line fits into any socket's buffer; a client that is gone needs no word.
    let _ = File::from(out).write_all(&bytes);
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
    response::json(&at_once(|| execs.inspect(&request.name))?)
}
