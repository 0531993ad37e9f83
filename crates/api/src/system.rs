//! What the engine says about itself: info, version, disk usage.
#![expect(missing_docs, reason = "the fields are the swagger's, each documented there under its wire name")]

use std::collections::BTreeMap;

use crate::wire::{empty, wire};
use crate::{StringMap, Time, container, image, volume};

wire! { "PascalCase";
    /// Answer of `GET /info`.
    Info {
        #[serde(rename = "ID")] id: String,
        containers: i64,
        containers_running: i64,
        containers_paused: i64,
        containers_stopped: i64,
        images: i64,
        driver: String,
        driver_status: Vec<[String; 2]>,
        plugins: PluginsInfo,
        memory_limit: bool,
        swap_limit: bool,
        #[serde(rename = "KernelMemoryTCP", skip_serializing_if = "empty")] kernel_memory_tcp: bool,
        cpu_cfs_period: bool,
        cpu_cfs_quota: bool,
        #[serde(rename = "CPUShares")] cpu_shares: bool,
        #[serde(rename = "CPUSet")] cpu_set: bool,
        pids_limit: bool,
        #[serde(rename = "IPv4Forwarding")] ipv4_forwarding: bool,
        debug: bool,
        n_fd: i64,
        oom_kill_disable: bool,
        n_goroutines: i64,
        system_time: Time,
        logging_driver: String,
        cgroup_driver: String,
        #[serde(skip_serializing_if = "empty")] cgroup_version: String,
        n_events_listener: i64,
        kernel_version: String,
        operating_system: String,
        #[serde(rename = "OSVersion")] os_version: String,
        #[serde(rename = "OSType")] os_type: String,
        architecture: String,
        index_server_address: String,
        registry_config: Option<RegistryConfig>,
        #[serde(rename = "NCPU")] ncpu: i64,
        mem_total: i64,
        generic_resources: Option<Vec<String>>,
        docker_root_dir: String,
        http_proxy: String,
        https_proxy: String,
        no_proxy: String,
        name: String,
        labels: Vec<String>,
        experimental_build: bool,
        server_version: String,
        runtimes: BTreeMap<String, Runtime>,
        default_runtime: String,
        swarm: SwarmInfo,
        live_restore_enabled: bool,
        isolation: String,
        init_binary: String,
        containerd_commit: Commit,
        runc_commit: Commit,
        init_commit: Commit,
        security_options: Vec<String>,
        #[serde(skip_serializing_if = "empty")] product_license: String,
        #[serde(skip_serializing_if = "empty")] default_address_pools: Option<Vec<AddressPool>>,
        #[serde(skip_serializing_if = "empty")] firewall_backend: Option<FirewallInfo>,
        #[serde(rename = "CDISpecDirs")] cdi_spec_dirs: Option<Vec<String>>,
        warnings: Option<Vec<String>>,
    }
    PluginsInfo {
        volume: Option<Vec<String>>,
        network: Option<Vec<String>>,
        authorization: Option<Vec<String>>,
        log: Option<Vec<String>>,
    }
    RegistryConfig {
        index_configs: BTreeMap<String, IndexInfo>,
        #[serde(rename = "InsecureRegistryCIDRs")] insecure_registry_cidrs: Vec<String>,
        mirrors: Option<Vec<String>>,
    }
    IndexInfo {
        mirrors: Vec<String>,
        name: String,
        official: bool,
        secure: bool,
    }
    SwarmInfo {
        #[serde(rename = "NodeID")] node_id: String,
        node_addr: String,
        local_node_state: String,
        control_available: bool,
        error: String,
        remote_managers: Option<Vec<String>>,
    }
    Commit {
        #[serde(rename = "ID")] id: String,
    }
    AddressPool {
        base: String,
        size: i64,
    }
    FirewallInfo {
        driver: String,
        #[serde(skip_serializing_if = "empty")] info: Option<Vec<[String; 2]>>,
    }
    /// Answer of `GET /version`.
    Version {
        platform: PlatformName,
        components: Vec<Component>,
        version: String,
        api_version: String,
        #[serde(rename = "MinAPIVersion")] min_api_version: String,
        git_commit: String,
        go_version: String,
        os: String,
        arch: String,
        #[serde(skip_serializing_if = "empty")] kernel_version: String,
        #[serde(skip_serializing_if = "empty")] experimental: bool,
        #[serde(skip_serializing_if = "empty")] build_time: String,
    }
    PlatformName {
        name: String,
    }
    Component {
        name: String,
        version: String,
        #[serde(skip_serializing_if = "empty")] details: StringMap,
    }
    /// Answer of `GET /system/df`; a part that was not asked for is `null`.
    DiskUsage {
        layers_size: i64,
        images: Option<Vec<image::Summary>>,
        containers: Option<Vec<container::Summary>>,
        volumes: Option<Vec<volume::Volume>>,
        build_cache: Option<Vec<BuildCache>>,
    }
    /// Answer of `POST /build/prune`.
    BuildPruneReport {
        caches_deleted: Option<Vec<String>>,
        space_reclaimed: u64,
    }
    /// One record of the build cache.
    BuildCache {
        #[serde(rename = "ID")] id: String,
        #[serde(skip_serializing_if = "empty")] parents: Option<Vec<String>>,
        r#type: String,
        description: String,
        in_use: bool,
        shared: bool,
        size: i64,
        created_at: Time,
        last_used_at: Option<Time>,
        usage_count: i64,
    }
}

wire! { "camelCase";
    Runtime {
        #[serde(skip_serializing_if = "empty")] path: String,
        #[serde(skip_serializing_if = "empty")] runtime_args: Option<Vec<String>>,
        #[serde(skip_serializing_if = "empty")] status: StringMap,
    }
}
