//! `POST /images/create` from a tar archive of files.

use std::io::Read;

use errdefs::Result;

use crate::http::Body;
use crate::request::Request;
use crate::{Client, Query};

/// The image to make of an archive.
#[derive(Debug, Clone, Default)]
pub struct Import {
    /// A URL the engine fetches, or `-` for the stream.
    pub source: String,
    /// The image's name, `repository[:tag]`; may be empty.
    pub repo: String,
    /// A comment.
    pub message: String,
    /// Dockerfile instructions to apply.
    pub changes: Vec<String>,
    /// The platform; the engine's own if empty.
    pub platform: String,
}

impl Client {
    /// Makes an image of one layer; gives the stream of progress messages.
    ///
    /// # Errors
    /// If the engine refuses before it begins.
    pub fn image_import(&self, options: &Import, tar: Option<&mut dyn Read>) -> Result<Body> {
        let mut query = Query::new()
            .with("fromSrc", &options.source)
            .maybe("repo", &options.repo)
            .maybe("message", &options.message)
            .maybe("platform", &options.platform);
        for change in &options.changes {
            query = query.with("changes", change);
        }
        let mut request = Request::post("/images/create").query(query);
        if let Some(tar) = tar {
            request = request.stream(tar, "application/x-tar");
        }
        Ok(self.send(request)?.1)
    }
}
