//! How a container sits on its host: the other half of a create request.

use std::collections::BTreeMap;

use crate::StringMap;
use crate::wire::{StrSlice, bare, empty, wire};

/// Port (`80/tcp`) to where it is published; `null` is an exposed port that is not published.
pub type PortMap = BTreeMap<String, Option<Vec<PortBinding>>>;

wire! { "PascalCase";
    /// The settings that depend on the host.
    HostConfig {
        binds: Option<Vec<String>>,
        #[serde(rename = "ContainerIDFile")] container_id_file: String,
        log_config: LogConfig,
        network_mode: String,
        port_bindings: Option<PortMap>,
        restart_policy: RestartPolicy,
        auto_remove: bool,
        volume_driver: String,
        volumes_from: Option<Vec<String>>,
        console_size: [u32; 2],
        #[serde(skip_serializing_if = "empty")] annotations: StringMap,
        cap_add: Option<StrSlice>,
        cap_drop: Option<StrSlice>,
        cgroupns_mode: String,
        dns: Option<Vec<String>>,
        dns_options: Option<Vec<String>>,
        dns_search: Option<Vec<String>>,
        extra_hosts: Option<Vec<String>>,
        group_add: Option<Vec<String>>,
        ipc_mode: String,
        cgroup: String,
        links: Option<Vec<String>>,
        oom_score_adj: i64,
        pid_mode: String,
        privileged: bool,
        publish_all_ports: bool,
        readonly_rootfs: bool,
        security_opt: Option<Vec<String>>,
        #[serde(skip_serializing_if = "empty")] storage_opt: StringMap,
        #[serde(skip_serializing_if = "empty")] tmpfs: StringMap,
        #[serde(rename = "UTSMode")] uts_mode: String,
        userns_mode: String,
        shm_size: i64,
        #[serde(skip_serializing_if = "empty")] sysctls: StringMap,
        #[serde(skip_serializing_if = "empty")] runtime: String,
        isolation: String,
        ; ..resources: Resources,
        #[serde(skip_serializing_if = "bare")] mounts: Option<Vec<Mount>>,
        masked_paths: Option<Vec<String>>,
        readonly_paths: Option<Vec<String>>,
        #[serde(skip_serializing_if = "empty")] init: Option<bool>,
    }
    /// Limits and devices; the part that `update` may change.
    Resources {
        cpu_shares: i64,
        memory: i64,
        nano_cpus: i64,
        cgroup_parent: String,
        blkio_weight: u16,
        blkio_weight_device: Option<Vec<WeightDevice>>,
        blkio_device_read_bps: Option<Vec<ThrottleDevice>>,
        blkio_device_write_bps: Option<Vec<ThrottleDevice>>,
        #[serde(rename = "BlkioDeviceReadIOps")] blkio_device_read_iops: Option<Vec<ThrottleDevice>>,
        #[serde(rename = "BlkioDeviceWriteIOps")] blkio_device_write_iops: Option<Vec<ThrottleDevice>>,
        cpu_period: i64,
        cpu_quota: i64,
        cpu_realtime_period: i64,
        cpu_realtime_runtime: i64,
        cpuset_cpus: String,
        cpuset_mems: String,
        devices: Option<Vec<DeviceMapping>>,
        device_cgroup_rules: Option<Vec<String>>,
        device_requests: Option<Vec<DeviceRequest>>,
        #[serde(skip_serializing_if = "empty")] kernel_memory: i64,
        #[serde(rename = "KernelMemoryTCP", skip_serializing_if = "empty")] kernel_memory_tcp: i64,
        memory_reservation: i64,
        memory_swap: i64,
        memory_swappiness: Option<i64>,
        oom_kill_disable: Option<bool>,
        pids_limit: Option<i64>,
        ulimits: Option<Vec<Ulimit>>,
        cpu_count: i64,
        cpu_percent: i64,
        #[serde(rename = "IOMaximumIOps")] io_maximum_iops: u64,
        #[serde(rename = "IOMaximumBandwidth")] io_maximum_bandwidth: u64,
    }
    LogConfig {
        r#type: String,
        config: StringMap,
    }
    RestartPolicy {
        name: String,
        maximum_retry_count: i64,
    }
    PortBinding {
        host_ip: String,
        host_port: String,
    }
    WeightDevice {
        path: String,
        weight: u16,
    }
    ThrottleDevice {
        path: String,
        rate: u64,
    }
    DeviceMapping {
        path_on_host: String,
        path_in_container: String,
        cgroup_permissions: String,
    }
    DeviceRequest {
        driver: String,
        count: i64,
        #[serde(rename = "DeviceIDs")] device_ids: Option<Vec<String>>,
        capabilities: Option<Vec<Vec<String>>>,
        options: Option<StringMap>,
    }
    Ulimit {
        name: String,
        hard: i64,
        soft: i64,
    }
    /// A mount in its long form (`--mount`).
    Mount {
        r#type: String,
        #[serde(skip_serializing_if = "empty")] source: String,
        #[serde(skip_serializing_if = "empty")] target: String,
        #[serde(skip_serializing_if = "empty")] read_only: bool,
        #[serde(skip_serializing_if = "empty")] consistency: String,
        #[serde(skip_serializing_if = "empty")] bind_options: Option<BindOptions>,
        #[serde(skip_serializing_if = "empty")] volume_options: Option<VolumeOptions>,
        #[serde(skip_serializing_if = "empty")] image_options: Option<ImageOptions>,
        #[serde(skip_serializing_if = "empty")] tmpfs_options: Option<TmpfsOptions>,
        #[serde(skip_serializing_if = "empty")] cluster_options: Option<ClusterOptions>,
    }
    BindOptions {
        #[serde(skip_serializing_if = "empty")] propagation: String,
        #[serde(skip_serializing_if = "empty")] non_recursive: bool,
        #[serde(skip_serializing_if = "empty")] create_mountpoint: bool,
        #[serde(skip_serializing_if = "empty")] read_only_non_recursive: bool,
        #[serde(skip_serializing_if = "empty")] read_only_force_recursive: bool,
    }
    VolumeOptions {
        #[serde(skip_serializing_if = "empty")] no_copy: bool,
        #[serde(skip_serializing_if = "empty")] labels: StringMap,
        #[serde(skip_serializing_if = "empty")] subpath: String,
        #[serde(skip_serializing_if = "empty")] driver_config: Option<DriverConfig>,
    }
    DriverConfig {
        #[serde(skip_serializing_if = "empty")] name: String,
        #[serde(skip_serializing_if = "empty")] options: StringMap,
    }
    ImageOptions {
        #[serde(skip_serializing_if = "empty")] subpath: String,
    }
    TmpfsOptions {
        #[serde(skip_serializing_if = "empty")] size_bytes: i64,
        #[serde(skip_serializing_if = "empty")] mode: u32,
        #[serde(skip_serializing_if = "bare")] options: Option<Vec<Vec<String>>>,
    }
    /// Swarm's cluster volumes take no options here.
    ClusterOptions {}
}
