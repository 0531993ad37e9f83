//! `hythed --cleanup`: takes away what the engine keeps on the host besides files, before it is uninstalled.

use std::sync::Arc;

use errdefs::Result;
use store::Store;

use crate::config::Config;
use crate::lock::Lock;

/// Removes the links and the firewall table. Containers must have been removed before: their shims hold their ports.
///
/// # Errors
/// If an engine runs on the data root, or with everything that could not be removed.
pub(crate) fn run(config: &Config) -> Result<()> {
    if !config.data_root.join("hythe.db").exists() {
        return Ok(());
    }
    let _lock = Lock::take(&config.data_root)?;
    let store = Arc::new(Store::open(&config.data_root.join("hythe.db"))?);
    network::Networks::open(config.network.clone(), store)?.remove_all()
}
