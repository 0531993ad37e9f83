//! Images in Docker's words: references of requests, the wire form, filters, progress, events.

use std::io::{Read, Write};
use std::sync::Arc;

use ::image::{Deleted, ImageId, ListFilter, Use};
use api::StringMap;
use api::filters::Filters;
use api::image::{
    DeleteItem, DistributionInspect, HistoryItem, InspectResponse, ProgressMessage, PruneReport,
    SearchResult, Summary,
};
pub use distribution::Cancel;
use errdefs::{Result, invalid};
use oci::platform::Platform;
use oci::reference::Reference;
use snapshot::Snapshots;

use crate::event::Kind;
use crate::{Containers, Events, timestamp};

mod progress;
mod wire;

/// All images of this daemon. Clones share everything.
#[derive(Clone)]
pub struct Images {
    images: Arc<::image::Images>,
    snapshots: Snapshots,
    client: Arc<distribution::Client>,
    containers: Containers,
    events: Events,
}

/// Takes the messages of a long operation; called from several threads at once.
pub type Watch<'a> = &'a (dyn Fn(ProgressMessage) + Sync);

/// What `POST /images/create?fromImage=` takes.
#[derive(Debug, Clone, Default)]
pub struct PullOptions {
    /// A name, perhaps with tag or digest.
    pub image: String,
    /// A tag or a digest; every tag if neither this nor the name has one.
    pub tag: String,
    /// `os[/arch[/variant]]`; the host's if empty.
    pub platform: String,
    /// Credentials.
    pub auth: api::auth::Config,
}

/// What `POST /images/create?fromSrc=` takes.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// Name of the new image; none if empty.
    pub repo: String,
    /// Its tag.
    pub tag: String,
    /// For its history.
    pub message: String,
    /// Dockerfile lines.
    pub changes: Vec<String>,
    /// `os[/arch[/variant]]`; the host's if empty.
    pub platform: String,
}

/// What `GET /images/json` takes.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// Also unnamed parents.
    pub all: bool,
    /// Count the bytes that images share.
    pub shared_size: bool,
    /// Count the containers of each (since API 1.51).
    pub containers: bool,
    /// Checked by `list` itself.
    pub filters: Filters,
}

const LIST_KEYS: &[&str] = &["before", "dangling", "label", "reference", "since", "until"];

impl Images {
    /// Over the mechanisms, with the containers that may use them.
    pub fn new(
        images: Arc<::image::Images>,
        snapshots: Snapshots,
        client: Arc<distribution::Client>,
        containers: Containers,
        events: Events,
    ) -> Self {
        Self { images, snapshots, client, containers, events }
    }

    /// Those that match, newest first. From memory.
    ///
    /// # Errors
    /// InvalidParameter for unknown filters; NotFound for the images of `before` and `since`.
    pub fn list(&self, options: &ListOptions) -> Result<Vec<Summary>> {
        let filters = &options.filters;
        filters.validate(LIST_KEYS)?;
        let filter = ListFilter {
            all: options.all,
            dangling: filters.boolean("dangling")?,
            labels: owned(filters, "label"),
            references: owned(filters, "reference"),
            before: owned(filters, "before"),
            since: owned(filters, "since"),
            until: until(filters)?,
        };
        let shared = options.shared_size.then(|| self.images.usage().shared);
        let summary = |image: &Arc<::image::Image>| {
            let containers =
                options.containers.then(|| self.containers.image_users(&image.id.to_string()).len());
            let shared =
                shared.as_ref().map(|all| all.iter().find(|(id, _)| *id == image.id).map_or(0, |(_, n)| *n));
            wire::summary(image, containers, shared)
        };
        Ok(self.images.list(&filter)?.iter().map(summary).collect())
    }

    /// How many there are. From memory.
    pub fn count(&self) -> usize {
        self.images.list(&ListFilter::default()).map_or(0, |images| images.len())
    }

    /// One, by name, ID or start of an ID.
    ///
    /// # Errors
    /// NotFound `No such image: x:latest`.
    pub fn inspect(&self, name: &str) -> Result<InspectResponse> {
        let image = self.images.get(name)?;
        let directories = self.snapshots.lower_dirs(image.layers()).unwrap_or_default();
        Ok(wire::inspect(&image, &directories))
    }

    /// The same; an image of another platform than the one asked for is not found.
    ///
    /// # Errors
    /// NotFound.
    pub fn inspect_platform(
        &self,
        name: &str,
        wanted: Option<&api::image::Platform>,
    ) -> Result<InspectResponse> {
        let image = self.inspect(name)?;
        let part = |wanted: &str, have: &str| wanted.is_empty() || wanted == have;
        let Some(wanted) = wanted else { return Ok(image) };
        if part(&wanted.os, &image.os)
            && part(&wanted.architecture, &image.architecture)
            && part(&wanted.variant, &image.variant)
        {
            return Ok(image);
        }
        let text = |parts: [&str; 3]| {
            parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
        };
        Err(errdefs::not_found(format!(
            "image with reference {name} was found but its platform ({}) does not match the specified platform ({})",
            text([&image.os, &image.architecture, &image.variant]),
            text([&wanted.os, &wanted.architecture, &wanted.variant])
        )))
    }

