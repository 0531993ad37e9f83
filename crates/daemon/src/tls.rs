//! TLS for TCP listeners: the server's certificate, and clients' if `--tlsverify` asks for them.

use std::path::Path;
use std::sync::Arc;

use errdefs::{Result, invalid};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::Tls;

/// The acceptor of these files.
///
/// # Errors
/// InvalidParameter if a file is missing, broken or does not fit the others.
pub(crate) fn acceptor(tls: &Tls) -> Result<TlsAcceptor> {
    let broken = |error: rustls::Error| invalid(format!("Could not load X509 key pair: {error}"));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().map_err(broken)?;
    let builder = if tls.verify {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&tls.ca)? {
            roots.add(certificate).map_err(broken)?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        let verifier =
            verifier.map_err(|error| invalid(format!("could not read CA certificate: {error}")))?;
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|error| unreadable(&tls.key, &error))?;
    let config = builder.with_single_cert(certificates(&tls.cert)?, key).map_err(broken)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &rustls_pki_types::pem::Error) -> errdefs::Error {
    invalid(format!("could not read {}: {error}", path.display()))
}
