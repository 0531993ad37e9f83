//! Docker's own client and ours called by the same name, with the same words, each with its own home: whatever the one
//! prints, the other has to print.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use testkit::{Output, program};

/// The two clients. No daemon: addresses are given by the test.
pub(crate) struct Pair {
    dir: tempfile::TempDir,
}

/// One of the two clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// The stock client on `PATH`.
    Docker,
    /// Ours, called `docker`.
    Ours,
}

impl Pair {
    /// Both clients, with empty homes.
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("hythe-pair-").tempdir().expect("a directory");
        for who in [Who::Docker, Who::Ours] {
            std::fs::create_dir_all(dir.path().join(name(who)).join("config")).expect("mkdir");
        }
        std::fs::create_dir(dir.path().join("bin")).expect("mkdir");
        symlink(program("hythe"), dir.path().join("bin/docker")).expect("link");
        Self { dir }
    }

    /// The home of one client; it is the working directory of its commands too.
    pub(crate) fn home(&self, who: Who) -> PathBuf {
        self.dir.path().join(name(who))
    }

    /// A file in both homes.
    pub(crate) fn write(&self, path: &str, text: &str) {
        for who in [Who::Docker, Who::Ours] {
            let path = self.home(who).join(path);
            std::fs::create_dir_all(path.parent().expect("below the home")).expect("mkdir");
            std::fs::write(path, text).expect("write");
        }
    }

    /// The command of one client.
    pub(crate) fn command(&self, who: Who, args: &[&str]) -> Command {
        let mut command = Command::new(match who {
            Who::Docker => PathBuf::from("docker"),
            Who::Ours => self.dir.path().join("bin/docker"),
        });
        let home = self.home(who);
        command.args(args).env("DOCKER_CONFIG", home.join("config")).env("HOME", &home);
        command.current_dir(&home).stdin(Stdio::null());
        for name in ["DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"] {
            command.env_remove(name);
        }
        command
    }

    /// What both print, with the place of the home and of the default socket taken out of it.
    pub(crate) fn outputs(&self, args: &[&str], change: &dyn Fn(&mut Command)) -> [Output; 2] {
        [Who::Docker, Who::Ours].map(|who| {
            let mut command = self.command(who, args);
            change(&mut command);
            let mut output = Output::of(&mut command);
            let home = self.home(who).display().to_string();
            for text in [&mut output.stdout, &mut output.stderr] {
                *text = text
                    .replace(&home, "HOME")
                    .replace("unix:///run/hythe.sock", "unix:///var/run/docker.sock");
            }
            output.command = args.join(" ");
            output
        })
    }

    /// Asserts that both print the same and end the same; gives what they printed.
    #[track_caller]
    pub(crate) fn same(&self, args: &[&str]) -> Output {
        self.same_with(args, &|_| {})
    }

    /// The same with a change of both commands.
    #[track_caller]
    pub(crate) fn same_with(&self, args: &[&str], change: &dyn Fn(&mut Command)) -> Output {
        let [docker, ours] = self.outputs(args, change);
        assert_eq!(docker, ours, "Docker's on the left");
        ours
    }
}

fn name(who: Who) -> &'static str {
    match who {
        Who::Docker => "stock",
        Who::Ours => "ours",
    }
}

/// All files below `directory` with their modes and contents, sorted.
pub(crate) fn files(directory: &Path) -> Vec<(PathBuf, u32, Vec<u8>)> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut found = Vec::new();
    let mut waiting = vec![directory.to_path_buf()];
    while let Some(at) = waiting.pop() {
        for entry in std::fs::read_dir(&at).expect("a directory") {
            let path = entry.expect("an entry").path();
            let meta = std::fs::symlink_metadata(&path).expect("stat");
            let content = if meta.is_dir() {
                waiting.push(path.clone());
                Vec::new()
            } else {
                std::fs::read(&path).expect("read")
            };
            let below = path.strip_prefix(directory).expect("below").to_path_buf();
            found.push((below, meta.permissions().mode() & 0o777, content));
        }
    }
    found.sort();
    found
}
