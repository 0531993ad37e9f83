//! A container that another OCI runtime makes (runc, crun): its command line is called for each step.
//!
//! The shim is the subreaper, so the container's processes become its children when the runtime's command that made them
//! has ended. Each command is a child too, and its end is one more event: nothing here waits. A process can end before the
//! command that made it has said which one it is; such ends are kept until no command is under way.
//!
//! Invariants: a command that does not end is killed; `delete` has been called before the container's end is told, and
//! has ended or had its time, as Docker's has; what a failing command prints goes to its own log, never into the
//! container's.

use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use errdefs::{Context as _, Result, system};
use runtime::foreign;
use rustix::fs::{Mode, OFlags, open};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen, socket_with,
};
use rustix::process::{Pid, PidfdFlags, WaitStatus, pidfd_open};
use sys::exec::{Strings, execve};
use sys::fork::{Forked, NewNamespaces, clone3, exit_now};

use super::process::{ChildEnds, OurEnds, Process, Stage, pipes};
use super::{INIT, Supervisor, place_for};
use crate::hooks::END_PATIENCE;
use crate::launch::Foreign;
use crate::protocol::Answer;
use crate::{Exit, Stdio, record};

/// How long a command may take: a busy machine's start of a large runtime, and then some.
const PATIENCE: Duration = Duration::from_secs(50);
/// The runtime's own records, in the state directory.
const ROOT: &str = "oci";
/// The bundle, in the state directory.
const BUNDLE: &str = "bundle";

/// The other runtime and what it is doing.
#[derive(Debug)]
pub(super) struct Other {
    how: Foreign,
    id: String,
    state_dir: PathBuf,
    commands: Vec<Command>,
    /// Children that ended while a command was under way, and are nobody's yet.
    strays: Vec<(Pid, WaitStatus)>,
    count: u32,
    /// The network namespace, which the runtime finds by our descriptor until the container is made.
    netns: Option<OwnedFd>,
}

/// A command under way.
#[derive(Debug)]
struct Command {
    pid: Pid,
    pidfd: OwnedFd,
    purpose: Purpose,
    /// Where the runtime sends the terminal.
    console: Option<OwnedFd>,
    /// Numbers its files.
    number: u32,
    until: Instant,
}

/// What is to be done when it has ended.
#[derive(Debug)]
enum Purpose {
    Create,
    Start,
    Exec(usize),
    Signal(u32),
    Pause(u32),
    Resume(u32),
    Delete(Exit),
}

impl Purpose {
    /// How long the command may take. Nobody hears of the container's end before its `delete`, so that gets what Docker
    /// gives it.
    fn patience(&self) -> Duration {
        if matches!(self, Self::Delete(_)) { END_PATIENCE } else { PATIENCE }
    }
}

/// How far a process of another runtime has come.
#[derive(Debug)]
pub(super) enum Progress {
    Creating,
    Created(OwnedFd),
    /// Without a descriptor if it has ended already.
    Starting(Option<OwnedFd>),
    Running(Option<OwnedFd>),
}

impl Progress {
    /// The process's descriptor, once there is a process.
    pub(super) fn pidfd(&self) -> Option<&OwnedFd> {
        match self {
            Self::Creating => None,
            Self::Created(fd) => Some(fd),
            Self::Starting(fd) | Self::Running(fd) => fd.as_ref(),
        }
    }
}

impl Other {
    pub(super) fn new(how: Foreign, id: String, state_dir: PathBuf) -> Self {
        Self { how, id, state_dir, commands: Vec::new(), strays: Vec::new(), count: 0, netns: None }
    }

    fn file(&self, number: u32, kind: &str) -> PathBuf {
        self.state_dir.join(format!("{ROOT}-{number}.{kind}"))
    }

    /// The whole command line.
    fn line(&self, number: u32, words: &[&str]) -> Vec<String> {
        let own = |path: PathBuf| path.to_string_lossy().into_owned();
        let mut line = vec![self.how.program.to_string_lossy().into_owned()];
        line.extend(self.how.args.iter().cloned());
        line.extend(["--root".into(), own(self.state_dir.join(ROOT))]);
        line.extend(["--log".into(), own(self.file(number, "log"))]);
        line.extend(["--log-format".into(), "json".into()]);
        line.extend(words.iter().map(|word| (*word).to_owned()));
        line
    }

