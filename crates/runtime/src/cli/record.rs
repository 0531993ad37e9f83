//! What the command line remembers of a container between two calls.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use errdefs::{Context, Result, conflict, not_found};
use oci::runtime::{State, Status, VERSION};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};

use crate::hooks::Hooks;
use crate::plan::ExecPlan;

/// A container as its file has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) bundle: PathBuf,
    /// Its first process; 0 while being made.
    pub(super) pid: u32,
    /// When that process was started, in clock ticks since boot: a number that no later process of this id has.
    pub(super) started: u64,
    pub(super) annotations: BTreeMap<String, String>,
    /// Programs that are still to be run.
    #[serde(default)]
    pub(super) hooks: Option<Box<Hooks>>,
    /// What a further process needs. The process in it is the first one's.
    pub(super) exec: Vec<u8>,
}

/// A container's directory.
pub(super) struct Dir(PathBuf);

impl Dir {
    pub(super) fn new(root: &Path, id: &str) -> Self {
        Self(root.join(id))
    }

    /// Makes it; only one caller can.
    pub(super) fn create(&self) -> Result<()> {
        if let Some(parent) = self.0.parent() {
            fs::create_dir_all(parent).context(|| format!("mkdir {}", parent.display()))?;
        }
        match fs::create_dir(&self.0) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(conflict("container with given ID already exists"))
            }
            other => other.context(|| format!("mkdir {}", self.0.display())),
        }
    }

    pub(super) fn remove(&self) -> Result<()> {
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).context(|| format!("remove {}", self.0.display()))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn write(&self, record: &Record) -> Result<()> {
        let text = serde_json::to_vec(record).context(|| "encode the container's record")?;
        let (temporary, path) = (self.0.join("state.json.new"), self.0.join("state.json"));
        fs::write(&temporary, text).context(|| format!("write {}", temporary.display()))?;
        fs::rename(&temporary, &path).context(|| format!("write {}", path.display()))
    }

    pub(super) fn read(&self) -> Result<Record> {
        let path = self.0.join("state.json");
        let text = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(not_found("container does not exist"));
            }
            other => other.context(|| format!("read {}", path.display()))?,
        };
        serde_json::from_slice(&text).context(|| format!("read {}", path.display()))
    }

    /// Where the process waits for leave to run.
    pub(super) fn start_socket(&self) -> PathBuf {
        self.0.join("start.sock")
    }
}

/// The time a process was started at (`proc_pid_stat(5)`, field 22).
pub(super) fn started(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may have spaces and brackets in it; the fields are after its last bracket.
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?;
    let started = fields.nth(18)?.parse().ok()?;
    // A zombie has exited, whatever its parent does.
    (!matches!(state, "Z" | "X")).then_some(started)
}

impl Record {
    /// The first process, if it lives.
    pub(super) fn process(&self) -> Option<OwnedFd> {
        let fd = pidfd_open(Pid::from_raw(self.pid as i32)?, PidfdFlags::empty()).ok()?;
        // After opening: now the number cannot pass to another.
        (started(self.pid) == Some(self.started)).then_some(fd)
    }

    pub(super) fn status(&self, dir: &Dir) -> Status {
        if self.pid == 0 {
            return Status::Creating;
        }
        if self.process().is_none() {
            return Status::Stopped;
        }
        if dir.start_socket().exists() {
            return Status::Created;
        }
        if self.is_frozen() { Status::Paused } else { Status::Running }
    }

    fn is_frozen(&self) -> bool {
        self.cgroup().ok().flatten().is_some_and(|cgroup| cgroup.is_frozen().unwrap_or(false))
    }

    pub(super) fn plan(&self) -> Result<ExecPlan> {
        postcard::from_bytes(&self.exec).context(|| "decode the container's record")
    }

    /// Its control group, if it still exists.
    pub(super) fn cgroup(&self) -> Result<Option<cgroups::Cgroup>> {
        let Some(path) = self.plan()?.cgroup else { return Ok(None) };
        match cgroups::Cgroup::open(&cgroups::Layout::detect()?, &path) {
            Err(error) if error.class() == errdefs::Class::NotFound => Ok(None),
            other => other.map(Some),
        }
    }

    pub(super) fn state(&self, dir: &Dir) -> State {
        let status = self.status(dir);
        State {
            oci_version: VERSION.to_owned(),
            id: self.id.clone(),
            status,
            pid: if status == Status::Stopped { 0 } else { self.pid },
            bundle: self.bundle.display().to_string(),
            annotations: self.annotations.clone(),
        }
    }
}
