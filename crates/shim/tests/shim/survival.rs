//! Daemons and shims that are killed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio as Pipe};

use crate::harness::{Harness, alive, connection, container, outputs, read_until, wait_until};
use shim::{Adopted, AttachOptions, Event, ExecRequest, Handle, Stdio};

/// Tells a copy of this test program to be a daemon, for which directory and container.
const ROLE: &str = "HYTHE_SHIM_TEST_DAEMON";

/// A daemon in a process of its own.
struct Daemon {
    process: Child,
    shim: i32,
    init: i32,
}

impl Daemon {
    /// Starts one that has got this far with the harness's container.
    fn new(harness: &Harness, script: &str, until: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "survival::daemon_process", "--nocapture"])
            .env(ROLE, format!("{}\n{}\n{until}\n{script}", harness.dir.path().display(), harness.id))
            .stdout(Pipe::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let up =
            lines.into_iter().find_map(|line| line.strip_prefix("up ").map(str::to_owned)).expect("a daemon");
        let (shim, init) = up.split_once(' ').unwrap();
        Self { process, shim: shim.parse().unwrap(), init: init.parse().unwrap() }
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Not a test: what a copy of this program does when it is told to be a daemon.
#[test]
fn daemon_process() {
    let Some(role) = std::env::var_os(ROLE) else { return };
    let role = role.into_string().unwrap();
    let mut role = role.splitn(4, '\n');
    let dir = role.next().unwrap().to_owned();
    let (id, until, script) = (role.next().unwrap(), role.next().unwrap(), role.next().unwrap());
    let keep = tempfile::Builder::new().disable_cleanup(true).tempdir_in(Path::new(&dir)).unwrap();
    std::fs::remove_dir(keep.path()).unwrap();
    std::os::unix::fs::symlink(&dir, keep.path()).unwrap();
    let harness = Harness::of(keep, id.into());
    let handle = harness.launch(container(script));
    let init = if until == "launched" { 0 } else { handle.wait_created().unwrap() };
    if until == "started" {
        handle.start().unwrap();
    }
    println!("\nup {} {init}", handle.shim_pid());
    std::io::stdout().flush().unwrap();
    loop {
        std::thread::park();
    }
}

fn running(harness: &Harness) -> Handle {
    match harness.adopt() {
        Adopted::Running(handle) => handle,
        other => panic!("{other:?} instead of a running container"),
    }
}

#[test]
fn a_container_outlives_its_daemon_and_is_adopted() {
    let harness = Harness::new();
    let script = "trap 'echo bye; exit 3' TERM; echo up; while :; do busybox sleep 1000 & wait $!; done";
    let mut daemon = Daemon::new(&harness, script, "started");
    daemon.kill();
    let handle = running(&harness);
    assert_eq!((handle.shim_pid(), handle.pid()), (daemon.shim, Some(daemon.init)));
    // Everything works as before.
    let plan = harness.plan("", false);
    let mut process = plan.process.clone();
    process.args = ["busybox", "sh", "-c", "echo hello"].map(str::to_owned).to_vec();
    let (client, theirs) = connection();
    let attach = Some((theirs, outputs()));
    let request = ExecRequest { exec_id: "e".into(), plan: plan.exec(process), open_stdin: false, attach };
    handle.exec(request).unwrap();
    read_until(&client, "hello\n");
    drop(client);
    assert!(matches!(harness.event(), Event::ExecExited { code: 0, .. }));
    let (client, theirs) = connection();
    handle.attach(theirs, AttachOptions { stdin: true, ..outputs() }).unwrap();
    handle.signal(15).unwrap();
    read_until(&client, "bye\n");
    drop(client);
    assert_eq!(harness.exit().code, 3);
    assert_eq!(harness.log(), "up\nbye\n");
    harness.check_gone(daemon.shim);
}

#[test]
fn an_end_without_a_daemon_is_on_record() {
    let harness = Harness::new();
    let mut daemon = Daemon::new(&harness, "echo up; busybox sleep 1000 & wait", "started");
    daemon.kill();
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(daemon.init).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    wait_until("the shim to end", || !alive(daemon.shim));
    match harness.adopt() {
        Adopted::Exited(exit) => assert_eq!((exit.code, exit.signal), (137, Some(9))),
        other => panic!("{other:?}"),
    }
    harness.check_gone(daemon.shim);
}

#[test]
fn what_was_not_started_goes_with_its_daemon() {
    let harness = Harness::new();
    let mut daemon = Daemon::new(&harness, "echo up", "created");
    assert!(alive(daemon.init));
    daemon.kill();
    wait_until("the shim to end", || !alive(daemon.shim));
    assert!(!alive(daemon.init));
    assert!(matches!(harness.adopt(), Adopted::Gone));
    harness.check_gone(daemon.shim);
}

#[test]
fn what_was_not_even_made_goes_with_its_daemon() {
    // How far the shim gets before it notices is chance; none of it may leave anything.
    for _ in 0..10 {
        let harness = Harness::new();
        let mut daemon = Daemon::new(&harness, "echo up", "launched");
        daemon.kill();
        wait_until("the shim to end", || !alive(daemon.shim));
        assert!(matches!(harness.adopt(), Adopted::Gone));
        harness.check_gone(daemon.shim);
    }
}

#[test]
fn a_container_does_not_outlive_its_shim() {
    let harness = Harness::new();
    let handle = harness.start(container("busybox sleep 1000 & busybox sleep 1000 & wait"));
    wait_until("three processes", || handle.pids().unwrap().len() == 3);
    let pids = handle.pids().unwrap();
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(handle.shim_pid()).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    let exit = harness.exit();
    assert_eq!((exit.code, exit.signal), (137, Some(9)));
    wait_until("its processes to be gone", || !pids.iter().any(|&pid| alive(pid)));
    assert_eq!(shim::record::read_exit(&harness.state()).unwrap(), Some(exit));
    assert!(matches!(harness.adopt(), Adopted::Exited(same) if same == exit));
    harness.check_gone(handle.shim_pid());
}

#[test]
fn a_shim_killed_without_a_daemon_is_found_out() {
    let harness = Harness::new();
    let mut daemon = Daemon::new(&harness, "busybox sleep 1000 & wait", "started");
    daemon.kill();
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(daemon.shim).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    wait_until("the shim to end", || !alive(daemon.shim));
    assert!(matches!(harness.adopt(), Adopted::Exited(exit) if exit.code == 137));
    wait_until("its processes to be gone", || !alive(daemon.init));
    harness.check_gone(daemon.shim);
}

#[test]
fn events_without_a_daemon_are_told_to_the_next() {
    let harness = Harness::new();
    let mut daemon = Daemon::new(&harness, "busybox sleep 1000 & wait", "started");
    // A second daemon takes over, runs something that ends when nobody listens, and is replaced by a third.
    let (sender, ignored) = std::sync::mpsc::channel();
    let exe = std::path::PathBuf::from(env!("CARGO_BIN_EXE_hythe-shim"));
    let second = shim::Launcher::new(&exe, sender).unwrap();
    let Adopted::Running(handle) = second.adopt(harness.id.clone(), &harness.state(), 0).unwrap() else {
        panic!()
    };
    second.follow(&handle).unwrap();
    let plan = harness.plan("", false);
    let mut process = plan.process.clone();
    process.args = ["busybox", "sh", "-c", "read x; exit 6"].map(str::to_owned).to_vec();
    let (client, theirs) = connection();
    let attach = Some((theirs, AttachOptions { stdin: true, ..outputs() }));
    let request = ExecRequest { exec_id: "e".into(), plan: plan.exec(process), open_stdin: true, attach };
    handle.exec(request).unwrap();
    daemon.kill();
    let third = running(&harness);
    assert_eq!(third.adopted_execs().iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["e"]);
    (&client).write_all(b"\n").unwrap();
    assert!(matches!(harness.event(), Event::ExecExited { code: 6, .. }));
    drop(ignored);
    third.kill_all().unwrap();
    assert_eq!(harness.exit().code, 137);
    harness.check_gone(daemon.shim);
}

#[test]
fn a_long_state_directory_is_no_obstacle() {
    let harness = Harness::new();
    let deep = harness.state().join("d".repeat(200));
    std::fs::create_dir(&deep).unwrap();
    let request = shim::LaunchRequest {
        id: harness.id.clone(),
        state_dir: deep.clone(),
        plan: harness.plan("busybox sleep 1000 & wait", false),
        foreign: None,
        netns: None,
        userns: None,
        stdio: Stdio::default(),
        log: logs::WriterConfig::none(),
        held: Vec::new(),
        forwards: Vec::new(),
        attaches: Vec::new(),
    };
    let handle = harness.launcher.launch(request).unwrap();
    handle.wait_created().unwrap();
    handle.start().unwrap();
    let Adopted::Running(adopted) = harness.launcher.adopt(harness.id.clone(), &deep, 0).unwrap() else {
        panic!()
    };
    harness.launcher.follow(&adopted).unwrap();
    adopted.kill_all().unwrap();
    assert_eq!(harness.exit().code, 137);
    wait_until("the shim to end", || !alive(handle.shim_pid()));
}
