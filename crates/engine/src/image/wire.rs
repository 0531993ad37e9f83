//! Images as the API shows them.

use std::path::PathBuf;

use ::image::{HistoryEntry, Image};
use api::StringMap;
use api::container::DriverData;
use api::image::{Config, Descriptor, HistoryItem, InspectResponse, Metadata, Platform, RootFs, Summary};
use api::time::Time;
use api::{Empty, Set, StrSlice};
use oci::image::ContainerConfig;

use crate::container::merge;

/// The layers are overlay directories whatever the rest of Docker's layout is.
const DRIVER: &str = "overlay2";

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn unix(created: Option<jiff::Timestamp>) -> i64 {
    created.map_or(0, |created| created.as_second())
}

pub(super) fn summary(image: &Image, containers: Option<usize>, shared: Option<u64>) -> Summary {
    let labels: &StringMap = &image.config.config.labels;
    Summary {
        containers: containers.map_or(-1, |count| i64::try_from(count).unwrap_or(-1)),
        created: unix(image.created),
        id: image.id.to_string(),
        labels: (!labels.is_empty()).then(|| labels.clone()),
        parent_id: image.parent.map(|parent| parent.to_string()).unwrap_or_default(),
        descriptor: None,
        repo_digests: image.repo_digests.clone(),
        repo_tags: image.repo_tags.clone(),
        shared_size: shared.map_or(-1, signed),
        size: signed(image.size),
        virtual_size: 0,
    }
}

/// Where the layers are, in the words of Docker's storage driver: the topmost is "upper", those below it "lower".
fn directories(layers: &[PathBuf]) -> DriverData {
    let text = |layers: &[PathBuf]| {
        let texts: Vec<String> = layers.iter().map(|layer| layer.display().to_string()).collect();
        texts.join(":")
    };
    let mut data = StringMap::new();
    if let Some((top, below)) = layers.split_first() {
        data.insert("UpperDir".to_owned(), text(std::slice::from_ref(top)));
        if !below.is_empty() {
            data.insert("LowerDir".to_owned(), text(below));
        }
    }
    DriverData { data: Some(data), name: DRIVER.to_owned() }
}

pub(super) fn inspect(image: &Image, layers: &[PathBuf]) -> InspectResponse {
    let config = &image.config;
    InspectResponse {
        id: image.id.to_string(),
        repo_tags: image.repo_tags.clone(),
        repo_digests: image.repo_digests.clone(),
        parent: image.parent.map(|parent| parent.to_string()).unwrap_or_default(),
        comment: config
            .history
            .last()
            .map(|step| step.comment.clone())
            .unwrap_or_else(|| config.comment.clone()),
        created: image.created.map(Time),
        docker_version: config.docker_version.clone(),
        author: config.author.clone(),
        architecture: config.architecture.clone(),
        variant: config.variant.clone(),
        os: config.os.clone(),
        os_version: config.os_version.clone(),
        size: signed(image.size),
        virtual_size: 0,
        graph_driver: directories(layers),
        root_fs: RootFs {
            r#type: "layers".to_owned(),
            layers: image.layers().iter().map(ToString::to_string).collect(),
        },
        metadata: Metadata { last_tag_time: image.last_tag_time.map(Time).unwrap_or_default() },
        descriptor: None,
        config: Some(container_config(&config.config)),
    }
}

fn container_config(config: &ContainerConfig) -> Config {
    let list = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
    let words = |words: &Option<Vec<String>>| words.clone().map(StrSlice);
    let set = |names: &std::collections::BTreeSet<String>| -> Option<Set> {
        (!names.is_empty()).then(|| names.iter().map(|name| (name.clone(), Empty)).collect())
    };
    Config {
        cmd: words(&config.cmd),
        entrypoint: words(&config.entrypoint),
        env: list(&config.env),
        exposed_ports: set(&config.exposed_ports),
        healthcheck: config.healthcheck.as_ref().map(merge::health),
        labels: (!config.labels.is_empty()).then(|| config.labels.clone()),
        on_build: list(&config.on_build),
        shell: words(&config.shell),
        stop_signal: config.stop_signal.clone(),
        args_escaped: config.args_escaped,
        user: config.user.clone(),
        volumes: set(&config.volumes),
        working_dir: config.working_dir.clone(),
    }
}

pub(super) fn history(entry: HistoryEntry) -> HistoryItem {
    HistoryItem {
        comment: entry.comment,
        created: unix(entry.created),
        created_by: entry.created_by,
        id: entry.id.map_or_else(|| "<missing>".to_owned(), |id| id.to_string()),
        size: signed(entry.size),
        tags: (!entry.tags.is_empty()).then_some(entry.tags),
    }
}

pub(super) fn descriptor(descriptor: &oci::manifest::Descriptor) -> Descriptor {
    Descriptor {
        media_type: descriptor.media_type.clone(),
        digest: descriptor.digest.to_string(),
        size: signed(descriptor.size),
        urls: (!descriptor.urls.is_empty()).then(|| descriptor.urls.clone()),
        annotations: descriptor.annotations.clone(),
        platform: descriptor.platform.as_ref().map(platform),
        artifact_type: descriptor.artifact_type.clone().unwrap_or_default(),
    }
}

pub(super) fn platform(platform: &oci::platform::Platform) -> Platform {
    Platform {
        architecture: platform.architecture.clone(),
        os: platform.os.clone(),
        os_version: platform.os_version.clone(),
        os_features: (!platform.os_features.is_empty()).then(|| platform.os_features.clone()),
        variant: platform.variant.clone(),
    }
}

/// One thing an index found.
pub(super) fn search_result(found: distribution::Found) -> api::image::SearchResult {
    api::image::SearchResult {
        star_count: found.star_count,
        is_official: found.is_official,
        name: found.name,
        is_automated: false,
        description: found.description,
    }
}
