//! What the operations take and give: plain values, none of them a wire type.

use distribution::Auth;
use jiff::Timestamp;
use oci::digest::Digest;
use oci::image::ContainerConfig;
use oci::platform::Platform;
use oci::reference::Reference;

use crate::image::ImageId;

/// `docker pull`.
#[derive(Debug, Clone)]
pub struct PullRequest {
    /// What to pull; a name only means `latest`, unless `all_tags`.
    pub reference: Reference,
    /// Every tag of the repository.
    pub all_tags: bool,
    /// The wanted platform; the host's if `None`.
    pub platform: Option<Platform>,
    /// Credentials.
    pub auth: Auth,
}

/// One pulled reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The image.
    pub id: ImageId,
    /// The name it now has: `busybox:latest`, or `busybox@sha256:...` if pulled by digest.
    pub name: String,
    /// Whether anything changed.
    pub newer: bool,
}

/// `docker push`.
#[derive(Debug, Clone)]
pub struct PushRequest {
    /// What to push; a name only means `latest`, unless `all_tags`.
    pub reference: Reference,
    /// Every tag of the repository.
    pub all_tags: bool,
    /// Credentials.
    pub auth: Auth,
}

/// `docker import`.
#[derive(Debug, Clone, Default)]
pub struct ImportRequest {
    /// The name of the new image.
    pub reference: Option<Reference>,
    /// Dockerfile instructions applied to its config.
    pub changes: Vec<String>,
    /// Comment; Docker's client sends none, the daemon then writes `Imported from -`.
    pub message: String,
    /// Platform; the host's if `None`.
    pub platform: Option<Platform>,
    /// The version of Docker that the image says it was made by.
    pub docker_version: String,
}

/// `docker load`.
#[derive(Debug, Clone, Default)]
pub struct LoadRequest {
    /// No progress of single layers.
    pub quiet: bool,
    /// Only this platform of an index.
    pub platform: Option<Platform>,
}

/// `docker save`.
#[derive(Debug, Clone, Default)]
pub struct SaveRequest {
    /// Names or IDs; a name without a tag saves all its tags.
    pub names: Vec<String>,
}

/// `docker commit`, after the caller has merged the container's config.
#[derive(Debug, Clone)]
pub struct CommitRequest {
    /// The name of the new image.
    pub reference: Option<Reference>,
    /// The image that the container was made from; `None` for a root of nothing.
    pub parent: Option<ImageId>,
    /// Config of the new image, before `changes`.
    pub config: ContainerConfig,
    /// Dockerfile instructions applied to the config.
    pub changes: Vec<String>,
    /// Author.
    pub author: String,
    /// Message.
    pub comment: String,
    /// What the history says made the layer: the container's command.
    pub created_by: String,
    /// The version of Docker that the image says it was made by.
    pub docker_version: String,
}

/// `docker rmi`.
#[derive(Debug, Clone, Default)]
pub struct RemoveRequest {
    /// Name or ID.
    pub name: String,
    /// Also if it has several names or stopped containers.
    pub force: bool,
    /// Do not remove untagged parents.
    pub no_prune: bool,
}

/// A container that uses an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The container's ID.
    pub container: String,
    /// Whether it runs.
    pub running: bool,
}

/// One thing that a removal did, in the order it was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deleted {
    /// This name (`busybox:latest` or `busybox@sha256:...`) is gone.
    Untagged {
        /// The name.
        name: String,
        /// The image that had it.
        id: ImageId,
    },
    /// This image is gone.
    Image(ImageId),
    /// This layer's directory is gone.
    Layer(Digest),
}

/// Which images a prune takes.
#[derive(Debug, Clone)]
pub struct PruneFilter {
    /// Only images without names (Docker's default), else all unused.
    pub dangling: bool,
    /// Only images made before this.
    pub until: Option<Timestamp>,
    /// Only images with all of these labels (`key` or `key=value`).
    pub labels: Vec<String>,
    /// Only images with none of these labels.
    pub not_labels: Vec<String>,
}

impl Default for PruneFilter {
    fn default() -> Self {
        Self { dangling: true, until: None, labels: Vec::new(), not_labels: Vec::new() }
    }
}

/// What a prune did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Each removal.
    pub deleted: Vec<Deleted>,
    /// Bytes of layers that are gone.
    pub reclaimed: u64,
}

/// A name given to an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged {
    /// The name.
    pub name: String,
    /// The image.
    pub id: ImageId,
    /// The image that had the name before.
    pub previous: Option<ImageId>,
}

/// What images cost on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of all layers, each counted once.
    pub layers: u64,
    /// For each image, the bytes of its layers that another image has too.
    pub shared: Vec<(ImageId, u64)>,
}
