//! The `journald` driver: entries in the journal's native protocol, with Docker's fields.

use std::io;
use std::os::unix::net::UnixDatagram;

use errdefs::{Result, system};

use crate::address;
use crate::batch::{Batch, Message};
use crate::job::Subject;
use crate::link::Link;

/// Where journald listens.
const SOCKET: &str = "/run/systemd/journal/socket";

/// The driver of one container.
#[derive(Debug)]
pub(crate) struct Journald {
    /// The fields that are the same for every entry, encoded.
    fields: Vec<u8>,
    /// Entries since the epoch began.
    ordinal: u64,
}

/// Adds a field. A value with newlines is preceded by its length.
fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    if value.contains(&b'\n') {
        out.push(b'\n');
        out.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        out.push(b'=');
    }
    out.extend_from_slice(value);
    out.push(b'\n');
}

/// A name that the journal accepts of a label's or variable's: upper case, no leading underscore. Empty if nothing is left.
fn sanitized(name: &str) -> String {
    let name: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    name.trim_start_matches('_').to_owned()
}

impl Journald {
    pub(crate) fn new(subject: Subject) -> Result<Self> {
        let mut epoch = [0; 32];
        getrandom::fill(&mut epoch).map_err(|error| system(format!("random numbers: {error}")))?;
        let epoch: String = epoch.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut fields = Vec::new();
        let short = subject.container_id.get(..12).unwrap_or(&subject.container_id);
        for (name, value) in [
            ("CONTAINER_ID", short),
            ("CONTAINER_ID_FULL", &subject.container_id),
            ("CONTAINER_NAME", &subject.container_name),
            ("CONTAINER_TAG", &subject.tag),
            ("IMAGE_NAME", &subject.image_name),
            ("SYSLOG_IDENTIFIER", &subject.tag),
            ("CONTAINER_LOG_EPOCH", &epoch),
        ] {
            field(&mut fields, name, value.as_bytes());
        }
        for (name, value) in &subject.extra {
            let name = sanitized(name);
            if !name.is_empty() {
                field(&mut fields, &name, value.as_bytes());
            }
        }
        Ok(Self { fields, ordinal: 0 })
    }

    pub(crate) fn encode(&mut self, message: &Message<'_>, batch: &mut Batch) {
        self.ordinal += 1;
        let out = &mut batch.bytes;
        field(out, "PRIORITY", message.severity().to_string().as_bytes());
        field(out, "MESSAGE", message.line);
        out.extend_from_slice(&self.fields);
        let mut time = String::new();
        message.time.write_trimmed(&mut time);
        field(out, "SYSLOG_TIMESTAMP", time.as_bytes());
        field(out, "CONTAINER_LOG_ORDINAL", self.ordinal.to_string().as_bytes());
        if let Some(piece) = &message.partial {
            field(out, "CONTAINER_PARTIAL_ID", Message::partial_id(piece).as_bytes());
            field(out, "CONTAINER_PARTIAL_ORDINAL", piece.ordinal.to_string().as_bytes());
            field(out, "CONTAINER_PARTIAL_LAST", piece.last.to_string().as_bytes());
            if !piece.last {
                field(out, "CONTAINER_PARTIAL_MESSAGE", b"true");
            }
        }
    }

    pub(crate) fn connect() -> io::Result<Link> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(SOCKET).map_err(|error| address::dial("unixgram", SOCKET, &error))?;
        Link::Journal(socket).ready()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use logs::{Partial, Stream, Time};

    #[test]
    fn entries_have_dockers_fields() {
        let subject = Subject {
            container_id: "f8740bfe4d6e6b5e".into(),
            container_name: "gold".into(),
            tag: "f8740bfe4d6e".into(),
            image_name: "busybox".into(),
            extra: [("com.x", "l\nv"), ("__", "")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            ..Subject::default()
        };
        let mut journald = Journald::new(subject).unwrap();
        let mut batch = Batch::default();
        let partial = Some(Partial { id: b"p1", ordinal: 1, last: false });
        let (time, stream) = (Time(1_500_000_000), Stream::Stderr);
        journald.encode(&Message { time, stream, line: b"err", partial }, &mut batch);
        let text = String::from_utf8_lossy(&batch.bytes).into_owned();
        for line in [
            "PRIORITY=3",
            "MESSAGE=err",
            "CONTAINER_ID=f8740bfe4d6e",
            "CONTAINER_ID_FULL=f8740bfe4d6e6b5e",
            "CONTAINER_NAME=gold",
            "CONTAINER_TAG=f8740bfe4d6e",
            "IMAGE_NAME=busybox",
            "SYSLOG_IDENTIFIER=f8740bfe4d6e",
            "SYSLOG_TIMESTAMP=1970-01-01T00:00:01.5Z",
            "CONTAINER_LOG_ORDINAL=1",
            "CONTAINER_PARTIAL_MESSAGE=true",
            "CONTAINER_PARTIAL_ID=p1",
            "CONTAINER_PARTIAL_ORDINAL=1",
            "CONTAINER_PARTIAL_LAST=false",
        ] {
            assert!(text.lines().any(|have| have == line), "{line} in {text}");
        }
        assert!(text.contains("COM_X\n\u{3}\0\0\0\0\0\0\0l\nv\n"), "{text:?}");
    }
}
