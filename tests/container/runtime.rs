//! `--runtime`: other OCI runtimes make containers that behave as the built-in one's do.

#[path = "runtime/slow.rs"]
mod slow;

use testkit::{Daemon, Options, Output, Sandbox, wait};

/// Debian's runtimes; each is tried where it is installed, and reported where it is not.
const RUNTIMES: [&str; 2] = ["runc", "crun"];

/// A daemon that knows the runtime as `other`; `None` where it is not installed.
fn with(name: &str) -> Option<Daemon> {
    installed(name).map(|path| knowing(&path))
}

/// Where a runtime is installed, if it is.
fn installed(name: &str) -> Option<String> {
    let found = Output::of(std::process::Command::new("sh").args(["-c", &format!("command -v {name}")]));
    if found.code != 0 {
        testkit::skip::report(&format!("--runtime {name}: {name} is not installed here"));
        return None;
    }
    Some(found.ok())
}

/// A daemon that knows the program as the runtime `other`.
fn knowing(program: &str) -> Daemon {
    let sandbox = Sandbox::new();
    // crun refuses a host that has v1 hierarchies beside a v2 tree. Only this test's mount table is changed.
    let _ = Output::of(&mut sandbox.command("umount", ["/sys/fs/cgroup/unified"]));
    let flags = vec![format!("--add-runtime=other={program}")];
    Daemon::within(sandbox, Options { flags, images: vec!["busybox"], ..Options::default() })
}

fn each(test: impl Fn(&Daemon)) {
    for daemon in RUNTIMES.iter().filter_map(|name| with(name)) {
        test(&daemon);
    }
}

/// `run` by the other runtime.
fn run(daemon: &Daemon, args: &[&str]) -> Output {
    daemon.hythe(["run", "--runtime", "other"].iter().chain(args))
}

#[test]
fn another_runtime_runs_with_streams_and_exit_status() {
    each(|daemon| {
        let output =
            run(daemon, &["--rm", "-e", "A=1", "busybox", "sh", "-c", "echo $A; echo err >&2; exit 7"]);
        assert_eq!((output.code, output.stdout.as_str(), output.stderr.as_str()), (7, "1\n", "err\n"));
        let input = daemon.hythe_with_input(
            ["run", "--rm", "-i", "--runtime", "other", "busybox", "wc", "-c"],
            &[b'x'; 100_000],
        );
        assert_eq!(input.ok(), "100000");
        assert_eq!(
            run(daemon, &["--rm", "-t", "busybox", "sh", "-c", "tty; test -t 0 && echo yes"]).ok(),
            "/dev/pts/0\r\nyes\r"
        );
        let seen = run(
            daemon,
            &[
                "--rm",
                "-u",
                "nobody",
                "-m",
                "64m",
                "-h",
                "there",
                "--read-only",
                "busybox",
                "sh",
                "-c",
                "id -un; hostname; grep -c Seccomp:.2 /proc/self/status; touch /x 2>&1 | grep -o Read-only; ip -o -4 addr show eth0 | grep -c inet",
            ],
        );
        assert_eq!(seen.ok(), "nobody\nthere\n1\nRead-only\n1");
        let output = run(daemon, &["--name", "cc", "busybox", "nothere"]);
        // Clients look for runc's words; crun's, which differ in their case, are 125 to them, as with Docker.
        assert!(matches!(output.code, 125 | 127), "{output:?}");
        let error = output.stderr;
        assert!(error.contains("OCI runtime create failed: ") && error.contains("nothere"), "{error}");
        assert_eq!(daemon.hythe(["inspect", "-f", "{{.State.ExitCode}}", "cc"]).ok(), "127");
        let error = run(daemon, &["--rm", "-u", "nosuch", "busybox", "true"]).fails_with(125);
        assert!(error.contains("unable to find user nosuch: no matching entries in passwd file"), "{error}");
    });
}

