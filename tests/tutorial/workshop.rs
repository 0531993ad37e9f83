//! The parts of the workshop tutorials that need no builder.

use std::io::{Read, Write};
use std::net::TcpStream;

use testkit::{Daemon, Options, Output, wait};

fn get(daemon: &Daemon, address: &str) -> std::io::Result<String> {
    daemon.sandbox().on_network(|| {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    })
}

fn follow(client: fn(&Daemon, &[&str]) -> Output) {
    let daemon = Daemon::with(Options { images: vec!["debian", "nginx"], ..Options::default() });
    let run = |args: &[&str]| client(&daemon, args);
    run(&["tag", "debian", "ubuntu"]).ok();

    assert_eq!(run(&["run", "ubuntu", "/bin/echo", "Hello world"]).ok(), "Hello world");
    assert_eq!(run(&["container", "run", "--rm", "ubuntu", "cat", "/etc/hostname"]).ok().len(), 12);
    run(&[
        "run",
        "--name",
        "daemon",
        "-d",
        "ubuntu",
        "/bin/sh",
        "-c",
        "while true; do echo hello world; sleep 1; done",
    ])
    .ok();
    assert!(run(&["ps", "-a"]).ok().contains("daemon"));
    wait::until_true("it says hello", || run(&["logs", "daemon"]).stdout.starts_with("hello world\n"));
    assert_eq!(run(&["stop", "-t", "0", "daemon"]).ok(), "daemon");
    assert!(run(&["ps", "-a"]).ok().contains("Exited (137)"));
    assert_eq!(run(&["start", "daemon"]).ok(), "daemon");
    assert!(run(&["container", "top", "daemon"]).ok().contains("while true"));
    assert!(run(&["stats", "--no-stream", "daemon"]).ok().contains("daemon"));
    run(&["stop", "-t", "0", "daemon"]).ok();
    run(&["rm", "daemon"]).ok();
    let rest = run(&["ps", "-aq"]).ok();
    run(&["rm", "-f"].into_iter().chain(rest.lines()).collect::<Vec<_>>()).ok();

    let html = daemon.scratch().join("html");
    std::fs::create_dir_all(&html).expect("mkdir");
    std::fs::write(html.join("index.html"), "<h1>mine</h1>").expect("write");
    let mount = format!("{}:/usr/share/nginx/html:ro", html.display());
    run(&["run", "-d", "--name", "test-nginx", "-p", "8080:80", "-v", &mount, "nginx:latest"]).ok();
    wait::until_true("nginx answers", || {
        get(&daemon, "127.0.0.1:8080").is_ok_and(|page| page.contains("<h1>mine</h1>"))
    });
    let inspect = run(&["inspect", "test-nginx"]).ok();
    assert!(inspect.contains("\"Destination\": \"/usr/share/nginx/html\""), "{inspect}");
    assert_eq!(run(&["inspect", "-f", "{{.NetworkSettings.IPAddress}}", "test-nginx"]).ok(), "172.17.0.2");
    assert_eq!(run(&["exec", "test-nginx", "cat", "/usr/share/nginx/html/index.html"]).ok(), "<h1>mine</h1>");
    assert!(run(&["logs", "test-nginx"]).stdout.contains("GET / HTTP/1.0"));
    run(&["stop", "test-nginx"]).ok();

    run(&["run", "--name", "worked", "ubuntu", "sh", "-c", "echo hi > /opt/file"]).ok();
    assert_eq!(run(&["container", "diff", "worked"]).ok(), "C /opt\nA /opt/file");
    run(&["container", "commit", "worked", "ourfiglet"]).ok();
    assert!(run(&["image", "ls"]).ok().contains("ourfiglet"));
    assert_eq!(run(&["container", "run", "ourfiglet", "cat", "/opt/file"]).ok(), "hi");
    assert_eq!(run(&["volume", "ls", "-q"]).ok(), "");
}

#[test]
fn with_hythe() {
    follow(|daemon, args| daemon.hythe(args));
}

#[test]
fn with_the_stock_docker_client() {
    follow(|daemon, args| daemon.docker(args));
}
