//! Images on the wire, and the progress messages of pull, push, load, import and build.
#![expect(missing_docs, reason = "the fields are the swagger's, each documented there under its wire name")]

use crate::container::{DriverData, HealthConfig};
use crate::wire::{StrSlice, bare, empty, wire};
use crate::{Set, StringMap, Time};

wire! { "PascalCase";
    /// Answer of `GET /images/{name}/json`.
    InspectResponse {
        id: String,
        repo_tags: Vec<String>,
        repo_digests: Vec<String>,
        parent: String,
        comment: String,
        #[serde(skip_serializing_if = "empty")] created: Option<Time>,
        docker_version: String,
        author: String,
        architecture: String,
        #[serde(skip_serializing_if = "empty")] variant: String,
        os: String,
        #[serde(skip_serializing_if = "empty")] os_version: String,
        size: i64,
        #[serde(skip_serializing_if = "empty")] virtual_size: i64,
        graph_driver: DriverData,
        #[serde(rename = "RootFS")] root_fs: RootFs,
        metadata: Metadata,
        #[serde(skip_serializing_if = "empty")] descriptor: Option<Descriptor>,
        config: Option<Config>,
    }
    RootFs {
        r#type: String,
        #[serde(skip_serializing_if = "empty")] layers: Vec<String>,
    }
    /// `LastTagTime` is Go's zero time for an image that was never tagged here.
    Metadata {
        last_tag_time: Time,
    }
    /// The image's defaults for its containers.
    Config {
        cmd: Option<StrSlice>,
        entrypoint: Option<StrSlice>,
        env: Option<Vec<String>>,
        #[serde(skip_serializing_if = "bare")] exposed_ports: Option<Set>,
        #[serde(skip_serializing_if = "empty")] healthcheck: Option<HealthConfig>,
        labels: Option<StringMap>,
        on_build: Option<Vec<String>>,
        #[serde(skip_serializing_if = "bare")] shell: Option<StrSlice>,
        #[serde(skip_serializing_if = "empty")] stop_signal: String,
        #[serde(skip_serializing_if = "empty")] args_escaped: bool,
        user: String,
        volumes: Option<Set>,
        working_dir: String,
    }
    /// One line of `GET /images/json`; -1 where it was not counted.
    Summary {
        containers: i64,
        created: i64,
        id: String,
        labels: Option<StringMap>,
        parent_id: String,
        #[serde(skip_serializing_if = "empty")] descriptor: Option<Descriptor>,
        repo_digests: Vec<String>,
        repo_tags: Vec<String>,
        shared_size: i64,
        size: i64,
        #[serde(skip_serializing_if = "empty")] virtual_size: i64,
    }
    /// One line of `GET /images/{name}/history`.
    HistoryItem {
        comment: String,
        created: i64,
        created_by: String,
        id: String,
        size: i64,
        tags: Option<Vec<String>>,
    }
    /// One line of `DELETE /images/{name}`: exactly one of the two is set.
    DeleteItem {
        #[serde(skip_serializing_if = "empty")] deleted: String,
        #[serde(skip_serializing_if = "empty")] untagged: String,
    }
    /// Answer of `POST /images/prune`.
    PruneReport {
        images_deleted: Option<Vec<DeleteItem>>,
        space_reclaimed: u64,
    }
    /// Answer of `GET /distribution/{name}/json`.
    DistributionInspect {
        descriptor: Descriptor,
        platforms: Vec<Platform>,
    }
    /// Answer of `POST /commit`.
    CommitResponse {
        id: String,
    }
    /// The `aux` of a push's last message.
    PushResult {
        tag: String,
        digest: String,
        size: i64,
    }
    /// The `aux` of a build's last message.
    BuildResult {
        #[serde(rename = "ID")] id: String,
    }
}

wire! { "snake_case";
    /// One line of `GET /images/search`.
    SearchResult {
        star_count: i64,
        is_official: bool,
        name: String,
        /// Deprecated: always false.
        is_automated: bool,
        description: String,
    }
}

wire! { "camelCase";
    /// An OCI descriptor.
    Descriptor {
        media_type: String,
        digest: String,
        size: i64,
        #[serde(skip_serializing_if = "empty")] urls: Option<Vec<String>>,
        #[serde(skip_serializing_if = "empty")] annotations: StringMap,
        #[serde(skip_serializing_if = "empty")] platform: Option<Platform>,
        #[serde(skip_serializing_if = "empty")] artifact_type: String,
    }
    Platform {
        architecture: String,
        os: String,
        #[serde(rename = "os.version", skip_serializing_if = "empty")] os_version: String,
        #[serde(rename = "os.features", skip_serializing_if = "empty")] os_features: Option<Vec<String>>,
        #[serde(skip_serializing_if = "empty")] variant: String,
    }
    /// One line of a progress stream.
    ProgressMessage {
        #[serde(skip_serializing_if = "empty")] stream: String,
        #[serde(skip_serializing_if = "empty")] status: String,
        #[serde(skip_serializing_if = "empty")] progress_detail: Option<ProgressDetail>,
        #[serde(skip_serializing_if = "empty")] id: String,
        #[serde(skip_serializing_if = "empty")] progress: String,
        #[serde(skip_serializing_if = "empty")] error_detail: Option<ErrorDetail>,
        #[serde(skip_serializing_if = "empty")] error: String,
        #[serde(skip_serializing_if = "empty")] aux: Option<serde_json::Value>,
    }
    /// Bytes unless `units` says otherwise; `{}` where there is nothing to count.
    ProgressDetail {
        #[serde(skip_serializing_if = "empty")] current: i64,
        #[serde(skip_serializing_if = "empty")] total: i64,
        #[serde(skip_serializing_if = "empty")] start: i64,
        #[serde(rename = "hidecounts", skip_serializing_if = "empty")] hide_counts: bool,
        #[serde(skip_serializing_if = "empty")] units: String,
    }
    ErrorDetail {
        #[serde(skip_serializing_if = "empty")] code: i64,
        message: String,
    }
}
