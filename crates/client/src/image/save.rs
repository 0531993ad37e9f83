//! `GET /images/get`.

use errdefs::Result;

use super::platforms;
use crate::http::Body;
use crate::request::Request;
use crate::{Client, Query};

impl Client {
    /// The images as one tar archive.
    ///
    /// # Errors
    /// If one does not exist.
    pub fn image_save(&self, names: &[String], only: &[api::image::Platform]) -> Result<Body> {
        let query = names.iter().fold(Query::new(), |query, name| query.with("names", name));
        Ok(self.send(Request::get("/images/get").query(platforms(query, "platform", only)))?.1)
    }
}
