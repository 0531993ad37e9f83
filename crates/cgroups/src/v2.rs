//! Limits as the files of v2 controllers, translated from v1's words.

use std::path::Path;

use errdefs::Result;
use rustix::io::Errno;

use crate::file;
use crate::limits::{DeviceValue, Limits};

/// Controllers a container may need; others are left off, each costs the kernel on every fork.
const USEFUL: [&str; 6] = ["cpuset", "cpu", "io", "memory", "pids", "hugetlb"];

/// Enables the controllers for the group, in every group above it.
pub(crate) fn enable_controllers(mount: &Path, path: &str, offered: &[String]) -> Result<()> {
    let useful: Vec<&str> = USEFUL.into_iter().filter(|name| offered.iter().any(|o| o == name)).collect();
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    let mut dir = mount.to_owned();
    let mut parts = parent.split('/').filter(|part| !part.is_empty());
    loop {
        let control = dir.join("cgroup.subtree_control");
        let enabled = file::read(&control)?;
        let missing: Vec<String> = useful
            .iter()
            .filter(|name| !enabled.split_whitespace().any(|on| on == **name))
            .map(|name| format!("+{name}"))
            .collect();
        // One by one if all at once is refused: one that cannot be had must not cost the others.
        if !missing.is_empty() && file::try_write(&control, &missing.join(" ")).is_err() {
            for one in &missing {
                let _ = file::try_write(&control, one);
            }
        }
        match parts.next() {
            Some(part) => dir.push(part),
            None => return Ok(()),
        }
    }
}

/// Writes the limits. A limit whose file is missing (its controller could not be enabled) is an error.
pub(crate) fn apply(dir: &Path, limits: &Limits) -> Result<()> {
    memory(dir, limits)?;
    cpu(dir, limits)?;
    if let Some(cpus) = &limits.cpuset_cpus {
        set(dir, "cpuset.cpus", cpus)?;
    }
    if let Some(mems) = &limits.cpuset_mems {
        set(dir, "cpuset.mems", mems)?;
    }
    match limits.pids {
        Some(limit @ 1..) => set(dir, "pids.max", &limit.to_string())?,
        Some(_) if dir.join("pids.max").exists() => set(dir, "pids.max", "max")?,
        _ => {}
    }
    io(dir, limits)?;
    for (size, bytes) in &limits.hugepages {
        set(dir, &format!("hugetlb.{size}.max"), &bytes.to_string())?;
    }
    for (name, value) in &limits.unified {
        check_name(name)?;
        set(dir, name, value)?;
    }
    Ok(())
}

fn set(dir: &Path, name: &str, value: &str) -> Result<()> {
    file::write(&dir.join(name), value)
}

/// Only `controller.file` may be written by name, never a path.
fn check_name(name: &str) -> Result<()> {
    let plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let parts: Vec<&str> = name.split('.').collect();
    if parts.len() >= 2 && parts.iter().all(|part| plain(part)) {
        return Ok(());
    }
    Err(errdefs::invalid(format!("invalid unified resource name: {name:?}")))
}

fn amount(value: i64) -> String {
    if value < 0 { "max".to_owned() } else { value.to_string() }
}

fn memory(dir: &Path, limits: &Limits) -> Result<()> {
    if let Some(swap) = swap(limits)? {
        match file::try_write(&dir.join("memory.swap.max"), &amount(swap)) {
            // A kernel that does not count swap has no such file. Nothing is lost if there is no limit, or no swap at all.
            Err(Errno::NOENT) if swap <= 0 || !Path::new("/proc/swaps").exists() => {}
            Err(errno) => return Err(file::refused(&dir.join("memory.swap.max"), &amount(swap), errno)),
            Ok(()) => {}
        }
    }
    if let Some(memory) = limits.memory.filter(|&memory| memory != 0) {
        set(dir, "memory.max", &amount(memory))?;
    }
    if let Some(reservation) = limits.memory_reservation.filter(|&reservation| reservation != 0) {
        set(dir, "memory.low", &amount(reservation))?;
    }
    Ok(())
}

