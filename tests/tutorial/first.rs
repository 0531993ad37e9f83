//! "Deploying your first container": Redis, in the background, published, with its data on the host.

use std::io::{Read, Write};
use std::net::TcpStream;

use testkit::{Daemon, Options, Output, Registry, Sandbox, wait};

fn ping(sandbox: &Sandbox, address: &str) -> std::io::Result<String> {
    sandbox.on_network(|| {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 7];
        stream.read_exact(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    })
}

fn follow(client: fn(&Daemon, &[&str]) -> Output) {
    let sandbox = Sandbox::new();
    let registry = Registry::start(&sandbox, 5000, &["redis"]);
    let flags = vec![format!("--registry-mirror=http://{}", registry.address())];
    let daemon = Daemon::within(sandbox, Options { flags, ..Options::default() });
    let run = |args: &[&str]| client(&daemon, args);

    let id = run(&["run", "-d", "redis"]).ok();
    let id = id.lines().last().expect("an id").to_owned();
    let ps = run(&["ps"]).ok();
    assert!(ps.contains("redis") && ps.contains("6379/tcp") && ps.contains("Up "), "{ps}");
    let inspect = run(&["inspect", &id]).ok();
    assert!(inspect.contains("\"IPAddress\": \"172.17.0.2\""), "{inspect}");
    wait::until_true("redis is ready", || run(&["logs", &id]).stdout.contains("Ready to accept connections"));

    run(&["run", "-d", "--name", "redisHostPort", "-p", "6379:6379", "redis:latest"]).ok();
    wait::until_true("redis answers", || {
        ping(daemon.sandbox(), "127.0.0.1:6379").is_ok_and(|answer| answer == "+PONG\r\n")
    });

    run(&["run", "-d", "--name", "redisDynamic", "-p", "6379", "redis:latest"]).ok();
    let port = run(&["port", "redisDynamic", "6379"]).ok();
    let address = port.lines().next().expect("an address").replace("0.0.0.0", "127.0.0.1");
    wait::until_true("redis answers", || {
        ping(daemon.sandbox(), &address).is_ok_and(|answer| answer == "+PONG\r\n")
    });
    assert!(run(&["ps"]).ok().contains("->6379/tcp"));

    let data = daemon.scratch().join("redis");
    run(&["run", "-d", "--name", "redisMapped", "-v", &format!("{}:/data", data.display()), "redis"]).ok();
    wait::until_true("redis is ready", || {
        run(&["exec", "redisMapped", "redis-cli", "ping"]).stdout == "PONG\n"
    });
    run(&["exec", "redisMapped", "redis-cli", "save"]).ok();
    assert!(data.join("dump.rdb").exists());

    let processes = run(&["run", "--rm", "redis", "ps"]).ok();
    assert!(processes.contains("ps"), "{processes}");
}

#[test]
fn with_hythe() {
    follow(|daemon, args| daemon.hythe(args));
}

#[test]
fn with_the_stock_docker_client() {
    follow(|daemon, args| daemon.docker(args));
}
