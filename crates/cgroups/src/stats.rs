//! What a group has used, read from v1 or v2 files into one record; a missing controller leaves zeros or `None`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::file;

/// What a group has used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Processor time.
    pub cpu: Cpu,
    /// Memory.
    pub memory: Memory,
    /// Tasks.
    pub pids: Pids,
    /// Block devices.
    pub blkio: Blkio,
}

/// Processor time in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cpu {
    /// All.
    pub total: u64,
    /// In user mode.
    pub user: u64,
    /// In the kernel.
    pub system: u64,
    /// By processor (v1 only, else empty).
    pub per_cpu: Vec<u64>,
    /// Periods with a quota.
    pub periods: u64,
    /// Periods in which the quota ran out.
    pub throttled_periods: u64,
    /// Time spent waiting for quota.
    pub throttled_time: u64,
}

/// Memory in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// In use, page cache included.
    pub usage: u64,
    /// The most that was in use (v1, and v2 from Linux 5.19).
    pub max_usage: Option<u64>,
    /// Times the limit was hit (v1).
    pub failures: Option<u64>,
    /// The limit; `u64::MAX` if there is none.
    pub limit: u64,
    /// Every line of `memory.stat`.
    pub stat: Vec<(String, u64)>,
    /// Processes killed for lack of memory.
    pub oom_kills: u64,
}

/// Tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pids {
    /// Now.
    pub current: u64,
    /// At most; `None` if unlimited.
    pub limit: Option<u64>,
}

/// Block devices, as Docker's API lists them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blkio {
    /// Bytes by device and operation.
    pub service_bytes: Vec<BlkioEntry>,
    /// Operations by device and operation.
    pub serviced: Vec<BlkioEntry>,
}

/// One line of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlkioEntry {
    /// Major number.
    pub major: u64,
    /// Minor number.
    pub minor: u64,
    /// `Read`, `Write`... (v1), `read`, `write` (v2).
    pub op: String,
    /// How many.
    pub value: u64,
}

/// Nanoseconds in one of the ticks `cpuacct.stat` counts: the kernel's `USER_HZ` is 100 on every machine.
const TICK: u64 = 10_000_000;

/// Reads a v1 group; `dir` gives its directory in a controller's hierarchy, if it has one.
pub(crate) fn read_v1(dir: impl Fn(&str) -> Option<PathBuf>) -> Stats {
    let mut stats = Stats::default();
    let text = |controller: &str, name: &str| {
        dir(controller).and_then(|dir| file::read_if_there(&dir.join(name))).unwrap_or_default()
    };
    let number = |controller: &str, name: &str| dir(controller).and_then(|dir| file::number(&dir.join(name)));
    let times = text("cpuacct", "cpuacct.stat");
    let quota = text("cpu", "cpu.stat");
    stats.cpu = Cpu {
        total: number("cpuacct", "cpuacct.usage").unwrap_or(0),
        user: file::keyed(&times, "user").unwrap_or(0) * TICK,
        system: file::keyed(&times, "system").unwrap_or(0) * TICK,
        per_cpu: text("cpuacct", "cpuacct.usage_percpu")
            .split_whitespace()
            .filter_map(|n| n.parse().ok())
            .collect(),
        periods: file::keyed(&quota, "nr_periods").unwrap_or(0),
        throttled_periods: file::keyed(&quota, "nr_throttled").unwrap_or(0),
        throttled_time: file::keyed(&quota, "throttled_time").unwrap_or(0),
    };
    stats.memory = Memory {
        usage: number("memory", "memory.usage_in_bytes").unwrap_or(0),
        max_usage: number("memory", "memory.max_usage_in_bytes"),
        failures: number("memory", "memory.failcnt"),
        limit: number("memory", "memory.limit_in_bytes").unwrap_or(u64::MAX),
        stat: pairs(&text("memory", "memory.stat")),
        oom_kills: file::keyed(&text("memory", "memory.oom_control"), "oom_kill").unwrap_or(0),
    };
    stats.pids = Pids {
        current: number("pids", "pids.current").unwrap_or(0),
        limit: number("pids", "pids.max").filter(|&limit| limit != u64::MAX),
    };
    stats.blkio = Blkio {
        service_bytes: blkio_v1(&text("blkio", "blkio.throttle.io_service_bytes_recursive")),
        serviced: blkio_v1(&text("blkio", "blkio.throttle.io_serviced_recursive")),
    };
    stats
}

