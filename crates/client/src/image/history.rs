//! `GET /images/NAME/history`.

use errdefs::Result;

use super::{path, platforms};
use crate::request::Request;
use crate::{Client, Query};

impl Client {
    /// How the image came to be, newest step first.
    ///
    /// # Errors
    /// If the image does not exist.
    pub fn image_history(
        &self,
        name: &str,
        platform: Option<&api::image::Platform>,
    ) -> Result<Vec<api::image::HistoryItem>> {
        let query =
            platforms(Query::new(), "platform", platform.map(std::slice::from_ref).unwrap_or_default());
        self.fetch(Request::get(path(name, "/history")).query(query))
    }
}
