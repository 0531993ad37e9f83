//! A full disk: what frees space and what needs none works, what needs space fails with a clear word and leaves nothing,
//! and everything goes on when there is space again.

use testkit::{Daemon, Options, Output, Registry, Sandbox, wait};

/// Megabytes: the image, and the engine's own files.
const DISK: u64 = 48;

/// Megabytes: images of Debian's, compressed and unpacked.
const ROOMY: u64 = 400;

struct Full {
    daemon: Daemon,
}

impl Full {
    /// A daemon whose data root has a small disk, with containers on it.
    fn new() -> Self {
        let options = Options { disk: Some(DISK), images: vec!["busybox"], ..Options::default() };
        Self { daemon: Daemon::with(options) }
    }

    /// A daemon with a registry beside it and room for the images of that.
    fn with_registry(images: &[&str]) -> (Registry, Self) {
        let sandbox = Sandbox::new();
        let registry = Registry::start(&sandbox, 5000, images);
        let flags = vec![format!("--registry-mirror=http://{}", registry.address())];
        let options = Options { disk: Some(ROOMY), flags, ..Options::default() };
        (registry, Self { daemon: Daemon::within(sandbox, options) })
    }

    /// Kilobytes that are free.
    fn free_space(&self) -> u64 {
        self.shell("df -k --output=avail . | tail -1").ok().trim().parse().expect("a number")
    }

    fn shell(&self, command: &str) -> Output {
        let command = format!("cd {} && {command}", self.daemon.data().display());
        Output::of(&mut self.daemon.sandbox().command("sh", ["-c", &command]))
    }

    /// Fills the disk to its last block.
    fn fill(&self) {
        let output = self.shell("dd if=/dev/zero of=filler bs=1M; dd if=/dev/zero of=rest bs=1k; sync");
        assert!(output.stderr.contains("No space left"), "{}", output.stderr);
    }

    /// Fills what was made free of the filler.
    fn fill_again(&self) {
        self.shell(
            "dd if=/dev/zero of=filler bs=1M oflag=append conv=notrunc; dd if=/dev/zero of=rest bs=1k; sync",
        );
    }

    fn free(&self) {
        self.shell("rm filler rest").ok();
    }

    fn refused(&self, args: &[&str]) {
        let output = self.daemon.hythe(args);
        assert_ne!(output.code, 0, "{args:?} on a full disk");
        let text = output.stderr.to_lowercase();
        assert!(
            text.contains("no space left on device") || text.contains("disk is full"),
            "{args:?}: {text}"
        );
    }
}

#[test]
fn what_frees_space_works_and_what_needs_it_says_so() {
    let full = Full::new();
    let daemon = &full.daemon;
    for name in ["talks", "works", "stops", "dies", "goes"] {
        daemon
            .hythe([
                "run",
                "-d",
                "--name",
                name,
                "-p",
                "80",
                "busybox",
                "sh",
                "-c",
                "echo hello; exec sleep 1000",
            ])
            .ok();
    }
    daemon.hythe(["run", "--name", "ended", "-v", "/anonymous", "busybox", "true"]).ok();
    daemon.hythe(["volume", "create", "kept"]).ok();
    daemon.hythe(["volume", "create", "spare"]).ok();
    full.fill();

    assert_eq!(daemon.hythe(["ps", "-q"]).ok().lines().count(), 5);
    assert_eq!(daemon.hythe(["logs", "talks"]).ok(), "hello");
    assert_eq!(daemon.hythe(["exec", "works", "echo", "fine"]).ok(), "fine");
    daemon.hythe(["inspect", "works"]).ok();
    full.refused(&["create", "--name", "refused", "busybox", "true"]);
    full.refused(&["run", "--rm", "busybox", "true"]);
    full.refused(&["run", "-d", "-v", "/one", "-v", "two:/two", "busybox", "true"]);
    full.refused(&["volume", "create", "more"]);
    let archive = testkit::fixture::archive("debian");
    full.refused(&["load", "-i", archive.to_str().expect("plain")]);
    full.refused(&["commit", "works", "image"]);
    // Nothing of what was refused is there.
    assert_eq!(daemon.hythe(["ps", "-aq"]).ok().lines().count(), 6);
    assert_eq!(daemon.hythe(["volume", "ls", "-q", "--filter", "dangling=true"]).ok(), "kept\nspare");
    assert_eq!(daemon.hythe(["images", "-q"]).ok().lines().count(), 1);
    daemon.check_state();

    full.fill();
    daemon.hythe(["rename", "talks", "speaks"]).ok();
    daemon.hythe(["update", "--pids-limit", "77", "works"]).ok();
    assert_eq!(daemon.hythe(["inspect", "-f", "{{.HostConfig.PidsLimit}}", "works"]).ok(), "77");
    daemon.hythe(["rename", "speaks", "talks"]).ok();
    daemon.hythe(["pause", "works"]).ok();
    daemon.hythe(["unpause", "works"]).ok();
    daemon.hythe(["tag", "busybox", "other:1"]).ok();
    daemon.hythe(["rmi", "other:1"]).ok();
    assert_eq!(daemon.hythe(["stop", "-t", "0", "stops"]).ok(), "stops");
    assert_eq!(daemon.hythe(["kill", "dies"]).ok(), "dies");
    assert_eq!(daemon.hythe(["inspect", "-f", "{{.State.Status}}", "stops", "dies"]).ok(), "exited\nexited");
    assert_eq!(daemon.hythe(["rm", "-f", "goes"]).ok(), "goes");
    assert_eq!(daemon.hythe(["volume", "rm", "spare"]).ok(), "spare");
    assert!(daemon.hythe(["container", "prune", "-f"]).ok().contains("Deleted Containers"));
    daemon.hythe(["volume", "prune", "-af"]).ok();
    daemon.hythe(["network", "prune", "-f"]).ok();
    daemon.hythe(["image", "prune", "-f"]).ok();
    assert_eq!(daemon.hythe(["ps", "-aq"]).ok().lines().count(), 2);
    daemon.check_state();

    full.free();
    assert_eq!(daemon.hythe(["run", "--rm", "busybox", "echo", "again"]).ok(), "again");
    daemon.hythe(["volume", "create", "more"]).ok();
    assert_eq!(daemon.hythe(["logs", "talks"]).ok(), "hello");
}

