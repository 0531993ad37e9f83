//! `search`: an index of images, with both clients.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use testkit::{Daemon, Sandbox};

const PAGE: &str = r#"{"num_results":3,"query":"redis","results":[
    {"name":"redis","description":"Redis is a data platform for caching, vector search and queues.","star_count":13000,"is_official":true},
    {"name":"a/redis","description":"x\ny","star_count":3,"is_official":false},
    {"name":"b/redis","description":"","star_count":30,"is_official":false}]}"#;

/// An index on the sandbox's loopback that answers every request with the same page.
fn index(sandbox: &Sandbox) -> SocketAddr {
    let listener = sandbox.on_network(|| TcpListener::bind("127.0.0.1:0")).expect("bind");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| answer(&stream)));
    address
}

fn answer(stream: &TcpStream) {
    let head: Vec<String> =
        BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    // Anything else is the attempt to speak TLS.
    if head.first().is_some_and(|line| line.starts_with("GET ")) {
        let mut stream = stream;
        let length = PAGE.len();
        let _ =
            write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{PAGE}");
    }
}

#[test]
fn shows_what_the_index_knows() {
    if !testkit::skip::needs_new_client("search beside Docker's") {
        return;
    }
    let sandbox = Sandbox::new();
    let address = index(&sandbox);
    let daemon = Daemon::within(sandbox, testkit::Options::default());
    let term = format!("{address}/redis");
    let table = [
        "NAME      DESCRIPTION                                     STARS     OFFICIAL",
        "redis     Redis is a data platform for caching, vector…   13000     [OK]",
        "a/redis   x y                                             3         ",
        "b/redis                                                   30        ",
    ];
    for args in [
        vec!["search", &term],
        vec!["search", "--filter", "stars=10", "--format", "json", &term],
        vec!["search", "--filter", "is-official=true", "--no-trunc", &term],
        vec!["search", "--filter", "is-official=false", "--format", "{{.Name}}={{.StarCount}}", &term],
        vec!["search", "--filter", "foo=bar", &term],
        vec!["search", "--filter", "stars=x", &term],
        vec!["search", "--limit", "500", &term],
        vec!["search", "http://x/y"],
    ] {
        let (ours, theirs) = (daemon.hythe(&args), daemon.docker(&args));
        assert_eq!((ours.code, &ours.stdout), (theirs.code, &theirs.stdout), "{args:?}");
        assert_eq!(ours.stderr, theirs.stderr, "{args:?}");
    }
    let lines = daemon.hythe(["search", &term]).ok();
    assert_eq!(lines.lines().map(str::trim_end).collect::<Vec<_>>(), table.map(str::trim_end));
}
