//! Progress of pulls, pushes, imports and loads as Docker's messages.

use api::image::{ProgressDetail, ProgressMessage, PushResult};
use distribution::{Event, Progress, Status};

use super::Watch;

/// Turns events into messages for a watcher.
pub(super) struct Messages<'a>(pub(super) Watch<'a>);

impl Progress for Messages<'_> {
    fn emit(&self, event: Event) {
        let aux = match &event.status {
            Status::PushedTag { tag, digest, size } => {
                let size = i64::try_from(*size).unwrap_or(i64::MAX);
                serde_json::to_value(PushResult { tag: tag.clone(), digest: digest.to_string(), size }).ok()
            }
            _ => None,
        };
        (self.0)(message(event));
        if aux.is_some() {
            (self.0)(ProgressMessage { aux, ..ProgressMessage::default() });
        }
    }
}

fn message(event: Event) -> ProgressMessage {
    let text = event.status.text().into_owned();
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let counts = event.status.counts();
    let detail = counts.map(|(current, total)| ProgressDetail {
        current: signed(current),
        total: signed(total),
        ..ProgressDetail::default()
    });
    let (stream, status) =
        if event.status.is_stream() { (text, String::new()) } else { (String::new(), text) };
    // Docker writes an empty detail for each message about a layer, and none about the whole.
    let layer = !event.id.is_empty() && !matches!(event.status, Status::PullingFrom(_));
    let progress_detail = detail.or_else(|| layer.then(ProgressDetail::default));
    ProgressMessage { stream, status, id: event.id, progress_detail, ..ProgressMessage::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    fn lines(id: &str, status: Status) -> Vec<String> {
        let seen = Mutex::new(Vec::new());
        let watch = |m: ProgressMessage| seen.lock().unwrap().push(serde_json::to_string(&m).unwrap());
        Messages(&watch).emit(Event { id: id.to_owned(), status });
        seen.into_inner().unwrap()
    }

    #[test]
    fn messages_are_docker_s() {
        assert_eq!(
            lines("latest", Status::PullingFrom("library/busybox".into())),
            [r#"{"status":"Pulling from library/busybox","id":"latest"}"#]
        );
        assert_eq!(
            lines("abc", Status::PullingFsLayer),
            [r#"{"status":"Pulling fs layer","progressDetail":{},"id":"abc"}"#]
        );
        assert_eq!(
            lines("abc", Status::Downloading(1, 2)),
            [r#"{"status":"Downloading","progressDetail":{"current":1,"total":2},"id":"abc"}"#]
        );
        assert_eq!(lines("", Status::LoadedTag("a:b".into())), [r#"{"stream":"Loaded image: a:b\n"}"#]);
        let digest = oci::digest::Digest::of(b"");
        let pushed = lines("", Status::PushedTag { tag: "t".into(), digest, size: 5 });
        assert_eq!(pushed.len(), 2);
        assert_eq!(pushed[1], format!(r#"{{"aux":{{"Digest":"{digest}","Size":5,"Tag":"t"}}}}"#));
    }
}
