//! The notes on containers: images by tag, names, links, networks, commits. Building, compose and swarm are other issues.

use testkit::{Daemon, Options, Output, wait};

/// None, bridge, a bridge of one's own, host.
fn networks(run: &dyn Fn(&[&str]) -> Output) {
    let seen =
        |network: &str| run(&["run", "--rm", "--net", network, "busybox:1.24", "ip", "-o", "link"]).ok();
    assert_eq!(seen("none").lines().count(), 1);
    assert!(seen("bridge").contains("eth0"));
    run(&["network", "create", "--driver", "bridge", "my_bridge_network"]).ok();
    assert!(run(&["network", "ls"]).ok().contains("my_bridge_network"));
    assert!(run(&["network", "inspect", "bridge"]).ok().contains("172.17.0.0/16"));
    let far =
        ["run", "-d", "--name", "container_3", "--net", "my_bridge_network", "busybox:1.24", "sleep", "1000"];
    run(&far).ok();
    run(&["exec", "app", "ping", "-c1", "-W1", "container_3"]).fails_with(1);
    run(&["network", "connect", "bridge", "container_3"]).ok();
    assert!(run(&["exec", "container_3", "ip", "-o", "link"]).ok().contains("eth1"));
    run(&["network", "disconnect", "bridge", "container_3"]).ok();
    assert!(!run(&["exec", "container_3", "ip", "-o", "link"]).ok().contains("eth1"));
    assert!(seen("host").contains("hythe0") || seen("host").contains("docker0"));
}

fn follow(client: fn(&Daemon, &[&str]) -> Output) {
    let daemon = Daemon::with(Options { images: vec!["busybox", "debian", "redis"], ..Options::default() });
    let run = |args: &[&str]| client(&daemon, args);
    for (image, name) in [("busybox", "busybox:1.24"), ("debian", "debian:jessie"), ("redis", "redis:3.2.0")]
    {
        run(&["tag", image, name]).ok();
    }
    assert_eq!(run(&["run", "busybox:1.24", "echo", "hello world"]).ok(), "hello world");
    assert!(run(&["images"]).ok().lines().any(|line| line.starts_with("busybox") && line.contains("1.24")));
    assert!(run(&["run", "busybox:1.24", "ls", "/"]).ok().contains("etc"));
    let id = run(&["run", "-d", "busybox:1.24", "sleep", "1000"]).ok();
    assert_eq!(id.len(), 64);
    assert!(run(&["ps"]).ok().contains(&id[..12]));
    run(&["run", "--rm", "busybox:1.24", "sleep", "0"]).ok();
    assert!(!run(&["ps", "-a"]).ok().contains("sleep 0"));
    run(&["run", "--name", "hello_world", "busybox:1.24"]).ok();
    assert!(run(&["ps", "-a"]).ok().contains("hello_world"));
    let inspect = run(&["inspect", &id]).ok();
    assert!(
        inspect.contains("\"IPAddress\": \"172.17.0.2\"") && inspect.contains("\"MacAddress\""),
        "{inspect}"
    );
    assert!(run(&["history", "busybox:1.24"]).ok().starts_with("IMAGE"));

    run(&["run", "--name", "grown", "debian:jessie", "sh", "-c", "echo git > /usr/bin/git"]).ok();
    assert!(run(&["commit", "grown", "new/debian:1.0"]).ok().starts_with("sha256:"));
    assert!(run(&["images"]).ok().contains("new/debian"));
    assert_eq!(run(&["run", "--rm", "new/debian:1.0", "cat", "/usr/bin/git"]).ok(), "git");
    run(&["tag", "new/debian:1.0", "me/debian:1.01"]).ok();
    assert!(run(&["images", "me/debian"]).ok().contains("1.01"));

    run(&["run", "-d", "--name", "redis", "redis:3.2.0"]).ok();
    wait::until_true("redis is ready", || {
        run(&["logs", "redis"]).stdout.contains("Ready to accept connections")
    });
    run(&[
        "run",
        "-d",
        "--name",
        "app",
        "-p",
        "5000:5000",
        "--link",
        "redis",
        "busybox:1.24",
        "sleep",
        "1000",
    ])
    .ok();
    let address = run(&["inspect", "-f", "{{.NetworkSettings.IPAddress}}", "redis"]).ok();
    assert!(run(&["exec", "app", "cat", "/etc/hosts"]).ok().contains(&format!("{address}\tredis")));
    assert!(run(&["exec", "app", "ping", "-c1", "redis"]).ok().contains("1 packets received"));
    assert!(run(&["port", "app"]).ok().contains("5000/tcp -> 0.0.0.0:5000"));

    networks(&run);
    assert_eq!(run(&["stop", "-t", "0", "app"]).ok(), "app");
    let rest = run(&["ps", "-aq"]).ok();
    run(&["rm", "-fv"].into_iter().chain(rest.lines()).collect::<Vec<_>>()).ok();
    run(&["network", "rm", "my_bridge_network"]).ok();
    daemon.check_leaks();
}

#[test]
fn notes_with_hythe() {
    follow(|daemon, args| daemon.hythe(args));
}

#[test]
fn notes_with_the_stock_docker_client() {
    follow(|daemon, args| daemon.docker(args));
}
