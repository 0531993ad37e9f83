//! Connections taken over, byte for byte, by a client that speaks HTTP by hand.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream as Socket;

use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio::io::AsyncReadExt as _;

use super::*;
use crate::lenient::Line;
use crate::listen::drive;

/// Serves one end of a pair; whoever takes the connection over echoes it in capitals until the client's end.
fn serve() -> Socket {
    let (client, server) = Socket::pair().unwrap();
    server.set_nonblocking(true).unwrap();
    let (io, peer) = Connection::plain(Plain::Unix(UnixStream::from_std(server).unwrap()), Line::new());
    tokio::spawn(drive(
        io,
        service_fn(move |mut request: hyper::Request<Incoming>| {
            let peer = peer.clone();
            async move {
                let hold = Hold {
                    wanted: request.headers().contains_key(UPGRADE),
                    forgetful: request.headers().contains_key("user-agent"),
                    upgrade: hyper::upgrade::on(&mut request),
                    body: Inflow::new(request.into_body(), Line::new()),
                    peer,
                };
                Ok(take(hold, RAW, Box::new(echo)).unwrap())
            }
        }),
    ));
    client
}

fn echo(descriptor: OwnedFd, initial: Vec<u8>) {
    let mut stream = Socket::from(descriptor);
    stream.set_nonblocking(false).unwrap();
    stream.write_all(&initial.to_ascii_uppercase()).unwrap();
    let mut buffer = [0; 64];
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        stream.write_all(&buffer[..length].to_ascii_uppercase()).unwrap();
    }
    stream.write_all(b"END").unwrap();
}

async fn all(client: Socket) -> String {
    let text = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        (&client).read_to_string(&mut text).unwrap();
        text
    });
    text.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_hands_the_connection_on_with_what_was_sent_ahead() {
    let mut client = serve();
    client
        .write_all(b"POST / HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nahead ")
        .unwrap();
    client.write_all(b"later").unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let text = all(client).await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 101 UPGRADED\r\n"), "{head}");
    for line in ["Connection: Upgrade", "Upgrade: tcp", "Content-Type: application/vnd.docker.raw-stream"] {
        assert!(head.lines().any(|l| l == line), "{line} is not in {head}");
    }
    assert_eq!(body, "AHEAD LATEREND");
}

/// What docker-py does: the stream must not begin before the headers have been read.
#[tokio::test(flavor = "multi_thread")]
async fn a_forgetful_client_gets_its_headers_alone() {
    assert!(forgetful("docker-sdk-python/7.1.0") && !forgetful("Docker-Client/28.2.2 (linux)"));
    let mut client = serve();
    client.write_all(b"POST / HTTP/1.1\r\nHost: d\r\nUser-Agent: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nahead").unwrap();
    let headers = tokio::task::spawn_blocking(move || {
        let descriptor = rustix::io::dup(&client).unwrap();
        let mut poll = [rustix::event::PollFd::new(&descriptor, rustix::event::PollFlags::IN)];
        rustix::event::poll(&mut poll, None).unwrap();
        let mut buffer = [0; 4096];
        let length = client.read(&mut buffer).unwrap();
        (client, String::from_utf8_lossy(&buffer[..length]).into_owned())
    });
    let (client, headers) = headers.await.unwrap();
    assert!(headers.ends_with("\r\n\r\n"), "{headers}");
    client.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(all(client).await, "AHEADEND");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_upgrade_the_body_is_the_input_and_the_answer_the_output() {
    let mut client = serve();
    client.write_all(b"POST / HTTP/1.0\r\nHost: d\r\nContent-Length: 5\r\n\r\nhello").unwrap();
    let mut server_side = UnixStream::from_std({
        client.set_nonblocking(true).unwrap();
        client
    })
    .unwrap();
    let mut text = Vec::new();
    while !text.ends_with(b"HELLO") {
        let mut buffer = [0; 256];
        let length = server_side.read(&mut buffer).await.unwrap();
        assert_ne!(length, 0, "{}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&buffer[..length]);
    }
    assert!(text.starts_with(b"HTTP/1.0 200 OK\r\n"));
}

/// Reading a request leaves the socket marked as readable, which must not be mistaken for more from the client.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_after_its_request_is_noticed() {
    let (client, server) = UnixStream::pair().unwrap();
    let (mut io, peer) = Connection::plain(Plain::Unix(server), Line::new());
    client.writable().await.unwrap();
    client.try_write(b"request").unwrap();
    let mut buffer = [0; 64];
    let mut read = hyper::rt::ReadBuf::new(&mut buffer);
    std::future::poll_fn(|cx| hyper::rt::Read::poll_read(std::pin::Pin::new(&mut io), cx, read.unfilled()))
        .await
        .unwrap();
    assert_eq!(read.filled(), b"request");
    let noticed = tokio::spawn(async move { gone(peer.as_deref()).await });
    tokio::task::yield_now().await;
    assert!(!noticed.is_finished());
    drop(client);
    noticed.await.unwrap();
}
