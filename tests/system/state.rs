//! The state checker against a real daemon: a whole state passes, and every fault that is put into it is found.

use testkit::{Daemon, Output};

/// Runs a shell command in the daemon's namespaces.
fn shell(daemon: &Daemon, command: &str) {
    Output::of(&mut daemon.sandbox().command("sh", ["-c", command])).ok();
}

/// The problems that are there now.
fn problems(daemon: &Daemon) -> Vec<String> {
    daemon.observe().expect("the daemon rests").problems()
}

#[test]
fn every_seeded_fault_is_found() {
    let daemon = Daemon::start();
    let run =
        ["run", "-d", "--name", "web", "-p", "18085:80", "-p", "127.0.0.1:18086:80/udp", "-v", "named:/v"];
    let id = daemon.hythe(run.into_iter().chain(["--ipc", "shareable", "busybox", "sleep", "1000"])).ok();
    let idle = daemon.hythe(["create", "--name", "idle", "busybox", "true"]).ok();
    daemon.check_state();

    let data = daemon.data();
    let link =
        daemon.observe().expect("rest").records.endpoints.values().next().expect("one").host_link.clone();
    let element = "any4 '{ tcp . 18085 }'";
    let stray = "ab".repeat(32);
    let own = |dir: &str| data.join(dir).join(&idle).display().to_string();
    let (directory, writable) = (own("containers"), own("snapshots/containers"));
    let group = format!("/sys/fs/cgroup/pids{}/{stray}", daemon.cgroup());
    let shm = data.join("containers").join(&id).join("shm").display().to_string();
    let volume = data.join("volumes/named").display().to_string();
    let run_of = |id: &str| daemon.state().join("containers").join(id).display().to_string();
    let faults = [
        (format!("mv {directory} /tmp/{idle}"), format!("mv /tmp/{idle} {directory}"), "has no directory"),
        (format!("mv {writable} {writable}x"), format!("mv {writable}x {writable}"), "has no writable layer"),
        (format!("mkdir {}", run_of(&idle)), format!("rmdir {}", run_of(&idle)), "has a state directory"),
        (
            format!("mkdir {}", run_of(&stray)),
            format!("rmdir {}", run_of(&stray)),
            "state directory abababababab",
        ),
        (format!("mkdir {group}"), format!("rmdir {group}"), "control group abababababab"),
        (format!("mv {volume} {volume}x"), format!("mv {volume}x {volume}"), "volume named has no directory"),
        (format!("umount {shm}"), format!("mount -t tmpfs shm {shm}"), "shm is not mounted"),
        (format!("ip link set {link} down"), format!("ip link set {link} up"), &*link),
        (
            "ip link add hy-vbad type bridge".into(),
            "ip link del hy-vbad".into(),
            "link hy-vbad belongs to no endpoint",
        ),
        (
            "ip link add hy-0123456789ab type bridge".into(),
            "ip link del hy-0123456789ab".into(),
            "bridge hy-0123456789ab belongs to no network",
        ),
        (
            format!("nft delete element inet hythe {element}"),
            "nft add element inet hythe any4 '{ tcp . 18085 : 172.17.0.2 . 80 }'".into(),
            "the firewall lacks any4: tcp 18085 -> 172.17.0.2 80",
        ),
        (
            "nft add element inet hythe ports4 '{ 127.0.0.1 . udp . 99 : 172.17.0.9 . 80 }'".into(),
            "nft delete element inet hythe ports4 '{ 127.0.0.1 . udp . 99 }'".into(),
            "the firewall has ports4: 127.0.0.1 udp 99 -> 172.17.0.9 80 for nobody",
        ),
    ];
    for (fault, repair, expected) in faults {
        shell(&daemon, &fault);
        let found = problems(&daemon);
        assert!(found.iter().any(|problem| problem.contains(expected)), "{expected:?} not in {found:#?}");
        shell(&daemon, &repair);
        assert_eq!(problems(&daemon), Vec::<String>::new(), "after {repair}");
    }
}

#[test]
fn a_process_that_nobody_knows_to_be_gone_is_found() {
    let mut daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "gone", "busybox", "sleep", "1000"]).ok();
    daemon.check_state();
    let observed = daemon.observe().expect("the daemon rests");
    let (shim, id) = observed.kernel.shims.first().expect("a shim").clone();
    // Without a daemon nobody records the end.
    daemon.kill();
    Output::of(std::process::Command::new("kill").args(["-KILL", &shim.to_string()])).ok();
    let found = testkit::wait::until("the shim is gone", || {
        let found = daemon.observe()?.problems();
        found.iter().any(|problem| problem.contains("has 0 shims")).then_some(found)
    });
    assert!(found.iter().any(|problem| problem.contains(&id[..12])), "{found:#?}");
    daemon.boot();
    daemon.check_state();
}

#[test]
fn what_a_crash_left_is_gone_after_a_start() {
    let mut daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "stays", "-p", "18087:80", "busybox", "sleep", "1000"]).ok();
    daemon.kill();
    let (data, state, stray) = (daemon.data(), daemon.state(), "cd".repeat(32));
    for dir in [
        data.join("snapshots/trash/old/deep"),
        data.join("snapshots/staging/half"),
        data.join(format!("snapshots/containers/{stray}/upper")),
        data.join(format!("containers/{stray}/shm")),
        data.join("volumes/.trash/old"),
        state.join(format!("containers/{stray}")),
        format!("/sys/fs/cgroup/pids{}/{stray}", daemon.cgroup()).into(),
        format!("/sys/fs/cgroup/memory{}/{stray}/below", daemon.cgroup()).into(),
    ] {
        std::fs::create_dir_all(dir).expect("make what a crash would leave");
    }
    shell(
        &daemon,
        &format!("mount -t tmpfs shm {}", data.join("containers").join(&stray).join("shm").display()),
    );
    shell(&daemon, "ip link add hy-vcdcdcdcdcdc type veth peer name other");
    shell(&daemon, "nft add element inet hythe ports4 '{ 127.0.0.1 . udp . 99 : 172.17.0.9 . 80 }'");
    daemon.boot();
    daemon.check_state();
    assert_eq!(daemon.hythe(["ps", "-q"]).ok().lines().count(), 1);
}
