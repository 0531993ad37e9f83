//! What all container operations share: the mechanisms, the registry, and one container in memory.
//!
//! A container in memory has parts with locks of their own, taken in this order and never the other way round:
//! `operation` (held through start, exit, removal... of this one container, across slow calls), `live` (short), `changing`
//! (one change of the record, with its write to the store), `record` (shortest: readers take a reference to an immutable
//! value and go). So `ps` and `inspect` never wait for an operation.
//!
//! Invariant: a record is written to the store before it is shown, except that the store's failure to write an exit does
//! not hide the exit.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use api::StringMap;
use errdefs::Result;
use idmap::Mapped;
use network::Networks;
use parking_lot::{Mutex, RwLock};
use runtime::plan::{ExecPlan, Filter};
use shim::Launcher;
use snapshot::Snapshots;
use store::Store;
use volume::Volumes;

use super::arrival::Arrivals;
use super::names;
use super::policy::Backoff;
use super::record::{CONTAINERS, Record};
use super::registry::Registry;
use super::state::{Moment, Progress};
use crate::event::{Events, Kind};
use crate::exec::Exec;
use crate::timers::{Timer, Timers};

/// The mechanisms that containers are made of.
pub struct Parts {
    /// Records.
    pub store: Arc<Store>,
    /// Images.
    pub images: Arc<image::Images>,
    /// Layers and writable layers.
    pub snapshots: Snapshots,
    /// Networks.
    pub networks: Networks,
    /// Volumes.
    pub volumes: Volumes,
    /// Shims.
    pub launcher: Arc<Launcher>,
    /// Logs of remote drivers.
    pub shippers: shipper::Shippers,
    /// Where to tell what happens.
    pub events: Events,
}

/// What the daemon's configuration says about containers.
#[derive(Debug, Clone)]
pub struct Config {
    /// A directory for each container's files (log, hosts...); outlives the boot.
    pub data: PathBuf,
    /// A directory for each container's shim; does not outlive the boot.
    pub state: PathBuf,
    /// `--log-driver`.
    pub log_driver: String,
    /// `--log-opt`, for containers with the default driver.
    pub log_options: StringMap,
    /// `--default-ulimit`.
    pub ulimits: Vec<api::container::Ulimit>,
    /// `--default-shm-size` in bytes.
    pub shm_size: i64,
    /// `--storage-opt overlay2.size=`: bytes of a writable layer whose container does not say.
    pub storage_size: Option<u64>,
    /// `--cgroup-parent`; empty for `/docker`.
    pub cgroup_parent: String,
    /// `--init`: containers that do not say get an init process.
    pub init: bool,
    /// The program that becomes `/sbin/docker-init`: the shim, unless told otherwise.
    pub init_path: PathBuf,
    /// `--seccomp-profile`: JSON instead of Docker's default profile; `unconfined` for none.
    pub seccomp_profile: Option<String>,
    /// `--no-new-privileges` for all containers.
    pub no_new_privileges: bool,
    /// Seconds that `stop` waits by default.
    pub stop_timeout: i64,
    /// Where descriptions of CDI devices are; a later directory wins over an earlier one.
    pub cdi_spec_dirs: Vec<PathBuf>,
    /// Runtimes besides the built-in one, by the name that `--runtime` takes.
    pub runtimes: BTreeMap<String, Runtime>,
    /// What containers that name none get.
    pub default_runtime: String,
    /// `--default-ipc-mode`: `private` or `shareable`.
    pub ipc_mode: String,
    /// `--default-cgroupns-mode`: `private` or `host`; empty: as the kernel's control groups suggest.
    pub cgroupns_mode: String,
    /// `--userns-remap`: the ids of containers in user namespaces of their own; without, all have the host's.
    pub userns: Option<Arc<Mapped>>,
}

/// An OCI runtime that can be asked for by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Runtime {
    /// Its program; the built-in one without.
    pub program: Option<PathBuf>,
    /// What it is given before any verb.
    pub args: Vec<String>,
}

