//! Containers: the handle, and what its methods take and give.
//!
//! Each verb has its file below `container/`. A container is found by full ID, exact name or unique ID prefix; every
//! method that takes a `reference` fails with NotFound (`No such container: x`) or, for an ambiguous prefix, with
//! InvalidParameter.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use api::container::CreateRequest;
use api::filters::Filters;
use errdefs::{Context, Result};

use spec::resources::Abilities;

mod apparmor;
mod arrival;
pub(crate) mod attach;
mod cdi;
mod changes;
mod commit;
mod connect;
mod copy;
mod create;
mod duration;
pub(crate) mod env;
mod exit;
mod export;
mod health;
mod inplace;
mod inspect;
mod kill;
mod links;
mod list;
mod log;
mod logs;
pub(crate) mod merge;
mod mounting;
mod mountpoint;
pub(crate) mod names;
mod neighbours;
mod networking;
mod pause;
mod plan;
mod policy;
mod prune;
mod record;
mod registry;
mod remove;
mod rename;
pub(crate) mod resize;
mod restart;
mod restore;
pub(crate) mod shared;
mod signal;
mod spec;
mod start;
pub(crate) mod state;
mod stats;
mod stop;
mod storage;
mod top;
mod update;
pub(crate) mod userns;
mod validate;
mod wait;
mod working_dir;

pub use attach::Attach;
pub use copy::Archive;
pub use log::check_options as check_log_options;
pub use logs::{LogStream, Pieces};
pub use shared::{BUILT_IN, Config, Defaults, Parts, Runtime};
pub use storage::bytes;
pub use wait::Waiter;

use shared::Shared;

/// All containers of this daemon. Clones share everything.
#[derive(Clone)]
pub struct Containers {
    pub(crate) shared: Arc<Shared>,
}

/// What `POST /containers/create` has outside its body.
#[derive(Debug, Clone, Default)]
pub struct CreateOptions {
    /// The name; made up if empty.
    pub name: String,
    /// `os[/arch[/variant]]`; empty for the host's.
    pub platform: String,
    /// The body.
    pub request: CreateRequest,
}

/// What `stop` and `restart` take.
#[derive(Debug, Clone, Default)]
pub struct StopOptions {
    /// The signal; the container's own stop signal if `None`.
    pub signal: Option<String>,
    /// Seconds until it is killed, -1 for never; the container's own timeout if `None`.
    pub timeout: Option<i64>,
}

/// What `DELETE /containers/{id}` takes.
#[derive(Debug, Clone, Copy, Default)]
pub struct RemoveOptions {
    /// Remove its anonymous volumes too.
    pub volumes: bool,
    /// Kill it first if it runs.
    pub force: bool,
    /// Remove the link of that name, not the container.
    pub link: bool,
}

/// What `GET /containers/json` takes.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// Also those that do not run.
    pub all: bool,
    /// At most so many, the newest; implies `all`.
    pub limit: Option<usize>,
    /// Count the bytes of files.
    pub size: bool,
    /// Validated by `list` itself.
    pub filters: Filters,
}

/// When `wait` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WaitCondition {
    /// It does not run; at once if it does not run now.
    #[default]
    NotRunning,
    /// It exits the next time.
    NextExit,
    /// It is gone.
    Removed,
}

/// What `attach` takes. Detach keys are the API's text, empty for the default.
#[derive(Debug, Clone, Default)]
pub struct AttachOptions {
    /// Replay the log first.
    pub logs: bool,
    /// Go on with what comes.
    pub stream: bool,
    /// Input goes to the container.
    pub stdin: bool,
    /// Its output comes out.
    pub stdout: bool,
    /// Its error output comes out.
    pub stderr: bool,
    /// Keys that end the session (TTY only).
    pub detach_keys: String,
    /// Never put frames around the output (`attach/ws`).
    pub raw: bool,
}

/// What `logs` takes. Times are seconds and nanoseconds since the epoch.
#[derive(Debug, Clone, Default)]
pub struct LogsOptions {
    /// Go on with what comes.
    pub follow: bool,
    /// Output.
    pub stdout: bool,
    /// Error output.
    pub stderr: bool,
    /// Nothing older.
    pub since: Option<jiff::Timestamp>,
    /// Nothing newer.
    pub until: Option<jiff::Timestamp>,
    /// Put the time before each line.
    pub timestamps: bool,
    /// Only so many lines from the end; all if `None`.
    pub tail: Option<u64>,
    /// Put the log's attributes before each line.
    pub details: bool,
}

