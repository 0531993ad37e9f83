//! The handle on registries.

use std::sync::Arc;

use errdefs::Result;
use oci::manifest::Descriptor;
use oci::platform::Platform;
use oci::reference::Reference;

use crate::auth::{Auth, TokenCache};
use crate::cancel::Cancel;
use crate::config::Config;

/// Speaks to registries. One for the whole daemon: it keeps tokens, and nothing else, between operations.
pub struct Client {
    pub(crate) config: Arc<Config>,
    pub(crate) tokens: TokenCache,
}

/// What a login gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// `Login Succeeded`.
    pub status: String,
    /// A token to use instead of the password, or empty.
    pub identity_token: String,
}

/// What a registry says about a reference (`docker manifest inspect`, `GET /distribution/{name}/json`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// What the reference points at.
    pub descriptor: Descriptor,
    /// What it runs on.
    pub platforms: Vec<Platform>,
}

#[expect(clippy::todo, reason = "the interface first; the bodies follow")]
impl Client {
    /// A client with this configuration.
    pub fn new(config: Config) -> Self {
        Self { config: Arc::new(config), tokens: TokenCache::default() }
    }

    /// Checks credentials for a registry (`docker login`). `server` is what the user wrote: a host, or the URL
    /// `https://index.docker.io/v1/` that stands for Docker Hub.
    pub fn login(&self, _server: &str, _auth: &Auth, _cancel: &Cancel) -> Result<Login> {
        todo!()
    }

    /// Asks a registry about a reference without fetching its layers.
    pub fn inspect(&self, _reference: &Reference, _auth: &Auth, _cancel: &Cancel) -> Result<Remote> {
        todo!()
    }
}
