//! `DELETE /images/NAME`.

use errdefs::Result;

use super::{path, platforms};
use crate::request::Request;
use crate::{Client, Query};

/// How to remove an image.
#[derive(Debug, Clone, Default)]
pub struct Remove {
    /// Even if stopped containers use it or it has several names.
    pub force: bool,
    /// Keep its untagged parents.
    pub no_prune: bool,
    /// Only these platforms of it.
    pub platforms: Vec<api::image::Platform>,
}

impl Client {
    /// Removes a name of the image, and the image with its last one; gives what went.
    ///
    /// # Errors
    /// If the image does not exist or is in use.
    pub fn image_remove(&self, name: &str, options: &Remove) -> Result<Vec<api::image::DeleteItem>> {
        let query = Query::new().flag("force", options.force).flag("noprune", options.no_prune);
        let query = platforms(query, "platforms", &options.platforms);
        self.fetch(Request::delete(path(name, "")).query(query))
    }
}
