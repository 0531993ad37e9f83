//! `GET /metrics` on an address of its own (`--metrics-addr`), for Prometheus. Nothing else is answered there.

use std::time::Duration;

use engine::System;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// The largest request that is read.
const REQUEST_MAX: usize = 8 * 1024;
/// How long a whole exchange may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves until the listener breaks.
///
/// # Errors
/// If no connection can be accepted any more.
pub async fn serve_metrics(listener: TcpListener, system: System) -> std::io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let system = system.clone();
        tokio::spawn(async move {
            // Whoever goes away in the middle gets nothing, and there is nobody to tell.
            let _ = timeout(PATIENCE, exchange(stream, system)).await;
        });
    }
}

async fn exchange(mut stream: TcpStream, system: System) -> std::io::Result<()> {
    let mut request = Vec::new();
    let end = |request: &[u8]| request.windows(4).any(|window| window == b"\r\n\r\n");
    while !end(&request) {
        let mut buffer = [0; 1024];
        let read = stream.read(&mut buffer).await?;
        if read == 0 || request.len() > REQUEST_MAX {
            return Ok(());
        }
        request.extend_from_slice(&buffer[..read]);
    }
    let line =
        String::from_utf8_lossy(request.split(|&byte| byte == b'\r').next().unwrap_or_default()).into_owned();
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    let (status, body) = match (method, path) {
        ("GET" | "HEAD", "/metrics") => {
            let body = tokio::task::spawn_blocking(move || system.metrics()).await;
            ("200 OK", body.unwrap_or_default())
        }
        (_, "/metrics") => ("405 Method Not Allowed", String::new()),
        _ => ("404 Not Found", "404 page not found\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    if method != "HEAD" {
        stream.write_all(body.as_bytes()).await?;
    }
    stream.shutdown().await
}
