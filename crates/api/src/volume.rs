//! Volumes on the wire.
#![expect(missing_docs, reason = "the fields are the swagger's, each documented there under its wire name")]

use crate::StringMap;
use crate::wire::{empty, wire};

wire! { "PascalCase";
    /// A volume; `UsageData` only in `system df`.
    Volume {
        #[serde(skip_serializing_if = "empty")] created_at: String,
        driver: String,
        labels: Option<StringMap>,
        mountpoint: String,
        name: String,
        options: Option<StringMap>,
        scope: String,
        #[serde(skip_serializing_if = "empty")] status: Option<StringMap>,
        #[serde(skip_serializing_if = "empty")] usage_data: Option<UsageData>,
    }
    /// Bytes and users; -1 where it was not counted.
    UsageData {
        ref_count: i64,
        size: i64,
    }
    /// Body of `POST /volumes/create`.
    CreateRequest {
        name: String,
        driver: String,
        driver_opts: Option<StringMap>,
        labels: Option<StringMap>,
        #[serde(skip_serializing_if = "empty")] cluster_volume_spec: Option<serde_json::Value>,
    }
    /// Answer of `GET /volumes`.
    ListResponse {
        volumes: Vec<Volume>,
        warnings: Option<Vec<String>>,
    }
    /// Answer of `POST /volumes/prune`.
    PruneReport {
        volumes_deleted: Vec<String>,
        space_reclaimed: u64,
    }
}
