//! TLS as a client: whom to believe and what to show, from PEM files.
//!
//! For connections to an engine (`client`), to receivers of logs (`shipper`) and to registries (`distribution`), which read
//! the same kinds of files by the same rules but combine them differently.

mod verify;

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use verify::{Judge, Pinned, Verifier};

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

/// Whom a client believes, from certificates that have been read.
#[derive(Debug, Clone)]
pub enum Believed {
    /// Anybody who holds the key of the certificate that is shown.
    Anyone,
    /// Those that the authorities in `store` vouch for; and whoever shows one of `given`, which the user has named for
    /// this server, even if that is an authority's.
    Vouched {
        /// The authorities; without any, nobody is believed.
        store: Arc<RootCertStore>,
        /// The certificates that the user gave; those that are authorities' have to be in `store` too.
        given: Vec<CertificateDer<'static>>,
    },
}

/// A certificate, with those that vouch for it, and its key.
pub type Shown = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The configuration of a client's connections, from files.
///
/// # Errors
/// If a file cannot be read (it is named), is no PEM, or certificate and key do not belong together.
pub fn client(trust: Trust<'_>, identity: Option<Identity<'_>>) -> io::Result<ClientConfig> {
    let believed = match trust {
        Trust::Anyone => Believed::Anyone,
        _ => roots(trust)?,
    };
    let shown = match identity {
        Some((cert, key)) => {
            let chain = certificates(cert)?;
            Some((chain, PrivateKeyDer::from_pem_file(key).map_err(|error| in_file(key, error))?))
        }
        None => None,
    };
    config(believed, shown)
}

/// The configuration of a client's connections.
///
/// # Errors
/// If certificate and key do not belong together.
pub fn config(believed: Believed, shown: Option<Shown>) -> io::Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let judge = match believed {
        Believed::Anyone => Judge::Anyone,
        Believed::Vouched { store, .. } if store.is_empty() => Judge::Nobody,
        Believed::Vouched { store, given } => {
            let inner = WebPkiServerVerifier::builder_with_provider(store, Arc::clone(&provider))
                .build()
                .map_err(io::Error::other)?;
            Judge::Vouched(Pinned { inner, given })
        }
    };
    let verifier = Verifier { judge, algorithms: provider.signature_verification_algorithms };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let Some((chain, key)) = shown else { return Ok(builder.with_no_client_auth()) };
    builder.with_client_auth_cert(chain, key).map_err(io::Error::other)
}

/// The name that the server's certificate must be for: a host's name or address, the latter also in brackets.
///
/// # Errors
/// If it is neither.
pub fn server_name(host: &str) -> io::Result<ServerName<'static>> {
    ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(io::Error::other)
}

/// The authorities of the files that `trust` names.
fn roots(trust: Trust<'_>) -> io::Result<Believed> {
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
    Ok(Believed::Vouched { store: Arc::new(store), given })
}

/// The certificates in a file.
///
/// # Errors
/// If it cannot be read, or one of them is no PEM.
pub fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|error| in_file(path, error))
}

fn in_file(path: &Path, error: impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("{}: {error}", path.display()))
}
