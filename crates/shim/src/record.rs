//! What a shim leaves in the container's state directory for whoever comes after it.
//!
//! Both files are written whole to a temporary name and renamed, so that a reader sees all of one or none. No fsync:
//! the state directory lives on a file system that does not outlast the machine's boot, and neither do containers.

use std::fs;
use std::io::ErrorKind;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use errdefs::{Context as _, Result, system};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FallocateFlags, FlockOperation, Mode, OFlags, fallocate, flock, open};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{StatePaths, hooks};

/// How long a killed process is waited for; one in an uninterruptible sleep stays longer, and its group with it.
const DYING: Timespec = Timespec { tv_sec: 2, tv_nsec: 0 };

/// How long a shim may take to end that has lost its daemon before its container was started, before its daemon's successor
/// goes on without knowing.
const ENDING: Duration = Duration::from_secs(2);

/// Bytes of an exit record, and then some.
const EXIT_MOST: u64 = 64;

/// How a container ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// Its exit code; 128 + the signal's number if one killed it.
    pub code: i32,
    /// The signal that killed its first process.
    pub signal: Option<i32>,
    /// Whether the kernel killed a process of it for lack of memory.
    pub oom: bool,
    /// When, by the wall clock.
    pub at: logs::Time,
}

/// What is known about a shim without asking it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShimState {
    /// Its control group's path.
    pub(crate) cgroup: Option<String>,
    /// The runtime that made the container, if it is not the built-in one.
    pub(crate) runtime: Option<OtherRuntime>,
}

/// How to reach another runtime's records of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OtherRuntime {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) id: String,
}

/// Locks a state directory for a new shim, which inherits the lock and so has it to the end of its process; `None` if
/// there is one already.
pub(crate) fn lock(state_dir: &Path) -> Result<Option<OwnedFd>> {
    let directory = open_directory(state_dir)?;
    match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(directory)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error).context(|| format!("lock {}", state_dir.display())),
    }
}

/// Whether no shim has this state directory, be it one that has just been started and does not listen yet.
///
/// # Errors
/// If the directory cannot be opened.
pub fn is_abandoned(state_dir: &Path) -> Result<bool> {
    lock(state_dir).map(|lock| lock.is_some())
}

/// Waits until no shim has this state directory, however long that takes.
///
/// # Errors
/// If the directory cannot be opened or locked.
pub fn wait_until_abandoned(state_dir: &Path) -> Result<()> {
    let directory = open_directory(state_dir)?;
    retry_on_intr(|| flock(&directory, FlockOperation::LockExclusive))
        .context(|| format!("lock {}", state_dir.display()))
}

/// Waits a while until no shim has this state directory; `false` if one stays.
pub(crate) fn wait_abandoned(state_dir: &Path) -> Result<bool> {
    if is_abandoned(state_dir)? {
        return Ok(true);
    }
    let directory = open_directory(state_dir)?;
    let (sender, receiver) = std::sync::mpsc::channel();
    // It may wait for longer than anybody for it.
    let waiting = std::thread::Builder::new().name("shim-end".into()).spawn(move || {
        let locked = retry_on_intr(|| flock(&directory, FlockOperation::LockExclusive));
        let _ = sender.send(locked.is_ok());
    });
    waiting.context(|| "start a thread")?;
    Ok(receiver.recv_timeout(ENDING) == Ok(true))
}

fn open_directory(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    open(path, flags, Mode::empty()).context(|| format!("open {}", path.display()))
}

/// Reads the exit record; `None` if the container has not ended (or has never been).
///
/// # Errors
/// `System` if there is one that cannot be read.
pub fn read_exit(state_dir: &Path) -> Result<Option<Exit>> {
    read(&state_dir.join(StatePaths::EXIT))
}

/// Makes room for the exit record, which is to be written even if there is none any more by then.
pub(crate) fn reserve_exit(state_dir: &Path) -> Result<()> {
    let path = staged(state_dir, StatePaths::EXIT);
    let file = create(&path).context(|| format!("make {}", path.display()))?;
    // Not every file system can; then it is found out at the end.
    let _ = fallocate(&file, FallocateFlags::empty(), 0, EXIT_MOST);
    Ok(())
}

pub(crate) fn write_exit(state_dir: &Path, exit: &Exit) -> Result<()> {
    write(state_dir, StatePaths::EXIT, exit)
}

pub(crate) fn read_state(state_dir: &Path) -> Result<Option<ShimState>> {
    read(&state_dir.join(StatePaths::STATE))
}

pub(crate) fn write_state(state_dir: &Path, state: &ShimState) -> Result<()> {
    write(state_dir, StatePaths::STATE, state)
}

/// Ends what a container has left whose shim died without telling its end, and gives that end: what the shim has recorded,
/// or else that its processes were killed (they get `SIGKILL` from the kernel too, being the shim's).
///
/// Its hooks are run by the program `exe`.
pub(crate) fn bury(state_dir: &Path, exe: BorrowedFd<'_>) -> Exit {
    end_group(state_dir);
    hooks::finish(state_dir, exe);
    if let Ok(Some(exit)) = read_exit(state_dir) {
        return exit;
    }
    let exit = Exit { code: 137, signal: Some(9), oom: false, at: logs::Time::now() };
    let _ = write_exit(state_dir, &exit);
    exit
}

