//! What runs in a container: the portable part of a create request.

use crate::network::EndpointSettings;
use crate::wire::{StrSlice, bare, empty, wire};
use crate::{Set, StringMap};
use std::collections::BTreeMap;

use super::HostConfig;

wire! { "PascalCase";
    /// Body of `POST /containers/create`: [`Config`]'s fields beside the two other parts.
    CreateRequest {
        ..config: Config,
        host_config: Option<HostConfig>,
        networking_config: Option<NetworkingConfig>,
    }
    /// Answer of `POST /containers/create`.
    CreateResponse {
        id: String,
        warnings: Vec<String>,
    }
    /// The portable settings, merged with the image's.
    Config {
        hostname: String,
        domainname: String,
        user: String,
        attach_stdin: bool,
        attach_stdout: bool,
        attach_stderr: bool,
        #[serde(skip_serializing_if = "bare")] exposed_ports: Option<Set>,
        tty: bool,
        open_stdin: bool,
        stdin_once: bool,
        env: Option<Vec<String>>,
        cmd: Option<StrSlice>,
        #[serde(skip_serializing_if = "empty")] healthcheck: Option<HealthConfig>,
        #[serde(skip_serializing_if = "empty")] args_escaped: bool,
        image: String,
        volumes: Option<Set>,
        working_dir: String,
        entrypoint: Option<StrSlice>,
        #[serde(skip_serializing_if = "empty")] network_disabled: bool,
        #[serde(skip_serializing_if = "empty")] mac_address: String,
        on_build: Option<Vec<String>>,
        labels: StringMap,
        #[serde(skip_serializing_if = "empty")] stop_signal: String,
        #[serde(skip_serializing_if = "empty")] stop_timeout: Option<i64>,
        #[serde(skip_serializing_if = "bare")] shell: Option<StrSlice>,
    }
    /// A health probe; durations in nanoseconds, zero means inherit or default.
    HealthConfig {
        #[serde(skip_serializing_if = "bare")] test: Option<Vec<String>>,
        #[serde(skip_serializing_if = "empty")] interval: i64,
        #[serde(skip_serializing_if = "empty")] timeout: i64,
        #[serde(skip_serializing_if = "empty")] start_period: i64,
        #[serde(skip_serializing_if = "empty")] start_interval: i64,
        #[serde(skip_serializing_if = "empty")] retries: i64,
    }
    /// Which networks to join, with which addresses and names.
    NetworkingConfig {
        endpoints_config: BTreeMap<String, Option<EndpointSettings>>,
    }
    /// Body of `POST /containers/{id}/update`.
    UpdateRequest {
        ..resources: super::Resources,
        restart_policy: super::RestartPolicy,
    }
    /// Body of `POST /containers/{id}/checkpoints`.
    CheckpointRequest {
        #[serde(rename = "CheckpointID")] checkpoint_id: String,
        checkpoint_dir: String,
        exit: bool,
    }
    /// A checkpoint of a container.
    Checkpoint {
        name: String,
    }
    /// Answer of `POST /containers/{id}/update`.
    UpdateResponse {
        warnings: Option<Vec<String>>,
    }
}
