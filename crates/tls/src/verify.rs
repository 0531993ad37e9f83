//! Who is believed.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// Judges servers. Whoever is believed has to show that the key of its certificate is its own.
#[derive(Debug)]
pub(crate) struct Verifier {
    pub(crate) judge: Judge,
    pub(crate) algorithms: WebPkiSupportedAlgorithms,
}

/// Whose certificates are taken.
#[derive(Debug)]
pub(crate) enum Judge {
    /// Anybody's.
    Anyone,
    /// Nobody's: there is no authority.
    Nobody,
    /// Those that authorities vouch for, and those that the user gave.
    Vouched(Pinned),
}

/// Believes those whom an authority vouches for, and a server that shows a certificate the user gave.
///
/// `openssl req -x509` makes certificates that are their own authority, and people give them to both sides. Go's library,
/// and so Docker, takes them; webpki refuses an authority as a server, rightly so in general. Here the certificate shown is
/// byte for byte one that the user trusts, so nothing is believed that was not given: neither others that it has signed
/// nor others with its name. Its dates have been checked when webpki comes to that refusal (they are the first thing it
/// looks at), its name is checked here, and that the server holds its key is checked like any other's.
#[derive(Debug)]
pub(crate) struct Pinned {
    pub(crate) inner: Arc<WebPkiServerVerifier>,
    pub(crate) given: Vec<CertificateDer<'static>>,
}

impl Pinned {
    fn judge(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(error) if is_authority(&error) && self.given.contains(end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.judge {
            Judge::Anyone => Ok(ServerCertVerified::assertion()),
            Judge::Nobody => Err(CertificateError::UnknownIssuer.into()),
            Judge::Vouched(pinned) => {
                pinned.judge(end_entity, intermediates, server_name, ocsp_response, now)
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whether a certificate was refused because it is an authority's.
fn is_authority(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(other)) = error else { return false };
    matches!(other.0.downcast_ref::<webpki::Error>(), Some(webpki::Error::CaUsedAsEndEntity))
}

#[cfg(test)]
mod tests;
