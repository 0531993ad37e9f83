//! A private `hythed`: started in a sandbox with directories of its own, driven by both command lines, and checked for
//! leaks when it goes.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{PipeReader, Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::leakcheck::{Inventory, Scope};
use crate::statecheck::{self, Observed};
use crate::{Api, Output, Sandbox, fixture, program, wait};

/// Before each start's lines in the log.
const MARK: &str = "=== start ";
/// How many starts of a daemon a failure shows.
const SHOWN: usize = 12;

/// How a test's daemon is to be started.
#[derive(Debug, Default, Clone)]
pub struct Options {
    /// Further flags of `hythed`.
    pub flags: Vec<String>,
    /// Fixture images to load at once.
    pub images: Vec<&'static str>,
    /// Megabytes of a file system of its own (ext4) for the data root; none otherwise.
    pub disk: Option<u64>,
    /// That file system has project quotas.
    pub quotas: bool,
    /// How many files that file system can have.
    pub inodes: Option<u64>,
    /// Options of a tmpfs of its own for the state directory (`size=1m,nr_inodes=100`).
    pub state: Option<&'static str>,
    /// The directory with the programs, if not the one of [`program`].
    pub programs: Option<PathBuf>,
}

/// A running daemon of the test's own.
pub struct Daemon {
    sandbox: Sandbox,
    dir: tempfile::TempDir,
    cgroup: String,
    options: Options,
    child: Option<Child>,
    starts: usize,
    before: Inventory,
    checked: bool,
}

impl Daemon {
    /// A daemon with the `busybox` image.
    pub fn start() -> Self {
        Self::with(Options { images: vec!["busybox"], ..Options::default() })
    }

    /// A daemon started as `options` say, answering when this returns.
    ///
    /// # Panics
    /// If it does not start; its log is in the message.
    pub fn with(options: Options) -> Self {
        Self::within(Sandbox::new(), options)
    }

    /// A daemon in a sandbox that was prepared before (a registry, a host outside).
    pub fn within(sandbox: Sandbox, options: Options) -> Self {
        let dir = tempfile::Builder::new().prefix("hythe-").tempdir().expect("a directory for the daemon");
        let name = dir.path().file_name().expect("named").to_string_lossy().into_owned();
        let mut daemon = Self {
            sandbox,
            cgroup: format!("/{name}"),
            dir,
            options,
            child: None,
            starts: 0,
            before: Inventory::default(),
            checked: false,
        };
        if let Some(megabytes) = daemon.options.disk {
            daemon.mount_disk(megabytes);
        }
        if let Some(options) = daemon.options.state {
            let (options, state) = (options.to_owned(), daemon.state().display().to_string());
            let script = format!("mkdir {state} && mount -t tmpfs -o {options} tmpfs {state}");
            Output::of(&mut daemon.sandbox.command("sh", ["-c", &script])).ok();
        }
        daemon.boot();
        daemon.before = Inventory::take(&daemon.scope());
        for image in daemon.options.images.clone() {
            daemon.hythe(["load", "-q", "-i", fixture::archive(image).to_str().expect("a plain path")]).ok();
        }
        daemon
    }

    /// Takes the programs from another directory from the next start on; `None`: from that of [`program`].
    pub fn set_programs(&mut self, dir: Option<PathBuf>) {
        self.options.programs = dir;
    }

    /// Starts the program again after [`Daemon::kill`] or [`Daemon::stop`], on the same data.
    pub fn boot(&mut self) {
        let mut ready = self.begin_boot();
        let mut byte = [0];
        if ready.read(&mut byte).expect("read the ready pipe") != 1 {
            let status = self.child.take().map(|mut child| child.wait());
            panic!("hythed did not start: {status:?}\n{}", self.log());
        }
    }

    /// Begins to start the program again; a byte comes through the pipe when it answers.
    pub fn begin_boot(&mut self) -> PipeReader {
        self.begin_boot_by(&[])
    }

