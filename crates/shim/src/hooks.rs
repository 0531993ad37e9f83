//! Hooks that run beside something else: by a process of this program, so that nobody waits for one that hangs, and those
//! of the end run whoever is killed.
//!
//! Those of the end are in the state directory from before the container is made until they have run (`poststop`). Who
//! has that file's lock is the one to run them: the shim, then the process that it starts for it, or, if the shim is
//! gone without having done so, one that the daemon starts. A hook may run again that was killed in the middle.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use errdefs::{Context as _, Result, system};
use runtime::hooks::Point;
use runtime::{Hooks, StartError};
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use serde::{Deserialize, Serialize};

use crate::{StatePaths, protocol};

/// The argument that makes the program a runner of hooks.
pub(crate) const RUN_HOOKS: &std::ffi::CStr = c"run-hooks";
/// The numbers under which it finds what it reports to, and what it is to run.
const REPORT_FD: i32 = 3;
const WORK_FD: i32 = 4;
/// How long the end of a container waits for its hooks; Docker waits as long for its runtime to clean up.
pub(crate) const END_PATIENCE: Duration = Duration::from_secs(2);

/// What is to be run.
#[derive(Debug, Serialize, Deserialize)]
enum Work {
    /// Those before the change of root, for this process; their failure goes to the report.
    Create(Hooks, i32),
    /// The hooks of a start, likewise.
    Start(Hooks, i32),
    /// Those of the end; the report is their record, which is empty when they have run.
    End(Hooks),
}

/// A process that runs hooks.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) pid: Pid,
    report: File,
}

impl Running {
    /// Kills it, and the hook it waits for.
    pub(crate) fn kill(&self) {
        let _ = kill_process_group(self.pid, Signal::KILL);
    }

    /// Why the hooks of a start have failed, once the process has ended.
    pub(crate) fn failure(mut self) -> StartError {
        let mut bytes = Vec::new();
        let read = self.report.rewind().and_then(|()| self.report.read_to_end(&mut bytes));
        let told = read.ok().and_then(|_| protocol::decode::<StartError>(&bytes).ok());
        told.unwrap_or_else(|| StartError::other("the process that runs the hooks was killed"))
    }
}

/// Begins to run the hooks that are due before the change of root.
pub(crate) fn begin_create(hooks: &Hooks, pid: Pid) -> Result<Running> {
    begin(&Work::Create(hooks.clone(), pid.as_raw_nonzero().get()))
}

/// Begins to run the hooks of a start.
pub(crate) fn begin_start(hooks: &Hooks, pid: Pid) -> Result<Running> {
    begin(&Work::Start(hooks.clone(), pid.as_raw_nonzero().get()))
}

fn begin(work: &Work) -> Result<Running> {
    let report = File::from(protocol::memfd(c"hythe-hooks", b"")?);
    let exe = File::open("/proc/self/exe").context(|| "open /proc/self/exe")?;
    let (pid, _) = spawn(exe.as_fd(), work, &report)?;
    Ok(Running { pid, report })
}

/// Begins to run the hooks of the end, which `record` has, locked.
pub(crate) fn begin_end(hooks: &Hooks, record: File) -> Result<Running> {
    let exe = File::open("/proc/self/exe").context(|| "open /proc/self/exe")?;
    let (pid, _) = spawn(exe.as_fd(), &Work::End(hooks.clone()), &record)?;
    Ok(Running { pid, report: record })
}

fn spawn(exe: BorrowedFd<'_>, work: &Work, report: &File) -> Result<(Pid, OwnedFd)> {
    let null = File::options().read(true).write(true).open("/dev/null").context(|| "open /dev/null")?;
    let encoded = postcard::to_stdvec(work).context(|| "encode hooks")?;
    let work = protocol::memfd(c"hythe-hooks", &encoded)?;
    let program = sys::spawn::Program {
        file: exe,
        args: vec![c"hythe-shim".into(), RUN_HOOKS.into()],
        env: Vec::new(),
        fds: &[null.as_fd(), null.as_fd(), null.as_fd(), report.as_fd(), work.as_fd()],
        new_session: true,
    };
    sys::spawn::spawn(&program).context(|| "start the hooks")
}

