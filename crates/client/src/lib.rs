//! A synchronous client of the Docker Engine API, one file an operation, the same words as the command line.
//!
//! Invariants: no async runtime, no thread of its own (but one behind a hijacked TLS connection), nothing is done
//! before the first request. A [`Client`] can talk to any engine from API 1.24 on: it speaks the newest
//! version until an answer says that the engine's is older. Requests and answers are `api`'s types; `inspect` answers stay bytes, because
//! they are shown as the engine wrote them.

mod connection_failure;
mod endpoint;
mod hijack;
mod http;
mod query;
mod request;
mod resolve;
mod ssh;
mod tls;
mod transport;
mod version;

pub mod auth;
pub mod container;
pub mod demux;
pub mod exec;
pub mod image;
pub mod network;
pub mod system;
pub mod volume;

use std::os::unix::net::UnixStream;
use std::sync::{OnceLock, PoisonError};

pub use api::filters::Filters;
pub use endpoint::{Endpoint, Ssh, TlsOptions};
pub use hijack::{Session, SessionReader, SessionWriter};
pub use http::{Body, Head};
pub use query::Query;
pub use version::ApiVersion;

use http::Pool;

/// What a client needs to know beforehand.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the engine is.
    pub endpoint: Endpoint,
    /// The API version to speak, without asking the engine (`DOCKER_API_VERSION`).
    pub version: Option<ApiVersion>,
    /// Header fields to send with each request (`HttpHeaders` of config.json).
    pub headers: Vec<(String, String)>,
    /// The `User-Agent`.
    pub user_agent: String,
}

/// A client of one engine. Keeps its connection open between requests.
pub struct Client {
    options: Options,
    pool: Pool,
    version: OnceLock<ApiVersion>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("options", &self.options).finish_non_exhaustive()
    }
}

/// A plain connection to an engine, for those who speak HTTP themselves.
///
/// # Errors
/// If the engine cannot be reached.
pub fn dial(endpoint: &Endpoint) -> errdefs::Result<Session> {
    let stream = transport::Stream::connect(endpoint)
        .map_err(|error| connection_failure::describe(endpoint, &endpoint.to_string(), &error))?;
    Ok(Session::new(http::Connection::new(stream), false)?)
}

impl Client {
    /// A client; connects with its first request.
    pub fn new(options: Options) -> Self {
        Self { options, pool: Pool::default(), version: OnceLock::new() }
    }

    /// Uses a connection to the engine that was made elsewhere.
    pub fn adopt(&self, stream: UnixStream) {
        let connection = http::Connection::new(transport::Stream::Unix(stream));
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }

    /// Where the engine is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.options.endpoint
    }

    /// The API version spoken with the engine; asks it the first time.
    ///
    /// # Errors
    /// If the engine cannot be reached.
    pub fn api_version(&self) -> errdefs::Result<ApiVersion> {
        if let Some(version) = self.options.version {
            return Ok(version);
        }
        if let Some(version) = self.version.get() {
            return Ok(*version);
        }
        let ping = self.ping()?;
        Ok(*self.version.get_or_init(|| ping.negotiated()))
    }

    /// The version to try: the one spoken, if it is known yet.
    fn presumed_version(&self) -> ApiVersion {
        self.options.version.or(self.version.get().copied()).unwrap_or(ApiVersion::NEWEST)
    }

    /// Takes the engine's version from an answer of it.
    fn learn_version(&self, head: &Head) {
        if let Some(Ok(version)) = head.field("api-version").map(str::parse::<ApiVersion>) {
            // Known already, mostly.
            let _ = self.version.set(version.min(ApiVersion::NEWEST));
        }
    }
}
