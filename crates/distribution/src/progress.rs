//! What an operation on images tells its watcher, as a closed list; the texts are Docker's.
//!
//! Tools parse these texts (`Digest: sha256:...`, `Status: Downloaded newer image for ...`), so they are written in
//! one place. How they are put on the wire is the server's affair.

use std::borrow::Cow;

use oci::digest::Digest;

use crate::limits;

/// Receives the events of an operation; several threads may call it at once.
pub trait Progress: Sync {
    /// Takes one event. It should not block for long: the operation waits.
    fn emit(&self, event: Event);
}

/// Forgets every event.
pub struct Silent;

impl Progress for Silent {
    fn emit(&self, _: Event) {}
}

impl<F: Fn(Event) + Sync> Progress for F {
    fn emit(&self, event: Event) {
        self(event);
    }
}

/// One event: of the thing called `id` (a layer's short digest, a tag), or of the whole operation if that is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Docker's `id`.
    pub id: String,
    /// What happened.
    pub status: Status,
}

/// What happened. Byte counts are (current, total); a total of 0 is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is its text, see `Status::text`")]
pub enum Status {
    // pull
    PullingFrom(String),
    PullingFsLayer,
    Waiting,
    Downloading(u64, u64),
    VerifyingChecksum,
    DownloadComplete,
    Extracting(u64, u64),
    PullComplete,
    AlreadyExists,
    Retrying { seconds: u64 },
    Digest(Digest),
    UpToDate(String),
    Downloaded(String),
    Warning(String),
    // push
    PushRefersTo(String),
    Preparing,
    Pushing(u64, u64),
    Pushed,
    LayerAlreadyExists,
    MountedFrom(String),
    PushedTag { tag: String, digest: Digest, size: u64 },
    // import, load
    LoadingLayer(u64, u64),
    DownloadingFrom(String),
    Imported(Digest),
    LoadedTag(String),
    LoadedId(Digest),
    Replaced { name: String, old: Digest },
}

impl Status {
    /// The text that Docker writes: the `status` of a message, or its `stream` if [`Status::is_stream`].
    pub fn text(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::PullingFrom(name) => return format!("Pulling from {name}").into(),
            Self::PullingFsLayer => "Pulling fs layer",
            Self::Waiting => "Waiting",
            Self::Downloading(..) => "Downloading",
            Self::VerifyingChecksum => "Verifying Checksum",
            Self::DownloadComplete => "Download complete",
            Self::Extracting(..) => "Extracting",
            Self::PullComplete => "Pull complete",
            Self::AlreadyExists => "Already exists",
            Self::Retrying { seconds: 1 } => "Retrying in 1 second",
            Self::Retrying { seconds } => return format!("Retrying in {seconds} seconds").into(),
            Self::Digest(digest) => return format!("Digest: {digest}").into(),
            Self::UpToDate(name) => return format!("Status: Image is up to date for {name}").into(),
            Self::Downloaded(name) => return format!("Status: Downloaded newer image for {name}").into(),
            Self::Warning(text) => return format!("WARNING: {text}").into(),
            Self::PushRefersTo(name) => return format!("The push refers to repository [{name}]").into(),
            Self::Preparing => "Preparing",
            Self::Pushing(..) => "Pushing",
            Self::Pushed => "Pushed",
            Self::LayerAlreadyExists => "Layer already exists",
            Self::MountedFrom(repository) => return format!("Mounted from {repository}").into(),
            Self::PushedTag { tag, digest, size } => {
                return format!("{tag}: digest: {digest} size: {size}").into();
            }
            Self::LoadingLayer(..) => "Loading layer",
            Self::Imported(id) => return id.to_string().into(),
            Self::DownloadingFrom(url) => return format!("Downloading from {url}").into(),
            Self::LoadedTag(name) => return format!("Loaded image: {name}\n").into(),
            Self::LoadedId(id) => return format!("Loaded image ID: {id}\n").into(),
            Self::Replaced { name, old } => {
                return format!(
                    "The image {name} already exists, renaming the old one with ID {old} to empty string\n"
                )
                .into();
            }
        })
    }

    /// Byte counts (current, total), for Docker's `progressDetail`.
    pub fn counts(&self) -> Option<(u64, u64)> {
        match *self {
            Self::Downloading(current, total)
            | Self::Extracting(current, total)
            | Self::Pushing(current, total)
            | Self::LoadingLayer(current, total) => Some((current, total)),
            _ => None,
        }
    }

    /// Whether Docker writes the text as `stream` instead of `status`.
    pub fn is_stream(&self) -> bool {
        matches!(self, Self::LoadedTag(_) | Self::LoadedId(_) | Self::Replaced { .. })
    }
}

/// Sends an event about the whole operation.
pub fn say(progress: &dyn Progress, status: Status) {
    progress.emit(Event { id: String::new(), status });
}

/// Counts bytes of one layer and sends an event now and then: by bytes, never by the clock.
pub struct Meter<'a> {
    progress: &'a dyn Progress,
    id: String,
    make: fn(u64, u64) -> Status,
    current: u64,
    total: u64,
    step: u64,
    next: u64,
}

impl<'a> Meter<'a> {
    /// A meter at 0 of `total` bytes for the thing called `id`; `make` names what is counted.
    pub fn new(progress: &'a dyn Progress, id: &str, total: u64, make: fn(u64, u64) -> Status) -> Self {
        let step = (total / limits::PROGRESS_STEPS).max(limits::PROGRESS_BYTES);
        Self { progress, id: id.to_owned(), make, current: 0, total, step, next: 0 }
    }

    /// Counts `bytes` more without an event.
    pub fn add_silently(&mut self, bytes: u64) {
        self.current += bytes;
    }

    /// Counts `bytes` more.
    pub fn add(&mut self, bytes: u64) {
        self.current += bytes;
        if self.current >= self.next || self.current == self.total {
            self.next = self.current + self.step;
            let status = (self.make)(self.current, self.total);
            self.progress.emit(Event { id: self.id.clone(), status });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn a_meter_sends_few_events_and_always_the_last() {
        let seen = Mutex::new(Vec::new());
        let progress = |event: Event| seen.lock().unwrap().push(event.status.counts().unwrap());
        let total = 1 << 30;
        let mut meter = Meter::new(&progress, "x", total, Status::Downloading);
        for _ in 0..total / 1024 {
            meter.add(1024);
        }
        let seen = seen.lock().unwrap();
        assert!(seen.len() as u64 <= limits::PROGRESS_STEPS + 2, "{}", seen.len());
        assert_eq!(seen.last(), Some(&(total, total)));
    }

    #[test]
    fn texts_are_dockers() {
        let digest = Digest::of(b"");
        assert_eq!(Status::Digest(digest).text(), format!("Digest: {digest}"));
        assert_eq!(Status::UpToDate("a:b".into()).text(), "Status: Image is up to date for a:b");
        assert_eq!(
            Status::PushedTag { tag: "t".into(), digest, size: 5 }.text(),
            format!("t: digest: {digest} size: 5")
        );
        assert_eq!(Status::Downloading(1, 2).counts(), Some((1, 2)));
        assert!(Status::LoadedTag("x".into()).is_stream());
    }
}
