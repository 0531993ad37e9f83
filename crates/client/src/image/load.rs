//! `POST /images/load`.

use std::io::Read;

use errdefs::Result;

use super::platforms;
use crate::http::Body;
use crate::request::Request;
use crate::{Client, Query};

impl Client {
    /// Loads images from an archive; gives the stream of progress messages, and whether it is one (else plain text).
    ///
    /// # Errors
    /// If the engine refuses before it begins.
    pub fn image_load(
        &self,
        tar: &mut dyn Read,
        quiet: bool,
        only: &[api::image::Platform],
    ) -> Result<(Body, bool)> {
        let query = platforms(Query::new().with("quiet", if quiet { "1" } else { "0" }), "platform", only);
        let (head, body) =
            self.send(Request::post("/images/load").query(query).stream(tar, "application/x-tar"))?;
        Ok((body, head.field("content-type") == Some("application/json")))
    }
}
