//! Groups on the machine's own hierarchies, below a parent of the tests' own. They need root, as the engine does.

use super::*;
use crate::{DeviceKind, DeviceRule};
use std::process::{Child, Command};

fn group(name: &str, limits: &Limits) -> Cgroup {
    let path = format!("/hythe-test-{}-{name}/{name}", std::process::id());
    Cgroup::create(&Layout::detect().unwrap(), &path, limits).unwrap()
}

/// Removes the group and the tests' parent, and asserts that nothing is left.
fn finish(group: Cgroup) {
    let layout = group.layout.clone();
    let parent = group.path.rsplit_once('/').unwrap().0.to_owned();
    group.remove().unwrap();
    Cgroup::open(&layout, &parent).unwrap().remove().unwrap();
    assert!(Cgroup::open(&layout, &parent).is_err());
}

fn sleeper() -> Child {
    Command::new("sleep").arg("1000").spawn().unwrap()
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

#[test]
fn a_process_is_moved_listed_frozen_and_killed() {
    let group = group("life", &Limits::default());
    let mut child = sleeper();
    group.add(pid(&child), false).unwrap();
    assert_eq!(group.pids().unwrap(), [pid(&child)]);
    group.freeze().unwrap();
    assert!(group.is_frozen().unwrap());
    group.thaw().unwrap();
    assert!(!group.is_frozen().unwrap());
    assert_eq!(group.stats().unwrap().pids.current, 1);
    group.freeze().unwrap();
    group.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    group.thaw().unwrap();
    finish(group);
}

#[test]
fn limits_are_written_and_changed() {
    let swap = Layout::detect().unwrap().limits_swap();
    let limits = Limits {
        memory: Some(64 << 20),
        memory_swap: swap.then_some(128 << 20),
        cpu_shares: Some(512),
        cpu_quota: Some(50_000),
        cpu_period: Some(100_000),
        pids: Some(10),
        ..Limits::default()
    };
    let group = group("limits", &limits);
    let stats = group.stats().unwrap();
    assert_eq!((stats.memory.limit, stats.pids.limit), (64 << 20, Some(10)));
    // Both directions: the kernel wants a different order for each.
    for memory in [256 << 20, 32 << 20] {
        group
            .update(&Limits {
                memory: Some(memory),
                memory_swap: swap.then_some(memory * 2),
                ..Limits::default()
            })
            .unwrap();
        assert_eq!(group.stats().unwrap().memory.limit, memory as u64);
    }
    group.update(&Limits { pids: Some(-1), ..Limits::default() }).unwrap();
    assert_eq!(group.stats().unwrap().pids.limit, None);
    finish(group);
}

#[test]
fn a_controller_first_needed_later_is_joined_by_all_processes() {
    let group = group("late", &Limits::default());
    let mut child = sleeper();
    group.add(pid(&child), false).unwrap();
    group
        .update(&Limits { cpu_shares: Some(100), cpuset_cpus: Some("0".to_owned()), ..Limits::default() })
        .unwrap();
    if let Some(cpu) = group.v1_dir("cpu") {
        assert_eq!(read_pids(&cpu.join("cgroup.procs")).unwrap(), [pid(&child)]);
        assert_eq!(file::number(&cpu.join("cpu.shares")), Some(100));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    finish(group);
}

#[test]
fn devices_are_denied_but_for_the_allowed() {
    let null = DeviceRule {
        allow: true,
        kind: DeviceKind::Character,
        major: Some(1),
        minor: Some(3),
        read: true,
        write: true,
        mknod: true,
    };
    let group = group("devices", &Limits { devices: Some(vec![null]), ..Limits::default() });
    let enter: Vec<String> = group
        .unified_path()
        .into_iter()
        .chain(group.v1_dirs().map(|(_, dir)| dir))
        .map(|dir| format!("echo $$ > {}/cgroup.procs;", dir.display()))
        .collect();
    let script = format!("{} true < /dev/null && ! true < /dev/zero", enter.concat());
    let status =
        Command::new("sh").args(["-c", &script]).stderr(std::process::Stdio::null()).status().unwrap();
    assert!(status.success());
    finish(group);
}

#[test]
fn a_kill_for_lack_of_memory_is_counted_and_told() {
    let limits = Limits { memory: Some(8 << 20), memory_swap: Some(8 << 20), ..Limits::default() };
    let group = group("oom", &limits);
    let mut watch = group.watch_oom().unwrap().unwrap();
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    let mut child = Command::new("sh")
        .args(["-c", "read line; x=0123456789abcdef; while :; do x=$x$x; done"])
        .stdin(std::process::Stdio::from(reader))
        .spawn()
        .unwrap();
    group.add(pid(&child), false).unwrap();
    rustix::io::write(&writer, b"go\n").unwrap();
    assert!(!child.wait().unwrap().success());
    let mut fds = [rustix::event::PollFd::new(watch.fd(), rustix::event::PollFlags::IN)];
    rustix::event::poll(&mut fds, None).unwrap();
    assert!(watch.take().unwrap() >= 1);
    assert!(group.oom_kills().unwrap() >= 1);
    finish(group);
}

#[test]
fn a_process_moves_itself_in() {
    // The test's own process has threads, so a child that has one does it: this binary again, asked for this test.
    const ASKED: &str = "HYTHE_TEST_JOIN";
    if let Some(path) = std::env::vars().find(|(name, _)| name == ASKED).map(|(_, path)| path) {
        let group = Cgroup::open(&Layout::detect().unwrap(), &path).unwrap();
        group.join().unwrap();
        // This thread alone went, to every v1 hierarchy the group is in.
        let own = fs::read_to_string("/proc/thread-self/cgroup").unwrap();
        assert_eq!(own.matches(&path).count(), group.v1_dirs().count(), "{own}");
        return;
    }
    let group = group("join", &Limits { memory: Some(64 << 20), ..Limits::default() });
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "group::tests::a_process_moves_itself_in"])
        .env(ASKED, group.path())
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    finish(group);
}

#[test]
fn killed_processes_need_not_be_waited_for_by_the_caller() {
    for _ in 0..20 {
        let group = group("exit", &Limits::default());
        let mut children: Vec<Child> = (0..5).map(|_| sleeper()).collect();
        for child in &children {
            group.add(pid(child), false).unwrap();
        }
        group.kill().unwrap();
        // Reaped by others meanwhile.
        let reaper = std::thread::spawn(move || children.iter_mut().for_each(|child| drop(child.wait())));
        finish(group);
        reaper.join().unwrap();
    }
}

#[test]
fn hostile_paths_are_refused() {
    let layout = Layout::detect().unwrap();
    for path in ["", "/", "relative", "/a/../b", "/..", "/a\nb", "//"] {
        let error = Cgroup::create(&layout, path, &Limits::default()).unwrap_err();
        assert_eq!(error.class(), errdefs::Class::InvalidParameter, "{path:?}");
    }
}
