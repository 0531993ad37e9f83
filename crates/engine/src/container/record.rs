//! What is stored of a container: enough to find and undo every effect of it, and to start it again.
//!
//! The user's request (`config`, `host`, `networks`) is kept as the API's own document, because it is shown back word by
//! word; everything the engine itself decides by has fields of its own. Raise [`Record::VERSION`] with any change that an
//! older program cannot read, also in the API's types.

use std::collections::BTreeMap;

use api::container::{Config, HostConfig};
use api::network::EndpointSettings;
use idmap::IdMap;
use jiff::Timestamp;
use oci::digest::Digest;
use serde::{Deserialize, Serialize};
use store::Table;

use super::mountpoint::MountPoint;
use super::policy::Policy;
use super::state::State;

/// The containers, by full ID.
pub(crate) const CONTAINERS: Table<Record> = Table::new("containers");

/// The label that asks for restarts of an unhealthy container, if its value is `true`.
const RESTART_UNHEALTHY: &str = "hythe.restart-unhealthy";

/// A container as stored, and as readers see it: one value, replaced as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// 64 hexadecimal digits.
    pub(crate) id: String,
    /// Without the leading slash.
    pub(crate) name: String,
    pub(crate) created: Timestamp,
    /// The image's ID; `None` for the empty image.
    pub(crate) image: Option<Digest>,
    /// Its layers, lowest first, so that a start needs no image record.
    pub(crate) layers: Vec<Digest>,
    /// `os` of the image.
    pub(crate) platform: String,
    /// The program and its arguments.
    pub(crate) path: String,
    pub(crate) args: Vec<String>,
    /// The request, merged with the image's config.
    pub(crate) config: Config,
    pub(crate) host: HostConfig,
    /// The networks it is in, by name as the user gave it, with what was asked for.
    pub(crate) networks: BTreeMap<String, EndpointSettings>,
    pub(crate) mounts: Vec<MountPoint>,
    pub(crate) state: State,
    /// A wish to be removed when it has exited; cleared by nothing.
    pub(crate) auto_remove: bool,
    /// Its removal takes its anonymous volumes along; part of the intent, so that a removal goes on as it began.
    #[serde(default)]
    pub(crate) remove_volumes: bool,
    /// What its ids are on the host, in its present or last run, or the one to come; none if they are the host's.
    #[serde(default)]
    pub(crate) ids: Option<IdMap>,
    /// The engine's parent of control groups when it was created, for one that names none.
    #[serde(default)]
    pub(crate) cgroup_parent: String,
}

impl store::Record for Record {
    const VERSION: u32 = 1;
}

impl Record {
    /// The restart policy.
    pub(crate) fn policy(&self) -> Policy {
        let policy = &self.host.restart_policy;
        match policy.name.as_str() {
            "always" => Policy::Always,
            "unless-stopped" => Policy::UnlessStopped,
            "on-failure" => Policy::OnFailure(u32::try_from(policy.maximum_retry_count).unwrap_or(0)),
            _ => Policy::No,
        }
    }

    /// It is started again when its health check fails, which its user has asked for by a label.
    pub(crate) fn restarts_unhealthy(&self) -> bool {
        self.config.labels.get(RESTART_UNHEALTHY).is_some_and(|value| value == "true")
    }

    /// The attributes of its events: labels, image, name.
    pub(crate) fn attributes(&self) -> api::StringMap {
        let mut attributes = self.config.labels.clone();
        attributes.insert("image".into(), self.config.image.clone());
        attributes.insert("name".into(), self.name.clone());
        attributes
    }

    /// The layers that must stay as long as it does: its root's, and those of images mounted in it.
    pub(crate) fn held_layers(&self) -> Vec<Digest> {
        let mounted = self.mounts.iter().flat_map(|point| &point.layers);
        self.layers.iter().chain(mounted).copied().collect()
    }

    /// Where its control group is.
    pub(crate) fn cgroup(&self) -> String {
        let named = [&self.host.resources.cgroup_parent, &self.cgroup_parent];
        let named =
            named.into_iter().map(|parent| parent.trim_matches('/')).find(|parent| !parent.is_empty());
        // As a path below the root is written: `..` leads no further up.
        let mut parts: Vec<&str> = Vec::new();
        for part in named.unwrap_or("docker").split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        parts.push(&self.id);
        format!("/{}", parts.join("/"))
    }
}
