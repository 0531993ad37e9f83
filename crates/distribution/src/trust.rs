//! Whom to believe for which registry: the system's authorities, and what stands in `certs.d/HOST`.
//!
//! As Docker reads the directory: `*.crt` are authorities beside those of the system, `NAME.cert` with `NAME.key` is what is
//! shown to the registry.

use std::path::Path;
use std::sync::Arc;

use errdefs::{Context as _, Result};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tls::{Believed, Shown};

use crate::config::Config;

/// The system's authorities: those of the first bundle there is.
pub(crate) fn system(config: &Config) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = config.trust_bundles.iter().find(|path| path.exists()) {
        let found = CertificateDer::pem_file_iter(path).context(|| format!("read {}", path.display()))?;
        // One unreadable certificate in a system's bundle must not make every registry unreachable.
        roots.add_parsable_certificates(found.filter_map(std::result::Result::ok));
    }
    Ok(roots)
}

/// How to speak to `authority` (`host[:port]`), with the system's authorities in `roots`. Without `verify` anybody who
/// holds its key is believed.
pub(crate) fn configure(
    config: &Config,
    authority: &str,
    roots: &Arc<RootCertStore>,
    verify: bool,
) -> Result<ClientConfig> {
    let dir = config.certs_dirs.iter().map(|dir| dir.join(authority)).find(|dir| dir.is_dir());
    let host = dir.map(|dir| HostCertificates::read(&dir)).transpose()?.unwrap_or_default();
    let believed = match (verify, host.authorities.is_empty()) {
        (false, _) => Believed::Anyone,
        (true, true) => Believed::Vouched { store: Arc::clone(roots), given: Vec::new() },
        (true, false) => {
            let mut store = RootCertStore::clone(roots);
            store.add_parsable_certificates(host.authorities.iter().cloned());
            Believed::Vouched { store: Arc::new(store), given: host.authorities }
        }
    };
    tls::config(believed, host.client).context(|| format!("certificates of {authority}"))
}

/// What a `certs.d/HOST` directory holds.
#[derive(Default)]
struct HostCertificates {
    authorities: Vec<CertificateDer<'static>>,
    client: Option<Shown>,
}

impl HostCertificates {
    fn read(dir: &Path) -> Result<Self> {
        let mut found = Self::default();
        let mut names: Vec<_> = std::fs::read_dir(dir)
            .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
            .context(|| format!("read {}", dir.display()))?;
        names.sort();
        for path in names {
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("crt") => found.authorities.extend(certificates(&path)?),
                Some("cert") => found.client = Some(client_certificate(&path)?),
                Some("key") if !path.with_extension("cert").exists() => {
                    return Err(errdefs::invalid(format!(
                        "missing client certificate {} for key {}",
                        path.with_extension("cert").display(),
                        path.display()
                    )));
                }
                _ => {}
            }
        }
        Ok(found)
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    tls::certificates(path).context(|| "read certificates")
}

fn client_certificate(path: &Path) -> Result<Shown> {
    let key = path.with_extension("key");
    if !key.exists() {
        return Err(errdefs::invalid(format!(
            "missing key {} for client certificate {}",
            key.display(),
            path.display()
        )));
    }
    let private = PrivateKeyDer::from_pem_file(&key).context(|| format!("parse {}", key.display()))?;
    Ok((certificates(path)?, private))
}
