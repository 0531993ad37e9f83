//! Certificates that are their own authority: who is believed, and who is not.

use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::RootCertStore;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::ring;

use super::*;

/// What `openssl req -x509` makes: its own authority, for `name`.
fn own_authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2030, 1, 1);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn pinned(given: &CertificateDer<'static>) -> Pinned {
    let mut roots = RootCertStore::empty();
    roots.add(given.clone()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    Pinned { inner, given: vec![given.clone()] }
}

/// Judges a server called `name` in the year `year`.
fn judge(verifier: &Pinned, shown: &CertificateDer<'_>, name: &str, year: u64) -> Result<(), Error> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs((year - 1970) * 31_556_952 + 86_400));
    verifier.judge(shown, &[], &name, &[], now).map(drop)
}

#[test]
fn the_very_certificate_that_was_given_is_believed() {
    let given = own_authority("logs.example");
    let verifier = pinned(given.der());
    judge(&verifier, given.der(), "logs.example", 2026).unwrap();
    // webpki alone refuses it: without the exception this test fails.
    let name = ServerName::try_from("logs.example").unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(1_790_000_000));
    let refused = verifier.inner.verify_server_cert(given.der(), &[], &name, &[], now).unwrap_err();
    assert!(is_authority(&refused), "{refused:?}");
}

#[test]
fn not_for_another_name_nor_after_its_time() {
    let given = own_authority("logs.example");
    let verifier = pinned(given.der());
    for (name, year) in [("other.example", 2026), ("logs.example", 2019), ("logs.example", 2031)] {
        assert!(judge(&verifier, given.der(), name, year).is_err(), "{name} in {year}");
    }
}

#[test]
fn no_other_authority_is_believed_neither_a_stranger_nor_one_it_has_signed() {
    let given = own_authority("logs.example");
    let verifier = pinned(given.der());
    let stranger = own_authority("logs.example");
    assert!(judge(&verifier, stranger.der(), "logs.example", 2026).is_err());
    let mut params = CertificateParams::new(["logs.example".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let below = params.signed_by(&KeyPair::generate().unwrap(), &given).unwrap();
    assert!(judge(&verifier, below.der(), "logs.example", 2026).is_err());
    // An ordinary server's that it has signed is.
    let server = CertificateParams::new(["logs.example".to_owned()]).unwrap();
    let server = server.signed_by(&KeyPair::generate().unwrap(), &given).unwrap();
    judge(&verifier, server.der(), "logs.example", 2026).unwrap();
}