/// Ends what a shim that is gone has left in its container's control group and with its runtime, and removes the group.
pub(crate) fn end_group(state_dir: &Path) {
    let Ok(Some(state)) = read_state(state_dir) else { return };
    if let Some(runtime) = &state.runtime {
        // A runtime waits for what it kills, for a frozen group until somebody else thaws it.
        kill_group(state_dir);
        // Best effort too: what it does not remove is removed below.
        let _ = delete_by(runtime, state_dir);
    }
    if let (Some(path), Ok(layout)) = (&state.cgroup, cgroups::Layout::detect()) {
        remove_group(&layout, path);
    }
}

/// Has another runtime delete a container, for as long as a dying process may take.
fn delete_by(runtime: &OtherRuntime, state_dir: &Path) -> Result<()> {
    let mut command = std::process::Command::new(&runtime.program);
    command.args(&runtime.args).arg("--root").arg(state_dir.join("oci"));
    command.args(["delete", "--force", &runtime.id]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().context(|| format!("run {}", runtime.program.display()))?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let ended =
        pid.is_some_and(|pid| pidfd_open(pid, PidfdFlags::empty()).is_ok_and(|pidfd| wait_for_end(&pidfd)));
    if !ended {
        let _ = child.kill();
    }
    child.wait().context(|| "wait for the runtime").map(drop)
}

/// Kills what is in the control group of a container.
pub(crate) fn kill_group(state_dir: &Path) {
    // Where it is not known, its first process is, whose end the others do not survive in a namespace of their own.
    let Ok(Some(ShimState { cgroup: Some(path), .. })) = read_state(state_dir) else { return };
    if let Ok(layout) = cgroups::Layout::detect()
        && let Ok(cgroup) = cgroups::Cgroup::open(&layout, &path)
    {
        let _ = cgroup.kill();
    }
}

/// Kills what is in a control group and removes it. Best effort: what cannot be removed now is found again by its name.
pub fn remove_group(layout: &cgroups::Layout, path: &str) {
    let Ok(cgroup) = cgroups::Cgroup::open(layout, path) else { return };
    let dying: Vec<_> = cgroup.pids().unwrap_or_default();
    let dying: Vec<_> =
        dying.into_iter().filter_map(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()).collect();
    let _ = cgroup.kill();
    for process in &dying {
        wait_for_end(process);
    }
    let _ = cgroup.remove();
}

/// Waits for the end of a process that is to be gone soon; `false` if it stays.
pub(crate) fn wait_for_end(pidfd: &OwnedFd) -> bool {
    let polled = retry_on_intr(|| poll(&mut [PollFd::new(pidfd, PollFlags::IN)], Some(&DYING)));
    polled.is_ok_and(|ready| ready > 0)
}

/// Removes everything of a shim that leaves no record.
pub(crate) fn remove_all(state_dir: &Path) {
    for name in [StatePaths::STATE, StatePaths::SOCKET, StatePaths::EXIT, StatePaths::HOOKS] {
        // Whatever cannot be removed goes with the directory.
        let _ = fs::remove_file(state_dir.join(name));
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).context(|| format!("read {}", path.display())),
    };
    match postcard::take_from_bytes(&bytes) {
        Ok((record, [])) => Ok(Some(record)),
        _ => Err(system(format!("{}: not a record of this version", path.display()))),
    }
}

fn write<T: Serialize>(state_dir: &Path, name: &str, record: &T) -> Result<()> {
    let path = state_dir.join(name);
    let staged = staged(state_dir, name);
    let what = || format!("write {}", path.display());
    let bytes = postcard::to_stdvec(record).context(what)?;
    let mut file = create(&staged).context(what)?;
    std::io::Write::write_all(&mut file, &bytes).context(what)?;
    // What was reserved and is not needed.
    file.set_len(bytes.len() as u64).context(what)?;
    fs::rename(&staged, &path).context(what)
}

fn staged(state_dir: &Path, name: &str) -> PathBuf {
    state_dir.join(format!("{name}.new"))
}

/// Opens a file to be written from its beginning, with the room it has.
fn create(path: &Path) -> std::io::Result<fs::File> {
    fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_record_is_read_back_and_a_torn_one_refused() {
        let dir = tempfile::tempdir().unwrap();
        reserve_exit(dir.path()).unwrap();
        assert_eq!(read_exit(dir.path()).unwrap(), None);
        let exit = Exit { code: 137, signal: Some(9), oom: true, at: logs::Time(5) };
        write_exit(dir.path(), &exit).unwrap();
        assert_eq!(read_exit(dir.path()).unwrap(), Some(exit));
        let path = dir.path().join(StatePaths::EXIT);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert!(read_exit(dir.path()).is_err());
    }
}