    /// Starts a command; `work` is the child's whole life and returns only why it failed.
    fn start(
        &mut self,
        namespaces: NewNamespaces,
        purpose: Purpose,
        console: Option<OwnedFd>,
        work: impl FnOnce(&Self, u32) -> runtime::StartError,
    ) -> Result<Pid> {
        self.count += 1;
        let number = self.count;
        match clone3(namespaces, None).context(|| "start the runtime")? {
            Forked::Child => {
                let error = work(self, number);
                note(&self.file(number, "log"), &error.message);
                exit_now(1)
            }
            Forked::Parent { pid, pidfd } => {
                let until = Instant::now() + purpose.patience();
                self.commands.push(Command { pid, pidfd, purpose, console, number, until });
                Ok(pid)
            }
        }
    }

    /// A command of these words with these standard streams.
    fn call(
        &mut self,
        purpose: Purpose,
        words: impl FnOnce(&Self, u32) -> Vec<String>,
        streams: Option<&ChildEnds>,
        console: Option<OwnedFd>,
    ) -> Result<Pid> {
        self.start(NewNamespaces::empty(), purpose, console, |other, number| {
            let words = words(other, number);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            execute(&other.how.program, &other.line(number, &words), &other.state_dir, streams)
        })
    }

    /// `verb ID`, and perhaps something behind it.
    fn simple(&mut self, purpose: Purpose, verb: &[&str], after: Option<String>) -> Result<()> {
        let words: Vec<String> =
            verb.iter().map(|word| (*word).to_owned()).chain([self.id.clone()]).chain(after).collect();
        self.call(purpose, |_, _| words, None, None).map(drop)
    }

    /// Removes everything the runtime knows of the container and kills it. That is waited for, but not for ever.
    pub(super) fn delete_now(&mut self) {
        for command in self.commands.drain(..) {
            let _ = sys::signal::send(&command.pidfd, 9);
            record::wait_for_end(&command.pidfd);
        }
        let exit = Exit { code: 0, signal: None, oom: false, at: logs::Time::now() };
        if self.simple(Purpose::Delete(exit), &["delete", "--force"], None).is_ok()
            && let Some(command) = self.commands.pop()
            && !record::wait_for_end(&command.pidfd)
        {
            let _ = sys::signal::send(&command.pidfd, 9);
        }
    }

    /// Kills the commands that take too long; when to look again. A `delete` among them is given up, and the end that it
    /// held up is the other result: a process that waits for a disk does not even end when it is killed.
    fn hurry(&mut self, now: Instant) -> (Option<Instant>, Option<Exit>) {
        for command in self.commands.iter().filter(|command| command.until <= now) {
            let _ = sys::signal::send(&command.pidfd, 9);
        }
        let late = |command: &Command| match command.purpose {
            Purpose::Delete(exit) if command.until <= now => Some(exit),
            _ => None,
        };
        let end = self.commands.iter().find_map(late);
        self.commands.retain(|command| late(command).is_none());
        (self.commands.iter().map(|command| command.until).filter(|until| *until > now).min(), end)
    }

    /// The files of a command, gone; its own word for why it failed.
    fn failure(&self, command: &Command, status: WaitStatus) -> Option<runtime::StartError> {
        let log = self.file(command.number, "log");
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        // Missing ones were not needed by this command.
        for kind in ["log", "json", "sock"] {
            let _ = std::fs::remove_file(self.file(command.number, kind));
        }
        if status.exit_status() == Some(0) {
            return None;
        }
        let name = self.how.program.display();
        let reason = foreign::last_error(&text).unwrap_or_else(|| format!("{name}: {status:?}"));
        Some(runtime::StartError::foreign(reason))
    }

    /// The process that a command has made.
    fn made(&self, number: u32) -> Result<Pid> {
        let file = self.file(number, "pid");
        let text = std::fs::read_to_string(&file).context(|| format!("read {}", file.display()))?;
        let _ = std::fs::remove_file(&file);
        let pid = text.trim().parse().ok().and_then(Pid::from_raw);
        pid.ok_or_else(|| system(format!("the runtime wrote no process id: {text:?}")))
    }

    /// A socket for the terminal; its name is relative to the state directory.
    fn console_socket(&self, number: u32) -> Result<OwnedFd> {
        let what = || "listen for the terminal";
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = open(&self.state_dir, flags, Mode::empty()).context(what)?;
        // A socket's path is limited to 108 bytes.
        let path = format!("/proc/self/fd/{}/{ROOT}-{number}.sock", directory.as_raw_fd());
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).context(what)?;
        bind(&socket, &SocketAddrUnix::new(path.as_str()).context(what)?).context(what)?;
        listen(&socket, 1).context(what)?;
        Ok(socket)
    }
}

