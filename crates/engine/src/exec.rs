//! Extra processes in running containers: the handle, and what is remembered of each (semantics 21 to 27).
//!
//! An exec belongs to its container: it is forgotten with it, or some minutes after its own end. Its process belongs to
//! the container's shim, which also serves the client's connection; the engine only learns when it has ended.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::exec::{CreateRequest, InspectResponse, ProcessConfig, StartRequest};
use errdefs::{Result, conflict, invalid, not_found};
use parking_lot::{Condvar, Mutex};

use crate::container::names;
use crate::container::resize::cells;
use crate::container::shared::{Container, Shared};
use crate::container::state::Phase;

mod run;
mod start;

pub use start::Start;

/// How long an ended exec can still be inspected, as Docker's sweep leaves it.
const KEPT: Duration = Duration::from_secs(300);
/// How long `resize` waits for the process to start.
const RESIZE_PATIENCE: Duration = Duration::from_secs(10);

/// How long the end of a process that is gone may take to be told.
const SETTLE: Duration = Duration::from_secs(2);

/// All execs of this daemon. Clones share everything.
#[derive(Clone)]
pub struct Execs {
    shared: Arc<Shared>,
}

/// One extra process.
pub(crate) struct Exec {
    pub(crate) id: String,
    pub(crate) container: Arc<Container>,
    pub(crate) request: CreateRequest,
    /// Of the container's health check: no events are told of it.
    pub(crate) probe: bool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Somebody has asked to start it; nobody else may.
    claimed: bool,
    running: bool,
    pid: i32,
    /// Exit code, and since when it is known.
    ended: Option<(i32, Instant)>,
}

impl Exec {
    pub(crate) fn new(container: Arc<Container>, request: CreateRequest, probe: bool) -> Arc<Self> {
        Arc::new(Self {
            id: names::new_id(),
            container,
            request,
            probe,
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
        })
    }

    /// The program and its arguments.
    pub(crate) fn line(&self) -> &[String] {
        self.request.cmd.as_deref().unwrap_or_default()
    }

    /// Takes the right to start it.
    fn claim(&self) -> Result<()> {
        let mut state = self.state.lock();
        if state.claimed {
            let text = if state.ended.is_some() { "has already run" } else { "is already running" };
            return Err(conflict(format!("exec command {} {text}", self.id)));
        }
        state.claimed = true;
        Ok(())
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock());
        self.changed.notify_all();
    }

    pub(crate) fn end(&self, code: i32) {
        self.change(|state| {
            state.running = false;
            state.ended.get_or_insert((code, Instant::now()));
        });
    }

    /// A client sees the end of its stream before the shim's word of the end has come here, and asks at once for the exit
    /// code. So if the process is gone, the word is on its way and is waited for.
    fn settle(&self) {
        let pid = {
            let mut state = self.state.lock();
            let deadline = Instant::now() + SETTLE;
            while state.running && state.pid == 0 && state.ended.is_none() {
                if self.changed.wait_until(&mut state, deadline).timed_out() {
                    break;
                }
            }
            rustix::process::Pid::from_raw(state.pid).filter(|_| state.running && state.ended.is_none())
        };
        if pid.is_some_and(|pid| rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH)) {
            self.wait(Instant::now() + SETTLE);
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.state.lock().ended.is_some()
    }

    /// Waits for its end; the exit code, or `None` if it has not ended by `deadline`.
    pub(crate) fn wait(&self, deadline: Instant) -> Option<i32> {
        let mut state = self.state.lock();
        while state.ended.is_none() {
            if self.changed.wait_until(&mut state, deadline).timed_out() {
                break;
            }
        }
        state.ended.map(|(code, _)| code)
    }
}

impl Execs {
    /// The execs of these containers.
    pub fn new(containers: &crate::Containers) -> Self {
        Self { shared: Arc::clone(&containers.shared) }
    }

    /// Makes one; gives its ID.
    ///
    /// # Errors
    /// NotFound; Conflict if the container does not run or is paused; InvalidParameter without a command.
    pub fn create(&self, container: &str, request: CreateRequest) -> Result<String> {
        let reference = container;
        let container = self.shared.registry.find(reference)?;
        match container.record().state.phase {
            Phase::Running => {}
            Phase::Paused => {
                return Err(conflict(format!(
                    "Container {reference} is paused, unpause the container before exec"
                )));
            }
            Phase::Restarting => {
                return Err(conflict(format!(
                    "Container {reference} is restarting, wait until the container is running"
                )));
            }
            _ => return Err(container.not_running()),
        }
        // Told now with a status, not later in the stream.
        container.handle()?.check_version()?;
        if request.cmd.as_ref().is_none_or(Vec::is_empty) {
            return Err(invalid("No exec command specified"));
        }
        crate::container::attach::parse_keys(&request.detach_keys)
            .map_err(|_| invalid(format!("Invalid escape keys ({}) provided", request.detach_keys)))?;
        if !request.user.is_empty() {
            // Likewise.
            runtime::user::look_up(container.handle()?.root_fd()?, &request.user, &[])?;
        }
        let exec = Exec::new(container, request, false);
        self.shared.tell_exec(&exec, "exec_create", true, &[]);
        let mut execs = self.shared.execs.lock();
        execs.retain(|_, exec| exec.state.lock().ended.is_none_or(|(_, at)| at.elapsed() < KEPT));
        execs.insert(exec.id.clone(), Arc::clone(&exec));
        Ok(exec.id.clone())
    }

