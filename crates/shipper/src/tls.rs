//! TLS as a client of a log receiver.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ClientConfig;
use tls::Trust;

pub(crate) use tls::server_name;

/// Whom to trust and what to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    pub(crate) ca: Option<PathBuf>,
    pub(crate) cert: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    /// Any certificate will do.
    pub(crate) skip_verify: bool,
}

/// The files read: a configuration for connections. The system's authorities are believed too, as Docker has it.
pub(crate) fn configure(files: &TlsFiles) -> io::Result<Arc<ClientConfig>> {
    let trust = match &files.ca {
        _ if files.skip_verify => Trust::Anyone,
        Some(ca) => Trust::SystemAnd(ca),
        None => Trust::System,
    };
    let identity = files.cert.as_deref().zip(files.key.as_deref());
    tls::client(trust, identity).map(Arc::new)
}
