//! Which images a list holds.

use std::sync::Arc;

use errdefs::Result;
use jiff::Timestamp;
use oci::reference::Reference;

use crate::catalog::State;
use crate::image::Image;
use crate::pattern;

/// `docker images --filter`: an image must pass all that is set.
#[derive(Debug, Clone, Default)]
pub struct ListFilter {
    /// Also images without names that are only parents of others.
    pub all: bool,
    /// Only images without names, or only images with.
    pub dangling: Option<bool>,
    /// Labels, `key` or `key=value`; all must be there.
    pub labels: Vec<String>,
    /// Patterns as of Go's `path.Match`, against `name:tag`, `name` and `name@digest`; one must match. Only matching
    /// names are listed.
    pub references: Vec<String>,
    /// Made before this image (name or ID).
    pub before: Vec<String>,
    /// Made after this image (name or ID).
    pub since: Vec<String>,
    /// Made before this time.
    pub until: Option<Timestamp>,
}

impl State {
    /// The images that pass, newest first.
    pub(crate) fn list(&self, filter: &ListFilter) -> Result<Vec<Arc<Image>>> {
        let bounds = Bounds::new(self, filter)?;
        let mut found = Vec::new();
        for entry in self.images.values() {
            if !bounds.hold(&entry.image) || !labels_pass(&entry.image, &filter.labels, &[]) {
                continue;
            }
            if let Some(image) = self.named(&entry.image, filter)? {
                found.push(image);
            }
        }
        found.sort_by(|a, b| b.created.cmp(&a.created).then(a.id.cmp(&b.id)));
        Ok(found)
    }

    /// The image with the names that pass, or `None` if it is not listed.
    fn named(&self, image: &Arc<Image>, filter: &ListFilter) -> Result<Option<Arc<Image>>> {
        if image.repo_tags.is_empty() && image.repo_digests.is_empty() {
            let shown = (filter.all || !self.has_children(&image.id))
                && filter.dangling != Some(false)
                && filter.references.is_empty();
            return Ok(shown.then(|| image.clone()));
        }
        if filter.dangling == Some(true) && !image.is_dangling() {
            return Ok(None);
        }
        if filter.references.is_empty() {
            return Ok(Some(image.clone()));
        }
        let mut passing = Image::clone(image);
        (passing.repo_tags, passing.repo_digests) = (Vec::new(), Vec::new());
        for name in &self.names_of(&image.id) {
            if any_matches(&filter.references, name)? {
                let list =
                    if name.digest().is_some() { &mut passing.repo_digests } else { &mut passing.repo_tags };
                list.push(name.familiar());
            }
        }
        let any = !passing.repo_tags.is_empty() || !passing.repo_digests.is_empty();
        Ok(any.then(|| Arc::new(passing)))
    }
}

fn any_matches(patterns: &[String], name: &Reference) -> Result<bool> {
    for pattern in patterns {
        if pattern::matches(pattern, &name.familiar())? || pattern::matches(pattern, &name.familiar_name())? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// When an image may have been made.
struct Bounds {
    before: Option<Timestamp>,
    since: Option<Timestamp>,
}

impl Bounds {
    fn new(state: &State, filter: &ListFilter) -> Result<Self> {
        let mut bounds = Self { before: filter.until, since: None };
        for name in &filter.before {
            let created = state.find(name)?.created;
            bounds.before = bounds.before.into_iter().chain(created).min();
        }
        for name in &filter.since {
            let created = state.find(name)?.created;
            bounds.since = bounds.since.into_iter().chain(created).max();
        }
        Ok(bounds)
    }

    fn hold(&self, image: &Image) -> bool {
        self.before.is_none_or(|before| image.created.is_some_and(|created| created < before))
            && self.since.is_none_or(|since| image.created.is_some_and(|created| created > since))
    }
}

/// Whether an image has all of the first labels (`key` or `key=value`) and none of the second.
pub(crate) fn labels_pass(image: &Image, all: &[String], none: &[String]) -> bool {
    let labels = &image.config.config.labels;
    let has = |wanted: &String| match wanted.split_once('=') {
        Some((key, value)) => labels.get(key).is_some_and(|found| found == value),
        None => labels.contains_key(wanted),
    };
    all.iter().all(has) && !none.iter().any(has)
}
