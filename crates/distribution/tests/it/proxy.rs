//! Registries behind a proxy.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use distribution::config::ProxyConfig;
use distribution::{Auth, Config};

use super::hostile::{Answer, Server};
use super::support::{Bench, Fixture, quick, serve};

/// A proxy that leads every `CONNECT` to one address, and remembers whom it was asked for.
fn proxy(target: SocketAddr) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = asked.clone();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (client, seen) = (client.unwrap(), seen.clone());
            std::thread::spawn(move || lead(client, target, &seen));
        }
    });
    (url, asked)
}

fn lead(client: TcpStream, target: SocketAddr, seen: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    seen.lock().unwrap().push(line.split_whitespace().nth(1).unwrap_or_default().to_owned());
    while line.trim() != "" {
        line.clear();
        reader.read_line(&mut line).unwrap();
    }
    let mut client_writer = client;
    client_writer.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
    let mut server = TcpStream::connect(target).unwrap();
    let mut server_reader = server.try_clone().unwrap();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut server_reader, &mut client_writer);
        let _ = client_writer.shutdown(std::net::Shutdown::Both);
    });
    let _ = std::io::copy(&mut reader, &mut server);
    let _ = server.shutdown(std::net::Shutdown::Both);
}

fn behind(url: &str) -> Config {
    let proxy =
        ProxyConfig { http: Some(url.to_owned()), https: Some(url.to_owned()), no_proxy: String::new() };
    Config { proxy, insecure: vec!["behind.test:5000".parse().unwrap()], ..quick() }
}

#[test]
fn a_proxy_finds_the_registry_that_we_cannot() {
    let fixture = Fixture::new(&[1000]);
    let server = serve(&fixture, |_| None);
    let (url, asked) = proxy(server.address);
    Bench::with(behind(&url)).pull("behind.test:5000/x").unwrap();
    assert!(asked.lock().unwrap().iter().all(|host| host == "behind.test:5000"), "{asked:?}");
    assert!(!server.requests().is_empty());

    // Loopback is never behind a proxy.
    let before = asked.lock().unwrap().len();
    Bench::with(behind(&url)).pull(&format!("{}/x", server.address)).unwrap();
    assert_eq!(asked.lock().unwrap().len(), before);
}

#[test]
fn a_proxy_is_not_asked_for_a_private_address_that_a_public_registry_names() {
    let fixture = Fixture::new(&[1000]);
    let tls = super::tls::Authority::new().server("behind.test", false);
    let server = Server::start_with(Some(tls), move |request| {
        if request.path.contains("/manifests/") || request.path == "/v2/" {
            return Answer::new(401)
                .header("WWW-Authenticate", "Bearer realm=\"https://169.254.169.254/token\"");
        }
        fixture.answer(request)
    });
    let (url, asked) = proxy(server.address);
    let auth = Auth { username: "u".into(), password: "p".into(), ..Auth::default() };
    let error = Bench::with(behind(&url)).pull_as("behind.test:5000/x", &auth).unwrap_err();
    assert!(error.to_string().contains("refusing to connect to private address 169.254.169.254"), "{error}");
    assert!(asked.lock().unwrap().iter().all(|host| host == "behind.test:5000"), "{asked:?}");
}
