//! How an image was made, newest step first.

use jiff::Timestamp;

use crate::image::ImageId;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The image as it was after the step, if it is here; Docker prints `<missing>` for `None`.
    pub id: Option<ImageId>,
    /// When.
    pub created: Option<Timestamp>,
    /// The command.
    pub created_by: String,
    /// Names of that image.
    pub tags: Vec<String>,
    /// Bytes of the layer it made.
    pub size: u64,
    /// Free text.
    pub comment: String,
}