/// Reads a v2 group.
pub(crate) fn read_v2(dir: &Path) -> Stats {
    let text = |name: &str| file::read_if_there(&dir.join(name)).unwrap_or_default();
    let number = |name: &str| file::number(&dir.join(name));
    let cpu = text("cpu.stat");
    let micros = |key: &str| file::keyed(&cpu, key).unwrap_or(0) * 1000;
    let (service_bytes, serviced) = blkio_v2(&text("io.stat"));
    Stats {
        cpu: Cpu {
            total: micros("usage_usec"),
            user: micros("user_usec"),
            system: micros("system_usec"),
            per_cpu: Vec::new(),
            periods: file::keyed(&cpu, "nr_periods").unwrap_or(0),
            throttled_periods: file::keyed(&cpu, "nr_throttled").unwrap_or(0),
            throttled_time: micros("throttled_usec"),
        },
        memory: Memory {
            usage: number("memory.current").unwrap_or(0),
            max_usage: number("memory.peak"),
            failures: None,
            limit: number("memory.max").unwrap_or(u64::MAX),
            stat: pairs(&text("memory.stat")),
            oom_kills: file::keyed(&text("memory.events"), "oom_kill").unwrap_or(0),
        },
        pids: Pids {
            current: number("pids.current").unwrap_or(0),
            limit: number("pids.max").filter(|&limit| limit != u64::MAX),
        },
        blkio: Blkio { service_bytes, serviced },
    }
}

fn pairs(text: &str) -> Vec<(String, u64)> {
    text.lines()
        .filter_map(|line| {
            let (key, value) = line.split_once(' ')?;
            Some((key.to_owned(), value.trim().parse().ok()?))
        })
        .collect()
}

/// Lines like `8:0 Read 4096`; the last line is a total without a device.
fn blkio_v1(text: &str) -> Vec<BlkioEntry> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (device, op, value) = (words.next()?, words.next()?, words.next()?);
            let (major, minor) = device.split_once(':')?;
            Some(BlkioEntry {
                major: major.parse().ok()?,
                minor: minor.parse().ok()?,
                op: op.to_owned(),
                value: value.parse().ok()?,
            })
        })
        .collect()
}

/// Lines like `8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0`.
fn blkio_v2(text: &str) -> (Vec<BlkioEntry>, Vec<BlkioEntry>) {
    let (mut bytes, mut operations) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let Some((major, minor)) = words.next().and_then(|device| device.split_once(':')) else { continue };
        let (Ok(major), Ok(minor)) = (major.parse(), minor.parse()) else { continue };
        for (key, value) in words.filter_map(|word| word.split_once('=')) {
            let Ok(value) = value.parse() else { continue };
            let (list, op) = match key {
                "rbytes" => (&mut bytes, "read"),
                "wbytes" => (&mut bytes, "write"),
                "rios" => (&mut operations, "read"),
                "wios" => (&mut operations, "write"),
                _ => continue,
            };
            list.push(BlkioEntry { major, minor, op: op.to_owned(), value });
        }
    }
    (bytes, operations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_device_lines_of_both_versions() {
        let entry = |op: &str, value| BlkioEntry { major: 8, minor: 0, op: op.to_owned(), value };
        assert_eq!(
            blkio_v1("8:0 Read 4096\n8:0 Write 1\nTotal 4097\n"),
            [entry("Read", 4096), entry("Write", 1)]
        );
        let (bytes, operations) = blkio_v2("8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n");
        assert_eq!(bytes, [entry("read", 1), entry("write", 2)]);
        assert_eq!(operations, [entry("read", 3), entry("write", 4)]);
    }
}
