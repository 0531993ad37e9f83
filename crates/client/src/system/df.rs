//! `GET /system/df`.

use errdefs::Result;

use crate::request::Request;
use crate::{Client, Query};

/// A part of the disk usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Containers.
    Container,
    /// Images.
    Image,
    /// Volumes.
    Volume,
    /// The build cache.
    BuildCache,
}

impl Client {
    /// What takes how much space; of all parts if none is named.
    ///
    /// # Errors
    /// If it cannot be reached.
    pub fn disk_usage(&self, parts: &[Part]) -> Result<api::system::DiskUsage> {
        let query = parts.iter().fold(Query::new(), |query, part| {
            query.with(
                "type",
                match part {
                    Part::Container => "container",
                    Part::Image => "image",
                    Part::Volume => "volume",
                    Part::BuildCache => "build-cache",
                },
            )
        });
        self.fetch(Request::get("/system/df").query(query))
    }
}
