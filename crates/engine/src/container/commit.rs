//! `commit`: an image made of a container's changes (semantics 113).

use errdefs::{Class, Result, invalid};
use oci::reference::Reference;

use super::shared::Container;
use super::state::Phase;
use super::{CommitOptions, Containers, merge};

impl Containers {
    /// Makes an image of it; gives the image's ID.
    ///
    /// # Errors
    /// InvalidParameter for changes that are not understood.
    pub fn commit(&self, options: CommitOptions) -> Result<String> {
        let _timing = crate::metrics::COUNTERS.commit.time();
        let shared = &self.shared;
        if options.container.is_empty() {
            return Err(invalid("invalid name or ID supplied: \"\""));
        }
        let container = shared.registry.find(&options.container)?;
        let record = container.record();
        let reference = match options.repo.as_str() {
            "" => None,
            repo if Reference::parse(repo)?.digest().is_some() => {
                return Err(invalid("cannot import digest reference"));
            }
            repo => {
                let tag = if options.tag.is_empty() { "latest" } else { &options.tag };
                Some(Reference::parse(repo)?.with_tag(tag)?)
            }
        };
        let name = reference.as_ref().map(Reference::familiar);
        let mut config = options.config.clone().unwrap_or_default();
        merge::image_defaults(&mut config, &record.config);
        let mut created_by = vec![record.path.clone()];
        created_by.extend(record.args.iter().cloned());
        let request = image::CommitRequest {
            reference,
            parent: record.image,
            config: merge::to_image(&config),
            changes: options.changes.clone(),
            author: options.author.clone(),
            comment: options.comment.clone(),
            created_by: created_by.join(" "),
            docker_version: crate::system::DOCKER_VERSION.to_owned(),
        };
        let frozen = self.freeze(&container, options.pause)?;
        let snapshots = &shared.parts.snapshots;
        let made =
            shared.parts.images.commit(&request, |out| snapshots.write_diff(&record.id, out).map(drop));
        let made = made?;
        self.tell_made(&made, name.as_deref());
        let id = made.to_string();
        let extra =
            [("comment", options.comment), ("imageID", id.clone()), ("imageRef", name.unwrap_or_default())];
        shared.tell(&record, "commit", &extra);
        drop(frozen);
        Ok(id)
    }

    /// Tells of the new image, and of its name.
    fn tell_made(&self, id: &image::ImageId, name: Option<&str>) {
        let parts = &self.shared.parts;
        let labels =
            parts.images.by_id(id).map(|image| image.config.config.labels.clone()).unwrap_or_default();
        let text = id.to_string();
        for (action, name) in
            [Some(("create", text.as_str())), name.map(|name| ("tag", name))].into_iter().flatten()
        {
            let mut attributes = labels.clone();
            attributes.insert("name".to_owned(), name.to_owned());
            parts.events.publish(crate::event::Kind::Image, action, &text, attributes);
        }
    }

    fn freeze<'a>(&'a self, container: &'a Container, wanted: bool) -> Result<Option<Frozen<'a>>> {
        if !wanted || container.record().state.phase != Phase::Running {
            return Ok(None);
        }
        match self.pause(&container.id) {
            // It has just ended, whether its record says so already or not, or somebody else holds it still.
            Err(error) if error.class() == Class::Conflict => Ok(None),
            paused => paused.map(|()| Some(Frozen { containers: self, id: &container.id })),
        }
    }
}

/// Thaws when dropped.
struct Frozen<'a> {
    containers: &'a Containers,
    id: &'a str,
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.containers.unpause(self.id) {
            tracing::error!(container = self.id, %error, "cannot thaw after commit");
        }
    }
}
