//! `POST /images/create` from a registry.

use errdefs::Result;

use crate::http::Body;
use crate::request::Request;
use crate::{Client, Query};

impl Client {
    /// Pulls `repo:tag`, or all tags if `tag` is empty; gives the stream of progress messages. A digest is a tag too.
    ///
    /// # Errors
    /// If the engine refuses before it begins.
    pub fn image_pull(&self, repo: &str, tag: &str, platform: &str, auth: Option<&str>) -> Result<Body> {
        let query = Query::new().with("fromImage", repo).maybe("tag", tag).maybe("platform", platform);
        Ok(self.send(Request::post("/images/create").query(query).registry_auth(auth))?.1)
    }
}