#[test]
fn exec_stop_restart_pause_and_logs_work_through_another_runtime() {
    each(|daemon| {
        let script = "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done";
        let id = run(daemon, &["-d", "--name", "cc", "busybox", "sh", "-c", script]).ok();
        wait::until_true("it is up", || daemon.hythe(["logs", "cc"]).ok() == "up");
        let inspect = |format: &str| daemon.hythe(["inspect", "-f", format, "cc"]).ok();
        assert_eq!(inspect("{{.HostConfig.Runtime}} {{.State.Running}}"), "other true");
        let output = daemon.hythe(["exec", "-e", "B=2", "cc", "sh", "-c", "echo $B; echo err >&2; exit 5"]);
        assert_eq!((output.code, output.stdout.as_str(), output.stderr.as_str()), (5, "2\n", "err\n"));
        assert_eq!(daemon.hythe(["exec", "-u", "nobody", "cc", "id", "-un"]).ok(), "nobody");
        assert!(daemon.hythe(["exec", "-t", "cc", "tty"]).ok().starts_with("/dev/pts/"));
        assert_eq!(daemon.hythe_with_input(["exec", "-i", "cc", "wc", "-c"], &[b'x'; 1000]).ok(), "1000");
        let output = daemon.hythe(["exec", "cc", "nothere"]);
        let said = format!("{}{}", output.stdout, output.stderr);
        assert!(output.code == 127 && said.matches("nothere").count() == 1, "{output:?}");
        daemon.hythe(["pause", "cc"]).ok();
        assert_eq!(inspect("{{.State.Status}}"), "paused");
        daemon.hythe(["unpause", "cc"]).ok();
        assert!(daemon.hythe(["top", "cc", "-o", "pid"]).ok().lines().count() > 1);
        daemon.hythe(["restart", "cc"]).ok();
        wait::until_true("it is up again", || daemon.hythe(["logs", "cc"]).ok().ends_with("bye\nup"));
        daemon.hythe(["stop", &id]).ok();
        assert_eq!(inspect("{{.State.Status}} {{.State.ExitCode}}"), "exited 3");
        daemon.hythe(["start", "cc"]).ok();
        daemon.hythe(["kill", "cc"]).ok();
        assert_eq!(daemon.hythe(["wait", "cc"]).ok(), "137");
        daemon.hythe(["rm", "cc"]).ok();
    });
}

#[test]
fn containers_of_another_runtime_outlive_the_daemon_and_die_with_their_shim() {
    for mut daemon in RUNTIMES.iter().filter_map(|name| with(name)) {
        run(&daemon, &["-d", "--name", "cc", "busybox", "sleep", "1000"]).ok();
        daemon.kill();
        daemon.boot();
        assert_eq!(daemon.hythe(["exec", "cc", "echo", "hello"]).ok(), "hello");
        let pid = daemon.hythe(["inspect", "-f", "{{.State.Pid}}", "cc"]).ok();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
        let shim =
            status.lines().find_map(|line| line.strip_prefix("PPid:\t")).expect("its parent").to_owned();
        Output::of(std::process::Command::new("kill").args(["-KILL", &shim])).ok();
        wait::until_true("the exit is seen", || {
            daemon.hythe(["inspect", "-f", "{{.State.Status}}", "cc"]).ok() == "exited"
        });
        assert!(!std::path::Path::new(&format!("/proc/{pid}/exe")).exists(), "{pid} must not live on");
    }
}

#[test]
fn an_unknown_runtime_is_refused_in_dockers_words() {
    let daemon = Daemon::start();
    let error = daemon.hythe(["run", "--rm", "--runtime", "nosuch", "busybox", "true"]).fails_with(125);
    assert!(error.contains("Error response from daemon: unknown or invalid runtime name: nosuch"), "{error}");
    for name in ["runc", "hythe", "io.containerd.runc.v2"] {
        assert_eq!(daemon.hythe(["run", "--rm", "--runtime", name, "busybox", "echo", "ok"]).ok(), "ok");
    }
}

#[test]
fn the_default_runtime_is_the_configured_one_and_a_missing_program_is_told() {
    let flags = ["--add-runtime=gone=/nonexistent/runtime", "--default-runtime=gone"].map(str::to_owned);
    let daemon = Daemon::with(Options { flags: flags.into(), images: vec!["busybox"], ..Options::default() });
    let info = daemon.hythe(["info", "-f", "{{.DefaultRuntime}} {{(index .Runtimes \"gone\").Path}}"]).ok();
    assert_eq!(info, "gone /nonexistent/runtime");
    let error = daemon.hythe(["run", "--rm", "busybox", "true"]).fails_with(127);
    assert!(error.contains("/nonexistent/runtime") && error.contains("no such file"), "{error}");
    assert_eq!(daemon.hythe(["run", "--rm", "--runtime", "runc", "busybox", "echo", "ok"]).ok(), "ok");
}
