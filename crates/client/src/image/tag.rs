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
        if source.is_empty() {
            return Err(errdefs::invalid(
                "Error parsing reference: \"\" is not a valid repository/tag: invalid reference format",
            ));
        }
        let query = Query::new().with("repo", repo).maybe("tag", tag);
        self.run(Request::post(path(source, "/tag")).query(query))
    }
}
