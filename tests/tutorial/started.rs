//! "Docker getting started": sessions with a terminal, logs, exec and attach, published web server, shared directories,
//! and several containers that find each other by name.

use std::io::{Read, Write};
use std::net::TcpStream;

use testkit::{Daemon, Options, Output, wait};

type Client = fn(&Daemon, &[&str]) -> Output;

/// Runs the client with `input` typed on a terminal of its own.
fn typed(daemon: &Daemon, program: &str, line: &str, input: &str) -> String {
    let file = daemon.scratch().join("typed");
    std::fs::write(&file, input).expect("write");
    let line = format!("exec {program} {line}");
    let mut command = daemon.client("script", ["-qec", &line, "/dev/null"]);
    Output::of(command.stdin(std::fs::File::open(file).expect("open"))).stdout.replace('\r', "")
}

fn follow(client: Client, program: &str) {
    let daemon = Daemon::with(Options { images: vec!["debian", "nginx"], ..Options::default() });
    let run = |args: &[&str]| client(&daemon, args);
    run(&["tag", "debian", "centos"]).ok();
    assert!(run(&["images"]).ok().contains("centos"));

    // A first session, left by `exit`.
    let screen =
        typed(&daemon, program, "run -i -t --name centos7_demo centos /bin/bash", "echo $((40+2)); exit\n");
    assert!(screen.contains("42\n"), "{screen:?}");
    assert!(run(&["ps", "-l"]).ok().contains("Exited (0)"));
    assert_eq!(run(&["start", "centos7_demo"]).ok(), "centos7_demo");
    let screen = typed(&daemon, program, "attach centos7_demo", "echo $((50+2)); exit\n");
    assert!(screen.contains("52\n"), "{screen:?}");
    run(&["wait", "centos7_demo"]).ok();
    run(&["rm", "centos7_demo"]).ok();

    // In the background, with something to say.
    let script = "for i in 1 2 3 4 5; do echo line $i; done; exec sleep 1000";
    run(&["run", "--name", "centos7_demo", "-d", "centos", "/bin/bash", "-c", script]).ok();
    wait::until_true("it has said all", || run(&["logs", "centos7_demo"]).stdout.ends_with("line 5\n"));
    let logs = run(&["logs", "-t", "--tail", "3", "centos7_demo"]).ok();
    let lines: Vec<&str> = logs.lines().map(|line| line.split_once(' ').expect("a time").1).collect();
    assert_eq!(lines, ["line 3", "line 4", "line 5"]);
    assert!(run(&["stats", "--no-stream", "centos7_demo"]).ok().contains("centos7_demo"));
    assert_eq!(run(&["exec", "centos7_demo", "/bin/bash", "-c", "echo in"]).ok(), "in");
    let screen = typed(&daemon, program, "exec -i -t centos7_demo bash", "hostname; exit\n");
    let id = run(&["ps", "-l", "-q"]).ok();
    assert!(screen.contains(&id), "{screen:?}");
    assert_eq!(run(&["stop", "-t", "0", "centos7_demo"]).ok(), "centos7_demo");
    let all = run(&["ps", "-a", "-q"]).ok();
    assert_eq!(run(&["rm", &all]).ok(), all);

    // A web server on one address of the host, with a name of its own.
    run(&["run", "-d", "-p", "127.0.0.1:5000:80", "-h", "nginx.dkr", "--name", "nginx_web", "nginx"]).ok();
    wait::until_true("nginx answers", || {
        daemon.sandbox().on_network(|| {
            let mut page = String::new();
            TcpStream::connect("127.0.0.1:5000")
                .and_then(|mut stream| {
                    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
                    stream.read_to_string(&mut page)
                })
                .is_ok_and(|_| page.contains("200 OK"))
        })
    });
    assert_eq!(run(&["exec", "nginx_web", "cat", "/etc/hostname"]).ok(), "nginx.dkr");
    assert!(run(&["inspect", "nginx_web"]).ok().contains("\"Hostname\": \"nginx.dkr\""));
    assert_eq!(run(&["inspect", "-f", "{{.NetworkSettings.IPAddress}}", "nginx_web"]).ok(), "172.17.0.2");

    // A directory of the host in two containers, one after the other.
    let shared = format!("{}:/xxx", daemon.scratch().join("xxx").display());
    let volume =
        ["run", "--rm", "--name=shared_volume_test", "-v", &shared, "centos:latest", "/bin/bash", "-c"];
    run(&[&volume[..], &["echo kept > /xxx/file"]].concat()).ok();
    assert_eq!(run(&[&volume[..], &["cat /xxx/file"]].concat()).ok(), "kept");

    run(&["rm", "-f", "nginx_web"]).ok();
    let images = run(&["images", "-q"]).ok();
    let ids: Vec<&str> = images.lines().collect();
    run(&[&["rmi", "-f"][..], &ids].concat());
    assert_eq!(run(&["images", "-q"]).ok(), "");
}

/// A store and a program that uses it, in a network of their own, data in a volume.
fn several(client: Client) {
    let daemon = Daemon::with(Options { images: vec!["redis", "python"], ..Options::default() });
    let run = |args: &[&str]| client(&daemon, args);
    run(&["network", "create", "todo-app"]).ok();
    run(&["volume", "create", "todo-data"]).ok();
    let store = [
        "run",
        "-d",
        "--name",
        "store",
        "--network",
        "todo-app",
        "--network-alias",
        "db",
        "-v",
        "todo-data:/data",
        "redis",
    ];
    run(&store).ok();
    wait::until_true("the store is ready", || {
        run(&["exec", "store", "redis-cli", "ping"]).stdout == "PONG\n"
    });
    run(&["exec", "store", "redis-cli", "set", "todo", "buy milk"]).ok();
    let ask = "import socket; s = socket.create_connection(('db', 6379)); s.sendall(b'GET todo\\r\\n'); print(s.recv(99).split()[1:])";
    let asked = run(&["run", "--rm", "--network", "todo-app", "python", "python3", "-c", ask]).ok();
    assert_eq!(asked, "[b'buy', b'milk']");

    // The data outlives the container.
    run(&["exec", "store", "redis-cli", "save"]).ok();
    run(&["rm", "-f", "store"]).ok();
    run(&store).ok();
    wait::until_true("the store is ready", || {
        run(&["exec", "store", "redis-cli", "ping"]).stdout == "PONG\n"
    });
    assert_eq!(run(&["exec", "store", "redis-cli", "get", "todo"]).ok(), "buy milk");
    let inspect = run(&["volume", "inspect", "todo-data"]).ok();
    assert!(inspect.contains("\"Driver\": \"local\""), "{inspect}");
    assert!(run(&["network", "rm", "todo-app"]).fails_with(1).contains("active endpoints"));
    run(&["rm", "-f", "store"]).ok();
    run(&["network", "rm", "todo-app"]).ok();
    run(&["volume", "rm", "todo-data"]).ok();
    daemon.check_leaks();
}

#[test]
fn with_hythe() {
    let hythe = testkit::program("hythe").display().to_string();
    follow(|daemon, args| daemon.hythe(args), &hythe);
}

#[test]
fn with_the_stock_docker_client() {
    follow(|daemon, args| daemon.docker(args), "docker");
}

#[test]
fn several_containers_with_hythe() {
    several(|daemon, args| daemon.hythe(args));
}

#[test]
fn several_containers_with_the_stock_docker_client() {
    several(|daemon, args| daemon.docker(args));
}
