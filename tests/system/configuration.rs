//! `daemon.json`: each setting with its effect, and what a reload takes over.

use rustix::process::{Pid, Signal, kill_process};
use testkit::{Daemon, Options, Output, Sandbox, program, wait};

/// Writes the daemon's file.
pub(crate) fn write(daemon: &Daemon, text: &str) {
    std::fs::write(daemon.socket().with_file_name("daemon.json"), text).expect("write daemon.json");
}

pub(crate) fn hang_up(daemon: &Daemon) {
    let pid = Pid::from_raw(daemon.pid().try_into().expect("a pid")).expect("not zero");
    kill_process(pid, Signal::HUP).expect("SIGHUP");
}

/// A daemon that has read this file.
pub(crate) fn with_file(text: &str) -> Daemon {
    let mut daemon = Daemon::start();
    daemon.stop();
    write(&daemon, text);
    daemon.boot();
    daemon
}

#[test]
fn defaults_of_containers_hold_inside_them() {
    let daemon = with_file(
        r#"{"default-ulimits":{"nofile":{"Name":"nofile","Soft":77,"Hard":99}},"default-shm-size":"32m",
            "default-ipc-mode":"shareable","default-cgroupns-mode":"private","init":true,"no-new-privileges":true,
            "seccomp-profile":"unconfined","dns":["10.1.2.3"],"dns-search":["a.test"],"dns-opts":["ndots:3"],
            "log-driver":"local","log-opts":{"max-file":"3"},"mtu":1400,"bip":"10.44.0.1/24",
            "default-address-pools":[{"base":"10.55.0.0/16","size":24}],"labels":["where=here"],
            "proxies":{"http-proxy":"http://p.test:1","no-proxy":"x"},"userland-proxy":false,"shutdown-timeout":9}"#,
    );
    let script = "ulimit -Sn; ulimit -Hn; df -k /dev/shm | tail -1 | awk '{print $2}'; cat /proc/1/comm; \
                  grep NoNewPrivs /proc/self/status; grep Seccomp: /proc/self/status; cat /etc/resolv.conf; \
                  ip addr show eth0";
    let inside = daemon.hythe(["run", "--name", "look", "busybox", "sh", "-c", script]).ok();
    for line in ["77\n99\n32768\ndocker-init\n", "NoNewPrivs:\t1", "Seccomp:\t0", "nameserver 10.1.2.3"] {
        assert!(inside.contains(line), "{line:?} in {inside}");
    }
    for line in ["search a.test", "options ndots:3", "mtu 1400", "inet 10.44.0."] {
        assert!(inside.contains(line), "{line:?} in {inside}");
    }
    let format = "{{.HostConfig.IpcMode}} {{.HostConfig.CgroupnsMode}} {{.HostConfig.LogConfig.Type}} \
                  {{index .HostConfig.LogConfig.Config \"max-file\"}}";
    assert_eq!(daemon.hythe(["inspect", "-f", format, "look"]).ok(), "shareable private local 3");
    daemon.hythe(["network", "create", "pooled"]).ok();
    let subnet =
        daemon.hythe(["network", "inspect", "-f", "{{(index .IPAM.Config 0).Subnet}}", "pooled"]).ok();
    assert!(subnet.starts_with("10.55."), "{subnet}");
    daemon.hythe(["network", "rm", "pooled"]).ok();
    let info =
        daemon.hythe(["info", "-f", "{{json .Labels}} {{.HTTPProxy}} {{.NoProxy}} {{.LoggingDriver}}"]).ok();
    assert_eq!(info, "[\"where=here\"] http://p.test:1 x local");
    assert!(daemon.log().contains("--userland-proxy has no meaning for this engine"), "{}", daemon.log());
    // What a container says goes before.
    let own = ["run", "--rm", "--ulimit", "nofile=55", "--shm-size", "16m", "--init=false", "busybox"];
    let script =
        ["sh", "-c", "ulimit -n; df -k /dev/shm | tail -1 | awk '{print $2}'; cat /proc/1/comm; true"];
    assert_eq!(daemon.hythe(own.into_iter().chain(script)).ok(), "55\n16384\nsh");
}