/// The terminal that came over the socket.
fn terminal(listener: &OwnedFd) -> Result<OwnedFd> {
    let what = || "receive the terminal";
    let socket = accept_with(listener, SocketFlags::CLOEXEC).context(what)?;
    let (_, mut fds) = sys::socket::receive(&socket, &mut [0; 4096]).context(what)?;
    fds.pop().ok_or_else(|| system("the runtime sent no terminal"))
}

/// Becomes the command; returns only why it could not.
fn execute(
    program: &Path,
    line: &[String],
    directory: &Path,
    streams: Option<&ChildEnds>,
) -> runtime::StartError {
    let attempt = || -> Result<rustix::io::Errno> {
        std::env::set_current_dir(directory).context(|| "chdir")?;
        let null =
            open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).context(|| "/dev/null")?;
        let (stdin, stdout, stderr) = match streams {
            Some(ends) => (ends.stdin.as_fd(), ends.stdout.as_fd(), ends.stderr.as_fd()),
            None => (null.as_fd(), null.as_fd(), null.as_fd()),
        };
        rustix::stdio::dup2_stdin(stdin).context(|| "standard input")?;
        rustix::stdio::dup2_stdout(stdout).context(|| "standard output")?;
        rustix::stdio::dup2_stderr(stderr).context(|| "standard error")?;
        sys::fd::close_on_exec_from(3).context(|| "close descriptors")?;
        sys::signal::reset_all();
        let c_string =
            |text: &str| std::ffi::CString::new(text).map_err(|_| system("a null byte in an argument"));
        let args = line.iter().map(|word| c_string(word)).collect::<Result<_>>()?;
        let program = c_string(&program.to_string_lossy())?;
        Ok(execve(&program, &Strings::new(args), &Strings::new(vec![foreign::environment()])))
    };
    let reason = attempt().map_or_else(|error| error.to_string(), |errno| errno.to_string());
    runtime::StartError::foreign(format!("exec {}: {reason}", program.display()))
}

/// Writes a failure as the runtime itself would.
fn note(log: &Path, message: &str) {
    let escaped: String = message.chars().flat_map(char::escape_default).collect();
    let _ = std::fs::write(log, format!("{{\"level\":\"error\",\"msg\":\"{escaped}\"}}\n"));
}

impl Supervisor {
    /// Begins to make the container by the other runtime.
    pub(super) fn create_by_other(
        &mut self,
        plan: &runtime::Plan,
        stdio: Stdio,
        netns: Option<OwnedFd>,
    ) -> Result<(), runtime::StartError> {
        let Some(other) = &mut self.other else { return Err(runtime::StartError::other("no runtime")) };
        let terminal = plan.process.terminal;
        let bundle = other.state_dir.join(BUNDLE);
        std::fs::create_dir(&bundle).context(|| format!("make {}", bundle.display()))?;
        let (theirs, ours) = pipes(stdio.open_stdin && !terminal, !terminal)?;
        let console = terminal.then(|| other.console_socket(other.count + 1)).transpose()?;
        // As another process sees it: the runtime opens it.
        let network = netns
            .as_ref()
            .map(|fd| format!("/proc/{}/fd/{}", rustix::process::getpid().as_raw_nonzero(), fd.as_raw_fd()));
        other.netns = netns;
        let (spec, program) = (other.how.spec.clone(), other.how.program.clone());
        let pid = other.start(NewNamespaces::MOUNT, Purpose::Create, console, |other, number| {
            let pid_file = other.file(number, "pid").to_string_lossy().into_owned();
            let socket = format!("../{ROOT}-{number}.sock");
            let mut words = vec!["create", "--pid-file", &pid_file];
            if terminal {
                words.extend(["--console-socket", &socket]);
            }
            words.push(&other.id);
            foreign::become_create(&foreign::Create {
                bundle: &bundle,
                spec: &spec,
                root: &plan.root,
                user: &plan.process.user,
                network: network.as_deref(),
                program: &program,
                args: &other.line(number, &words),
                streams: [theirs.stdin.as_fd(), theirs.stdout.as_fd(), theirs.stderr.as_fd()],
            })
        })?;
        let mut process = Process::of_other(&self.poller, INIT, None, pid, ours, terminal);
        process.stdin_once = stdio.stdin_once;
        // What the command itself says must not get into the log.
        process.hold_up(true);
        self.processes.push(Some(process));
        self.layout.clone_from(&plan.cgroup.as_ref().and_then(|cgroup| cgroup.layout.clone()));
        self.cgroup_path = plan.cgroup.as_ref().map(|cgroup| cgroup.path.clone());
        Ok(())
    }

