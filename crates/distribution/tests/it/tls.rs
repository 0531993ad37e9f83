//! Certificates: what is trusted, what is not, and how a user makes it so.

use std::path::Path;
use std::sync::Arc;

use distribution::Config;
use rcgen::{CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;

use super::hostile::{Answer, Server};
use super::support::{Bench, Fixture, quick};

/// An authority that nobody knows but the test.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for a name and its key, both PEM and DER.
    fn issue(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        (params.signed_by(&key, &self.0).unwrap(), key)
    }

    /// A server that shows the authority's own certificate, as those that `openssl req -x509` has made do.
    fn itself(name: &str) -> (Self, Arc<rustls::ServerConfig>) {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let authority = CertifiedIssuer::self_signed(params, key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(rustls::DEFAULT_VERSIONS)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![authority.der().clone()], private)
            .unwrap();
        (Self(authority), Arc::new(server))
    }

    pub(crate) fn server(&self, name: &str, wants_client: bool) -> Arc<rustls::ServerConfig> {
        let (certificate, key) = self.issue(name, ExtendedKeyUsagePurpose::ServerAuth);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(rustls::DEFAULT_VERSIONS)
            .unwrap();
        let builder = if wants_client {
            let mut roots = RootCertStore::empty();
            roots.add(self.0.der().clone()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let chain = vec![CertificateDer::from(certificate.der().to_vec())];
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        Arc::new(builder.with_single_cert(chain, key).unwrap())
    }
}

fn serve(fixture: &Fixture, tls: Arc<rustls::ServerConfig>) -> Server {
    let fixture = fixture.clone();
    Server::start_with(Some(tls), move |request| fixture.answer(request))
}

/// A client that knows no authority but those of `dir`.
fn client(dir: &Path) -> Bench {
    Bench::with(Config { certs_dirs: vec![dir.to_owned()], trust_bundles: Vec::new(), ..quick() })
}

// Loopback is insecure by definition, as in Docker, so a name that is not loopback's is needed to see verification at
// work: the machine's own name, if it resolves.
fn own_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?.trim().to_owned();
    let resolves = std::net::ToSocketAddrs::to_socket_addrs(&(name.as_str(), 0)).is_ok();
    (resolves && name != "localhost").then_some(name)
}

#[test]
fn loopback_needs_no_good_certificate() {
    let fixture = Fixture::new(&[1000]);
    let server = serve(&fixture, Authority::new().server("whatever.test", false));
    let dir = tempfile::tempdir().unwrap();
    client(dir.path()).pull(&format!("{}/x", server.address)).unwrap();
}

#[test]
fn an_unknown_authority_is_refused_until_it_is_in_certs_d() {
    let Some(name) = own_name() else { return };
    let Ok(mut all) = std::net::ToSocketAddrs::to_socket_addrs(&(name.as_str(), 0)) else { return };
    let fixture = Fixture::new(&[1000]);
    let authority = Authority::new();
    let server = serve_on(&fixture, authority.server(&name, false), all.next().unwrap().ip());
    let host = format!("{name}:{}", server.address.port());
    let dir = tempfile::tempdir().unwrap();
    let error = client(dir.path()).pull(&format!("{host}/x")).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "Get \"https://{host}/v2/\": tls: failed to verify certificate: x509: certificate signed by unknown authority"
        )
    );
    assert!(server.requests().is_empty(), "nothing was asked of a server that is not who it should be");

    let certs = dir.path().join(host.to_ascii_lowercase());
    std::fs::create_dir(&certs).unwrap();
    std::fs::write(certs.join("ca.crt"), authority.0.pem()).unwrap();
    client(dir.path()).pull(&format!("{host}/x")).unwrap();

    // Another server's authority is not this one's.
    std::fs::write(certs.join("ca.crt"), Authority::new().0.pem()).unwrap();
    assert!(client(dir.path()).pull(&format!("{host}/x")).is_err());

    // A user may declare it insecure.
    let insecure = vec![name.parse().unwrap()];
    Bench::with(Config { insecure, trust_bundles: Vec::new(), ..quick() })
        .pull(&format!("{host}/x"))
        .unwrap();
}

/// A server on an address that is not loopback; in a machine without one, on loopback.
#[test]
fn a_server_that_is_its_own_authority_is_believed_if_it_is_the_one_in_certs_d() {
    let Some(name) = own_name() else { return };
    let Ok(mut all) = std::net::ToSocketAddrs::to_socket_addrs(&(name.as_str(), 0)) else { return };
    let fixture = Fixture::new(&[1000]);
    let (authority, tls) = Authority::itself(&name);
    let server = serve_on(&fixture, tls, all.next().unwrap().ip());
    let host = format!("{name}:{}", server.address.port());
    let dir = tempfile::tempdir().unwrap();
    let certs = dir.path().join(host.to_ascii_lowercase());
    std::fs::create_dir(&certs).unwrap();
    // One of the same name that somebody else has made.
    std::fs::write(certs.join("ca.crt"), Authority::itself(&name).0.0.pem()).unwrap();
    client(dir.path()).pull(&format!("{host}/x")).unwrap_err();
    assert!(server.requests().is_empty());
    std::fs::write(certs.join("ca.crt"), authority.0.pem()).unwrap();
    client(dir.path()).pull(&format!("{host}/x")).unwrap();
}

fn serve_on(fixture: &Fixture, tls: Arc<rustls::ServerConfig>, address: std::net::IpAddr) -> Server {
    let fixture = fixture.clone();
    Server::start_on(address, Some(tls), move |request| fixture.answer(request))
}

#[test]
fn a_client_certificate_is_shown_to_the_registry_it_is_for() {
    let fixture = Fixture::new(&[1000]);
    let authority = Authority::new();
    let server = serve(&fixture, authority.server("x.test", true));
    let dir = tempfile::tempdir().unwrap();
    assert!(client(dir.path()).pull(&format!("{}/x", server.address)).is_err());

    let certs = dir.path().join(server.address.to_string());
    std::fs::create_dir(&certs).unwrap();
    let (certificate, key) = authority.issue("client", ExtendedKeyUsagePurpose::ClientAuth);
    std::fs::write(certs.join("client.key"), key.serialize_pem()).unwrap();
    let error = client(dir.path()).pull(&format!("{}/x", server.address)).unwrap_err();
    assert!(error.to_string().contains("missing client certificate"), "{error}");
    std::fs::write(certs.join("client.cert"), certificate.pem()).unwrap();
    client(dir.path()).pull(&format!("{}/x", server.address)).unwrap();
    std::fs::remove_file(certs.join("client.key")).unwrap();
    let error = client(dir.path()).pull(&format!("{}/x", server.address)).unwrap_err();
    assert!(error.to_string().contains("missing key"), "{error}");
}

#[test]
fn a_registry_with_https_cannot_name_a_token_service_without() {
    let thief = Server::start(|_| Answer::new(200).body(r#"{"token":"T"}"#));
    let realm = thief.url("/token");
    let tls = Authority::new().server("x.test", false);
    let server = Server::start_with(Some(tls), move |_| {
        Answer::new(401).header("WWW-Authenticate", format!("Bearer realm=\"{realm}\""))
    });
    let dir = tempfile::tempdir().unwrap();
    let auth = distribution::Auth { username: "u".into(), password: "p".into(), ..Default::default() };
    let error = client(dir.path()).pull_as(&format!("{}/x", server.address), &auth).unwrap_err();
    assert!(error.to_string().contains("it is not HTTPS but the registry is"), "{error}");
    assert!(thief.requests().is_empty());
}
