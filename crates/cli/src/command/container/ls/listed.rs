//! What `ps` reads of a container. The whole answer has each container's place in each network, a few kilobytes of
//! memory each, of which only the networks' names are shown.

use std::collections::BTreeMap;

use api::StringMap;
use api::container::{MountPoint, Port, Summary};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// One container of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Listed {
    pub(crate) id: String,
    pub(crate) names: Option<Vec<String>>,
    pub(crate) image: String,
    #[serde(rename = "ImageID")]
    pub(crate) image_id: String,
    pub(crate) command: String,
    pub(crate) created: i64,
    pub(crate) ports: Option<Vec<Port>>,
    pub(crate) labels: Option<StringMap>,
    pub(crate) state: String,
    pub(crate) status: String,
    pub(crate) mounts: Option<Vec<MountPoint>>,
    pub(crate) network_settings: Option<Networks>,
    pub(crate) size_rw: i64,
    pub(crate) size_root_fs: i64,
}

/// The networks of a container.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Networks {
    pub(crate) networks: Option<BTreeMap<String, IgnoredAny>>,
}

impl Listed {
    /// The names of its networks.
    pub(crate) fn networks(&self) -> Vec<&str> {
        let networks = self.network_settings.as_ref().and_then(|settings| settings.networks.as_ref());
        networks.into_iter().flat_map(|networks| networks.keys().map(String::as_str)).collect()
    }

    /// Its mounts.
    pub(crate) fn mounts(&self) -> &[MountPoint] {
        self.mounts.as_deref().unwrap_or_default()
    }
}

impl From<&Summary> for Listed {
    fn from(whole: &Summary) -> Self {
        let networks =
            whole.network_settings.networks.keys().map(|name| (name.clone(), IgnoredAny)).collect();
        Self {
            id: whole.id.clone(),
            names: Some(whole.names.clone()),
            image: whole.image.clone(),
            image_id: whole.image_id.clone(),
            command: whole.command.clone(),
            created: whole.created,
            ports: Some(whole.ports.clone()),
            labels: Some(whole.labels.clone()),
            state: whole.state.clone(),
            status: whole.status.clone(),
            mounts: Some(whole.mounts.clone()),
            network_settings: Some(Networks { networks: Some(networks) }),
            size_rw: whole.size_rw,
            size_root_fs: whole.size_root_fs,
        }
    }
}