/// v1's sum of memory and swap, as v2's swap alone.
fn swap(limits: &Limits) -> Result<Option<i64>> {
    match (limits.memory_swap, limits.memory) {
        (None | Some(0), Some(-1)) | (Some(-1), _) => Ok(Some(-1)),
        (None | Some(0), _) => Ok(None),
        (Some(_), None | Some(0 | -1)) => {
            Err(errdefs::invalid("unable to set swap limit without memory limit"))
        }
        (Some(sum), Some(memory)) if sum < memory => {
            Err(errdefs::invalid("memory+swap limit should be >= memory limit"))
        }
        (Some(sum), Some(memory)) => Ok(Some(sum - memory)),
    }
}

fn cpu(dir: &Path, limits: &Limits) -> Result<()> {
    if let Some(shares) = limits.cpu_shares.filter(|&shares| shares != 0) {
        set(dir, "cpu.weight", &cpu_weight(shares).to_string())?;
    }
    if let Some(burst) = limits.cpu_burst {
        set(dir, "cpu.max.burst", &burst.to_string())?;
    }
    let (quota, period) = (limits.cpu_quota.unwrap_or(0), limits.cpu_period.unwrap_or(0));
    if quota != 0 || period != 0 {
        let mut text = if quota > 0 { quota.to_string() } else { "max".to_owned() };
        if period != 0 {
            text.push_str(&format!(" {period}"));
        }
        set(dir, "cpu.max", &text)?;
    }
    Ok(())
}

/// v1 shares (2 to 262144, usual 1024) as v2 weight (1 to 10000, usual 100): the curve the OCI runtimes agreed on in 2025,
/// through (2, 1), (1024, 100) and (262144, 10000).
fn cpu_weight(shares: u64) -> u64 {
    match shares {
        0..=2 => 1,
        262_144.. => 10_000,
        _ => {
            let log = (shares as f64).log2();
            let exponent = (log * log + 125.0 * log) / 612.0 - 7.0 / 34.0;
            // Rounded up, as the others do; the tiny bit keeps 1024 at exactly 100.
            (10_f64.powf(exponent) - 1e-9).ceil() as u64
        }
    }
}

fn io(dir: &Path, limits: &Limits) -> Result<()> {
    if let Some(weight) = limits.blkio_weight.filter(|&weight| weight != 0) {
        if dir.join("io.bfq.weight").exists() {
            set(dir, "io.bfq.weight", &weight.to_string())?;
        } else {
            let weight = 1 + (u64::from(weight).max(10) - 10) * 9999 / 990;
            set(dir, "io.weight", &weight.to_string())?;
        }
    }
    for DeviceValue { major, minor, value } in &limits.blkio_weight_device {
        set(dir, "io.bfq.weight", &format!("{major}:{minor} {value}"))?;
    }
    let rates = [
        ("rbps", &limits.blkio_read_bps),
        ("wbps", &limits.blkio_write_bps),
        ("riops", &limits.blkio_read_iops),
        ("wiops", &limits.blkio_write_iops),
    ];
    for (name, values) in rates {
        for DeviceValue { major, minor, value } in values {
            // 0 is "no limit" in v1's words.
            let value = if *value == 0 { "max".to_owned() } else { value.to_string() };
            set(dir, "io.max", &format!("{major}:{minor} {name}={value}"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_go_through_the_fixed_points() {
        for (shares, weight) in [(1, 1), (2, 1), (1024, 100), (262_144, 10_000), (1 << 40, 10_000)] {
            assert_eq!(cpu_weight(shares), weight, "{shares}");
        }
        assert!(cpu_weight(512) < 100 && cpu_weight(2048) > 100);
    }

    #[test]
    fn swap_is_the_difference() {
        let limits = |memory, memory_swap| Limits { memory, memory_swap, ..Limits::default() };
        assert_eq!(swap(&limits(Some(100), Some(300))).unwrap(), Some(200));
        assert_eq!(swap(&limits(Some(100), Some(-1))).unwrap(), Some(-1));
        assert_eq!(swap(&limits(Some(100), None)).unwrap(), None);
        assert!(swap(&limits(Some(300), Some(100))).is_err());
        assert!(swap(&limits(None, Some(100))).is_err());
    }

    #[test]
    fn unified_names_are_plain() {
        for good in ["memory.high", "hugetlb.2MB".to_lowercase().as_str(), "cpu.max.burst"] {
            check_name(good).unwrap();
        }
        for bad in ["", "memory", "../memory.max", "a/b.c", "memory.", ".max", "cgroup.procs/..", "a.b\n"] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }
}
