//! Resource counters of a running container.

use std::collections::BTreeMap;

use crate::Time;
use crate::wire::{empty, wire};

wire! { "snake_case";
    /// One sample of `GET /containers/{id}/stats`; a container that does not run has only its name and ID, and those are
    /// left out of a `one-shot`.
    Stats {
        #[serde(skip_serializing_if = "empty")] name: String,
        #[serde(skip_serializing_if = "empty")] id: String,
        read: Time,
        preread: Time,
        pids_stats: PidsStats,
        blkio_stats: BlkioStats,
        num_procs: u32,
        storage_stats: StorageStats,
        cpu_stats: CpuStats,
        precpu_stats: CpuStats,
        memory_stats: MemoryStats,
        #[serde(skip_serializing_if = "empty")] networks: BTreeMap<String, NetworkStats>,
    }
    PidsStats {
        #[serde(skip_serializing_if = "empty")] current: u64,
        #[serde(skip_serializing_if = "empty")] limit: u64,
    }
    BlkioStats {
        io_service_bytes_recursive: Option<Vec<BlkioEntry>>,
        io_serviced_recursive: Option<Vec<BlkioEntry>>,
        io_queue_recursive: Option<Vec<BlkioEntry>>,
        io_service_time_recursive: Option<Vec<BlkioEntry>>,
        io_wait_time_recursive: Option<Vec<BlkioEntry>>,
        io_merged_recursive: Option<Vec<BlkioEntry>>,
        io_time_recursive: Option<Vec<BlkioEntry>>,
        sectors_recursive: Option<Vec<BlkioEntry>>,
    }
    BlkioEntry {
        major: u64,
        minor: u64,
        op: String,
        value: u64,
    }
    /// Windows only; always `{}` here.
    StorageStats {}
    CpuStats {
        cpu_usage: CpuUsage,
        #[serde(skip_serializing_if = "empty")] system_cpu_usage: u64,
        #[serde(skip_serializing_if = "empty")] online_cpus: u32,
        throttling_data: ThrottlingData,
    }
    /// Nanoseconds.
    CpuUsage {
        total_usage: u64,
        #[serde(skip_serializing_if = "empty")] percpu_usage: Vec<u64>,
        usage_in_kernelmode: u64,
        usage_in_usermode: u64,
    }
    ThrottlingData {
        periods: u64,
        throttled_periods: u64,
        throttled_time: u64,
    }
    /// Bytes; `stats` is the kernel's `memory.stat`.
    MemoryStats {
        #[serde(skip_serializing_if = "empty")] usage: u64,
        #[serde(skip_serializing_if = "empty")] max_usage: u64,
        #[serde(skip_serializing_if = "empty")] stats: BTreeMap<String, u64>,
        #[serde(skip_serializing_if = "empty")] failcnt: u64,
        #[serde(skip_serializing_if = "empty")] limit: u64,
    }
    NetworkStats {
        rx_bytes: u64,
        rx_packets: u64,
        rx_errors: u64,
        rx_dropped: u64,
        tx_bytes: u64,
        tx_packets: u64,
        tx_errors: u64,
        tx_dropped: u64,
    }
}