    /// Begins to make an exec by the other runtime; its place.
    pub(super) fn exec_by_other(
        &mut self,
        number: u32,
        exec_id: String,
        plan: &runtime::ExecPlan,
        open_stdin: bool,
        listened: bool,
    ) -> Result<usize, runtime::StartError> {
        let root = self.root()?;
        let place = place_for(&mut self.processes);
        let Some(other) = &mut self.other else { return Err(runtime::StartError::other("no runtime")) };
        let terminal = plan.process.terminal;
        let next = other.count + 1;
        let file = other.file(next, "json");
        std::fs::write(&file, foreign::process_file(&plan.process, root)?)
            .context(|| format!("write {}", file.display()))?;
        let (theirs, ours) = if terminal {
            (pipes(false, false)?.0, OurEnds::default())
        } else {
            pipes(open_stdin, listened)?
        };
        let console = terminal.then(|| other.console_socket(next)).transpose()?;
        let words = |other: &Other, number: u32| {
            let own = |kind| other.file(number, kind).to_string_lossy().into_owned();
            let mut words: Vec<String> = ["exec", "--detach"].map(str::to_owned).into();
            words.extend(["--process".into(), own("json"), "--pid-file".into(), own("pid")]);
            if terminal {
                words.extend(["--console-socket".into(), format!("{ROOT}-{number}.sock")]);
            }
            words.push(other.id.clone());
            words
        };
        let pid = other.call(Purpose::Exec(place), words, Some(&theirs), console)?;
        let mut process = Process::of_other(&self.poller, place, Some(exec_id), pid, ours, terminal);
        process.stdin_once = true;
        process.asked = Some(number);
        // What the command itself says must not reach the client.
        process.hold_up(true);
        self.processes[place] = Some(process);
        Ok(place)
    }

    /// Sends a signal to the container through the runtime; the answer comes later. `false`: it is ours to send.
    pub(super) fn signal_by_other(&mut self, number: u32, signal: i32) -> Result<bool> {
        let Some(other) = &mut self.other else { return Ok(false) };
        other.simple(Purpose::Signal(number), &["kill"], Some(signal.to_string()))?;
        Ok(true)
    }

    /// Stops or resumes the container through the runtime; `false`: it is ours to do.
    pub(super) fn freeze_by_other(&mut self, number: u32, freeze: bool) -> Result<bool> {
        let Some(other) = &mut self.other else { return Ok(false) };
        let (purpose, verb) =
            if freeze { (Purpose::Pause(number), "pause") } else { (Purpose::Resume(number), "resume") };
        other.simple(purpose, &[verb], None)?;
        Ok(true)
    }

    /// Calls the runtime's `delete`; `false`: there is none to be called.
    pub(super) fn delete_by_other(&mut self, exit: Exit) -> bool {
        let Some(other) = &mut self.other else { return false };
        other.simple(Purpose::Delete(exit), &["delete", "--force"], None).is_ok()
    }

    /// Lets the runtime execute the container's program.
    pub(super) fn start_by_other(&mut self) {
        let Some(other) = &mut self.other else { return };
        if let Err(error) = other.simple(Purpose::Start, &["start"], None) {
            self.container_not_started(error.into());
        }
    }

    /// Kills the commands that take too long; when to look again.
    pub(super) fn hurry_commands(&mut self, now: Instant) -> Option<Instant> {
        let (next, end) = self.other.as_mut()?.hurry(now);
        if let Some(exit) = end {
            self.container_over(exit);
        }
        next
    }

