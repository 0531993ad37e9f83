//! Answers that go on: events, logs, stats, and wait, which is one long wait for one line.

use api::version::Version;
use bytes::Bytes;
use engine::container::{LogsOptions, WaitCondition};
use engine::{event, timestamp};
use errdefs::invalid;
use hyper::{Response, StatusCode};
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::{broadcast, mpsc};

use crate::body::Body;
use crate::hijack::{MULTIPLEXED, RAW, gone};
use crate::request::Request;
use crate::response::{self, Answer};
use crate::service::blocking;

const JSON: &str = "application/json";

/// Pieces on their way to the client before the producer has to wait.
const PIECES: usize = 16;

/// A document and its newline.
fn line(value: &impl Serialize) -> Bytes {
    let mut bytes = serde_json::to_vec(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes.into()
}

/// Answers at once, with `feed` filling the body until it ends or the client hangs up.
fn streaming<F>(
    request: &Request,
    content_type: &'static str,
    feed: impl FnOnce(mpsc::Sender<Bytes>) -> F,
) -> Response<Body>
where
    F: Future<Output = ()> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(PIECES);
    let peer = request.peer.clone();
    let feeding = feed(sender);
    tokio::spawn(async move {
        tokio::select! {
            () = feeding => {}
            () = gone(peer.as_deref()) => {}
        }
    });
    response::with(StatusCode::OK, content_type, Body::Stream(Bytes::new(), receiver))
}

/// `GET /events`.
pub(super) async fn events(request: Request) -> Answer {
    let query = &request.query;
    let time = |name| timestamp::parse_unix(query.get(name));
    let (since, until, filters) = (time("since")?, time("until")?, query.filters()?);
    if let (Some(first), Some(last)) = (since, until)
        && last < first
    {
        let (since, until) = (query.get("since"), query.get("until"));
        return Err(invalid(format!("`since` time ({since}) cannot be after `until` time ({until})")));
    }
    let events = &request.handles.events;
    let mut subscription = events.subscribe(since.map(api::Time), until.map(api::Time), &filters);
    Ok(streaming(&request, JSON, move |out| async move {
        for message in subscription.past {
            if out.send(line(&*message)).await.is_err() {
                return;
            }
        }
        let end = deadline(until);
        tokio::pin!(end);
        loop {
            let next = tokio::select! {
                next = subscription.live.recv() => next,
                () = &mut end => return,
            };
            let sent = match next {
                Ok(message) if event::matches(&filters, &message) => out.send(line(&*message)).await,
                // A client this slow has lost what the ring no longer holds.
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => Ok(()),
                Err(broadcast::error::RecvError::Closed) => return,
            };
            if sent.is_err() {
                return;
            }
        }
    }))
}

/// Ends at that time, at once if it is past; never without one.
async fn deadline(until: Option<Timestamp>) {
    match until {
        None => std::future::pending().await,
        Some(until) => {
            let left = until.duration_since(Timestamp::now());
            tokio::time::sleep(left.try_into().unwrap_or_default()).await;
        }
    }
}

/// `GET /containers/{id}/logs`.
pub(super) async fn logs(request: Request) -> Answer {
    let query = &request.query;
    let options = LogsOptions {
        follow: query.bool("follow"),
        stdout: query.bool("stdout"),
        stderr: query.bool("stderr"),
        since: timestamp::parse_unix(query.get("since"))?,
        until: timestamp::parse_unix(query.get("until"))?.filter(|until| *until != Timestamp::UNIX_EPOCH),
        timestamps: query.bool("timestamps"),
        // Not a number means all.
        tail: query.get("tail").parse().ok(),
        details: query.bool("details"),
    };
    if !options.stdout && !options.stderr {
        return Err(invalid("Bad parameters: you must choose at least one stream"));
    }
    let containers = request.handles.containers.clone();
    let name = request.name.clone();
    let mut log = blocking(move || containers.logs(&name, options)).await?;
    let content_type = if log.tty || request.version < Version::minor(42) { RAW } else { MULTIPLEXED };
    Ok(streaming(&request, content_type, move |out| async move {
        while let Some(piece) = log.pieces.recv().await {
            let (piece, last) = match piece {
                Ok(piece) => (piece, false),
                Err(error) => (failure(&error, log.tty), true),
            };
            if out.send(piece).await.is_err() || last {
                return;
            }
        }
    }))
}

/// An error that came behind the status: a frame that clients show, or plain text to a terminal.
fn failure(error: &errdefs::Error, tty: bool) -> Bytes {
    let text = format!("Error grabbing logs: {error}\n");
    if tty {
        return text.into();
    }
    let mut frame = Vec::new();
    api::stream::frame(api::stream::Stream::System, text.as_bytes(), &mut frame);
    frame.into()
}

/// `GET /containers/{id}/stats`.
pub(super) async fn stats(request: Request) -> Answer {
    let stream = request.query.bool_or("stream", true);
    let one_shot = request.query.bool("one-shot") && request.version >= Version::minor(41);
    if stream && one_shot {
        return Err(invalid("cannot have stream=true and one-shot=true"));
    }
    let containers = request.handles.containers.clone();
    let name = request.name.clone();
    let mut samples = blocking(move || containers.stats(&name, stream, one_shot)).await?;
    if !stream {
        // One answer of known length.
        let sample = samples.recv().await.ok_or_else(|| errdefs::system("no sample"))?;
        return response::json(&sample);
    }
    Ok(streaming(&request, JSON, move |out| async move {
        while let Some(sample) = samples.recv().await {
            if out.send(line(&sample)).await.is_err() {
                return;
            }
        }
    }))
}

/// `POST /containers/{id}/wait`. The headers go out at once: clients start the container when they have come.
pub(super) async fn wait(request: Request) -> Answer {
    let condition = match request.query.get("condition") {
        // There was one condition then.
        _ if request.version < Version::minor(30) => WaitCondition::NotRunning,
        "" | "not-running" => WaitCondition::NotRunning,
        "next-exit" => WaitCondition::NextExit,
        "removed" => WaitCondition::Removed,
        other => return Err(invalid(format!("invalid condition: {other:?}"))),
    };
    let containers = request.handles.containers.clone();
    let waiter = containers.wait(&request.name, condition)?;
    Ok(streaming(&request, JSON, move |out| async move {
        let answer = waiter.finish().await;
        let _ = out.send(line(&answer)).await;
    }))
}
