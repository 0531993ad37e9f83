//! `POST /commit`.

use errdefs::Result;

use crate::request::{Request, nameless};
use crate::{Client, Query};

/// The image to make of a container.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// The container.
    pub container: String,
    /// The image's repository; may be empty.
    pub repo: String,
    /// The image's tag; may be empty.
    pub tag: String,
    /// Who made it.
    pub author: String,
    /// What for.
    pub comment: String,
    /// Dockerfile instructions to apply.
    pub changes: Vec<String>,
    /// Freeze the container meanwhile.
    pub pause: bool,
}

impl Client {
    /// Makes an image of the container's files and settings; gives its ID.
    ///
    /// # Errors
    /// If the container does not exist or a change is malformed.
    pub fn container_commit(&self, options: &Commit) -> Result<String> {
        if options.container.trim().is_empty() {
            return Err(nameless("container"));
        }
        let mut query = Query::new()
            .with("container", &options.container)
            .with("repo", &options.repo)
            .with("tag", &options.tag)
            .with("comment", &options.comment)
            .with("author", &options.author);
        for change in &options.changes {
            query = query.with("changes", change);
        }
        if !options.pause {
            query = query.with("pause", "0");
        }
        let answer: api::image::CommitResponse = self.fetch(Request::post("/commit").query(query))?;
        Ok(answer.id)
    }
}
