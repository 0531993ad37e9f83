//! A bundle with a busybox root and Docker's default spec, and what is left behind after using it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// Programs the root has, all of them busybox.
const APPLETS: [&str; 34] = [
    "sh", "cat", "ls", "echo", "sleep", "true", "false", "grep", "id", "mount", "umount", "mknod", "stat",
    "hostname", "pwd", "env", "sort", "cut", "ps", "readlink", "kill", "touch", "mkdir", "stty", "tty",
    "unshare", "head", "nice", "ulimit", "sed", "dd", "rm", "ln", "wc",
];

/// A bundle of its own, with a container id of its own.
pub(crate) struct Bundle {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) spec: Value,
    pub(crate) id: String,
    mounts_before: String,
}

/// What a program printed and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The command line under test.
pub(crate) fn program() -> PathBuf {
    // target/<profile>/deps/<this test> -> target/<profile>/examples/oci
    let this = std::env::current_exe().expect("the test's own path");
    this.ancestors().nth(2).expect("the target directory").join("examples/oci")
}

fn mounts() -> String {
    fs::read_to_string("/proc/self/mountinfo").expect("the mount table")
}

impl Bundle {
    /// Docker's default spec, running `script` by the shell.
    pub(crate) fn new(script: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().join("rootfs");
        for name in ["bin", "dev", "etc", "proc", "root", "sys", "tmp"] {
            fs::create_dir_all(root.join(name)).expect("mkdir");
        }
        fs::copy("/usr/bin/busybox", root.join("bin/busybox")).expect("busybox on this machine");
        for name in APPLETS {
            symlink("busybox", root.join("bin").join(name)).expect("symlink");
        }
        fs::write(root.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n")
            .expect("passwd");
        fs::write(root.join("etc/group"), "root:x:0:\nwheel:x:10:root,app\napp:x:1000:\n").expect("group");
        let mut spec: Value = serde_json::from_str(include_str!("docker.json")).expect("the spec");
        spec["process"]["args"] = json!(["sh", "-c", script]);
        let rules = runtime::seccomp::Profile::docker_default().resolve(0xa804_25fb).expect("the profile");
        spec["linux"]["seccomp"] = serde_json::to_value(rules).expect("the rules");
        let id = dir.path().file_name().expect("a name").to_string_lossy().replace('.', "t");
        spec["linux"]["cgroupsPath"] = json!(format!("/hythe-test-{id}/{id}"));
        Self { dir, spec, id, mounts_before: mounts() }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("rootfs")
    }

    pub(crate) fn write(&self) {
        fs::write(self.dir.path().join("config.json"), self.spec.to_string()).expect("config.json");
    }

    /// A call of a runtime about this container; the id is put where `ID` stands.
    pub(crate) fn call(&self, runtime: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(runtime);
        command
            .arg("--root")
            .arg(self.dir.path().join("state"))
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command.args(args.iter().map(|arg| if *arg == "ID" { self.id.as_str() } else { arg }));
        command
    }

    /// A call of ours.
    pub(crate) fn ours(&self, args: &[&str]) -> Ran {
        self.call(&program(), args).output().expect("run").into()
    }

    /// The whole container from beginning to end under a runtime.
    pub(crate) fn run_under(&self, runtime: &Path) -> Ran {
        self.write();
        self.call(runtime, &["run", "ID"]).output().expect("run").into()
    }

    /// The same under ours.
    pub(crate) fn run(&self) -> Ran {
        self.run_under(&program())
    }

    /// Makes and starts the container without waiting for it.
    pub(crate) fn start(&self) {
        self.write();
        let log = fs::File::create(self.dir.path().join("log")).expect("log");
        let mut create = self.call(&program(), &["create", "--pid-file", "pid", "ID"]);
        let status = create.stdout(log.try_clone().expect("dup")).stderr(log).status().expect("create");
        assert!(status.success(), "{}", self.log());
        let started = self.ours(&["start", "ID"]);
        assert_eq!(started.code, 0, "{started:?}");
    }

    /// What a started container printed so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn state(&self) -> Value {
        let ran = self.ours(&["state", "ID"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        serde_json::from_str(&ran.out).expect("a state")
    }

    pub(crate) fn exec(&self, args: &[&str]) -> Ran {
        self.ours(&[&["exec", "ID"], args].concat())
    }

    /// Removes what is there and asserts that nothing is left of it.
    pub(crate) fn finish(self) {
        self.ours(&["delete", "--force", "ID"]);
        let state = self.dir.path().join("state");
        let left: Vec<_> =
            fs::read_dir(&state).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        assert!(left.is_empty(), "{left:?}");
        assert_eq!(mounts(), self.mounts_before, "the host's mount table changed");
        for hierarchy in fs::read_dir("/sys/fs/cgroup").expect("hierarchies").flatten() {
            let parent = hierarchy.path().join(format!("hythe-test-{}", self.id));
            assert!(!parent.join(&self.id).exists(), "{}", parent.display());
            // The parent is the test's own.
            let _ = fs::remove_dir(parent);
        }
    }
}
