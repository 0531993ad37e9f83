//! A full disk: what frees space and what needs none works, what needs space fails with a clear word and leaves nothing,
//! and everything goes on when there is space again.

use testkit::{Daemon, Options, Output};

/// Megabytes: the image, and the engine's own files.
const DISK: u64 = 48;

struct Full {
    daemon: Daemon,
}

impl Full {
    /// A daemon whose data root has a small disk, with containers on it.
    fn new() -> Self {
        let options = Options { disk: Some(DISK), images: vec!["busybox"], ..Options::default() };
        Self { daemon: Daemon::with(options) }
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
    assert_eq!(daemon.hythe(["stop", "-t", "0", "stops"]).ok(), "stops");
    assert_eq!(daemon.hythe(["kill", "dies"]).ok(), "dies");
    assert_eq!(daemon.hythe(["inspect", "-f", "{{.State.Status}}", "stops", "dies"]).ok(), "exited\nexited");
    assert_eq!(daemon.hythe(["rm", "-f", "goes"]).ok(), "goes");
    assert_eq!(daemon.hythe(["volume", "rm", "spare"]).ok(), "spare");
    assert!(daemon.hythe(["container", "prune", "-f"]).ok().contains("Deleted Containers"));
    daemon.hythe(["volume", "prune", "-af"]).ok();
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