    /// The same behind other words of a command line, which is to become the program itself in the end.
    pub fn begin_boot_by(&mut self, wrapper: &[String]) -> PipeReader {
        assert!(self.child.is_none(), "the daemon runs already");
        let (ready, tell) = std::io::pipe().expect("a pipe");
        // The daemon inherits the writing end under its own number; everything else of the test is close-on-exec.
        rustix::io::fcntl_setfd(&tell, rustix::io::FdFlags::empty()).expect("clear close-on-exec");
        self.starts += 1;
        let mut log =
            File::options().create(true).append(true).open(self.log_path()).expect("the daemon's log");
        writeln!(log, "{MARK}{}", self.starts).expect("mark the start in the log");
        let dir = self.dir.path();
        let args: Vec<String> = [
            format!("--host=unix://{}", self.socket().display()),
            format!("--data-root={}", self.data().display()),
            format!("--exec-root={}", self.state().display()),
            format!("--pidfile={}", dir.join("pid").display()),
            format!("--cgroup-parent={}", self.cgroup),
            format!("--config-file={}", dir.join("daemon.json").display()),
            format!("--ready-fd={}", tell.as_raw_fd()),
            format!("--shim={}", self.shim().display()),
        ]
        .into_iter()
        .chain(self.options.flags.iter().cloned())
        .collect();
        if !dir.join("daemon.json").exists() {
            std::fs::write(dir.join("daemon.json"), "{}").expect("write daemon.json");
        }
        let program = self.program("hythed").display().to_string();
        let mut words = wrapper.iter().cloned().chain([program]).chain(args);
        let first = words.next().expect("a program");
        let mut command = self.sandbox.command(first, words);
        let child = command.stdout(log.try_clone().expect("dup")).stderr(log).spawn().expect("start hythed");
        drop(tell);
        self.child = Some(child);
        ready
    }

