//! TLS with client certificates, against a server of the same library with certificates made for the test.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use client::container::Attach;
use client::{Client, Endpoint, Options, TlsOptions};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

type Stream = StreamOwned<ServerConnection, TcpStream>;

/// Writes `ca.pem`, and certificates and keys of a server and a client signed by it.
fn certificates(directory: &Path) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(directory.join("ca.pem"), issuer.pem()).unwrap();
    for name in ["server", "client"] {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        std::fs::write(directory.join(format!("{name}.pem")), certificate.pem()).unwrap();
        std::fs::write(directory.join(format!("{name}-key.pem")), key.serialize_pem()).unwrap();
    }
}

/// Serves one connection: a ping, then a hijacked session that sends everything back once its input has ended.
fn serve(directory: &Path) -> (u16, std::thread::JoinHandle<()>) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(directory.join("ca.pem")).unwrap()).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![CertificateDer::from_pem_file(directory.join("server.pem")).unwrap()],
            PrivateKeyDer::from_pem_file(directory.join("server-key.pem")).unwrap(),
        )
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        let (tcp, _) = listener.accept().unwrap();
        let stream = Stream::new(ServerConnection::new(Arc::new(config)).unwrap(), tcp);
        let mut reader = BufReader::new(stream);
        if head(&mut reader).is_none() {
            return;
        }
        reader
            .get_mut()
            .write_all(b"HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n")
            .unwrap();
        let mut input = Vec::new();
        reader.read_to_end(&mut input).unwrap();
        reader.get_mut().write_all(&input).unwrap();
        reader.get_mut().conn.send_close_notify();
        reader.get_mut().flush().unwrap();
    });
    (port, thread)
}

fn head(reader: &mut BufReader<Stream>) -> Option<()> {
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            return Some(());
        }
    }
}

fn client(directory: &Path, port: u16, with_certificate: bool) -> Client {
    let file = |name: &str| Some(directory.join(name));
    let tls = TlsOptions {
        ca: file("ca.pem"),
        cert: file("client.pem").filter(|_| with_certificate),
        key: file("client-key.pem").filter(|_| with_certificate),
        insecure: false,
    };
    let endpoint = Endpoint::parse(&format!("tcp://localhost:{port}"), Some(tls)).unwrap();
    Client::new(Options { endpoint, version: None, headers: Vec::new(), user_agent: "test".to_owned() })
}

#[test]
fn a_session_over_tls_goes_both_ways_and_half_closes() {
    let directory = tempfile::tempdir().unwrap();
    certificates(directory.path());
    let (port, server) = serve(directory.path());
    let client = client(directory.path(), port, true);
    let mut session = client.container_attach("c", &Attach { stdin: true, ..Attach::default() }).unwrap();
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|number| (number % 241) as u8).collect();
    session.input.write_all(&bytes).unwrap();
    session.input.close().unwrap();
    let mut back = Vec::new();
    session.output.read_to_end(&mut back).unwrap();
    assert!(back == bytes, "{} of {} bytes came back", back.len(), bytes.len());
    server.join().unwrap();
}

#[test]
fn without_a_certificate_the_server_refuses() {
    let directory = tempfile::tempdir().unwrap();
    certificates(directory.path());
    let (port, server) = serve(directory.path());
    assert!(client(directory.path(), port, false).ping().is_err());
    server.join().unwrap();
}