    /// How it was made, newest step first.
    ///
    /// # Errors
    /// NotFound.
    pub fn history(&self, name: &str) -> Result<Vec<HistoryItem>> {
        Ok(self.images.history(name)?.into_iter().map(wire::history).collect())
    }

    /// Gives it one more name.
    ///
    /// # Errors
    /// NotFound; InvalidParameter for a wrong name.
    pub fn tag(&self, name: &str, repo: &str, tag: &str) -> Result<()> {
        let image = self.images.get(name)?;
        let reference = reference(repo, tag)?.tag_or_latest();
        let tagged = self.images.tag(&image.id.to_string(), &reference)?;
        self.publish("tag", &tagged.id.to_string(), &tagged.name, &image);
        Ok(())
    }

    /// Takes a name away and, with the last one, the image.
    ///
    /// # Errors
    /// NotFound; Conflict while containers or other names hold it.
    pub fn remove(&self, name: &str, force: bool, no_prune: bool) -> Result<Vec<DeleteItem>> {
        let _timing = crate::metrics::COUNTERS.image_delete.time();
        let request = ::image::RemoveRequest { name: name.to_owned(), force, no_prune };
        let before = self.images.get(name).ok();
        let deleted = self.images.remove(&request, &|id| self.users(id))?;
        Ok(self.deleted(deleted, before.as_deref()))
    }

    /// Removes what nobody uses: images without names only, unless the filter `dangling` is false.
    ///
    /// # Errors
    /// InvalidParameter for unknown filters; Conflict if another prune runs.
    pub fn prune(&self, filters: &Filters) -> Result<PruneReport> {
        filters.validate(&["dangling", "label", "label!", "until"])?;
        let filter = ::image::PruneFilter {
            dangling: filters.boolean("dangling")?.unwrap_or(true),
            until: timestamp::only_until(filters)?,
            labels: owned(filters, "label"),
            not_labels: owned(filters, "label!"),
        };
        let pruned = self.images.prune(&filter, &|id| self.users(id))?;
        let deleted = self.deleted(pruned.deleted, None);
        let attributes = StringMap::from([("reclaimed".to_owned(), pruned.reclaimed.to_string())]);
        self.events.publish(Kind::Image, "prune", "", attributes);
        Ok(PruneReport {
            images_deleted: (!deleted.is_empty()).then_some(deleted),
            space_reclaimed: pruned.reclaimed,
        })
    }

    /// Fetches one image, or all tags of a repository.
    ///
    /// # Errors
    /// What the registry says, in Docker's words.
    pub fn pull(&self, options: &PullOptions, watch: Watch<'_>, cancel: &Cancel) -> Result<()> {
        let _timing = crate::metrics::COUNTERS.image_pull.time();
        let reference = reference(&options.image, &options.tag)?;
        let request = ::image::PullRequest {
            all_tags: reference.is_name_only(),
            reference,
            platform: platform(&options.platform)?,
            auth: auth(&options.auth),
        };
        let pulled = self.images.pull(&request, &progress::Messages(watch), cancel)?;
        for one in pulled {
            let name = request.reference.familiar_name();
            self.publish_named("pull", &one.name, &name, &one.id);
        }
        Ok(())
    }

    /// Sends one image, or all tags of a repository.
    ///
    /// # Errors
    /// NotFound; what the registry says.
    pub fn push(
        &self,
        name: &str,
        tag: &str,
        auth_config: &api::auth::Config,
        watch: Watch<'_>,
        cancel: &Cancel,
    ) -> Result<()> {
        let _timing = crate::metrics::COUNTERS.image_push.time();
        let reference = reference(name, tag)?;
        if reference.digest().is_some() {
            return Err(invalid("cannot push a digest reference"));
        }
        let request =
            ::image::PushRequest { all_tags: reference.is_name_only(), reference, auth: auth(auth_config) };
        self.images.push(&request, &progress::Messages(watch), cancel)?;
        // A layer need not be kept in two forms; nobody waits while the disk is flushed for that.
        let images = Arc::clone(&self.images);
        crate::background("plain forms", move || {
            if let Err(error) = images.drop_plain_forms() {
                tracing::warn!(%error, "layers that were compressed for a push are kept as tars too");
            }
        });
        let attributes = StringMap::from([("name".to_owned(), request.reference.familiar_name())]);
        self.events.publish(Kind::Image, "push", &request.reference.familiar(), attributes);
        Ok(())
    }