#[test]
fn the_engines_parent_of_control_groups_is_not_the_containers_own() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "cc", "busybox", "sleep", "1000"]).ok();
    assert_eq!(daemon.hythe(["inspect", "-f", "{{json .HostConfig.CgroupParent}}", "cc"]).ok(), "\"\"");
    let pid = daemon.hythe(["inspect", "-f", "{{.State.Pid}}", "cc"]).ok();
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("its control groups");
    assert!(groups.contains(&format!(":{}/", daemon.cgroup())), "{groups}");
}

#[test]
fn default_log_options_are_checked_at_the_start() {
    let sandbox = Sandbox::new();
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name).display().to_string();
    let args = [
        "--log-opt=nosuch=1".to_owned(),
        format!("--host=unix://{}", path("s")),
        format!("--data-root={}", path("data")),
        format!("--exec-root={}", path("run")),
    ];
    let error = Output::of(&mut sandbox.command(program("hythed"), &args)).fails_with(1);
    let text = "failed to set log opts: unknown log opt 'nosuch' for json-file log driver";
    assert!(error.contains(text), "{error}");
}

#[test]
fn a_reload_takes_over_what_docker_takes_over_and_tells_so() {
    let daemon = Daemon::start();
    write(
        &daemon,
        r#"{"labels":["c=d"],"debug":true,"max-concurrent-downloads":7,"default-shm-size":"16m",
            "default-ipc-mode":"shareable","registry-mirrors":["http://m.test:5000"],"insecure-registries":["r.test:1"]}"#,
    );
    hang_up(&daemon);
    let events = {
        // The stream of events up to now ends by itself.
        let now = || daemon.hythe(["events", "--since", "1", "--until", "0s", "--format", "{{json .}}"]).ok();
        wait::until_true("the reload is told", || now().contains("\"reload\""));
        now()
    };
    for part in [
        "\"max-concurrent-downloads\":\"7\"",
        "\"default-shm-size\":\"16777216\"",
        "\"default-ipc-mode\":\"shareable\"",
        "\"labels\":\"[\\\"c=d\\\"]\"",
        "\"debug\":\"true\"",
        "\"Type\":\"daemon\"",
    ] {
        assert!(events.contains(part), "{part} in {events}");
    }
    let format = "{{json .Labels}} {{.Debug}} {{json .RegistryConfig.Mirrors}}";
    assert_eq!(daemon.hythe(["info", "-f", format]).ok(), "[\"c=d\"] true [\"http://m.test:5000\"]");
    let id = daemon.hythe(["create", "busybox", "true"]).ok();
    let format = "{{.HostConfig.ShmSize}} {{.HostConfig.IpcMode}}";
    assert_eq!(daemon.hythe(["inspect", "-f", format, &id]).ok(), "16777216 shareable");
    // A broken file changes nothing.
    write(&daemon, r#"{"nosuch":1}"#);
    hang_up(&daemon);
    wait::until_true("the mistake is told", || {
        daemon.log().contains("the following directives don't match any configuration option: nosuch")
    });
    assert_eq!(daemon.hythe(["info", "-f", "{{json .Labels}}"]).ok(), "[\"c=d\"]");
    write(&daemon, "{}");
}

#[test]
fn the_log_is_one_object_a_line_if_asked() {
    let flags = ["--log-format=json", "--debug"].map(str::to_owned).to_vec();
    let daemon = Daemon::with(Options { flags, images: vec!["busybox"], ..Options::default() });
    daemon.hythe(["run", "--rm", "busybox", "true"]).ok();
    daemon.hythe(["run", "--rm", "nosuchimage", "true"]).fails_with(125);
    let log = daemon.log();
    assert!(log.lines().count() > 2, "{log}");
    // The kit marks where the program was started.
    for line in log.lines().filter(|line| !line.starts_with("=== start")) {
        let value: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        for key in ["level", "msg", "time"] {
            assert!(value[key].is_string(), "{key} in {line}");
        }
    }
}