/// Names of the built-in runtime; Docker's are among them, because clients know them.
pub const BUILT_IN: [&str; 3] = ["hythe", "io.containerd.runc.v2", "runc"];

impl Default for Config {
    fn default() -> Self {
        Self {
            data: PathBuf::from("/var/lib/hythe/containers"),
            state: PathBuf::from("/run/hythe/containers"),
            log_driver: "json-file".into(),
            log_options: StringMap::new(),
            ulimits: Vec::new(),
            shm_size: 64 << 20,
            storage_size: None,
            cgroup_parent: String::new(),
            init: false,
            init_path: PathBuf::from("/usr/bin/hythe-shim"),
            seccomp_profile: None,
            no_new_privileges: false,
            stop_timeout: 10,
            cdi_spec_dirs: ["/etc/cdi", "/var/run/cdi"].map(PathBuf::from).into(),
            runtimes: BTreeMap::new(),
            default_runtime: "runc".into(),
            ipc_mode: "private".into(),
            cgroupns_mode: String::new(),
            userns: None,
        }
    }
}

/// The part of the configuration that can be changed while the daemon runs; it holds for containers created later.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// See [`Config::shm_size`].
    pub shm_size: i64,
    /// See [`Config::ipc_mode`].
    pub ipc_mode: String,
    /// See [`Config::cgroupns_mode`].
    pub cgroupns_mode: String,
    /// See [`Config::runtimes`]; these hold for every start.
    pub runtimes: BTreeMap<String, Runtime>,
    /// See [`Config::default_runtime`].
    pub default_runtime: String,
}

impl From<&Config> for Defaults {
    fn from(config: &Config) -> Self {
        Self {
            shm_size: config.shm_size,
            ipc_mode: config.ipc_mode.clone(),
            cgroupns_mode: config.cgroupns_mode.clone(),
            runtimes: config.runtimes.clone(),
            default_runtime: config.default_runtime.clone(),
        }
    }
}

/// Everything behind [`super::Containers`] and [`crate::Execs`].
pub(crate) struct Shared {
    pub(crate) parts: Parts,
    pub(crate) config: Config,
    /// What a reload can change of the configuration, for containers made later.
    pub(crate) defaults: RwLock<Defaults>,
    pub(crate) registry: Registry<Arc<Container>>,
    pub(crate) execs: Mutex<HashMap<String, Arc<Exec>>>,
    pub(crate) timers: Timers,
    /// Compiled filters by profile text and capability mask.
    pub(crate) filters: Mutex<HashMap<(String, u64), Filter>>,
    /// Somebody is about to empty the trash.
    pub(crate) trash_waits: AtomicBool,
    /// Held while a prune runs.
    pub(crate) pruning: Mutex<()>,
    /// Held while names are written into hosts files.
    pub(crate) neighbours: Mutex<()>,
    /// Number of the kernel's last capability.
    pub(crate) last_capability: u32,
    pub(crate) layout: cgroups::Layout,
    pub(crate) abilities: super::spec::resources::Abilities,
    /// The host confines by AppArmor.
    pub(crate) apparmor: bool,
}

/// One container in memory.
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) operation: Mutex<()>,
    /// A client's removal is at work: another one is refused (semantics 49).
    pub(crate) removing: AtomicBool,
    pub(crate) live: Mutex<Live>,
    pub(crate) arrivals: Arc<Arrivals>,
    record: RwLock<Arc<Record>>,
    /// Held from reading a record to showing its successor, so that no change undoes another.
    changing: Mutex<()>,
    pub(crate) progress: Progress,
    /// Its layers stay as long as it does, also when its image is removed.
    _layers: image::Lease,
}

