//! Starting a container: addresses and ports, files, plan, shim, links, go.
//!
//! The shim sets the container up while its links are made. Whatever fails, everything of the run is given back, the
//! container stays as it was before with the reason recorded (semantics 53 and 54), and nobody sees a half-made run.
//! After a crash the state directory says whether a shim was started; `restore` finishes or undoes from there.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;
use std::time::Instant;

use errdefs::{Class, Context, Error, Result};
use jiff::Timestamp;
use network::{Driver, Endpoint, Netns, PortSocket};
use shim::{Forward, Handle, LaunchRequest, PortProtocol, Stdio};

use super::mountpoint::Kind;
use super::networking::{self, Mode};
use super::record::Record;
use super::shared::{Container, Shared};
use super::state::Phase;
use super::{Containers, names};
use crate::event;

/// Exit code of a container whose start failed before its program could.
const FAILED: i32 = 128;

/// Why a start failed, with the exit code to record.
pub(crate) struct Failure {
    error: Error,
    code: i32,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, code: FAILED }
    }
}

impl From<runtime::StartError> for Failure {
    fn from(error: runtime::StartError) -> Self {
        let code = error.exit_code();
        let class = if code == FAILED { Class::System } else { Class::InvalidParameter };
        Self { error: Error::new(class, error.docker_create_text()), code }
    }
}

/// The network of a run that is being made.
#[derive(Default)]
struct Reserved {
    endpoints: Vec<Endpoint>,
    sockets: Vec<PortSocket>,
    netns: Option<Netns>,
    userns: Option<OwnedFd>,
}

impl Containers {
    /// Starts it.
    ///
    /// # Errors
    /// NotModified if it runs already; what hinders the start otherwise, in Docker's words.
    pub fn start(&self, reference: &str) -> Result<()> {
        let container = self.shared.registry.find(reference)?;
        let _operation = container.operation.lock();
        let state = &container.record().state;
        match state.phase {
            Phase::Paused => {
                return Err(errdefs::conflict("cannot start a paused container, try unpause instead"));
            }
            phase if phase.counts_as_running() => {
                return Err(Error::new(Class::NotModified, "container is already running"));
            }
            Phase::Removing | Phase::Dead => {
                return Err(errdefs::conflict("container is marked for removal and cannot be started"));
            }
            _ => {}
        }
        container.live.lock().backoff.reset();
        if state.restarts > 0 {
            self.shared.happened(&container, |record| record.state.restarts = 0);
        }
        self.shared.start(&container)
    }
}

impl Shared {
    /// Starts a container whose operation lock is held and which has no process.
    ///
    /// # Errors
    /// What hindered it; it is recorded too. A container that is to be removed automatically is removed then.
    pub(crate) fn start(self: &Arc<Self>, container: &Arc<Container>) -> Result<()> {
        let _timing = crate::metrics::COUNTERS.start.time();
        let begun = Instant::now();
        let mut record = container.record();
        let ids = self.wanted_ids(&record.host);
        if record.ids != ids {
            // The daemon was told otherwise since then.
            record = self.happened(container, |record| record.ids = ids);
        }
        // A namespace that is another's has the other's name.
        if let Mode::Container(id) = networking::mode(&record)
            && let Ok(owner) = self.registry.find(&id)
        {
            let hostname = owner.record().config.hostname.clone();
            record = self.happened(container, |record| record.config.hostname = hostname);
        }
        let launched = self.launch(container, &record);
        // Not while it was starting: making a namespace takes the locks and the processor that a start needs.
        self.parts.networks.refill();
        match launched {
            Ok(handle) => {
                let pid = handle.pid().unwrap_or(0);
                let late = {
                    let mut live = container.live.lock();
                    live.handle = Some(handle.clone());
                    live.log_ended = logs::Signal::new().ok();
                    super::log::send(self, &record, live.log_ended.as_ref());
                    std::mem::take(&mut live.pending)
                };
                // They came while it was being launched. One that has ended again closes its streams.
                for (stream, wanted) in late {
                    if let Err(error) = handle.attach(stream, wanted) {
                        tracing::debug!(container = names::short(&container.id), %error, "late attach");
                    }
                }
                // First: whoever sees it run and ends it waits for this to be over.
                container.progress.update(|moment| moment.running = true);
                let record = self.happened(container, |record| record.state.started(pid, Timestamp::now()));
                self.tell(&record, "start", &[]);
                self.start_health(container, begun);
                Ok(())
            }
            Err(failure) => {
                self.start_failed(container, &failure);
                Err(failure.error)
            }
        }
    }

