//! `stats`: counters of the control group and of the network's interfaces, once or each second (semantics 40).

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use api::Time;
use api::container::{
    BlkioEntry, BlkioStats, CpuStats, CpuUsage, MemoryStats, NetworkStats, PidsStats, Stats, ThrottlingData,
};
use cgroups::Cgroup;
use errdefs::{Context, Result};
use tokio::sync::mpsc::{self, Sender};

use super::Containers;
use super::shared::{Container, Shared};

/// Between two samples.
const PERIOD: Duration = Duration::from_secs(1);
/// Ticks of `/proc/stat` a second; the kernel's interface fixes it at 100.
const TICKS: u64 = 100;

/// The lines of `memory.stat` on cgroup v1 that Docker shows, each also with `total_` in front; and the limits.
const MEMORY_V1: [&str; 15] = [
    "active_anon",
    "active_file",
    "cache",
    "dirty",
    "inactive_anon",
    "inactive_file",
    "mapped_file",
    "pgfault",
    "pgmajfault",
    "pgpgin",
    "pgpgout",
    "rss",
    "rss_huge",
    "unevictable",
    "writeback",
];
const MEMORY_LIMITS_V1: [&str; 2] = ["hierarchical_memory_limit", "hierarchical_memsw_limit"];

/// One series of samples.
struct Series {
    shared: Arc<Shared>,
    container: Arc<Container>,
    sender: Sender<Stats>,
    stream: bool,
    /// Without the container's name and ID, as Docker answers a `one-shot`.
    bare: bool,
    /// The sample before, for `precpu_stats`.
    last: Option<(Time, CpuStats)>,
    /// Samples that are taken and not sent.
    skip: u32,
}

impl Containers {
    /// Its counters: with `stream` each second until the receiver is dropped, else once; `one_shot` leaves out the
    /// first sample of two.
    ///
    /// # Errors
    /// NotFound.
    pub fn stats(&self, reference: &str, stream: bool, one_shot: bool) -> Result<mpsc::Receiver<Stats>> {
        let container = self.shared.registry.find(reference)?;
        let (sender, receiver) = mpsc::channel(1);
        let runs = container.record().state.phase.has_process();
        let skip = u32::from(!stream && !one_shot && runs);
        let shared = Arc::clone(&self.shared);
        Series { shared, container, sender, stream, bare: one_shot && runs, last: None, skip }.step();
        Ok(receiver)
    }
}

impl Series {
    /// Takes one sample, sends it, and sets the timer for the next.
    fn step(mut self) {
        let mut sample = self.shared.sample(&self.container, self.last.clone());
        if self.bare {
            (sample.name, sample.id) = (String::new(), String::new());
        }
        self.last = Some((sample.read, sample.cpu_stats.clone()));
        if self.skip > 0 {
            self.skip -= 1;
        } else {
            // A client that is behind gets the next sample instead.
            let closed = matches!(self.sender.try_send(sample), Err(mpsc::error::TrySendError::Closed(_)));
            if closed || !self.stream {
                return;
            }
        }
        if self.sender.is_closed() || self.container.progress.now().removed.is_some() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        shared.timers.after_on_thread(PERIOD, move || self.step());
    }
}

impl Shared {
    fn sample(&self, container: &Container, last: Option<(Time, CpuStats)>) -> Stats {
        let record = container.record();
        let mut stats =
            Stats { name: format!("/{}", record.name), id: record.id.clone(), ..Stats::default() };
        if !record.state.phase.has_process() {
            return stats;
        }
        stats.read = Time::now();
        if let Some((read, cpu)) = last {
            (stats.preread, stats.precpu_stats) = (read, cpu);
        }
        match Cgroup::open(&self.layout, &record.cgroup()).and_then(|group| group.stats()) {
            Ok(used) => fill(&mut stats, used),
            // It has ended in this moment.
            Err(error) => tracing::debug!(container = self.short(container), %error, "no counters"),
        }
        stats.networks = self.interfaces(container).unwrap_or_default();
        stats
    }