/// What `PUT /containers/{id}/archive` takes.
#[derive(Debug, Clone, Copy, Default)]
pub struct PutOptions {
    /// Refuse to replace a directory by something else and the reverse.
    pub no_overwrite_dir_non_dir: bool,
    /// Give the files to the container's user.
    pub copy_uid_gid: bool,
}

/// What `POST /commit` takes.
#[derive(Debug, Clone, Default)]
pub struct CommitOptions {
    /// The container.
    pub container: String,
    /// Name for the image; empty for none.
    pub repo: String,
    /// Its tag; empty means latest.
    pub tag: String,
    /// For the image's history.
    pub comment: String,
    /// For the image's history.
    pub author: String,
    /// Freeze the container meanwhile.
    pub pause: bool,
    /// Dockerfile lines, one instruction each.
    pub changes: Vec<String>,
    /// Laid over the container's config.
    pub config: Option<api::container::Config>,
}

/// How many containers there are, for `info`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub all: usize,
    /// Docker's "running", without the paused.
    pub running: usize,
    /// Frozen ones.
    pub paused: usize,
    /// The rest.
    pub stopped: usize,
}

impl Containers {
    /// The containers of `parts.store`; nothing is known of them before [`Containers::restore`]. `events` is the other end
    /// of what the launcher in `parts` tells.
    ///
    /// # Errors
    /// System if a directory, a thread or the host's control groups cannot be had.
    pub fn open(
        parts: Parts,
        config: Config,
        events: Receiver<(shim::ContainerId, shim::Event)>,
    ) -> Result<Self> {
        for dir in [&config.data, &config.state] {
            let mut builder = DirBuilder::new();
            builder.recursive(true).mode(0o710).create(dir).context(|| format!("make {}", dir.display()))?;
        }
        crate::background::keep_reserve()?;
        let last =
            std::fs::read_to_string("/proc/sys/kernel/cap_last_cap").context(|| "read cap_last_cap")?;
        let layout = cgroups::Layout::detect()?;
        let shared = Arc::new(Shared {
            abilities: abilities(&layout),
            apparmor: apparmor::supported(),
            layout,
            parts,
            defaults: parking_lot::RwLock::new(Defaults::from(&config)),
            config,
            registry: registry::Registry::new(),
            execs: parking_lot::Mutex::default(),
            timers: crate::timers::Timers::new().context(|| "start the timer thread")?,
            filters: parking_lot::Mutex::default(),
            trash_waits: false.into(),
            pruning: parking_lot::Mutex::default(),
            neighbours: parking_lot::Mutex::default(),
            last_capability: last.trim().parse().context(|| "read cap_last_cap")?,
        });
        let listener = Arc::clone(&shared);
        crate::background("shims", move || listener.listen(&events));
        Ok(Self { shared })
    }
}

/// What the host's control groups can limit.
fn abilities(layout: &cgroups::Layout) -> Abilities {
    let has = |name: &str| layout.controllers().iter().any(|controller| controller == name);
    let v1 = layout.version() == cgroups::Version::V1;
    let there = |path: &str| Path::new("/sys/fs/cgroup").join(path).exists();
    let read = |path: &str| {
        let text = std::fs::read_to_string(Path::new("/sys/fs/cgroup").join(path)).unwrap_or_default();
        text.trim().to_owned()
    };
    let (cpus, mems) = if v1 {
        (read("cpuset/cpuset.cpus"), read("cpuset/cpuset.mems"))
    } else {
        (read("cpuset.cpus.effective"), read("cpuset.mems.effective"))
    };
    Abilities {
        cpus: std::thread::available_parallelism().map_or(1, usize::from),
        cpuset_cpus: if has("cpuset") { cpus } else { String::new() },
        cpuset_mems: if has("cpuset") { mems } else { String::new() },
        memory: has("memory"),
        swap: has("memory") && (!v1 || there("memory/memory.memsw.limit_in_bytes")),
        swappiness: v1 && there("memory/memory.swappiness"),
        oom_kill_disable: v1 && there("memory/memory.oom_control"),
        pids: has("pids"),
        cpu: has("cpu"),
        blkio_weight_device: v1 && there("blkio/blkio.weight_device"),
        blkio_weight: if v1 { there("blkio/blkio.weight") } else { has("io") },
    }
}
