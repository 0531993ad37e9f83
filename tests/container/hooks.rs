//! Hooks of CDI devices that hang, fail late or outlive whoever should run them.

use testkit::{Daemon, Options, Output, wait};

/// Each hook notes that it began, waits for a file if there is one to wait for, and notes that it ended.
const HOOK: &str = "#!/bin/sh\ncat > /dev/null\necho \"$1 begins\" >> DIR/trace\n\
    while [ -e DIR/hold-$1 ]; do sleep 0.02; done\necho \"$1 ends\" >> DIR/trace\n";

const SPEC: &str = r#"
cdiVersion: "0.6.0"
kind: "example.com/hooked"
devices:
  - name: all
    containerEdits:
      hooks:
        - {hookName: poststart, path: DIR/hook, args: [hook, poststart]}
        - {hookName: poststop, path: DIR/hook, args: [hook, poststop]}
        - {hookName: poststop, path: DIR/hook, args: [hook, last]}
  - name: made
    containerEdits:
      hooks:
        - {hookName: createRuntime, path: DIR/hook, args: [hook, createRuntime]}
        - {hookName: poststop, path: DIR/hook, args: [hook, poststop]}
  - name: limited
    containerEdits:
      hooks:
        - {hookName: poststart, path: DIR/hook, args: [hook, poststart], timeout: 1}
"#;

struct Hooked {
    daemon: Daemon,
    dir: tempfile::TempDir,
}

impl Hooked {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let shown = dir.path().display().to_string();
        let write = |name: &str, text: &str| {
            std::fs::write(dir.path().join(name), text.replace("DIR", &shown)).expect("write");
        };
        write("hooked.yaml", SPEC);
        write("hook", HOOK);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(dir.path().join("hook"), mode).expect("chmod");
        let flags = vec![format!("--cdi-spec-dir={shown}")];
        let daemon = Daemon::with(Options { flags, images: vec!["busybox"], ..Options::default() });
        Self { daemon, dir }
    }

    fn run(&self, device: &str, script: &str) -> std::process::Command {
        let device = format!("example.com/hooked={device}");
        self.daemon
            .hythe_command(["run", "-d", "--name", "cc", "--device", &device, "busybox", "sh", "-c", script])
    }

    fn hold(&self, hook: &str) {
        std::fs::write(self.dir.path().join(format!("hold-{hook}")), "").expect("hold the hook up");
    }

    fn release(&self, hook: &str) {
        std::fs::remove_file(self.dir.path().join(format!("hold-{hook}"))).expect("let the hook go on");
    }

    fn trace(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("trace")).unwrap_or_default()
    }

    fn inspect(&self, format: &str) -> String {
        self.daemon.hythe(["inspect", "-f", format, "cc"]).ok()
    }

    fn shim(&self) -> String {
        let pid = self.inspect("{{.State.Pid}}");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
        status.lines().find_map(|line| line.strip_prefix("PPid:\t")).expect("its parent").to_owned()
    }
}

fn kill(pid: &str) {
    Output::of(std::process::Command::new("kill").args(["-KILL", pid])).ok();
}

const ALL_RAN: &str =
    "poststart begins\npoststart ends\npoststop begins\npoststop ends\nlast begins\nlast ends\n";

#[test]
fn output_is_copied_while_a_hook_of_the_start_hangs() {
    let hooked = Hooked::new();
    hooked.hold("poststart");
    let mut starting =
        hooked.run("all", "for i in 1 2 3; do echo line $i; done; exec sleep 1000").spawn().expect("run");
    wait::until_true("the hook runs", || hooked.trace() == "poststart begins\n");
    let id = hooked.inspect("{{.ID}}");
    let log = hooked.daemon.data().join(format!("containers/{id}/{id}-json.log"));
    let lines = || std::fs::read_to_string(&log).unwrap_or_default().lines().count();
    wait::until_true("the log has its lines", || lines() == 3);
    assert_eq!(starting.try_wait().expect("ask"), None, "it is not started before its hook has ended");
    hooked.release("poststart");
    assert!(starting.wait().expect("wait").success());
    assert_eq!(hooked.inspect("{{.State.Status}}"), "running");
    hooked.daemon.hythe(["rm", "-f", "cc"]).ok();
    wait::until_true("those of the end have run", || hooked.trace() == ALL_RAN);
}