    fn interfaces(&self, container: &Container) -> Result<BTreeMap<String, NetworkStats>> {
        if super::networking::mode(&container.record()) != super::networking::Mode::Own {
            return Ok(BTreeMap::new());
        }
        let netns = network::Netns::from_fd(network_namespace(container)?)?;
        let all = self.parts.networks.statistics(&netns)?;
        Ok(all
            .into_iter()
            .map(|link| {
                let stats = NetworkStats {
                    rx_bytes: link.rx_bytes,
                    rx_packets: link.rx_packets,
                    rx_errors: link.rx_errors,
                    rx_dropped: link.rx_dropped,
                    tx_bytes: link.tx_bytes,
                    tx_packets: link.tx_packets,
                    tx_errors: link.tx_errors,
                    tx_dropped: link.tx_dropped,
                };
                (link.name, stats)
            })
            .collect())
    }
}

/// The network namespace of a running container.
///
/// # Errors
/// Conflict if it does not run.
pub(crate) fn network_namespace(container: &Container) -> Result<OwnedFd> {
    let pid = container.handle()?.pid().ok_or_else(|| container.not_running())?;
    let file = fs::File::open(format!("/proc/{pid}/ns/net")).context(|| "open network namespace")?;
    Ok(file.into())
}

fn fill(stats: &mut Stats, used: cgroups::Stats) {
    let entries = |list: Vec<cgroups::BlkioEntry>| -> Option<Vec<BlkioEntry>> {
        let entry = |entry: cgroups::BlkioEntry| BlkioEntry {
            major: entry.major,
            minor: entry.minor,
            op: entry.op,
            value: entry.value,
        };
        Some(list.into_iter().map(entry).collect())
    };
    stats.pids_stats = PidsStats { current: used.pids.current, limit: used.pids.limit.unwrap_or(0) };
    stats.blkio_stats = BlkioStats {
        io_service_bytes_recursive: entries(used.blkio.service_bytes),
        io_serviced_recursive: entries(used.blkio.serviced),
        io_queue_recursive: Some(Vec::new()),
        io_service_time_recursive: Some(Vec::new()),
        io_wait_time_recursive: Some(Vec::new()),
        io_merged_recursive: Some(Vec::new()),
        io_time_recursive: Some(Vec::new()),
        sectors_recursive: Some(Vec::new()),
    };
    let online = std::thread::available_parallelism().map_or(1, usize::from);
    stats.cpu_stats = CpuStats {
        cpu_usage: CpuUsage {
            total_usage: used.cpu.total,
            percpu_usage: used.cpu.per_cpu,
            usage_in_kernelmode: used.cpu.system,
            usage_in_usermode: used.cpu.user,
        },
        system_cpu_usage: system_cpu(&fs::read_to_string("/proc/stat").unwrap_or_default()),
        online_cpus: u32::try_from(online).unwrap_or(u32::MAX),
        throttling_data: ThrottlingData {
            periods: used.cpu.periods,
            throttled_periods: used.cpu.throttled_periods,
            throttled_time: used.cpu.throttled_time,
        },
    };
    let host = memory_total(&fs::read_to_string("/proc/meminfo").unwrap_or_default());
    let v1 = used.memory.stat.iter().any(|(key, _)| MEMORY_LIMITS_V1.contains(&key.as_str()));
    stats.memory_stats = MemoryStats {
        usage: used.memory.usage,
        max_usage: used.memory.max_usage.unwrap_or(0),
        stats: used.memory.stat.into_iter().filter(|(key, _)| !v1 || shown_v1(key)).collect(),
        failcnt: used.memory.failures.unwrap_or(0),
        limit: if host == 0 { used.memory.limit } else { used.memory.limit.min(host) },
    };
}

fn shown_v1(key: &str) -> bool {
    MEMORY_V1.contains(&key.strip_prefix("total_").unwrap_or(key)) || MEMORY_LIMITS_V1.contains(&key)
}

/// Nanoseconds that all processors together have spent, by the first line of `/proc/stat`.
fn system_cpu(text: &str) -> u64 {
    let line = text.lines().next().unwrap_or_default();
    // user, nice, system, idle, iowait, irq, softirq, steal; guest time is in user time already.
    let ticks = line.split_whitespace().skip(1).take(8).filter_map(|word| word.parse::<u64>().ok());
    ticks.sum::<u64>() * (1_000_000_000 / TICKS)
}

/// Bytes of memory the host has.
fn memory_total(text: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        assert_eq!(system_cpu("cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1\n"), 36 * 10_000_000);
        assert_eq!(system_cpu(""), 0);
        assert_eq!(memory_total("MemFree: 1 kB\nMemTotal:       2048 kB\n"), 2048 * 1024);
        assert_eq!(memory_total(""), 0);
    }
}
