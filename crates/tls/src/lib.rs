//! TLS as a client: whom to believe and what to show, from PEM files.
//!
//! For connections to an engine (`client`) and to receivers of logs (`shipper`), which read the same files by the same
//! rules but combine them differently. Registries are another matter: their client brings its own.

mod verify;

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use verify::{Anyone, Pinned};

/// Where distributions keep the certificate authorities of the system.
const SYSTEM_ROOTS: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// Whom a client believes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust<'a> {
    /// Anybody who holds the key of the certificate that is shown.
    Anyone,
    /// The system's authorities.
    System,
    /// The authorities in this file and no others.
    Only(&'a Path),
    /// The system's authorities and those in this file.
    SystemAnd(&'a Path),
}

/// What a client shows: the files of its certificate and of the key to it.
pub type Identity<'a> = (&'a Path, &'a Path);

/// The configuration of a client's connections.
///
/// # Errors
/// If a file cannot be read (it is named), is no PEM, or certificate and key do not belong together.
pub fn client(trust: Trust<'_>, identity: Option<Identity<'_>>) -> io::Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let builder = builder.dangerous();
    let builder = match trust {
        Trust::Anyone => builder.with_custom_certificate_verifier(Arc::new(Anyone(provider))),
        _ => {
            let (roots, given) = roots(trust)?;
            let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(io::Error::other)?;
            builder.with_custom_certificate_verifier(Arc::new(Pinned { inner, given }))
        }
    };
    let Some((cert, key)) = identity else { return Ok(builder.with_no_client_auth()) };
    let chain = certificates(cert)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| in_file(key, error))?;
    builder.with_client_auth_cert(chain, key).map_err(io::Error::other)
}

/// The name that the server's certificate must be for: a host's name or address, the latter also in brackets.
///
/// # Errors
/// If it is neither.
pub fn server_name(host: &str) -> io::Result<ServerName<'static>> {
    ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(io::Error::other)
}

/// The authorities, and those of them that the user gave.
fn roots(trust: Trust<'_>) -> io::Result<(RootCertStore, Vec<CertificateDer<'static>>)> {
    let system = || SYSTEM_ROOTS.iter().map(Path::new).find(|path| path.exists());
    let mut store = RootCertStore::empty();
    match (trust, system()) {
        (Trust::System, None) => return Err(io::Error::other("no certificate authorities found")),
        (Trust::System | Trust::SystemAnd(_), Some(path)) => {
            store.add_parsable_certificates(certificates(path)?);
        }
        _ => {}
    }
    let mut given = Vec::new();
    if let Trust::Only(path) | Trust::SystemAnd(path) = trust {
        given = certificates(path)?;
        let (added, _) = store.add_parsable_certificates(given.iter().cloned());
        if added == 0 {
            return Err(io::Error::other(format!("{} seems invalid", path.display())));
        }
    }
    Ok((store, given))
}

fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|error| in_file(path, error))
}

fn in_file(path: &Path, error: impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("{}: {error}", path.display()))
}
