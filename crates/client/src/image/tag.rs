//! `POST /images/NAME/tag`.

use errdefs::Result;

use super::path;
use crate::request::Request;
use crate::{Client, Query};

impl Client {
    /// Gives the image `source` the further name `repo:tag`.
    ///
    /// # Errors
    /// If the image does not exist or the name is malformed.
    pub fn image_tag(&self, source: &str, repo: &str, tag: &str) -> Result<()> {
        let query = Query::new().with("repo", repo).maybe("tag", tag);
        self.run(Request::post(path(source, "/tag")).query(query))
    }
}