    /// Kills the daemon with SIGKILL, as a crash would; its containers are left as they are.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("the daemon runs");
        child.kill().expect("kill hythed");
        child.wait().expect("reap hythed");
    }

    /// Whether the daemon has ended, which nothing here has done.
    pub fn has_ended(&mut self) -> bool {
        self.child.as_mut().is_none_or(|child| child.try_wait().expect("ask for hythed").is_some())
    }

    /// Stops the daemon with SIGTERM and waits for its end.
    pub fn stop(&mut self) {
        let mut child = self.child.take().expect("the daemon runs");
        kill_process(Pid::from_child(&child), Signal::TERM).expect("signal hythed");
        let status = child.wait().expect("reap hythed");
        assert!(status.success(), "hythed ended with {status}:\n{}", self.log());
    }

    /// Mounts a small disk where the data root will be. It is seen inside the sandbox only, and goes with it.
    fn mount_disk(&self, megabytes: u64) {
        let image = self.dir.path().join("disk");
        File::create(&image).and_then(|file| file.set_len(megabytes << 20)).expect("make a disk");
        let (image, data) = (image.display().to_string(), self.data().display().to_string());
        let (features, option) = match self.options.quotas {
            true => ("-O quota,project -E quotatype=prjquota", ",prjquota"),
            false => ("", ""),
        };
        let inodes = self.options.inodes.map(|count| format!("-N {count}")).unwrap_or_default();
        let script = format!(
            "mkfs.ext4 -q -m 0 {inodes} {features} {image} && mkdir {data} && mount -o loop{option} {image} {data}"
        );
        Output::of(&mut self.sandbox.command("sh", ["-c", &script])).ok();
    }

    fn shim(&self) -> PathBuf {
        self.options.programs.as_ref().map_or_else(crate::shim, |dir| dir.join("hythe-shim"))
    }

    fn program(&self, name: &str) -> PathBuf {
        self.options.programs.as_ref().map_or_else(|| program(name), |dir| dir.join(name))
    }

    /// Runs `hythe ARGS` against this daemon.
    pub fn hythe<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Output {
        Output::of(&mut self.hythe_command(args))
    }

    /// The command `hythe ARGS`, to be changed before it runs.
    pub fn hythe_command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        self.client(self.program("hythe"), args)
    }

    /// Runs the stock `docker ARGS` against this daemon.
    pub fn docker<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Output {
        Output::of(&mut self.client("docker", args))
    }

    /// Any program inside the sandbox, pointed at this daemon by `DOCKER_HOST`.
    pub fn client<A: AsRef<OsStr>>(
        &self,
        program: impl AsRef<Path>,
        args: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut command = self.sandbox.command(program, args);
        command.env("DOCKER_HOST", format!("unix://{}", self.socket().display()));
        // Nobody's own configuration decides how a test ends.
        command.env("DOCKER_CONFIG", self.dir.path().join("client")).env_remove("DOCKER_CONTEXT");
        command
    }

    /// Runs `hythe ARGS` with `input` on its standard input.
    pub fn hythe_with_input<A: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = A>,
        input: &[u8],
    ) -> Output {
        let mut file = tempfile::tempfile().expect("a file for the input");
        file.write_all(input).expect("write the input");
        std::io::Seek::rewind(&mut file).expect("rewind");
        Output::of(self.hythe_command(args).stdin(file))
    }

    /// One API request by `curl`, e.g. `api("GET", "/containers/json", "")`: the status and the body.
    pub fn api(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let socket = self.socket();
        let url = format!("http://localhost{path}");
        let mut args = vec![
            "-s",
            "-X",
            method,
            "--unix-socket",
            socket.to_str().expect("plain"),
            "-w",
            "\n%{http_code}",
        ];
        if !body.is_empty() {
            args.extend(["-H", "Content-Type: application/json", "-d", body]);
        }
        if method == "HEAD" {
            args.push("-I");
        }
        args.push(&url);
        let output = Output::of(&mut self.sandbox.command("curl", args)).ok();
        let (body, code) = output.rsplit_once('\n').expect("curl prints the status last");
        (code.parse().expect("a status"), body.to_owned())
    }

    /// A client of the API for many quick requests.
    pub fn door(&self) -> Api {
        Api::new(self.socket())
    }

    /// The sandbox it runs in.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// A directory of the test's own, gone with the daemon.
    pub fn scratch(&self) -> PathBuf {
        let dir = self.dir.path().join("scratch");
        std::fs::create_dir_all(&dir).expect("make the scratch directory");
        dir
    }

    /// The API socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("hythe.sock")
    }

    /// The data root.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// The state directory (`--exec-root`).
    pub fn state(&self) -> PathBuf {
        self.dir.path().join("run")
    }

    /// The cgroup its containers live under, as a path from each hierarchy's root.
    pub fn cgroup(&self) -> &str {
        &self.cgroup
    }

    /// The daemon's process, for signals and for `/proc`. (`nsenter` replaces itself by the program.)
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the daemon runs").id()
    }

    /// What the daemon has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// The log of the last starts: what a failure is about.
    fn recent_log(&self) -> String {
        let log = self.log();
        let from = log.rmatch_indices(MARK).nth(SHOWN - 1).map_or(0, |(at, _)| at);
        log[from..].to_owned()
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("hythed.log")
    }

    fn scope(&self) -> Scope<'_> {
        // The paths live in the struct for the borrow's sake.
        Scope { sandbox: &self.sandbox, dir: self.dir.path(), cgroup: &self.cgroup }
    }

    /// Everything about the daemon's state at this moment; `None` if it does not rest.
    pub fn observe(&self) -> Option<Observed> {
        Observed::take(&self.scope(), &|| self.listing())
    }

    /// Compares records, disk and kernel, now that nobody asks anything of the daemon.
    ///
    /// # Panics
    /// With the list of what does not agree and does not come to agree.
    #[track_caller]
    pub fn check_state(&self) {
        let problems = self.disagreements();
        assert!(problems.is_empty(), "state:\n{}\n\ndaemon log:\n{}", problems.join("\n"), self.log());
    }

    /// Compares records, disk and kernel as [`Daemon::check_state`] does: what does not come to agree.
    pub fn disagreements(&self) -> Vec<String> {
        statecheck::settle(&self.scope(), &|| self.listing())
    }

    fn listing(&self) -> Option<String> {
        self.child.as_ref()?;
        let (status, body) = self.api("GET", "/containers/json?all=1", "");
        (status == 200).then_some(body)
    }

    /// Removes every container, stops the daemon and compares what is left with what was there at the start.
    ///
    /// # Panics
    /// With the list of what was leaked.
    pub fn check_leaks(mut self) {
        self.finish();
    }

    fn finish(&mut self) {
        self.checked = true;
        if self.child.is_none() {
            self.boot();
        }
        self.check_state();
        let ids = self.hythe(["ps", "-aq"]).ok();
        if !ids.is_empty() {
            self.hythe(["rm", "-f", "-v"].into_iter().chain(ids.lines())).ok();
        }
        self.stop();
        // The kernel takes a dead namespace's links away in its own time, after the process that held it is gone.
        let start = Instant::now();
        loop {
            let leaks = Inventory::take(&self.scope()).since(&self.before);
            if leaks.is_empty() {
                break;
            }
            let log = self.recent_log();
            assert!(start.elapsed() < wait::PATIENCE, "leaked:\n{}\n\ndaemon log:\n{log}", leaks.join("\n"));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "--- log of the daemon, {} starts, the last {SHOWN}:\n{}",
                self.starts,
                self.recent_log()
            );
        } else if !self.checked {
            self.finish();
        }
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.sweep();
    }
}

impl Daemon {
    /// Kills what a failed test left running, so that it does not disturb others, and removes the group that was made for
    /// this daemon alone: it is the operator's (`--cgroup-parent`), so the engine leaves it. Thousands of them would stay.
    fn sweep(&self) {
        let own = self.cgroup.trim_start_matches('/');
        let tasks = Path::new("/sys/fs/cgroup").join("pids").join(own);
        for group in std::fs::read_dir(tasks).into_iter().flatten().flatten() {
            let pids = std::fs::read_to_string(group.path().join("cgroup.procs")).unwrap_or_default();
            for pid in pids.lines().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        let hierarchies = std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten();
        for hierarchy in hierarchies.map(|entry| entry.path()).chain([PathBuf::from("/sys/fs/cgroup")]) {
            // Not in every hierarchy, and not empty after a test that failed.
            let _ = std::fs::remove_dir(hierarchy.join(own));
        }
    }
}
