//! What has to be sent for one container: stored beside its log.

use std::collections::BTreeMap;
use std::path::Path;

use errdefs::{Context as _, Result, invalid};
use serde::{Deserialize, Serialize};

use crate::batch::{Batch, Message};
use crate::fluentd::Fluentd;
use crate::gelf::Gelf;
use crate::journald::Journald;
use crate::link::Link;
use crate::syslog::Syslog;

/// The file in the log's directory.
const FILE: &str = "job.json";

/// What messages say of their container.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Subject {
    /// The full ID.
    pub container_id: String,
    /// Without the leading slash.
    pub container_name: String,
    /// `sha256:...`.
    pub image_id: String,
    /// As the user gave it.
    pub image_name: String,
    /// The program and its arguments.
    pub command: String,
    /// When it was created, RFC 3339.
    pub created: String,
    /// By the option `tag`, or the ID's first 12 digits.
    pub tag: String,
    /// Chosen labels and variables.
    pub extra: BTreeMap<String, String>,
    /// The machine's name.
    pub host: String,
}

/// A log to be sent. Stored as JSON, because the daemon that reads it may be of another version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// `syslog`, `journald`, `gelf` or `fluentd`.
    pub driver: String,
    /// All of the container's log options.
    pub options: BTreeMap<String, String>,
    /// What it is about.
    pub subject: Subject,
}

/// A driver ready to encode and connect.
#[derive(Debug)]
pub(crate) enum Remote {
    Syslog(Syslog),
    Gelf(Gelf),
    Fluentd(Fluentd),
    Journald(Journald),
}

impl Remote {
    pub(crate) fn new(job: &Job) -> Result<Self> {
        let subject = job.subject.clone();
        Ok(match job.driver.as_str() {
            "syslog" => Self::Syslog(Syslog::new(&job.options, subject)?),
            "gelf" => Self::Gelf(Gelf::new(&job.options, subject)?),
            "fluentd" => Self::Fluentd(Fluentd::new(&job.options, subject)?),
            "journald" => Self::Journald(Journald::new(subject)?),
            other => return Err(invalid(format!("logger: no log driver named '{other}' is registered"))),
        })
    }

    /// Adds a message to the batch; some drivers leave some out.
    pub(crate) fn encode(&mut self, message: &Message<'_>, batch: &mut Batch) {
        match self {
            Self::Syslog(syslog) => syslog.encode(message, batch),
            Self::Gelf(gelf) => gelf.encode(message, batch),
            Self::Fluentd(fluentd) => fluentd.encode(message, batch),
            Self::Journald(journald) => journald.encode(message, batch),
        }
        batch.end_packet();
    }

    pub(crate) fn connect(&self) -> std::io::Result<Link> {
        match self {
            Self::Syslog(syslog) => syslog.connect(),
            Self::Gelf(gelf) => gelf.connect(),
            Self::Fluentd(fluentd) => fluentd.connect(),
            Self::Journald(_) => Journald::connect(),
        }
    }

    /// How long to wait before the first new try.
    pub(crate) fn pause(&self) -> std::time::Duration {
        match self {
            Self::Fluentd(fluentd) => fluentd.pause,
            Self::Gelf(gelf) => gelf.pause,
            _ => std::time::Duration::from_millis(100),
        }
    }

    /// Whether a container starts although nobody can be reached.
    fn starts_alone(&self) -> bool {
        matches!(self, Self::Fluentd(fluentd) if fluentd.starts_alone)
    }
}

impl Job {
    /// Whether the container may start: the receiver is there, or need not be.
    ///
    /// # Errors
    /// In Docker's words.
    pub fn probe(&self) -> Result<()> {
        let remote = Remote::new(self)?;
        if remote.starts_alone() {
            return Ok(());
        }
        match remote.connect() {
            Ok(_) => Ok(()),
            Err(error) => Err(errdefs::system(match &remote {
                Remote::Gelf(gelf) => {
                    format!("gelf: cannot connect to GELF endpoint: {} {error}", gelf.endpoint())
                }
                Remote::Journald(_) => "journald is not enabled on this host".to_owned(),
                _ => error.to_string(),
            })),
        }
    }

    pub(crate) fn store(&self, directory: &Path) -> Result<()> {
        let path = directory.join(FILE);
        let staged = directory.join("job.new");
        let bytes = serde_json::to_vec(self).context(|| "encode a log job")?;
        std::fs::write(&staged, bytes)
            .and_then(|()| std::fs::rename(&staged, &path))
            .context(|| format!("write {}", path.display()))
    }

    pub(crate) fn load(directory: &Path) -> Result<Self> {
        let path = directory.join(FILE);
        let bytes = std::fs::read(&path).context(|| format!("read {}", path.display()))?;
        serde_json::from_slice(&bytes).context(|| format!("decode {}", path.display()))
    }
}