#[test]
fn a_container_that_ends_during_the_hooks_of_its_start_has_started_and_ended() {
    let hooked = Hooked::new();
    hooked.hold("poststart");
    let mut starting = hooked.run("all", "echo bye; exit 5").spawn().expect("run");
    wait::until_true("the hook runs", || hooked.trace() == "poststart begins\n");
    hooked.release("poststart");
    assert!(starting.wait().expect("wait").success());
    assert_eq!(hooked.daemon.hythe(["wait", "cc"]).ok(), "5");
    assert_eq!(hooked.daemon.hythe(["logs", "cc"]).ok(), "bye");
}

#[test]
fn a_hook_that_takes_longer_than_it_may_ends_the_start() {
    let hooked = Hooked::new();
    hooked.hold("poststart");
    let error = Output::of(&mut hooked.run("limited", "exec sleep 1000")).fails_with(125);
    assert!(error.contains("hook ran past specified timeout of 1.0s"), "{error}");
    assert_eq!(hooked.inspect("{{.State.Status}} {{.State.Pid}}"), "created 0");
    hooked.daemon.check_state();
}

#[test]
fn an_end_does_not_wait_for_a_hook_that_hangs() {
    let hooked = Hooked::new();
    Output::of(&mut hooked.run("all", "exec sleep 1000")).ok();
    hooked.hold("last");
    hooked.daemon.hythe(["stop", "-t", "0", "cc"]).ok();
    assert_eq!(hooked.inspect("{{.State.Status}} {{.State.ExitCode}}"), "exited 137");
    assert!(hooked.trace().ends_with("last begins\n"), "{}", hooked.trace());
    hooked.release("last");
    wait::until_true("it has run to its end", || hooked.trace() == ALL_RAN);
}

#[test]
fn hooks_of_the_end_run_though_the_shim_is_killed() {
    let hooked = Hooked::new();
    Output::of(&mut hooked.run("all", "exec sleep 1000")).ok();
    kill(&hooked.shim());
    wait::until_true("the exit is seen", || hooked.inspect("{{.State.Status}}") == "exited");
    wait::until_true("those of the end have run", || hooked.trace() == ALL_RAN);
}

#[test]
fn hooks_of_the_end_run_though_shim_and_daemon_are_killed() {
    let mut hooked = Hooked::new();
    Output::of(&mut hooked.run("all", "exec sleep 1000")).ok();
    let shim = hooked.shim();
    hooked.daemon.kill();
    kill(&shim);
    hooked.daemon.boot();
    assert_eq!(hooked.inspect("{{.State.Status}} {{.State.ExitCode}}"), "exited 137");
    wait::until_true("those of the end have run", || hooked.trace() == ALL_RAN);
    // Once.
    hooked.daemon.stop();
    hooked.daemon.boot();
    assert_eq!(hooked.trace(), ALL_RAN);
}

#[test]
fn a_hook_that_hangs_before_the_container_is_made_does_not_hang_its_shim() {
    let mut hooked = Hooked::new();
    hooked.hold("createRuntime");
    let mut starting = hooked.run("made", "exec sleep 1000").spawn().expect("run");
    wait::until_true("the hook runs", || hooked.trace() == "createRuntime begins\n");
    // The next daemon asks the shim, which answers and undoes what was begun, hook and all.
    hooked.daemon.kill();
    assert!(!starting.wait().expect("wait").success());
    hooked.daemon.boot();
    assert_eq!(hooked.inspect("{{.State.Status}} {{.State.Pid}}"), "created 0");
    wait::until_true("those of the end have run", || {
        hooked.trace() == "createRuntime begins\npoststop begins\npoststop ends\n"
    });
    hooked.release("createRuntime");
    hooked.daemon.hythe(["start", "cc"]).ok();
    assert!(hooked.trace().ends_with("poststop ends\ncreateRuntime begins\ncreateRuntime ends\n"));
    hooked.daemon.hythe(["rm", "-f", "cc"]).ok();
    hooked.daemon.check_state();
}

#[test]
fn a_start_that_fails_does_not_wait_for_a_hook_that_hangs() {
    let hooked = Hooked::new();
    hooked.hold("poststop");
    let device = "example.com/hooked=made";
    let output = hooked.daemon.hythe(["run", "--name", "cc", "--device", device, "busybox", "/nothere"]);
    assert!(output.code == 127 && output.stderr.contains("/nothere"), "{output:?}");
    assert_eq!(hooked.inspect("{{.State.Status}} {{.State.ExitCode}}"), "created 127");
    let ran = "createRuntime begins\ncreateRuntime ends\npoststop begins\n";
    assert_eq!(hooked.trace(), ran);
    hooked.release("poststop");
    wait::until_true("it has run to its end", || hooked.trace() == format!("{ran}poststop ends\n"));
}
