//! All the logs that are being sent: which containers, and what becomes of their files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use errdefs::{Context as _, Result};
use logs::config::Options;
use logs::{Signal, WriterConfig};
use parking_lot::{Condvar, Mutex};

use crate::job::Job;
use crate::worker::{Outcome, Worker, cache};

/// Stack of a thread: none of the drivers goes deep.
const STACK: usize = 256 * 1024;
/// Logs of removed containers that wait for their receiver; more, and the oldest are given up: nobody would ever clean
/// up after a receiver that never comes back.
const REMOVED_MAX: usize = 16;
/// How long the daemon's end waits for what is about to be sent.
const LAST_CALL: Duration = Duration::from_millis(500);

/// The logs of all containers with a remote driver. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shippers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// A directory for each container.
    spool: PathBuf,
    active: Mutex<HashMap<String, Active>>,
    /// Told when one has ended.
    ended: Condvar,
}

/// A log with a thread.
#[derive(Debug)]
struct Active {
    /// Of the run to be followed; another one when the container has been started again.
    ended: Signal,
    cancelled: Signal,
    /// The container is gone: the directory goes when all is sent. In the order of removal.
    removed: Option<u64>,
}

impl Shippers {
    /// Keeps logs in directories below `spool`.
    pub fn new(spool: impl Into<PathBuf>) -> Self {
        let (active, ended) = (Mutex::default(), Condvar::new());
        Self(Arc::new(Inner { spool: spool.into(), active, ended }))
    }

    fn directory(&self, id: &str) -> PathBuf {
        self.0.spool.join(id)
    }

    /// The cache of a container's log, as its shim is to write it and `logs` reads it.
    ///
    /// # Errors
    /// InvalidParameter in Docker's words for a malformed option.
    pub fn cache(&self, id: &str, options: &Options) -> Result<WriterConfig> {
        WriterConfig::cache(options, cache(&self.directory(id)))
    }

    /// Prepares a run: looks whether the receiver is there, where Docker does, and stores what is needed to send.
    ///
    /// # Errors
    /// In Docker's words.
    pub fn prepare(&self, job: &Job) -> Result<WriterConfig> {
        job.probe()?;
        let id = &job.subject.container_id;
        let directory = self.directory(id);
        std::fs::create_dir_all(&directory).context(|| format!("make {}", directory.display()))?;
        job.store(&directory)?;
        self.cache(id, &job.options)
    }

    /// Begins to send the log of a run; `ended` will be set when it is complete.
    pub fn start(&self, id: &str, ended: Signal) {
        let mut active = self.0.active.lock();
        if let Some(known) = active.get_mut(id) {
            // What is left of the run before goes first; the thread sees the new one when it is done with that.
            known.ended = ended;
            return;
        }
        let Ok(cancelled) = Signal::new() else { return };
        let entry = Active { ended, cancelled, removed: None };
        self.spawn(id, &entry);
        active.insert(id.to_owned(), entry);
    }

    fn spawn(&self, id: &str, entry: &Active) {
        let (shippers, id) = (self.clone(), id.to_owned());
        let (ended, cancelled) = (entry.ended.clone(), entry.cancelled.clone());
        let thread = std::thread::Builder::new().name("log sender".into()).stack_size(STACK);
        let spawned = thread.spawn(move || shippers.follow(&id, ended, cancelled));
        if let Err(error) = spawned {
            tracing::error!(%error, "a log is not sent before the next start");
        }
    }

    /// The thread of a container.
    fn follow(&self, id: &str, mut ended: Signal, cancelled: Signal) {
        let directory = self.directory(id);
        loop {
            let outcome = Job::load(&directory).and_then(|job| {
                Worker {
                    directory: directory.clone(),
                    job,
                    ended: ended.clone(),
                    cancelled: cancelled.clone(),
                }
                .run()
            });
            let mut active = self.0.active.lock();
            let again = active.get(id).filter(|now| !now.ended.is_same(&ended)).map(|now| now.ended.clone());
            match (&outcome, again) {
                (Ok(Outcome::Sent), Some(next)) => {
                    ended = next;
                    continue;
                }
                (Ok(_), _) => {}
                (Err(error), _) => tracing::error!(container = id, %error, "the log cannot be sent"),
            }
            let removed = active.remove(id).is_some_and(|entry| entry.removed.is_some());
            // A daemon that ends leaves it to the next one.
            if removed && !matches!(outcome, Ok(Outcome::Stopped)) {
                delete(&directory);
            }
            self.0.ended.notify_all();
            return;
        }
    }

    /// The container is gone: its log goes too, when all of it has been sent.
    pub fn removed(&self, id: &str) {
        let mut active = self.0.active.lock();
        let order = active.values().filter_map(|entry| entry.removed).max().map_or(0, |last| last + 1);
        let Some(entry) = active.get_mut(id) else {
            drop(active);
            delete(&self.directory(id));
            return;
        };
        entry.removed = Some(order);
        let mut waiting: Vec<(u64, &String)> =
            active.iter().filter_map(|(id, entry)| Some((entry.removed?, id))).collect();
        if waiting.len() > REMOVED_MAX {
            waiting.sort_unstable();
            let oldest = waiting[0].1.clone();
            tracing::warn!(container = oldest, "the log of a removed container is given up unsent");
            if let Some(entry) = active.get(&oldest) {
                entry.cancelled.set();
            }
            delete(&self.directory(&oldest));
        }
    }

    /// After a start of the daemon: goes on with every log that is not being sent yet. `exists` says whether there is
    /// still a container of this ID.
    ///
    /// # Errors
    /// If the spool cannot be read.
    pub fn resume(&self, exists: impl Fn(&str) -> bool) -> Result<()> {
        let entries = match std::fs::read_dir(&self.0.spool) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error).context(|| format!("read {}", self.0.spool.display())),
        };
        for entry in entries.flatten() {
            let Ok(id) = entry.file_name().into_string() else { continue };
            if self.0.active.lock().contains_key(&id) {
                continue;
            }
            let ended = Signal::new()?;
            ended.set();
            self.start(&id, ended);
            if !exists(&id) {
                self.removed(&id);
            }
        }
        Ok(())
    }

    /// The daemon ends: what is about to be sent gets a moment, the rest waits for the next daemon.
    pub fn shutdown(&self) {
        let mut active = self.0.active.lock();
        let finishing =
            |active: &mut HashMap<String, Active>| active.values().any(|entry| entry.ended.is_set());
        let _ = self.0.ended.wait_while_for(&mut active, finishing, LAST_CALL);
        for entry in active.values() {
            entry.cancelled.set();
        }
        let _ = self.0.ended.wait_while_for(&mut active, |active| !active.is_empty(), LAST_CALL);
    }
}

fn delete(directory: &Path) {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::error!(path = %directory.display(), %error, "cannot remove a sent log");
        }
        _ => {}
    }
}
