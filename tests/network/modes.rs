//! `--network`: bridge, none, host and another container's; and the way out.

use std::io::Read;
use std::net::TcpListener;

use testkit::{Daemon, Options, Outside, Sandbox};

#[test]
fn none_has_loopback_only_and_host_is_the_hosts() {
    let daemon = Daemon::start();
    let links =
        |mode: &str| daemon.hythe(["run", "--rm", "--network", mode, "busybox", "ls", "/sys/class/net"]).ok();
    assert_eq!(links("none"), "lo");
    assert_eq!(links("bridge"), "eth0\nlo");
    assert!(links("host").lines().any(|link| link == "hythe0"));
    daemon.hythe(["run", "-d", "--name", "base", "busybox", "sleep", "1000"]).ok();
    let address =
        |args: &[&str]| daemon.hythe(args.iter().chain(&["ip", "-4", "-o", "addr", "show", "eth0"])).ok();
    assert_eq!(
        address(&["run", "--rm", "--network", "container:base", "busybox"]),
        address(&["exec", "base"])
    );
    let error = daemon.hythe(["run", "--rm", "--network", "nosuch", "busybox", "true"]).fails_with(125);
    assert!(error.contains("network nosuch not found"), "{error}");
}

#[test]
fn the_container_whose_network_is_shared_may_come_later() {
    let daemon = Daemon::start();
    let create = |name: &str, mode: &str| {
        daemon.docker(["create", "--name", name, "--network", mode, "busybox", "sleep", "1000"]).ok();
        daemon.docker(["start", name])
    };
    let output = create("early", "container:late");
    let error = "Error response from daemon: joining network namespace of container: No such container: late";
    assert_eq!((output.code, output.stderr.lines().next()), (1, Some(error)));
    assert_eq!(
        daemon.hythe(["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "early"]).ok(),
        "created 128"
    );
    daemon.hythe(["run", "-d", "--name", "late", "busybox", "sleep", "1000"]).ok();
    daemon.hythe(["start", "early"]).ok();
    let namespace = |name: &str| daemon.hythe(["exec", name, "readlink", "/proc/self/ns/net"]).ok();
    assert_eq!(namespace("early"), namespace("late"));
    // The name is looked up among containers; it is never taken for a path.
    let output = create("hostile", "container:../containers");
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.stderr.contains("No such container: ../containers"), "{output:?}");
}

#[test]
fn containers_reach_each_other_and_the_outside_sees_the_host() {
    let sandbox = Sandbox::new();
    let outside = sandbox.outside();
    let daemon = Daemon::within(sandbox, Options { images: vec!["busybox"], ..Options::default() });
    daemon.hythe(["run", "-d", "--name", "aa", "busybox", "sleep", "1000"]).ok();
    let address = daemon.hythe(["inspect", "-f", "{{.NetworkSettings.IPAddress}}", "aa"]).ok();
    daemon.hythe(["run", "--rm", "busybox", "ping", "-c", "1", "-W", "5", &address]).ok();
    // Out: masqueraded, so that the answer finds its way.
    let listener = outside.sandbox().on_network(|| TcpListener::bind(("0.0.0.0", 7777)).expect("bind"));
    std::thread::scope(|scope| {
        let seen = scope.spawn(|| {
            let (mut stream, peer) = listener.accept().expect("accept");
            let mut text = String::new();
            stream.read_to_string(&mut text).expect("read");
            (peer.ip().to_string(), text)
        });
        daemon
            .hythe([
                "run",
                "--rm",
                "busybox",
                "sh",
                "-c",
                &format!("echo hello | nc -w 5 {} 7777", Outside::HOST),
            ])
            .ok();
        assert_eq!(seen.join().expect("a guest"), (Outside::SANDBOX.to_owned(), "hello\n".to_owned()));
    });
}