#[test]
fn a_daemon_starts_on_a_full_disk() {
    let mut full = Full::new();
    full.daemon.hythe(["run", "-d", "--name", "lives", "busybox", "sleep", "1000"]).ok();
    full.daemon.hythe(["create", "--name", "idle", "busybox", "true"]).ok();
    full.fill();
    full.daemon.kill();
    full.daemon.boot();
    assert_eq!(full.daemon.hythe(["rm", "idle"]).ok(), "idle");
    full.fill();
    full.daemon.stop();
    full.daemon.boot();
    assert_eq!(full.daemon.hythe(["exec", "lives", "echo", "fine"]).ok(), "fine");
    assert_eq!(full.daemon.hythe(["rm", "-f", "lives"]).ok(), "lives");
    full.daemon.check_state();
    full.free();
}

#[test]
fn pull_leaves_nothing_of_what_does_not_fit() {
    let (_registry, full) = Full::with_registry(&["busybox", "redis"]);
    let daemon = &full.daemon;
    daemon.hythe(["pull", "-q", "busybox"]).ok();
    let listed = || {
        full.shell(
            "ls content/blobs/sha256 content/ingest snapshots/layers snapshots/staging snapshots/trash",
        )
        .ok()
    };
    let before = listed();
    full.fill();
    // Not even the manifest fits; the first layer does not; its unpacked files do not.
    for room in [0, 8, 64, 120] {
        if room > 0 {
            full.shell(&format!("truncate -s -{room}M filler && sync")).ok();
        }
        let space = full.free_space();
        let error = daemon.hythe(["pull", "redis"]).fails_with(1);
        assert!(error.contains("no space left on device"), "{room} megabytes: {error}");
        wait::until_true("all is as before", || listed() == before && full.free_space() + 1024 > space);
        assert_eq!(daemon.hythe(["images", "-q"]).ok().lines().count(), 1);
        daemon.check_state();
        full.fill_again();
    }
    full.free();
    daemon.hythe(["pull", "-q", "redis"]).ok();
    let output = daemon.hythe(["run", "--rm", "redis", "redis-cli", "--version"]).ok();
    assert!(output.starts_with("redis-cli"), "{output}");
}

