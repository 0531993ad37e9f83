//! Runtimes whose commands hang or answer late, as they do on a machine that is busy with something else.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use testkit::{Daemon, Output, wait};

use super::{RUNTIMES, installed, knowing, run};

/// A runtime in front of another one, and what its commands do.
struct Slow {
    dir: tempfile::TempDir,
}

impl Slow {
    /// One in front of `program`.
    fn new(program: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let script = format!(
            "#!/bin/sh\n\
             for word; do [ ! -e {0}/hang-$word ] || exec sleep 1000; done\n\
             {program} \"$@\"; code=$?\n\
             for word; do [ ! -e {0}/late-$word ] || read line < {0}/late-$word; done\n\
             exit $code\n",
            dir.path().display()
        );
        let slow = Self { dir };
        std::fs::write(slow.program(), script).expect("write the runtime");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(slow.program(), mode).expect("make it executable");
        slow
    }

    fn program(&self) -> PathBuf {
        self.dir.path().join("runtime")
    }

    fn file(&self, name: &str, verb: &str) -> PathBuf {
        self.dir.path().join(format!("{name}-{verb}"))
    }

    /// From now on this command does nothing and does not end.
    fn hang(&self, verb: &str) {
        std::fs::write(self.file("hang", verb), "").expect("say that it hangs");
    }

    /// From now on it does what it is for again.
    fn go_on(&self, verb: &str) {
        std::fs::remove_file(self.file("hang", verb)).expect("say that it goes on");
    }

    /// From now on this command ends only when [`Slow::end`] is called, though it has done its work.
    fn delay(&self, verb: &str) {
        Output::of(std::process::Command::new("mkfifo").arg(self.file("late", verb))).ok();
    }

    /// Lets the command end that is delayed, and no later one.
    fn end(&self, verb: &str) {
        let path = self.file("late", verb);
        std::fs::write(&path, "\n").expect("let it end");
        std::fs::remove_file(path).expect("no more delays");
    }
}

fn each(test: impl Fn(&Daemon, &Slow)) {
    for path in RUNTIMES.iter().filter_map(|name| installed(name)) {
        let slow = Slow::new(&path);
        test(&knowing(&slow.program().display().to_string()), &slow);
    }
}

fn state(daemon: &Daemon) -> String {
    daemon.hythe(["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "cc"]).ok()
}

#[test]
fn an_end_does_not_wait_for_a_delete_that_hangs() {
    each(|daemon, slow| {
        let script = "trap 'exit 3' TERM; echo up; while :; do sleep 0.02; done";
        run(daemon, &["-d", "--name", "cc", "busybox", "sh", "-c", script]).ok();
        slow.hang("delete");
        daemon.hythe(["kill", "cc"]).ok();
        assert_eq!(state(daemon), "exited 137");
        // Nothing of the one run is in the way of the next.
        for _ in 0..2 {
            let ups = daemon.hythe(["logs", "cc"]).ok().lines().count();
            daemon.hythe(["start", "cc"]).ok();
            wait::until_true("it is up", || daemon.hythe(["logs", "cc"]).ok().lines().count() > ups);
            daemon.hythe(["stop", "cc"]).ok();
            assert_eq!(state(daemon), "exited 3");
        }
        daemon.hythe(["start", "cc"]).ok();
        daemon.hythe(["rm", "-f", "cc"]).ok();
        assert_eq!(run(daemon, &["--rm", "busybox", "sh", "-c", "exit 4"]).code, 4);
        slow.go_on("delete");
    });
}

#[test]
fn a_start_that_fails_does_not_wait_for_a_delete_that_hangs() {
    each(|daemon, slow| {
        slow.hang("delete");
        let output = run(daemon, &["--name", "cc", "busybox", "nothere"]);
        assert!(output.stderr.contains("nothere"), "{output:?}");
        assert_eq!(state(daemon), "created 127");
        slow.go_on("delete");
        daemon.hythe(["rm", "cc"]).ok();
    });
}

#[test]
fn an_end_before_the_start_has_answered_is_seen() {
    each(|daemon, slow| {
        slow.delay("start");
        slow.hang("delete");
        // Without a PID namespace of its own nothing but the shim ends what the first process leaves behind.
        let script = "sleep 1000 & echo $!; exit 5";
        let left = std::thread::scope(|scope| {
            let run = scope
                .spawn(|| run(daemon, &["--name", "cc", "--pid", "host", "busybox", "sh", "-c", script]));
            // What comes after its end finds it ended.
            wait::until_true("it has run", || daemon.hythe(["logs", "cc"]).stdout.ends_with('\n'));
            slow.end("start");
            let output = run.join().expect("run");
            assert_eq!(output.code, 5, "{output:?}");
            output.stdout
        });
        assert_eq!(state(daemon), "exited 5");
        assert!(!std::path::Path::new(&format!("/proc/{}/exe", left.trim())).exists(), "{left} lives on");
        slow.go_on("delete");
    });
}

#[test]
fn a_stop_whose_signal_hangs_ends_in_a_kill() {
    each(|daemon, slow| {
        let script = "trap 'exit 3' TERM; while :; do sleep 0.02; done";
        run(daemon, &["-d", "--name", "cc", "busybox", "sh", "-c", script]).ok();
        slow.hang("kill");
        daemon.hythe(["stop", "-t", "1", "cc"]).ok();
        assert_eq!(state(daemon), "exited 137");
        slow.go_on("kill");
    });
}
