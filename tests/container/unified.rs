//! What needs pure cgroup v2 or AppArmor: on hosts that have them, and in the virtual machine (`scripts/vm-test.sh`).

use std::path::Path;

use testkit::Daemon;

fn run(daemon: &Daemon, flags: &[&str], script: &str) -> String {
    daemon.hythe(["run", "--rm"].iter().chain(flags).chain(&["busybox", "sh", "-c", script])).ok()
}

/// Whether this host has pure cgroup v2; if not, that is reported.
fn unified(what: &str) -> bool {
    let there = Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
    if !there {
        testkit::skip::report(&format!("{what}: this host has no pure cgroup v2"));
    }
    there
}

#[test]
fn limits_are_seen_inside_on_v2() {
    if !unified("limits on cgroup v2") {
        return;
    }
    let daemon = Daemon::start();
    for (flags, file, expected) in [
        (&["-m", "64m"][..], "memory.max", "67108864"),
        (&["-m", "64m"], "memory.swap.max", "67108864"),
        (&["-m", "64m", "--memory-swap", "64m"], "memory.swap.max", "0"),
        (&["-m", "64m", "--memory-swap", "-1"], "memory.swap.max", "max"),
        (&["--memory-reservation", "32m"], "memory.low", "33554432"),
        (&["--cpus", "0.5"], "cpu.max", "50000 100000"),
        (&["--cpu-period", "50000", "--cpu-quota", "5000"], "cpu.max", "5000 50000"),
        (&["--cpu-shares", "1024"], "cpu.weight", "100"),
        (&["--cpuset-cpus", "0", "--cpuset-mems", "0"], "cpuset.cpus", "0"),
        (&["--pids-limit", "50"], "pids.max", "50"),
        (&["--pids-limit", "-1"], "pids.max", "max"),
    ] {
        assert_eq!(run(&daemon, flags, &format!("cat /sys/fs/cgroup/{file}")), expected, "{flags:?} {file}");
    }
    // A namespace of its own is the default, and what is mounted cannot be written.
    assert_eq!(
        run(&daemon, &[], "cat /proc/self/cgroup; mkdir /sys/fs/cgroup/x 2>/dev/null || echo closed"),
        "0::/\nclosed"
    );
    assert_eq!(
        run(&daemon, &["--cgroupns", "host"], "grep -c '^0::/.*[0-9a-f]\\{64\\}' /proc/self/cgroup"),
        "1"
    );
}

#[test]
fn limits_change_and_memory_runs_out_on_v2() {
    if !unified("update and out of memory on cgroup v2") {
        return;
    }
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "cc", "-m", "64m", "busybox", "sleep", "1000"]).ok();
    daemon.hythe(["update", "-m", "32m", "--memory-swap", "32m", "--pids-limit", "20", "cc"]).ok();
    let read = |file: &str| daemon.hythe(["exec", "cc", "cat", &format!("/sys/fs/cgroup/{file}")]).ok();
    assert_eq!((read("memory.max"), read("pids.max")), ("33554432".to_owned(), "20".to_owned()));
    daemon.hythe(["pause", "cc"]).ok();
    assert_eq!(daemon.hythe(["inspect", "-f", "{{.State.Status}}", "cc"]).ok(), "paused");
    daemon.hythe(["unpause", "cc"]).ok();
    let output = daemon.hythe([
        "run",
        "--name",
        "eats",
        "-m",
        "16m",
        "--memory-swap",
        "16m",
        "busybox",
        "tail",
        "/dev/zero",
    ]);
    assert_eq!(output.code, 137, "{output:?}");
    assert_eq!(daemon.hythe(["inspect", "-f", "{{.State.OOMKilled}}", "eats"]).ok(), "true");
}

#[test]
fn devices_are_closed_on_v2() {
    if !unified("device rules on cgroup v2") {
        return;
    }
    let daemon = Daemon::start();
    let script = "mknod /f c 10 229; mknod /k c 1 11; for d in /f /k; do dd if=$d of=/dev/null count=0 2>&1 | grep -c 'not permitted'; done | sort -u; head -c 1 /dev/zero | wc -c";
    assert_eq!(run(&daemon, &[], script), "1\n1");
}

#[test]
fn apparmor_confines_by_the_default_profile() {
    let enabled = std::fs::read_to_string("/sys/module/apparmor/parameters/enabled").unwrap_or_default();
    if !enabled.starts_with('Y') || !Path::new("/sys/kernel/security/apparmor").is_dir() {
        testkit::skip::report("AppArmor's default profile: this host has no AppArmor");
        return;
    }
    let daemon = Daemon::start();
    let profile = |flags: &[&str]| run(&daemon, flags, "cat /proc/self/attr/current");
    assert_eq!(profile(&[]), "docker-default (enforce)");
    assert_eq!(profile(&["--security-opt", "apparmor=unconfined"]), "unconfined");
    assert_eq!(profile(&["--privileged"]), "unconfined");
    assert_eq!(
        run(&daemon, &["--cap-add", "SYS_ADMIN"], "mkdir /m; mount -t tmpfs none /m 2>&1 | grep -c denied"),
        "1"
    );
    daemon.hythe(["run", "-d", "--name", "cc", "busybox", "sleep", "1000"]).ok();
    assert_eq!(
        daemon.hythe(["exec", "cc", "cat", "/proc/self/attr/current"]).ok(),
        "docker-default (enforce)"
    );
    let shown = daemon.hythe(["inspect", "-f", "{{.AppArmorProfile}}", "cc"]).ok();
    assert_eq!(shown, "docker-default");
}