    fn find(&self, id: &str) -> Result<Arc<Exec>> {
        let execs = self.shared.execs.lock();
        execs.get(id).cloned().ok_or_else(|| not_found(format!("No such exec instance: {id}")))
    }

    /// Everything about one.
    ///
    /// # Errors
    /// NotFound.
    pub fn inspect(&self, id: &str) -> Result<InspectResponse> {
        let exec = self.find(id)?;
        exec.settle();
        let state = exec.state.lock();
        let request = &exec.request;
        let line = exec.line();
        let mut seen = InspectResponse {
            id: exec.id.clone(),
            running: state.running,
            exit_code: state.ended.map(|(code, _)| code.into()),
            process_config: ProcessConfig {
                tty: request.tty,
                entrypoint: line.first().cloned().unwrap_or_default(),
                arguments: line.get(1..).unwrap_or_default().to_vec(),
                privileged: Some(request.privileged),
                user: request.user.clone(),
            },
            open_stdin: request.attach_stdin,
            open_stderr: request.attach_stderr,
            open_stdout: request.attach_stdout,
            // Docker never says so of one that can still be asked for.
            can_remove: false,
            container_id: exec.container.id.clone(),
            pid: state.pid.into(),
            ..InspectResponse::default()
        };
        seen.set_detach_keys(&crate::container::attach::parse_keys(&request.detach_keys)?);
        Ok(seen)
    }

    /// Sets the size of its terminal; waits up to ten seconds for it to start.
    ///
    /// # Errors
    /// NotFound; Conflict if it does not run.
    pub fn resize(&self, id: &str, height: u32, width: u32) -> Result<()> {
        let exec = self.find(id)?;
        let deadline = Instant::now() + RESIZE_PATIENCE;
        let mut state = exec.state.lock();
        while state.pid == 0 && state.ended.is_none() {
            if exec.changed.wait_until(&mut state, deadline).timed_out() {
                return Err(errdefs::system("timeout waiting for exec session ready"));
            }
        }
        if state.ended.is_some() {
            return Err(match state.pid {
                0 => invalid("exec process is not started"),
                _ => not_found(format!("NotFound: process does not exist {id}: not found")),
            });
        }
        drop(state);
        exec.container.handle()?.exec_resize(&exec.id, cells(height), cells(width))
    }
}

impl Shared {
    /// An exec's process has ended.
    pub(crate) fn exec_exited(&self, container: &Container, id: &str, code: i32, _at: logs::Time) {
        let Some(exec) = self.execs.lock().get(id).cloned() else {
            tracing::debug!(container = names::short(&container.id), exec = id, "an unknown exec ended");
            return;
        };
        exec.end(code);
        self.tell_exec(&exec, "exec_die", false, &[("exitCode", code.to_string())]);
    }

    pub(crate) fn tell_exec(&self, exec: &Exec, action: &str, with_line: bool, extra: &[(&str, String)]) {
        // The program, a space, the arguments: without arguments the space is there all the same.
        let (program, arguments) =
            exec.line().split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
        let line = arguments.join(" ");
        let action = if with_line { format!("{action}: {program} {line}") } else { action.to_owned() };
        let mut all = vec![("execID", exec.id.clone())];
        all.extend(extra.iter().cloned());
        self.tell(&exec.container.record(), &action, &all);
    }

    /// The container's execs that have not ended, for `inspect`.
    pub(crate) fn exec_ids(&self, container: &Container) -> Option<Vec<String>> {
        let execs = self.execs.lock();
        let mut ids: Vec<String> = execs
            .values()
            .filter(|exec| exec.container.id == container.id && !exec.has_ended() && !exec.probe)
            .map(|exec| exec.id.clone())
            .collect();
        ids.sort();
        (!ids.is_empty()).then_some(ids)
    }

    /// The container's run is over, and with it its execs; they can still be inspected.
    pub(crate) fn drop_execs(&self, container: &Container) {
        const KILLED: i32 = 137;
        let execs = self.execs.lock();
        for exec in execs.values().filter(|exec| exec.container.id == container.id) {
            exec.end(KILLED);
        }
    }

    /// The container is being removed: its execs are not found any more.
    pub(crate) fn drop_execs_for_ever(&self, container: &Container) {
        self.execs.lock().retain(|_, exec| exec.container.id != container.id);
    }
}

/// What a start request brings besides.
fn size_of(request: &StartRequest, created: &CreateRequest) -> Option<(u16, u16)> {
    let [height, width] = request.console_size.or(created.console_size)?;
    Some((cells(height), cells(width)))
}

/// A connection and the bytes already read from it.
type Connection = (OwnedFd, Vec<u8>);
