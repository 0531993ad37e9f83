//! `GET /images/NAME/json`.

use errdefs::Result;

use super::{path, platforms};
use crate::request::Request;
use crate::{Client, Query};

impl Client {
    /// Everything about the image, as the engine wrote it.
    ///
    /// # Errors
    /// If the image does not exist.
    pub fn image_inspect_raw(&self, name: &str, platform: Option<&api::image::Platform>) -> Result<Vec<u8>> {
        let query =
            platforms(Query::new(), "platform", platform.map(std::slice::from_ref).unwrap_or_default());
        self.fetch_bytes(Request::get(path(name, "/json")).query(query))
    }
}
