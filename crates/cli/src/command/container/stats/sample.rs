//! One sample of a container's counters in words.

use api::container::{BlkioEntry, Stats};

use crate::format::human;
use crate::format::rows::Row;

/// The row of a sample; dashes while there is none.
pub(super) fn row(name: &str, stats: Option<&Stats>, truncate: bool) -> Row {
    let Some(stats) = stats else {
        return Row::new()
            .with("Container", name)
            .with("Name", "--")
            .with("ID", if truncate { human::short_id(name) } else { name })
            .with("CPUPerc", "--")
            .with("MemUsage", "-- / --")
            .with("MemPerc", "--")
            .with("NetIO", "--")
            .with("BlockIO", "--")
            .with("PIDs", "--");
    };
    let used = memory_used(stats);
    let limit = stats.memory_stats.limit;
    let share = if limit == 0 { 0.0 } else { used as f64 / limit as f64 * 100.0 };
    let (received, sent) = stats
        .networks
        .values()
        .fold((0, 0), |(received, sent), network| (received + network.rx_bytes, sent + network.tx_bytes));
    let blocks = stats.blkio_stats.io_service_bytes_recursive.as_deref().unwrap_or_default();
    let pair = |a: u64, b: u64| {
        format!("{} / {}", human::size_with_precision(a as f64, 3), human::size_with_precision(b as f64, 3))
    };
    Row::new()
        .with("Container", name)
        .with("Name", stats.name.trim_start_matches('/'))
        .with("ID", if truncate { human::short_id(&stats.id) } else { &stats.id })
        .with("CPUPerc", format!("{:.2}%", cpu_share(stats)))
        .with(
            "MemUsage",
            format!("{} / {}", human::binary_size(used as f64), human::binary_size(limit as f64)),
        )
        .with("MemPerc", format!("{share:.2}%"))
        .with("NetIO", pair(received, sent))
        .with("BlockIO", pair(moved(blocks, b'r'), moved(blocks, b'w')))
        .with("PIDs", stats.pids_stats.current.to_string())
}

fn moved(entries: &[BlkioEntry], direction: u8) -> u64 {
    entries
        .iter()
        .filter(|entry| {
            entry.op.as_bytes().first().is_some_and(|letter| letter.to_ascii_lowercase() == direction)
        })
        .map(|entry| entry.value)
        .sum()
}

/// Per cent of one CPU since the sample before.
fn cpu_share(stats: &Stats) -> f64 {
    let used = stats.cpu_stats.cpu_usage.total_usage as f64 - stats.precpu_stats.cpu_usage.total_usage as f64;
    let passed = stats.cpu_stats.system_cpu_usage as f64 - stats.precpu_stats.system_cpu_usage as f64;
    let cpus = match stats.cpu_stats.online_cpus {
        0 => stats.cpu_stats.cpu_usage.percpu_usage.len() as f64,
        count => f64::from(count),
    };
    if used > 0.0 && passed > 0.0 { used / passed * cpus * 100.0 } else { 0.0 }
}

/// Memory without the file cache that can be dropped at once.
fn memory_used(stats: &Stats) -> u64 {
    let memory = &stats.memory_stats;
    // cgroup v1 and v2 name it differently.
    ["total_inactive_file", "inactive_file"]
        .iter()
        .find_map(|name| memory.stats.get(*name))
        .filter(|cache| **cache < memory.usage)
        .map_or(memory.usage, |cache| memory.usage - cache)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares() {
        let mut stats = Stats::default();
        stats.cpu_stats.cpu_usage.total_usage = 200;
        stats.precpu_stats.cpu_usage.total_usage = 100;
        stats.cpu_stats.system_cpu_usage = 2000;
        stats.precpu_stats.system_cpu_usage = 1000;
        stats.cpu_stats.online_cpus = 2;
        assert!((cpu_share(&stats) - 20.0).abs() < 1e-9);
        stats.memory_stats.usage = 100;
        stats.memory_stats.stats.insert("inactive_file".into(), 30);
        assert_eq!(memory_used(&stats), 70);
    }
}
