//! A launcher, a busybox root, and containers that leave nothing behind.

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use runtime::{CompileOptions, Plan};
use shim::{
    Adopted, AttachOptions, ContainerId, Event, Exit, Forward, Handle, LaunchRequest, Launcher, Stdio,
};

/// Bounds a test that would hang; nothing is timed by it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Harness {
    pub(crate) launcher: Launcher,
    pub(crate) events: Receiver<(ContainerId, Event)>,
    pub(crate) dir: tempfile::TempDir,
    pub(crate) id: ContainerId,
}

/// What a test's container is.
pub(crate) struct Container {
    pub(crate) script: String,
    pub(crate) terminal: bool,
    pub(crate) stdio: Stdio,
    pub(crate) logged: bool,
    pub(crate) log_mode: logs::Mode,
    pub(crate) attaches: Vec<(OwnedFd, AttachOptions)>,
    pub(crate) forwards: Vec<Forward>,
    pub(crate) held: Vec<OwnedFd>,
    /// Bytes of memory it may use.
    pub(crate) memory: Option<i64>,
}

pub(crate) fn container(script: &str) -> Container {
    Container {
        script: script.to_owned(),
        terminal: false,
        stdio: Stdio::default(),
        logged: true,
        log_mode: logs::Mode::Blocking,
        attaches: Vec::new(),
        forwards: Vec::new(),
        held: Vec::new(),
        memory: None,
    }
}

impl Harness {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        for path in ["bin", "proc", "dev", "tmp", "etc", "sys"] {
            std::fs::create_dir_all(root.join(path)).unwrap();
        }
        std::fs::copy("/bin/busybox", root.join("bin/busybox")).unwrap();
        std::os::unix::fs::symlink("busybox", root.join("bin/sh")).unwrap();
        std::fs::create_dir(dir.path().join("state")).unwrap();
        let id = format!("shimtest{}x{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self::of(dir, id.into())
    }

    /// A daemon for the container of another process's harness.
    pub(crate) fn of(dir: tempfile::TempDir, id: ContainerId) -> Self {
        let (sender, events) = channel();
        let exe = PathBuf::from(env!("CARGO_BIN_EXE_hythe-shim"));
        let launcher = Launcher::new(&exe, sender).unwrap();
        Self { launcher, events, dir, id }
    }

    /// What a new daemon finds.
    pub(crate) fn adopt(&self) -> Adopted {
        let adopted = self.launcher.adopt(self.id.clone(), &self.state(), 0).unwrap();
        if let Adopted::Running(handle) = &adopted {
            self.launcher.follow(handle).unwrap();
        }
        adopted
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub(crate) fn log(&self) -> String {
        let text = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        let lines = text.lines().map(|line| {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            record["log"].as_str().unwrap().to_owned()
        });
        lines.collect()
    }

    pub(crate) fn plan(&self, script: &str, terminal: bool) -> Plan {
        let spec = serde_json::json!({
            "ociVersion": "1.2.0",
            "root": { "path": self.dir.path().join("root") },
            "process": {
                "args": ["/bin/busybox", "sh", "-c", script],
                "env": ["PATH=/bin", "TERM=xterm"],
                "cwd": "/",
                "terminal": terminal,
                "consoleSize": { "height": 24, "width": 80 },
                "user": { "uid": 0, "gid": 0 },
            },
            "mounts": [
                { "destination": "/proc", "type": "proc", "source": "proc" },
                { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"] },
                { "destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666"] },
            ],
            "linux": {
                "namespaces": [
                    { "type": "pid" }, { "type": "mount" }, { "type": "ipc" }, { "type": "uts" }, { "type": "network" },
                ],
                "cgroupsPath": format!("/hythe-test/{}", self.id),
            },
        });
        let spec = serde_json::from_value(spec).unwrap();
        let options =
            CompileOptions { id: self.id.to_string(), die_with_parent: true, ..CompileOptions::default() };
        runtime::compile(&spec, &options).unwrap()
    }

    pub(crate) fn launch(&self, container: Container) -> Handle {
        let mut plan = self.plan(&container.script, container.terminal);
        if let Some(cgroup) = &mut plan.cgroup {
            cgroup.limits.memory = container.memory;
        }
        let request = LaunchRequest {
            id: self.id.clone(),
            state_dir: self.state(),
            plan,
            foreign: None,
            netns: None,
            userns: None,
            stdio: container.stdio,
            log: if container.logged {
                let config = logs::WriterConfig::json_file(self.dir.path().join("log"));
                logs::WriterConfig { mode: container.log_mode, ..config }
            } else {
                logs::WriterConfig::none()
            },
            held: container.held,
            forwards: container.forwards,
            attaches: container.attaches,
        };
        self.launcher.launch(request).unwrap()
    }

    /// A container of this plan, without a log.
    pub(crate) fn launch_plan(&self, plan: Plan) -> Handle {
        let request = LaunchRequest {
            id: self.id.clone(),
            state_dir: self.state(),
            plan,
            foreign: None,
            netns: None,
            userns: None,
            stdio: Stdio::default(),
            log: logs::WriterConfig::none(),
            held: Vec::new(),
            forwards: Vec::new(),
            attaches: Vec::new(),
        };
        self.launcher.launch(request).unwrap()
    }

    pub(crate) fn start(&self, container: Container) -> Handle {
        let handle = self.launch(container);
        handle.wait_created().unwrap();
        handle.start().unwrap();
        handle
    }

    pub(crate) fn event(&self) -> Event {
        let (id, event) = self.events.recv_timeout(PATIENCE).expect("an event");
        assert_eq!(id, self.id);
        event
    }

    pub(crate) fn exit(&self) -> Exit {
        match self.event() {
            Event::Exited(exit) => exit,
            other => panic!("{other:?} instead of the end"),
        }
    }

    /// Nothing of the container is left: no shim, no process, no group, no event.
    pub(crate) fn check_gone(&self, shim: i32) {
        wait_until("the shim to be gone", || !alive(shim));
        assert!(self.events.try_recv().is_err(), "an event after the last one");
        for hierarchy in std::fs::read_dir("/sys/fs/cgroup").unwrap().flatten() {
            let group = hierarchy.path().join("hythe-test").join(&*self.id);
            assert!(!group.exists(), "{} is left", group.display());
        }
    }
}

/// Whether the process exists and is no zombie.
pub(crate) fn alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
}

/// Waits for what no descriptor tells.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begin = std::time::Instant::now();
    while !condition() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::yield_now();
    }
}

/// A client's connection: its end, and the one to give away.
pub(crate) fn connection() -> (UnixStream, OwnedFd) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_read_timeout(Some(PATIENCE)).unwrap();
    (ours, theirs.into())
}

/// Everything until the other end closes.
pub(crate) fn read_all(mut client: &UnixStream) -> Vec<u8> {
    let mut all = Vec::new();
    client.read_to_end(&mut all).unwrap();
    all
}

/// Reads until this text has come.
pub(crate) fn read_until(mut client: &UnixStream, text: &str) -> String {
    let mut got = Vec::new();
    let mut byte = [0];
    while !got.ends_with(text.as_bytes()) {
        let read = client.read(&mut byte);
        assert!(
            matches!(read, Ok(1)),
            "{read:?} instead of {text:?} after {:?}",
            String::from_utf8_lossy(&got)
        );
        got.push(byte[0]);
    }
    String::from_utf8(got).unwrap()
}

/// Both outputs, raw.
pub(crate) fn outputs() -> AttachOptions {
    AttachOptions { stdout: true, stderr: true, ..AttachOptions::default() }
}
