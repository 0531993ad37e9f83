//! A data directory with everything that images need, and words for what is done with it.

use std::collections::HashSet;
use std::sync::Arc;

use content::Content;
use distribution::{Client, Config, Silent};
use errdefs::Result;
use image::{CommitRequest, Deleted, ImageId, Images, ImportRequest, ListFilter, RemoveRequest, Use};
use oci::digest::Digest;
use oci::image::ContainerConfig;
use oci::reference::Reference;
use snapshot::Snapshots;
use snapshot::tarball::{Entry, Kind, Writer};
use store::Store;

/// A data directory.
pub(crate) struct Bench {
    dir: tempfile::TempDir,
    config: Config,
    pub(crate) images: Images,
    pub(crate) content: Content,
    pub(crate) snapshots: Snapshots,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::at(tempfile::tempdir().unwrap(), Config::default())
    }

    pub(crate) fn with(config: Config) -> Self {
        Self::at(tempfile::tempdir().unwrap(), config)
    }

    fn at(dir: tempfile::TempDir, config: Config) -> Self {
        let store = Arc::new(Store::open(&dir.path().join("db")).unwrap());
        let content = Content::open(&dir.path().join("content")).unwrap();
        let snapshots = Snapshots::open(&dir.path().join("snapshots")).unwrap();
        let client = Arc::new(Client::new(config.clone()));
        let images = Images::open(store, content.clone(), snapshots.clone(), client).unwrap();
        Self { dir, config, images, content, snapshots }
    }

    pub(crate) fn reopen(self) -> Self {
        let Self { dir, config, images, .. } = self;
        drop(images);
        Self::at(dir, config)
    }

    pub(crate) fn import(&self, name: &str, files: &[(&str, &str)]) -> ImageId {
        let request = ImportRequest {
            reference: (!name.is_empty()).then(|| Reference::parse(name).unwrap()),
            changes: vec!["CMD [\"sh\"]".into(), "LABEL made=here".into()],
            ..ImportRequest::default()
        };
        self.images.import(&request, &mut &tar(files)[..], &Silent).unwrap()
    }

    pub(crate) fn commit(&self, parent: &ImageId, name: &str, files: &[(&str, &str)]) -> ImageId {
        let request = CommitRequest {
            reference: (!name.is_empty()).then(|| Reference::parse(name).unwrap()),
            parent: Some(*parent),
            config: ContainerConfig::default(),
            changes: Vec::new(),
            author: "ann".into(),
            comment: "a comment".into(),
            created_by: "sh".into(),
            docker_version: String::new(),
        };
        let bytes = tar(files);
        self.images.commit(&request, move |out| Ok(out.write_all(&bytes)?)).unwrap()
    }

    pub(crate) fn tags(&self) -> Vec<String> {
        let all = ListFilter { all: true, ..ListFilter::default() };
        let mut tags: Vec<String> =
            self.images.list(&all).unwrap().iter().flat_map(|image| image.repo_tags.clone()).collect();
        tags.sort();
        tags
    }

    /// Blobs and layers that are here.
    pub(crate) fn kept(&self) -> HashSet<Digest> {
        let blobs = self.content.list().unwrap().into_iter().map(|(digest, _)| digest);
        blobs.chain(self.snapshots.list_layers().unwrap()).collect()
    }
}

pub(crate) fn tar(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for (path, text) in files {
        let mut entry = Entry::new(*path, Kind::File, 0o644);
        entry.size = text.len() as u64;
        writer.append(&entry, &mut text.as_bytes()).unwrap();
    }
    writer.finish().unwrap()
}

pub(crate) fn unused(_: &ImageId) -> Vec<Use> {
    Vec::new()
}

pub(crate) fn remove(bench: &Bench, name: &str) -> Result<Vec<Deleted>> {
    remove_with(bench, name, false, &unused)
}

pub(crate) fn remove_with(
    bench: &Bench,
    name: &str,
    force: bool,
    in_use: &dyn Fn(&ImageId) -> Vec<Use>,
) -> Result<Vec<Deleted>> {
    bench.images.remove(&RemoveRequest { name: name.into(), force, no_prune: false }, in_use)
}

pub(crate) fn users(container: &str, running: bool) -> impl Fn(&ImageId) -> Vec<Use> {
    let one = Use { container: container.repeat(12), running };
    move |_| vec![one.clone()]
}

/// What a removal did, in Docker's words.
pub(crate) fn shown(deleted: &[Deleted]) -> Vec<String> {
    let one = |deleted: &Deleted| match deleted {
        Deleted::Untagged { name, .. } => format!("Untagged: {name}"),
        Deleted::Image(id) | Deleted::Layer(id) => format!("Deleted: {id}"),
    };
    deleted.iter().map(one).collect()
}