/// What is known of a container only while the daemon lives.
#[derive(Default)]
pub(crate) struct Live {
    /// The shim, while there is a process.
    pub(crate) handle: Option<shim::Handle>,
    /// What an exec takes from the run: the whole plan would be most of a container's memory.
    pub(crate) exec_plan: Option<Arc<ExecPlan>>,
    /// Clients that attached before the start.
    pub(crate) pending: Vec<(OwnedFd, shim::AttachOptions)>,
    /// The restart that waits for its time.
    pub(crate) restart: Option<Timer>,
    pub(crate) backoff: Backoff,
    /// `docker restart` is at work: the exit must neither remove nor restart the container.
    pub(crate) restarting_by_hand: bool,
    /// The run is being ended because its health check fails: the exit starts the container again.
    pub(crate) unhealthy: bool,
    /// Set when the run's log is complete.
    pub(crate) log_ended: Option<logs::Signal>,
    pub(crate) health: super::health::Health,
}

impl Container {
    pub(crate) fn new(record: Record, layers: image::Lease) -> Arc<Self> {
        let moment = Moment {
            running: record.state.phase.counts_as_running(),
            exit_code: record.state.exit_code,
            ..Moment::default()
        };
        Arc::new(Self {
            id: record.id.clone(),
            operation: Mutex::new(()),
            removing: AtomicBool::new(false),
            live: Mutex::new(Live::default()),
            arrivals: Arc::default(),
            record: RwLock::new(Arc::new(record)),
            changing: Mutex::new(()),
            progress: Progress::new(moment),
            _layers: layers,
        })
    }

    /// The record as it is now; a value, not a view.
    pub(crate) fn record(&self) -> Arc<Record> {
        Arc::clone(&self.record.read())
    }

    /// The shim of the running container.
    ///
    /// # Errors
    /// Conflict, in Docker's words, if there is no process.
    pub(crate) fn handle(&self) -> Result<shim::Handle> {
        self.live.lock().handle.clone().ok_or_else(|| self.not_running())
    }

    pub(crate) fn not_running(&self) -> errdefs::Error {
        errdefs::conflict(format!("container {} is not running", self.id))
    }
}

impl Shared {
    /// Changes a record: stored first, then shown.
    ///
    /// # Errors
    /// If the store cannot write; nothing has changed then.
    pub(crate) fn change(
        &self,
        container: &Container,
        change: impl FnOnce(&mut Record),
    ) -> Result<Arc<Record>> {
        let _changing = container.changing.lock();
        let mut record = Record::clone(&container.record());
        change(&mut record);
        self.parts.store.put(&CONTAINERS, &container.id, &record)?;
        Ok(show(container, record))
    }

    /// Changes a record by something that has happened: shown even if the store cannot write it.
    pub(crate) fn happened(&self, container: &Container, change: impl FnOnce(&mut Record)) -> Arc<Record> {
        let _changing = container.changing.lock();
        let mut record = Record::clone(&container.record());
        change(&mut record);
        if let Err(error) = self.parts.store.put(&CONTAINERS, &container.id, &record) {
            tracing::error!(container = names::short(&container.id), %error, "cannot record what happened");
        }
        show(container, record)
    }

    /// Changes what is shown of a record and not what is stored: for what `restore` finds out by itself.
    pub(crate) fn shown(&self, container: &Container, change: impl FnOnce(&mut Record)) -> Arc<Record> {
        let _changing = container.changing.lock();
        let mut record = Record::clone(&container.record());
        change(&mut record);
        show(container, record)
    }

    /// Tells an event of a container, with `extra` attributes.
    pub(crate) fn tell(&self, record: &Record, action: &str, extra: &[(&str, String)]) {
        let mut attributes = record.attributes();
        attributes.extend(extra.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        self.parts.events.publish(Kind::Container, action, &record.id, attributes);
    }

    /// Where the container's own files are.
    pub(crate) fn data_dir(&self, id: &str) -> PathBuf {
        self.config.data.join(id)
    }

    /// Where the container's shim is.
    pub(crate) fn state_dir(&self, id: &str) -> PathBuf {
        self.config.state.join(id)
    }
}

fn show(container: &Container, record: Record) -> Arc<Record> {
    let record = Arc::new(record);
    *container.record.write() = Arc::clone(&record);
    record
}