    fn start_failed(self: &Arc<Self>, container: &Arc<Container>, failure: &Failure) {
        let text = failure.error.to_string();
        {
            let mut live = container.live.lock();
            live.pending.clear();
            live.exec_plan = None;
        }
        self.end_run(&container.record());
        let record = self
            .happened(container, |record| record.state.start_failed(failure.code, &text, Timestamp::now()));
        container.progress.update(|moment| {
            moment.running = false;
            moment.exits += 1;
            moment.exit_code = failure.code;
        });
        if record.auto_remove {
            self.remove_automatically(container);
        }
    }

    /// Gives back what a run has had: addresses and ports, volumes, the shim's directory. Failures are logged: there
    /// is nobody who could do more, and `restore` tries again.
    pub(crate) fn end_run(self: &Arc<Self>, record: &Record) {
        let timing = crate::metrics::COUNTERS.release.time();
        let released = self.parts.networks.release(&record.id);
        drop(timing);
        match released {
            Ok(endpoints) => {
                for endpoint in &endpoints {
                    self.tell_network(endpoint, "disconnect");
                }
                self.tell_neighbours(&endpoints);
                self.silence_later(endpoints);
            }
            Err(error) => {
                tracing::error!(container = names::short(&record.id), %error, "cannot release the network");
            }
        }
        self.release_volumes(record);
        self.tell_volumes(record, "unmount");
        self.unmount_shm(record);
        match self.parts.snapshots.discard(&self.state_dir(&record.id)) {
            Ok(true) => self.empty_trash_later(),
            Ok(false) => {}
            Err(error) => {
                tracing::error!(container = names::short(&record.id), %error, "cannot remove a run's directory");
            }
        }
    }

    /// Sets the links of a run that has ended down. The kernel makes whoever wants to wait while it takes dead namespaces
    /// apart, so nobody waits for this.
    fn silence_later(&self, endpoints: Vec<Endpoint>) {
        if endpoints.iter().all(|endpoint| endpoint.host_link.is_empty()) {
            return;
        }
        let networks = self.parts.networks.clone();
        crate::background("silence", move || {
            if let Err(error) = networks.silence(&endpoints) {
                tracing::warn!(%error, "cannot silence the links of a container that has ended");
            }
        });
    }

    pub(crate) fn tell_network(&self, endpoint: &Endpoint, action: &str) {
        // The network itself may be gone when a container has left it.
        let driver = match endpoint.network_name.as_str() {
            "host" => Driver::Host,
            "none" => Driver::Null,
            _ => Driver::Bridge,
        };
        let attributes = api::StringMap::from([
            ("container".to_owned(), endpoint.container_id.clone()),
            ("name".to_owned(), endpoint.network_name.clone()),
            ("type".to_owned(), driver.as_str().to_owned()),
        ]);
        self.parts.events.publish(event::Kind::Network, action, &endpoint.network_id, attributes);
    }

    /// Tells that a container's volumes are in use now (`mount`), or are not any more (`unmount`).
    pub(crate) fn tell_volumes(&self, record: &Record, action: &str) {
        for point in record.mounts.iter().filter(|point| point.kind == Kind::Volume) {
            let mut attributes = api::StringMap::from([
                ("container".to_owned(), record.id.clone()),
                ("driver".to_owned(), point.driver.clone()),
            ]);
            if action == "mount" {
                attributes.insert("destination".into(), point.destination.clone());
                attributes.insert("propagation".into(), point.propagation.clone());
                attributes.insert("read/write".into(), point.read_write.to_string());
            }
            self.parts.events.publish(event::Kind::Volume, action, &point.name, attributes);
        }
    }

