//! `HEAD /_ping`: is the engine there, and which versions does it speak?

use errdefs::Result;

use crate::request::Request;
use crate::{ApiVersion, Client};

/// What an engine says of itself before the first request.
#[derive(Debug, Clone, Default)]
pub struct Ping {
    /// The newest API version it speaks, if it says so.
    pub api_version: Option<ApiVersion>,
    /// The system it runs containers for: `linux`.
    pub os_type: String,
    /// `1` for the classic builder, `2` for `BuildKit`.
    pub builder_version: String,
    /// Whether its experimental features are on.
    pub experimental: bool,
}

impl Ping {
    /// The version to speak with that engine.
    pub fn negotiated(&self) -> ApiVersion {
        self.api_version.unwrap_or(ApiVersion::UNKNOWN).min(ApiVersion::NEWEST)
    }
}

impl Client {
    /// Asks the engine for its versions.
    ///
    /// # Errors
    /// If it cannot be reached.
    pub fn ping(&self) -> Result<Ping> {
        let (mut head, mut body) = self.send_any_status(Request::new("HEAD", "/_ping").unversioned())?;
        if head.status != 200 {
            // Old engines know GET only; an unhealthy one still says its version.
            (head, body) = self.send_any_status(Request::get("/_ping").unversioned())?;
        }
        const ANSWER_BYTES_MAX: u64 = 64 * 1024;
        body.read_all(ANSWER_BYTES_MAX)?;
        let text = |name| head.field(name).unwrap_or_default().to_owned();
        Ok(Ping {
            api_version: head.field("api-version").and_then(|version| version.parse().ok()),
            os_type: text("ostype"),
            builder_version: text("builder-version"),
            experimental: head.field("docker-experimental") == Some("true"),
        })
    }
}