    /// Makes an image from a tar of a root file system.
    ///
    /// # Errors
    /// InvalidParameter for wrong names and changes; what is wrong with the archive.
    pub fn import(
        &self,
        options: ImportOptions,
        root: &mut (dyn Read + Send),
        watch: Watch<'_>,
    ) -> Result<()> {
        let _timing = crate::metrics::COUNTERS.image_import.time();
        let name = (!options.repo.is_empty()).then(|| reference(&options.repo, &options.tag)).transpose()?;
        if name.as_ref().is_some_and(|name| name.digest().is_some()) {
            return Err(invalid("cannot import digest reference"));
        }
        let request = ::image::ImportRequest {
            reference: name.map(|name| name.tag_or_latest()),
            changes: options.changes,
            message: options.message,
            platform: platform(&options.platform)?,
            docker_version: crate::system::DOCKER_VERSION.to_owned(),
        };
        let id = self.images.import(&request, root, &progress::Messages(watch))?;
        self.publish_named("import", &id.to_string(), &id.to_string(), &id);
        Ok(())
    }

    /// Makes an image from a tar on the web.
    ///
    /// # Errors
    /// As [`Images::import`]; if the URL cannot be fetched.
    pub fn import_url(
        &self,
        mut options: ImportOptions,
        url: &str,
        watch: Watch<'_>,
        cancel: &Cancel,
    ) -> Result<()> {
        distribution::progress::say(
            &progress::Messages(watch),
            distribution::Status::DownloadingFrom(url.to_owned()),
        );
        let mut root = self.client.download(url, cancel)?;
        if options.message.is_empty() {
            options.message = format!("Imported from {url}");
        }
        self.import(options, &mut root, watch)
    }

    /// Takes in the images of an archive.
    ///
    /// # Errors
    /// What is wrong with the archive.
    pub fn load(&self, quiet: bool, archive: &mut (dyn Read + Send), watch: Watch<'_>) -> Result<()> {
        let _timing = crate::metrics::COUNTERS.image_load.time();
        let request = ::image::LoadRequest { quiet, platform: None };
        for loaded in self.images.load(&request, archive, &progress::Messages(watch))? {
            self.publish_named("load", &loaded.id.to_string(), &loaded.name, &loaded.id);
        }
        Ok(())
    }

    /// Writes images as an archive. Names are looked up before the first byte.
    ///
    /// # Errors
    /// NotFound; if writing fails.
    pub fn save(&self, names: Vec<String>, archive: &mut dyn Write) -> Result<()> {
        let _timing = crate::metrics::COUNTERS.image_export.time();
        let images: Vec<_> = names.iter().filter_map(|name| self.images.get(name).ok()).collect();
        self.images.save(&::image::SaveRequest { names }, archive)?;
        for image in images {
            let id = image.id.to_string();
            self.publish("save", &id, &id, &image);
        }
        Ok(())
    }

    /// What a registry says about a name, without fetching it.
    ///
    /// # Errors
    /// What the registry says.
    pub fn distribution(&self, name: &str, auth_config: &api::auth::Config) -> Result<DistributionInspect> {
        let reference = reference(name, "")?.tag_or_latest();
        let remote = self.client.inspect(&reference, &auth(auth_config), &Cancel::new())?;
        Ok(DistributionInspect {
            descriptor: wire::descriptor(&remote.descriptor),
            platforms: remote.platforms.iter().map(wire::platform).collect(),
        })
    }

    /// What an index of images (Docker Hub's, or that of the host in front of the term) knows under a term.
    ///
    /// # Errors
    /// InvalidParameter for wrong filters, limits and hosts; what the index answers.
    pub fn search(
        &self,
        term: &str,
        limit: u32,
        filters: &Filters,
        auth_config: &api::auth::Config,
    ) -> Result<Vec<SearchResult>> {
        filters.validate(&["is-automated", "is-official", "stars"])?;
        let official = filters.boolean("is-official")?;
        // Nothing is automated any more: asking for it finds nothing.
        let automated = filters.boolean("is-automated")?.unwrap_or(false);
        let stars =
            filters.get("stars").map(stars).collect::<Result<Vec<_>>>()?.into_iter().max().unwrap_or(0);
        let found = self.client.search(term, limit, &auth(auth_config), &Cancel::new())?;
        let wanted = |one: &distribution::Found| {
            !automated
                && official.is_none_or(|official| one.is_official == official)
                && one.star_count >= stars
        };
        Ok(found.into_iter().filter(wanted).map(wire::search_result).collect())
    }