    fn launch(&self, container: &Arc<Container>, record: &Record) -> Result<Handle, Failure> {
        // Only what a daemon could not adopt can be there still.
        if let Ok(false) = shim::is_abandoned(&self.state_dir(&record.id)) {
            let text = format!("an earlier run of container {} has not ended yet", record.id);
            return Err(errdefs::conflict(text).into());
        }
        super::userns::check(&record.host, &self.config)?;
        // Told of a start that fails as well, as Docker does it: `unmount` follows in any case.
        self.tell_volumes(record, "mount");
        let shares = match networking::mode(record) {
            Mode::Container(owner) => {
                self.network_owner(&owner)?;
                true
            }
            Mode::Own | Mode::Host => false,
        };
        let reserved =
            self.reserve(record).map_err(|error| error.context("failed to set up container networking"))?;
        if !shares {
            self.write_network_files(record, &reserved.endpoints)?;
        }
        let bound = self.bind_sources(record)?;
        let shm = self.shm(record)?;
        let (plan, foreign) = self.plan_and_spec(record, bound, shm)?;
        container.live.lock().exec_plan = Some(Arc::new(plan.exec(plan.process.clone())));
        let Reserved { endpoints, sockets, netns, userns } = reserved;
        let (held, forwards) = split_sockets(sockets);
        let given = netns.as_ref().map(|netns| netns.as_fd().try_clone_to_owned()).transpose();
        container.arrivals.wait();
        let attaches = std::mem::take(&mut container.live.lock().pending);
        let request = LaunchRequest {
            id: container.id.as_str().into(),
            state_dir: self.make_state_dir(&container.id)?,
            plan,
            foreign,
            netns: given.context(|| "network namespace")?,
            userns,
            stdio: Stdio { open_stdin: record.config.open_stdin, stdin_once: record.config.stdin_once },
            log: super::log::of_run(self, record)?,
            held,
            forwards,
            attaches,
        };
        let handle = self.parts.launcher.launch(request)?;
        let linked = netns
            .map_or(Ok(()), |netns| self.link(&endpoints, &netns))
            .and_then(|()| self.open_links(record));
        if let Err(error) = linked {
            // Its last word is ignored, as no run has it for handle.
            self.abandon(container, &handle);
            return Err(error.context("failed to set up container networking").into());
        }
        self.tell_neighbours(&endpoints);
        // The shim goes on by itself when the container is made: nothing is left here that it must wait for.
        handle.start().inspect_err(|_| self.abandon(container, &handle))?;
        for endpoint in &endpoints {
            self.tell_network(endpoint, "connect");
        }
        Ok(handle)
    }

    /// Takes addresses, ports and a namespace, as the record's network mode asks for.
    fn reserve(&self, record: &Record) -> Result<Reserved> {
        let made = self.make_userns(record)?;
        let mut reserved = Reserved { userns: made.user, ..Reserved::default() };
        let _timing = crate::metrics::COUNTERS.allocate.time();
        for request in networking::requests(record, &self.parts.networks)? {
            let reservation = self.parts.networks.reserve(&request)?;
            reserved.endpoints.push(reservation.endpoint);
            reserved.sockets.extend(reservation.sockets);
        }
        if networking::mode(record) == Mode::Own {
            reserved.netns = Some(match made.network {
                Some(network) => Netns::furnish(network)?,
                None => self.parts.networks.take_netns()?,
            });
        }
        Ok(reserved)
    }

    fn link(&self, endpoints: &[Endpoint], netns: &Netns) -> Result<()> {
        let _timing = crate::metrics::COUNTERS.connect.time();
        for (index, endpoint) in endpoints.iter().enumerate() {
            self.parts.networks.connect(endpoint, netns, &format!("eth{index}"))?;
        }
        Ok(())
    }

    fn make_state_dir(&self, id: &str) -> Result<std::path::PathBuf> {
        let dir = self.state_dir(id);
        let make = || fs::DirBuilder::new().mode(0o700).create(&dir);
        make()
            .or_else(|error| match error.kind() {
                // Left over by a run that could not be cleaned up.
                std::io::ErrorKind::AlreadyExists if shim::is_abandoned(&dir).is_ok_and(|yes| yes) => {
                    fs::remove_dir_all(&dir).and_then(|()| make())
                }
                _ => Err(error),
            })
            .context(|| format!("make {}", dir.display()))?;
        Ok(dir)
    }

    /// Ends a run that will not be: nothing of it may be there when the next begins.
    pub(crate) fn abandon(&self, container: &Container, handle: &Handle) {
        if let Err(error) = handle.abandon() {
            tracing::error!(container = self.short(container), %error, "cannot end what was begun");
        }
    }
}

/// Sockets that only hold a port, and those whose traffic the shim relays.
fn split_sockets(sockets: Vec<PortSocket>) -> (Vec<OwnedFd>, Vec<Forward>) {
    let (mut held, mut forwards) = (Vec::new(), Vec::new());
    for socket in sockets {
        let protocol = match socket.protocol {
            network::Protocol::Tcp => PortProtocol::Tcp,
            network::Protocol::Udp => PortProtocol::Udp,
            network::Protocol::Sctp => {
                held.push(socket.fd);
                continue;
            }
        };
        forwards.push(Forward { listener: socket.fd, protocol, target: socket.target });
    }
    (held, forwards)
}