#[test]
fn without_inodes_it_is_the_same_as_without_blocks() {
    let options =
        Options { disk: Some(DISK), inodes: Some(1200), images: vec!["busybox"], ..Options::default() };
    let full = Full { daemon: Daemon::with(options) };
    let daemon = &full.daemon;
    for name in ["works", "goes"] {
        let script = "echo hello; exec sleep 1000";
        daemon.hythe(["run", "-d", "--name", name, "busybox", "sh", "-c", script]).ok();
    }
    daemon.hythe(["create", "--name", "idle", "-v", "/anonymous", "busybox", "true"]).ok();
    let output = full.shell("mkdir many && i=0; while : > many/$i; do i=$((i+1)); done");
    assert!(output.stderr.contains("No space left") || output.stderr.contains("nonexistent"), "{output:?}");

    assert_eq!(daemon.hythe(["logs", "works"]).ok(), "hello");
    assert_eq!(daemon.hythe(["exec", "works", "echo", "fine"]).ok(), "fine");
    full.refused(&["exec", "works", "sh", "-c", "> /new"]);
    full.refused(&["create", "--name", "refused", "busybox", "true"]);
    full.refused(&["run", "--rm", "busybox", "true"]);
    full.refused(&["volume", "create", "more"]);
    full.refused(&["commit", "works", "image"]);
    assert_eq!(daemon.hythe(["ps", "-aq"]).ok().lines().count(), 3);
    assert_eq!(daemon.hythe(["images", "-q"]).ok().lines().count(), 1);
    daemon.check_state();

    daemon.hythe(["rename", "works", "still"]).ok();
    daemon.hythe(["update", "--pids-limit", "77", "still"]).ok();
    daemon.hythe(["stop", "-t", "0", "still"]).ok();
    assert_eq!(daemon.hythe(["rm", "-f", "goes"]).ok(), "goes");
    assert!(daemon.hythe(["container", "prune", "-f"]).ok().contains("Deleted Containers"));
    daemon.hythe(["volume", "prune", "-af"]).ok();
    assert_eq!(daemon.hythe(["ps", "-aq"]).ok(), "");
    full.shell("rm -r many").ok();
    assert_eq!(daemon.hythe(["run", "--rm", "busybox", "echo", "again"]).ok(), "again");
}

#[test]
fn a_full_state_directory_keeps_nothing_from_ending() {
    for options in ["size=1m,nr_inodes=600", "size=8m,nr_inodes=150"] {
        let options = Options { state: Some(options), images: vec!["busybox"], ..Options::default() };
        let mut daemon = Daemon::with(options);
        let script = "trap 'exit 9' TERM; echo hello; while :; do sleep 0.05; done";
        for name in ["works", "stops", "goes", "ends"] {
            daemon.hythe(["run", "-d", "--name", name, "-p", "80", "busybox", "sh", "-c", script]).ok();
            wait::until_true("it is up", || daemon.hythe(["logs", name]).ok() == "hello");
        }
        let fill = format!(
            "cd {} && mkdir many && (dd if=/dev/zero of=filler bs=1k; i=0; while : > many/$i; do i=$((i+1)); done)",
            daemon.state().display()
        );
        let filled = |daemon: &Daemon| Output::of(&mut daemon.sandbox().command("sh", ["-c", &fill])).stderr;
        assert!(!filled(&daemon).is_empty());

        let begun = |args: &[&str]| {
            let output = daemon.hythe(args);
            let text = output.stderr.to_lowercase();
            assert!(output.code != 0 && text.contains("no space left on device"), "{args:?}: {output:?}");
        };
        assert_eq!(daemon.hythe(["exec", "works", "echo", "fine"]).ok(), "fine");
        begun(&["run", "--rm", "busybox", "true"]);
        begun(&["run", "-d", "--name", "refused", "-p", "80", "busybox", "sleep", "1000"]);
        daemon.hythe(["rm", "refused"]).ok();
        daemon.hythe(["rename", "works", "still"]).ok();
        daemon.hythe(["update", "--pids-limit", "77", "still"]).ok();
        daemon.check_state();
        daemon.hythe(["stop", "stops"]).ok();
        assert_eq!(daemon.hythe(["inspect", "-f", "{{.State.ExitCode}}", "stops"]).ok(), "9");
        assert_eq!(daemon.hythe(["rm", "-f", "goes"]).ok(), "goes");
        // How it ends is known too if no daemon was there to be told.
        let refill = format!("cd {} && dd if=/dev/zero of=more bs=1k; :", daemon.state().display());
        Output::of(&mut daemon.sandbox().command("sh", ["-c", &refill]));
        let pid = daemon.hythe(["inspect", "-f", "{{.State.Pid}}", "ends"]).ok();
        daemon.kill();
        Output::of(std::process::Command::new("kill").args(["-TERM", &pid])).ok();
        wait::until_true("it ends", || !std::path::Path::new(&format!("/proc/{pid}/exe")).exists());
        daemon.boot();
        assert_eq!(
            daemon.hythe(["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "ends"]).ok(),
            "exited 9"
        );
        assert_eq!(daemon.hythe(["exec", "still", "echo", "fine"]).ok(), "fine");
        let empty = format!("cd {} && rm -rf many filler more", daemon.state().display());
        Output::of(&mut daemon.sandbox().command("sh", ["-c", &empty])).ok();
        daemon.hythe(["start", "stops", "ends"]).ok();
        daemon.check_state();
    }
}