    /// Checks credentials with a registry.
    ///
    /// # Errors
    /// Unauthorized if they are wrong; if the registry cannot be reached.
    pub fn login(&self, config: &api::auth::Config) -> Result<api::auth::LoginResponse> {
        let login = self.client.login(&config.serveraddress, &auth(config), &Cancel::new())?;
        Ok(api::auth::LoginResponse { status: login.status, identity_token: login.identity_token })
    }

    /// All of them and the bytes of their layers, for `system df`.
    pub(crate) fn usage(&self) -> Result<(Vec<Summary>, u64)> {
        let options = ListOptions { shared_size: true, containers: true, ..ListOptions::default() };
        Ok((self.list(&options)?, self.images.usage().layers))
    }

    fn users(&self, id: &ImageId) -> Vec<Use> {
        let users = self.containers.image_users(&id.to_string());
        users.into_iter().map(|(container, running)| Use { container, running }).collect()
    }

    /// Tells what a removal did; layers are not worth an event. `before` is the image as it was: where its last name goes,
    /// so does the image, but the event of the name still has its labels.
    fn deleted(&self, deleted: Vec<Deleted>, before: Option<&::image::Image>) -> Vec<DeleteItem> {
        let mut items = Vec::new();
        for one in deleted {
            let (action, id, item) = match one {
                Deleted::Untagged { name, id } => {
                    ("untag", id, DeleteItem { untagged: name, ..DeleteItem::default() })
                }
                Deleted::Image(id) => {
                    ("delete", id, DeleteItem { deleted: id.to_string(), ..DeleteItem::default() })
                }
                Deleted::Layer(layer) => {
                    items.push(DeleteItem { deleted: layer.to_string(), ..DeleteItem::default() });
                    continue;
                }
            };
            match before.filter(|image| action == "untag" && image.id == id) {
                Some(image) => self.publish(action, &id.to_string(), &id.to_string(), image),
                None => self.publish_named(action, &id.to_string(), &id.to_string(), &id),
            }
            items.push(item);
        }
        items
    }

    fn publish_named(&self, action: &str, id: &str, name: &str, image: &ImageId) {
        match self.images.by_id(image) {
            Some(image) => self.publish(action, id, name, &image),
            None => {
                let attributes = StringMap::from([("name".to_owned(), name.to_owned())]);
                self.events.publish(Kind::Image, action, id, attributes);
            }
        }
    }

    /// An image's event has its labels and a name.
    fn publish(&self, action: &str, id: &str, name: &str, image: &::image::Image) {
        let mut attributes = image.config.config.labels.clone();
        attributes.insert("name".to_owned(), name.to_owned());
        self.events.publish(Kind::Image, action, id, attributes);
    }
}

/// A name of a request with the tag (or digest) given beside it.
fn reference(name: &str, tag: &str) -> Result<Reference> {
    let reference = Reference::parse(name)?;
    if tag.is_empty() {
        return Ok(reference);
    }
    let bare = reference.without_suffix();
    match tag.parse() {
        Ok(digest) => Ok(bare.with_digest(digest)),
        Err(_) => bare.with_tag(tag),
    }
}

fn platform(text: &str) -> Result<Option<Platform>> {
    if text.is_empty() { Ok(None) } else { Platform::parse(text).map(Some) }
}

fn auth(config: &api::auth::Config) -> distribution::Auth {
    distribution::Auth {
        username: config.username.clone(),
        password: config.password.clone(),
        identity_token: config.identitytoken.clone(),
        registry_token: config.registrytoken.clone(),
    }
}

fn stars(text: &str) -> Result<i64> {
    text.parse().map_err(|_| {
        invalid(format!("invalid filter 'stars={text}': strconv.Atoi: parsing {text:?}: invalid syntax"))
    })
}

fn owned(filters: &Filters, key: &str) -> Vec<String> {
    filters.get(key).map(str::to_owned).collect()
}

fn until(filters: &Filters) -> Result<Option<jiff::Timestamp>> {
    let now = jiff::Timestamp::now();
    let times =
        filters.get("until").map(|text| timestamp::parse_until(text, now)).collect::<Result<Vec<_>>>()?;
    Ok(times.into_iter().min())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_digests_beside_a_name() {
        let hex = "0".repeat(64);
        for (name, tag, expected) in [
            ("busybox", "", "docker.io/library/busybox".to_owned()),
            ("busybox", "1.36", "docker.io/library/busybox:1.36".to_owned()),
            ("busybox:old", "new", "docker.io/library/busybox:new".to_owned()),
            ("reg:5000/a/b", &format!("sha256:{hex}"), format!("reg:5000/a/b@sha256:{hex}")),
        ] {
            assert_eq!(reference(name, tag).unwrap().canonical_string(), expected);
        }
        assert!(reference("busybox", "bad tag").is_err());
        assert!(reference("Upper", "").is_err());
    }
}