    /// A child has ended: `true` if it was a command.
    pub(super) fn command_ended(&mut self, pid: Pid, status: WaitStatus) -> bool {
        let Some(other) = &mut self.other else { return false };
        let Some(at) = other.commands.iter().position(|command| command.pid == pid) else {
            let known = |process: &Option<Process>| {
                process.as_ref().is_some_and(|process| process.pid == pid && process.status.is_none())
            };
            if !other.commands.is_empty() && !self.processes.iter().any(known) {
                other.strays.push((pid, status));
            }
            return false;
        };
        let command = other.commands.swap_remove(at);
        let failure = other.failure(&command, status);
        match (&command.purpose, failure) {
            (Purpose::Delete(exit), _) => self.container_over(*exit),
            (Purpose::Create | Purpose::Start, Some(error)) => self.container_not_started(error),
            (Purpose::Exec(place), Some(error)) => self.not_started(*place, error),
            (Purpose::Create, None) => self.adopt(INIT, command),
            (Purpose::Exec(place), None) => self.adopt(*place, command),
            (Purpose::Start, None) => self.runs_by_other(INIT),
            (Purpose::Signal(number) | Purpose::Pause(number) | Purpose::Resume(number), Some(error)) => {
                let error = system(error.message);
                self.answer(*number, Answer::Failed(error.into()));
            }
            (Purpose::Signal(number), None) => self.answer(*number, Answer::Done),
            (Purpose::Pause(number) | Purpose::Resume(number), None) => {
                self.paused = matches!(command.purpose, Purpose::Pause(_));
                self.answer(*number, Answer::Done);
            }
        }
        if let Some(other) = self.other.as_mut().filter(|other| other.commands.is_empty()) {
            other.strays.clear();
        }
        true
    }

    /// Takes a process that a command has made.
    fn adopt(&mut self, place: usize, command: Command) {
        if let Err(error) = self.try_adopt(place, command) {
            match place {
                INIT => self.container_not_started(error.into()),
                _ => self.not_started(place, error.into()),
            }
        }
    }

    fn try_adopt(&mut self, place: usize, command: Command) -> Result<()> {
        let Some(other) = &mut self.other else { return Ok(()) };
        other.netns = None;
        let pid = other.made(command.number)?;
        let stray = other.strays.iter().position(|(stray, _)| *stray == pid);
        let status = stray.map(|at| other.strays.swap_remove(at).1);
        // Ours to reap, so the number cannot be another's; one that was reaped has none.
        let pidfd = || pidfd_open(pid, PidfdFlags::empty()).context(|| format!("process {pid:?}"));
        let pidfd = if status.is_none() { Some(pidfd()?) } else { None };
        let Some(process) = self.processes.get_mut(place).and_then(Option::as_mut) else { return Ok(()) };
        process.pid = pid;
        if let Some(listener) = &command.console {
            process.open_console(&self.poller, place, terminal(listener)?)?;
        }
        if place == INIT {
            let Some(pidfd) = pidfd else {
                return Err(system("the container's first process was killed before its start"));
            };
            process.stage = Stage::Other(Progress::Created(pidfd));
            process.hold_up(false);
            self.find_group();
            self.watch_oom();
            self.tell_created(Vec::new(), Ok(pid.as_raw_nonzero().get()));
            self.watch_clients(place);
            if self.started {
                self.advance(INIT);
            }
        } else {
            process.stage = Stage::Other(Progress::Starting(pidfd));
            process.hold_up(false);
            self.watch_clients(place);
            self.runs_by_other(place);
        }
        if let Some(status) = status {
            self.reaped(pid, status);
        }
        Ok(())
    }

    /// Opens the group that the runtime was told to make. One that has groups of its own elsewhere gets along without ours.
    fn find_group(&mut self) {
        let Some(path) = &self.cgroup_path else { return };
        let layout = self.layout.take().map_or_else(cgroups::Layout::detect, Ok);
        self.cgroup = layout.and_then(|layout| cgroups::Cgroup::open(&layout, path)).ok();
    }

    /// Ends what the runtime has made of a container that has not been started.
    pub(super) fn clear_other(&mut self) {
        let Some(other) = &mut self.other else { return };
        other.delete_now();
        // What a killed command has left it may not know of.
        if self.cgroup.is_none() {
            self.find_group();
        }
        self.kill_the_rest();
    }

    fn runs_by_other(&mut self, place: usize) {
        let Some(process) = self.processes.get_mut(place).and_then(Option::as_mut) else { return };
        if let Stage::Other(Progress::Starting(pidfd)) = std::mem::replace(&mut process.stage, Stage::Moving)
        {
            process.stage = Stage::Other(Progress::Running(pidfd));
        }
        self.runs(place);
    }
}
