//! How an image was made, newest step first.

use jiff::Timestamp;

use crate::catalog::State;
use crate::image::{Image, ImageId};

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

impl State {
    /// The steps of an image. A config whose history does not fit its layers gives what fits.
    pub(crate) fn history(&self, image: &Image) -> Vec<HistoryEntry> {
        let mut sizes = image.layer_sizes.iter();
        let mut entries: Vec<HistoryEntry> = Vec::new();
        for step in &image.config.history {
            entries.push(HistoryEntry {
                id: None,
                created: step.created.as_deref().and_then(|created| created.parse().ok()),
                created_by: step.created_by.clone(),
                tags: Vec::new(),
                size: if step.empty_layer { 0 } else { sizes.next().copied().unwrap_or_default() },
                comment: step.comment.clone(),
            });
        }
        entries.reverse();
        let mut here = self.images.get(&image.id);
        for entry in &mut entries {
            let Some(found) = here else { break };
            entry.id = Some(found.image.id);
            entry.tags.clone_from(&found.image.repo_tags);
            here = found.record.parent.and_then(|parent| self.images.get(&parent));
        }
        entries
    }
}
