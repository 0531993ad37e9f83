//! Hooks: programs that a spec wants run at points of a container's life (OCI `config.md`, "POSIX-platform Hooks").
//!
//! They come from a bundle or from the host's CDI files, never from an image, and run as the runtime itself: root, with
//! every right. `createContainer` and `startContainer` run inside the container's namespaces, and only the last of them
//! after the change of root, with the rights of the container's own process. Each gets the container's state on its standard
//! input. The first that fails ends what was begun, but for `poststop`.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use errdefs::Context as _;
use oci::runtime::{State, Status, VERSION};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, PidfdFlags, WaitOptions, WaitStatus, getpid, pidfd_open, waitpid};
use serde::{Deserialize, Serialize};
use sys::exec::{Strings, execve};
use sys::fork::{exit_now, fork};

use crate::outcome::{StartError, words};

/// How much of what a hook printed goes into the error.
const OUTPUT_MOST: u64 = 4096;
/// What a shell says of a program that cannot be executed.
const NOT_EXECUTED: i32 = 127;
/// The root of a bundle that the runtime makes.
const ROOT: &str = "rootfs";

/// The hooks of a container, and what their standard input is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hooks {
    /// The container's id.
    pub id: String,
    /// The bundle; the working directory of those that run outside the container.
    pub bundle: PathBuf,
    /// The bundle's `config.json`, if the bundle is still to be made.
    pub config: Option<String>,
    /// The spec's annotations.
    pub annotations: BTreeMap<String, String>,
    /// In the order of [`Point`].
    pub lists: [Vec<Hook>; 6],
}

/// One program.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// Its absolute path.
    pub path: String,
    /// Arguments, the program's name first.
    pub args: Vec<String>,
    /// Its whole environment.
    pub env: Vec<String>,
    /// Seconds after which it is killed.
    pub timeout: Option<u32>,
}

/// When a hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// In the runtime's namespaces, when the container's are made (deprecated by the specification).
    Prestart,
    /// The same, after it.
    CreateRuntime,
    /// In the container's namespaces, before the change of root.
    CreateContainer,
    /// In the container, before its program.
    StartContainer,
    /// In the runtime's namespaces, when the program runs.
    Poststart,
    /// The same, when the container is gone.
    Poststop,
}

impl Point {
    /// Its name in a spec.
    pub fn name(self) -> &'static str {
        ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
            [self as usize]
    }

    fn status(self) -> Status {
        match self {
            Self::Prestart | Self::CreateRuntime | Self::CreateContainer => Status::Creating,
            Self::StartContainer => Status::Created,
            Self::Poststart => Status::Running,
            Self::Poststop => Status::Stopped,
        }
    }
}

impl Hooks {
    /// Whether there are any at a point.
    pub fn has(&self, point: Point) -> bool {
        !self.lists[point as usize].is_empty()
    }

    /// Whether the runtime has to do something before the change of root.
    pub(crate) fn before_root(&self) -> bool {
        self.has(Point::Prestart) || self.has(Point::CreateRuntime)
    }

    /// Makes the bundle, if it is not there yet.
    ///
    /// # Errors
    /// System, with the step that failed.
    pub(crate) fn make_bundle(&self) -> Result<(), StartError> {
        let Some(config) = &self.config else { return Ok(()) };
        let root = self.root();
        std::fs::create_dir_all(&root).context(|| format!("make {}", root.display()))?;
        let path = self.bundle.join("config.json");
        std::fs::write(&path, config).context(|| format!("write {}", path.display()))?;
        Ok(())
    }

    /// Where the root of a bundle is that the runtime makes.
    pub(crate) fn root(&self) -> PathBuf {
        self.bundle.join(ROOT)
    }

    /// Runs the hooks of a point that is outside the container, whose first process is `pid`, one after the other.
    ///
    /// # Errors
    /// Which one failed and how; the others are not run.
    pub fn run(&self, point: Point, pid: Option<Pid>) -> Result<(), StartError> {
        // At the end it may be gone.
        let directory = if self.bundle.is_dir() { &self.bundle } else { Path::new("/") };
        self.run_in(point, pid, directory)
    }

    /// Runs those that are due before the change of root, for the first process `pid`.
    ///
    /// # Errors
    /// As [`Hooks::run`].
    pub fn run_before_root(&self, pid: Pid) -> Result<(), StartError> {
        self.run(Point::Prestart, Some(pid)).and_then(|()| self.run(Point::CreateRuntime, Some(pid)))
    }

    /// Runs those of a point inside the container's namespaces, whose process calls this.
    pub(crate) fn run_inside(&self, point: Point) -> Result<(), StartError> {
        let directory = if point == Point::StartContainer { Path::new("/") } else { &self.bundle };
        self.run_in(point, Some(getpid()), directory)
    }

