//! `POST /images/NAME/push`.

use errdefs::Result;

use super::{path, platforms};
use crate::http::Body;
use crate::request::Request;
use crate::{Client, Query};

impl Client {
    /// Pushes `repo:tag`, or all tags if `tag` is empty; gives the stream of progress messages.
    ///
    /// # Errors
    /// If the engine refuses before it begins.
    pub fn image_push(
        &self,
        repo: &str,
        tag: &str,
        platform: Option<&api::image::Platform>,
        auth: Option<&str>,
    ) -> Result<Body> {
        let query = Query::new().maybe("tag", tag);
        let query = platforms(query, "platform", platform.map(std::slice::from_ref).unwrap_or_default());
        // The header is required, empty credentials included.
        let auth = auth.unwrap_or("e30=");
        Ok(self.send(Request::post(path(repo, "/push")).query(query).registry_auth(Some(auth)))?.1)
    }
}