/// Records the hooks of the end and locks them; `None` if there are none.
pub(crate) fn record(state_dir: &Path, hooks: Option<&Hooks>) -> Result<Option<File>> {
    let Some(hooks) = hooks.filter(|hooks| hooks.has(Point::Poststop)) else { return Ok(None) };
    let path = state_dir.join(StatePaths::HOOKS);
    let what = || format!("write {}", path.display());
    let bytes = postcard::to_stdvec(hooks).context(what)?;
    let mut file =
        File::options().read(true).write(true).create_new(true).mode(0o600).open(&path).context(what)?;
    flock(&file, FlockOperation::LockExclusive).context(what)?;
    file.write_all(&bytes).context(what)?;
    Ok(Some(file))
}

/// Has the hooks of the end run that a shim has left, and waits a while for that. Best effort: what cannot be run now is
/// run by the next daemon.
pub(crate) fn finish(state_dir: &Path, exe: BorrowedFd<'_>) {
    let path = state_dir.join(StatePaths::HOOKS);
    let Ok(record) = File::options().read(true).write(true).open(path) else { return };
    let begin = || -> Result<Option<OwnedFd>> {
        match read(&record)? {
            Some(hooks) => spawn(exe, &Work::End(hooks), &record).map(|(_, pidfd)| Some(pidfd)),
            None => Ok(None),
        }
    };
    let Ok(Some(pidfd)) = begin() else { return };
    let (sender, receiver) = std::sync::mpsc::channel();
    // It is reaped, however long it takes.
    let waiting = std::thread::Builder::new().name("hooks".into()).spawn(move || {
        let _ = rustix::io::retry_on_intr(|| waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED));
        let _ = sender.send(());
    });
    if waiting.is_ok() {
        let _ = receiver.recv_timeout(END_PATIENCE);
    }
}

/// What a record still has to be run.
fn read(record: &File) -> Result<Option<Hooks>> {
    let len =
        usize::try_from(record.metadata()?.len()).map_err(|_| system("a record of hooks is too large"))?;
    let mut bytes = vec![0; len];
    record.read_exact_at(&mut bytes, 0)?;
    if bytes.is_empty() { Ok(None) } else { protocol::decode(&bytes).map(Some) }
}

/// The process that runs hooks; its exit status.
pub(crate) fn run() -> i32 {
    let work = || -> Result<std::result::Result<(), StartError>> {
        let mut report = File::from(sys::fd::inherited(REPORT_FD).context(|| "report")?);
        let work = sys::fd::inherited(WORK_FD).context(|| "hooks")?;
        let mut tell = |ran: std::result::Result<(), StartError>| -> Result<_> {
            if let Err(error) = &ran {
                report.write_all(&postcard::to_stdvec(error).context(|| "encode")?)?;
            }
            Ok(ran)
        };
        Ok(match protocol::decode(&protocol::read_memfd(work)?)? {
            Work::Create(hooks, pid) => {
                let pid = Pid::from_raw(pid).ok_or_else(|| system("hooks of no process"))?;
                tell(hooks.run_before_root(pid))?
            }
            Work::Start(hooks, pid) => tell(hooks.run(Point::Poststart, Pid::from_raw(pid)))?,
            Work::End(hooks) => {
                // Another may be running them, for a shim that was killed.
                flock(&report, FlockOperation::LockExclusive).context(|| "lock")?;
                if read(&report)?.is_some() {
                    // The container is gone, whatever they say.
                    let _ = hooks.run(Point::Poststop, None);
                    report.set_len(0)?;
                }
                Ok(())
            }
        })
    };
    match work() {
        Ok(Ok(())) => 0,
        _ => 1,
    }
}