    fn run_in(&self, point: Point, pid: Option<Pid>, directory: &Path) -> Result<(), StartError> {
        if !self.has(point) {
            return Ok(());
        }
        let state = State {
            oci_version: VERSION.to_owned(),
            id: self.id.clone(),
            status: point.status(),
            pid: pid.map_or(0, |pid| pid.as_raw_nonzero().get() as u32),
            bundle: self.bundle.display().to_string(),
            annotations: self.annotations.clone(),
        };
        let state = serde_json::to_vec(&state).context(|| "encode the state")?;
        for (number, hook) in self.lists[point as usize].iter().enumerate() {
            run_one(hook, &state, directory).map_err(|text| {
                StartError::other(format!("error running {} hook #{number}: {text}", point.name()))
            })?;
        }
        Ok(())
    }
}

/// A file in memory, its position at the start.
fn file(content: &[u8]) -> Result<File, String> {
    let made = memfd_create("hook", MemfdFlags::CLOEXEC).map_err(|errno| errdefs::words(&errno.into()));
    let mut file = File::from(made?);
    file.write_all(content).and_then(|()| file.rewind()).map_err(|error| errdefs::words(&error))?;
    Ok(file)
}

/// Runs one hook to its end. The error is what runc says of one.
fn run_one(hook: &Hook, state: &[u8], directory: &Path) -> Result<(), String> {
    let streams = [file(state)?, file(b"")?, file(b"")?];
    let strings = |list: &[String]| {
        let strings = list.iter().map(|text| CString::new(text.as_str()));
        strings.collect::<Result<Vec<_>, _>>().map_err(|_| "a null byte in an argument".to_owned())
    };
    let path = strings(std::slice::from_ref(&hook.path))?.remove(0);
    let args = if hook.args.is_empty() { vec![path.clone()] } else { strings(&hook.args)? };
    let env = if hook.env.is_empty() { vec![crate::foreign::environment()] } else { strings(&hook.env)? };
    let (args, env) = (Strings::new(args), Strings::new(env));
    // By this time there is one thread, in the shim as in the container's process.
    let child = match fork().map_err(|error| error.to_string())? {
        None => {
            let errno = become_hook(&path, &args, &env, &streams, directory);
            let _ = rustix::io::write(&streams[2], words(errno).as_bytes());
            exit_now(NOT_EXECUTED)
        }
        Some(child) => child,
    };
    let status = wait(child, hook.timeout)?;
    let [_, mut out, mut err] = streams;
    let text = |file: &mut File| {
        let mut text = Vec::new();
        let read = file.rewind().and_then(|()| file.take(OUTPUT_MOST).read_to_end(&mut text));
        read.map_or_else(|_| String::new(), |_| String::from_utf8_lossy(&text).into_owned())
    };
    let (out, err) = (text(&mut out), text(&mut err));
    match (status.exit_status(), status.terminating_signal()) {
        (Some(0), _) => Ok(()),
        (Some(NOT_EXECUTED), _) if out.is_empty() && !Path::new(&hook.path).is_file() => {
            Err(format!("fork/exec {}: {err}", hook.path))
        }
        (Some(code), _) => Err(format!("exit status {code}, stdout: {out}, stderr: {err}")),
        (None, signal) => Err(format!("signal: {}, stdout: {out}, stderr: {err}", signal.unwrap_or(0))),
    }
}

/// In the child: becomes the program; gives why it could not.
fn become_hook(
    path: &CString,
    args: &Strings,
    env: &Strings,
    streams: &[File; 3],
    directory: &Path,
) -> rustix::io::Errno {
    let become_it = || -> rustix::io::Result<rustix::io::Errno> {
        rustix::process::chdir(directory)?;
        rustix::stdio::dup2_stdin(&streams[0])?;
        rustix::stdio::dup2_stdout(&streams[1])?;
        rustix::stdio::dup2_stderr(&streams[2])?;
        sys::fd::close_on_exec_from(3).map_err(|error| error.errno())?;
        sys::signal::reset_all();
        Ok(execve(path, args, env))
    };
    become_it().unwrap_or_else(|errno| errno)
}

/// Waits for a child, and kills it when its time is over.
fn wait(child: Pid, timeout: Option<u32>) -> Result<WaitStatus, String> {
    let ended = || match rustix::io::retry_on_intr(|| waitpid(Some(child), WaitOptions::empty())) {
        Ok(Some((_, status))) => Ok(status),
        Ok(None) => Err("the hook has disappeared".to_owned()),
        Err(errno) => Err(errdefs::words(&errno.into())),
    };
    let Some(seconds) = timeout else { return ended() };
    let pidfd = pidfd_open(child, PidfdFlags::empty()).map_err(|errno| errdefs::words(&errno.into()))?;
    let limit = Instant::now() + Duration::from_secs(seconds.into());
    loop {
        let left = limit.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 });
        match poll(&mut [PollFd::from_borrowed_fd(pidfd.as_fd(), PollFlags::IN)], Some(&left)) {
            Ok(0) => break,
            Ok(_) => return ended(),
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errdefs::words(&errno.into())),
        }
    }
    let _ = sys::signal::send(&pidfd, 9);
    ended()?;
    Err(format!("hook ran past specified timeout of {seconds}.0s"))
}
