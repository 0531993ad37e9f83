//! What is told about a container: inspect, list, state, top, diff, wait.

use std::collections::BTreeMap;

use crate::image::Descriptor;
use crate::network::EndpointSettings;
use crate::wire::{empty, wire};
use crate::{StringMap, Time};

use super::{Config, HostConfig, PortMap};

wire! { "PascalCase";
    /// Answer of `GET /containers/{id}/json`.
    InspectResponse {
        id: String,
        created: Time,
        path: String,
        args: Vec<String>,
        state: State,
        image: String,
        resolv_conf_path: String,
        hostname_path: String,
        hosts_path: String,
        log_path: String,
        name: String,
        restart_count: i64,
        driver: String,
        platform: String,
        mount_label: String,
        process_label: String,
        app_armor_profile: String,
        #[serde(rename = "ExecIDs")] exec_ids: Option<Vec<String>>,
        host_config: HostConfig,
        graph_driver: DriverData,
        #[serde(skip_serializing_if = "empty")] size_rw: Option<i64>,
        #[serde(skip_serializing_if = "empty")] size_root_fs: Option<i64>,
        mounts: Vec<MountPoint>,
        config: Config,
        network_settings: NetworkSettings,
        #[serde(skip_serializing_if = "empty")] image_manifest_descriptor: Option<Descriptor>,
    }
    /// Where the files are: the storage driver and its own words for its directories.
    DriverData {
        data: Option<StringMap>,
        name: String,
    }
    /// `Status` is created, running, paused, restarting, removing, exited or dead; the booleans are not exclusive.
    State {
        status: String,
        running: bool,
        paused: bool,
        restarting: bool,
        #[serde(rename = "OOMKilled")] oom_killed: bool,
        dead: bool,
        pid: i64,
        exit_code: i64,
        error: String,
        started_at: Time,
        finished_at: Time,
        #[serde(skip_serializing_if = "empty")] health: Option<Health>,
    }
    /// `Status` is none, starting, healthy or unhealthy.
    Health {
        status: String,
        failing_streak: i64,
        log: Option<Vec<HealthcheckResult>>,
    }
    HealthcheckResult {
        start: Time,
        end: Time,
        exit_code: i64,
        output: String,
    }
    MountPoint {
        #[serde(skip_serializing_if = "empty")] r#type: String,
        #[serde(skip_serializing_if = "empty")] name: String,
        source: String,
        destination: String,
        #[serde(skip_serializing_if = "empty")] driver: String,
        mode: String,
        #[serde(rename = "RW")] rw: bool,
        propagation: String,
    }
    /// The container's network; the fields after `SecondaryIPv6Addresses` repeat those of the default bridge.
    NetworkSettings {
        bridge: String,
        #[serde(rename = "SandboxID")] sandbox_id: String,
        sandbox_key: String,
        ports: PortMap,
        hairpin_mode: bool,
        #[serde(rename = "LinkLocalIPv6Address")] link_local_ipv6_address: String,
        #[serde(rename = "LinkLocalIPv6PrefixLen")] link_local_ipv6_prefix_len: i64,
        #[serde(rename = "SecondaryIPAddresses")] secondary_ip_addresses: Option<Vec<Address>>,
        #[serde(rename = "SecondaryIPv6Addresses")] secondary_ipv6_addresses: Option<Vec<Address>>,
        #[serde(rename = "EndpointID")] endpoint_id: String,
        gateway: String,
        #[serde(rename = "GlobalIPv6Address")] global_ipv6_address: String,
        #[serde(rename = "GlobalIPv6PrefixLen")] global_ipv6_prefix_len: i64,
        #[serde(rename = "IPAddress")] ip_address: String,
        #[serde(rename = "IPPrefixLen")] ip_prefix_len: i64,
        #[serde(rename = "IPv6Gateway")] ipv6_gateway: String,
        mac_address: String,
        networks: BTreeMap<String, EndpointSettings>,
    }
    Address {
        addr: String,
        prefix_len: i64,
    }
    /// One line of `GET /containers/json`.
    Summary {
        id: String,
        names: Vec<String>,
        image: String,
        #[serde(rename = "ImageID")] image_id: String,
        #[serde(skip_serializing_if = "empty")] image_manifest_descriptor: Option<Descriptor>,
        command: String,
        created: i64,
        ports: Vec<Port>,
        #[serde(skip_serializing_if = "empty")] size_rw: i64,
        #[serde(skip_serializing_if = "empty")] size_root_fs: i64,
        labels: StringMap,
        state: String,
        status: String,
        host_config: SummaryHostConfig,
        network_settings: SummaryNetworkSettings,
        mounts: Vec<MountPoint>,
    }
    SummaryHostConfig {
        #[serde(skip_serializing_if = "empty")] network_mode: String,
        #[serde(skip_serializing_if = "empty")] annotations: StringMap,
    }
    /// Boxed: a map's smallest node has room for eleven, which without it were 5 kB for each line of a list.
    SummaryNetworkSettings {
        networks: BTreeMap<String, Box<EndpointSettings>>,
    }
    Port {
        #[serde(rename = "IP", skip_serializing_if = "empty")] ip: String,
        private_port: u16,
        #[serde(skip_serializing_if = "empty")] public_port: u16,
        r#type: String,
    }
    /// Answer of `POST /containers/{id}/wait`.
    WaitResponse {
        status_code: i64,
        #[serde(skip_serializing_if = "empty")] error: Option<WaitError>,
    }
    WaitError {
        message: String,
    }
    /// Answer of `GET /containers/{id}/top`.
    TopResponse {
        processes: Vec<Vec<String>>,
        titles: Vec<String>,
    }
    /// One line of `GET /containers/{id}/changes`; `Kind` is 0 modified, 1 added, 2 deleted.
    Change {
        path: String,
        kind: u8,
    }
    /// Answer of `POST /containers/prune`.
    PruneReport {
        containers_deleted: Option<Vec<String>>,
        space_reclaimed: u64,
    }
}

wire! { "camelCase";
    /// The decoded `X-Docker-Container-Path-Stat` header; `mode` has the bits of Go's `fs.FileMode`.
    PathStat {
        name: String,
        size: i64,
        mode: u32,
        mtime: Time,
        link_target: String,
    }
}
