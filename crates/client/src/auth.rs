//! `POST /auth`: are these credentials good?

use errdefs::Result;

use crate::Client;
use crate::request::Request;

impl Client {
    /// Has the engine try the credentials at their registry.
    ///
    /// # Errors
    /// `Unauthorized` if the registry refuses them.
    pub fn login(&self, credentials: &api::auth::Config) -> Result<api::auth::LoginResponse> {
        self.fetch(Request::post("/auth").json(credentials)?)
    }
}
