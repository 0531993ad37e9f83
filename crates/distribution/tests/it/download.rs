//! Files from the web.

use std::io::Read;

use super::hostile::{Answer, Server};
use super::support::{Bench, noise};

#[test]
fn a_file_comes_whole_also_after_a_redirect() {
    let file = noise(1, 1 << 20);
    let body = file.clone();
    let server = Server::start(move |request| match request.path.as_str() {
        "/moved" => Answer::new(302).header("Location", "/file"),
        "/file" => Answer::new(200).body(body.clone()),
        "/cut" => Answer::new(200).body(body.clone()).cut(1000),
        "/loop" => Answer::new(302).header("Location", "/loop"),
        _ => Answer::new(404),
    });
    let bench = Bench::new();
    let read = |url: &str| -> Result<Vec<u8>, String> {
        let mut download = bench.client.download(url, &bench.cancel).map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        download.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        Ok(bytes)
    };
    assert!(read(&server.url("/file")).unwrap() == file);
    assert!(read(&format!("{}/moved", server.address)).unwrap() == file, "no scheme means http");
    assert!(read(&server.url("/cut")).is_err(), "a cut file is not a short one");
    assert_eq!(read(&server.url("/nosuch")).unwrap_err(), "Got HTTP status code >= 400: 404 Not Found");
    assert_eq!(read(&server.url("/loop")).unwrap_err(), "stopped after 10 redirects");
    assert!(read("file:///etc/passwd").is_err());
    assert!(read("").is_err());
}
