//! Settings of `daemon.json` by their effect on traffic, sockets and pulls; also of those that a reload takes over.

use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use testkit::{Daemon, Options, Output, Registry, Sandbox, program, wait};

use crate::configuration::{hang_up, with_file, write};
use crate::door::certificates;

#[test]
fn without_icc_containers_of_the_default_network_do_not_reach_each_other() {
    let daemon = with_file(r#"{"icc":false}"#);
    let ping = |network: &str, address: &str| {
        let flags = ["run", "--rm", "--network", network, "busybox", "ping", "-c", "1", "-W", "2", address];
        daemon.hythe(flags).code == 0
    };
    let start = |name: &str, network: &str| {
        daemon.hythe(["run", "-d", "--name", name, "--network", network, "busybox", "sleep", "1000"]).ok();
        let format = format!("{{{{(index .NetworkSettings.Networks \"{network}\").IPAddress}}}}");
        daemon.hythe(["inspect", "-f", &format, name]).ok()
    };
    let address = start("alone", "bridge");
    assert!(!ping("bridge", &address));
    assert_eq!(
        Output::of(&mut daemon.sandbox().command("busybox", ["ping", "-c", "1", "-W", "5", &address])).code,
        0
    );
    // Networks of one's own have their own setting.
    daemon.hythe(["network", "create", "open"]).ok();
    let address = start("among", "open");
    assert!(ping("open", &address));
    daemon.hythe(["rm", "-f", "among"]).ok();
    daemon.hythe(["network", "rm", "open"]).ok();
}

#[test]
fn without_icc_a_link_opens_the_ports_that_its_target_exposes() {
    let mut daemon = with_file(r#"{"icc":false}"#);
    let serve =
        "while true; do echo eighty | nc -l -p 80; done & while true; do echo other | nc -l -p 81; done";
    let flags =
        ["run", "-d", "--name", "db", "--stop-signal", "KILL", "--expose", "80", "busybox", "sh", "-c"];
    daemon.hythe(flags.iter().chain(&[serve])).ok();
    daemon.hythe(["run", "-d", "--name", "web", "--link", "db", "busybox", "sleep", "1000"]).ok();
    daemon.hythe(["run", "-d", "--name", "stranger", "busybox", "sleep", "1000"]).ok();
    let address = |name: &str| daemon.hythe(["inspect", "-f", "{{.NetworkSettings.IPAddress}}", name]).ok();
    let (db, web) = (address("db"), address("web"));
    let ask = |daemon: &Daemon, from: &str, to: &str, port: &str| {
        let script = format!("nc -w 2 {to} {port} </dev/null");
        daemon.hythe(["exec", from, "sh", "-c", &script]).stdout.trim().to_owned()
    };
    wait::until_true("the server listens", || ask(&daemon, "db", "127.0.0.1", "80") == "eighty");
    wait::until_true("the link is open", || ask(&daemon, "web", "db", "80") == "eighty");
    for (from, to, port) in [("web", &db, "81"), ("stranger", &db, "80"), ("db", &web, "80")] {
        assert_eq!(ask(&daemon, from, to, port), "", "{from} asks {to}:{port}");
    }
    // It holds for the next daemon, and for the next run of the target.
    daemon.kill();
    daemon.boot();
    wait::until_true("the link is open", || ask(&daemon, "web", &db, "80") == "eighty");
    daemon.hythe(["stop", "db"]).ok();
    // The address is the next one's, which is no business of the link.
    let serve = "while true; do echo no | nc -l -p 80; done";
    daemon.hythe(["run", "-d", "--name", "other", "--expose", "80", "busybox", "sh", "-c", serve]).ok();
    let of = |name: &str| daemon.hythe(["inspect", "-f", "{{.NetworkSettings.IPAddress}}", name]).ok();
    assert_eq!(of("other"), db);
    wait::until_true("the other listens", || ask(&daemon, "other", "127.0.0.1", "80") == "no");
    assert_eq!(ask(&daemon, "web", &db, "80"), "");
    daemon.hythe(["start", "db"]).ok();
    let db = of("db");
    wait::until_true("the server listens again", || ask(&daemon, "db", "127.0.0.1", "80") == "eighty");
    wait::until_true("the link is open", || ask(&daemon, "web", &db, "80") == "eighty");
    wait::until_true("the name is the new address", || ask(&daemon, "web", "db", "80") == "eighty");
    daemon.hythe(["rm", "--link", "web/db"]).ok();
    assert_eq!(ask(&daemon, "web", &db, "80"), "");
}

/// An engine that has nothing but its file and its directories.
struct Engine(Child);

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn hosts_and_certificates_of_the_file_are_those_that_are_used() {
    let sandbox = Sandbox::new();
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name).display().to_string();
    certificates(dir.path());
    let (first, second) = (format!("unix://{}", path("one.sock")), format!("unix://{}", path("two.sock")));
    let file = serde_json::json!({
        "hosts": [first, second, "tcp://127.0.0.1:2376"], "tlsverify": true, "tlscacert": path("ca.pem"),
        "tlscert": path("server.pem"), "tlskey": path("server-key.pem"),
    });
    std::fs::write(path("daemon.json"), file.to_string()).expect("write daemon.json");
    let args = [
        format!("--config-file={}", path("daemon.json")),
        format!("--data-root={}", path("data")),
        format!("--exec-root={}", path("run")),
        format!("--pidfile={}", path("pid")),
        format!("--shim={}", testkit::shim().display()),
    ];
    let mut command = sandbox.command(program("hythed"), &args);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("start hythed");
    let mut engine = Engine(child);
    let ask = |flags: &[&str]| {
        let words = flags.iter().chain(&["version", "-f", "{{.Server.Version}}"]);
        let mut command = sandbox.command(program("hythe"), words);
        Output::of(command.env("DOCKER_CONFIG", path("client")).env_remove("DOCKER_HOST"))
    };
    wait::until_true("it answers", || ask(&["-H", &first]).code == 0);
    let version = ask(&["-H", &second]).ok();
    let tcp = ["-H", "tcp://127.0.0.1:2376"];
    assert_ne!(ask(&tcp).code, 0, "no TLS");
    let ca = path("ca.pem");
    let stranger = [&tcp[..], &["--tlsverify", "--tlscacert", &ca]].concat();
    assert_ne!(ask(&stranger).code, 0, "no certificate");
    let (certificate, key) = (path("client.pem"), path("client-key.pem"));
    let friend = [&stranger[..], &["--tlscert", &certificate, "--tlskey", &key]].concat();
    assert_eq!(ask(&friend).ok(), version);
    // A setting in both places is an error.
    let both = [&args[..], &[format!("--host={first}")]].concat();
    let error = Output::of(&mut sandbox.command(program("hythed"), &both)).fails_with(1);
    assert!(error.contains("specified both as a flag and in the configuration file: hosts"), "{error}");
    let pid = Pid::from_child(&engine.0);
    kill_process(pid, Signal::TERM).expect("SIGTERM");
    assert!(engine.0.wait().expect("wait").success());
}

#[test]
fn what_a_reload_takes_over_has_its_effect() {
    let sandbox = Sandbox::new();
    let registry = Registry::start(&sandbox, 5000, &[]);
    let daemon = Daemon::within(sandbox, Options { images: vec!["busybox"], ..Options::default() });
    let reload = |text: &str| {
        let count = || daemon.log().matches("Reloaded configuration").count();
        let before = count();
        write(&daemon, text);
        hang_up(&daemon);
        wait::until_true("the file is read", || count() > before);
    };
    // Runtimes, and the one for those who do not say.
    let unknown = daemon.hythe(["create", "--runtime", "later", "busybox"]).fails_with(1);
    assert!(unknown.contains("unknown or invalid runtime name: later"), "{unknown}");
    reload(r#"{"runtimes":{"later":{"path":"/bin/false"}},"default-runtime":"later"}"#);
    daemon.hythe(["create", "--name", "named", "--runtime", "later", "busybox"]).ok();
    daemon.hythe(["create", "--name", "default", "busybox"]).ok();
    let runtimes = daemon.hythe(["inspect", "-f", "{{.HostConfig.Runtime}}", "named", "default"]).ok();
    assert_eq!(runtimes, "later\nlater");
    assert_eq!(daemon.hythe(["info", "-f", "{{.DefaultRuntime}}"]).ok(), "later");
    assert_ne!(daemon.hythe(["start", "default"]).code, 0, "it is run, and fails");
    daemon.hythe(["rm", "named", "default"]).ok();
    // Where images come from, and how many layers at a time.
    let name = format!("{}/library/layered", registry.address());
    for (number, base) in [(1, "busybox"), (2, &name), (3, &name)] {
        let script = format!("echo {number} > /{number}");
        daemon.hythe(["run", "--runtime", "runc", "--name", "layer", base, "sh", "-c", &script]).ok();
        daemon.hythe(["commit", "layer", &name]).ok();
        daemon.hythe(["rm", "layer"]).ok();
    }
    daemon.hythe(["push", "-q", &name]).ok();
    daemon.hythe(["rmi", &name, "busybox"]).ok();
    assert_ne!(daemon.hythe(["pull", "layered"]).code, 0);
    let mirror = format!("\"registry-mirrors\":[\"http://{}\"]", registry.address());
    let waits = |settings: &str| {
        reload(&format!("{{{mirror}{settings}}}"));
        let waits = daemon.hythe(["pull", "layered"]).ok().contains(": Waiting");
        daemon.hythe(["rmi", "layered"]).ok();
        waits
    };
    assert!(waits(",\"max-concurrent-downloads\":1"));
    assert!(!waits(",\"max-concurrent-downloads\":8"));
    assert!(waits(",\"max-concurrent-downloads\":1"));
    reload("{}");
    assert_ne!(daemon.hythe(["pull", "layered"]).code, 0, "the mirror is gone with its line");
}
