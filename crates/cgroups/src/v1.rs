//! Limits as the files of v1 controllers.

use std::path::{Path, PathBuf};

use errdefs::Result;
use rustix::io::Errno;

use crate::layout::{Layout, Version};
use crate::limits::{DeviceValue, Limits};
use crate::{devices, file};

/// Whether these limits need this controller.
pub(crate) fn needs(controller: &str, limits: &Limits) -> bool {
    match controller {
        "devices" => limits.devices.is_some(),
        "memory" => {
            limits.memory.is_some()
                || limits.memory_reservation.is_some()
                || limits.memory_swap.is_some()
                || limits.swappiness.is_some()
                || limits.oom_kill_disable.is_some()
                || limits.kernel_tcp.is_some()
        }
        "cpu" => {
            limits.cpu_shares.is_some()
                || limits.cpu_quota.is_some()
                || limits.cpu_period.is_some()
                || limits.cpu_burst.is_some()
                || limits.cpu_rt_runtime.is_some()
                || limits.cpu_rt_period.is_some()
        }
        "cpuset" => limits.cpuset_cpus.is_some() || limits.cpuset_mems.is_some(),
        "pids" => limits.pids.is_some(),
        "blkio" => {
            limits.blkio_weight.is_some()
                || !limits.blkio_weight_device.is_empty()
                || !limits.blkio_read_bps.is_empty()
                || !limits.blkio_write_bps.is_empty()
                || !limits.blkio_read_iops.is_empty()
                || !limits.blkio_write_iops.is_empty()
        }
        "hugetlb" => !limits.hugepages.is_empty(),
        _ => false,
    }
}

/// Refuses limits whose controller the host does not have, by name; a limit that is not there must not look obeyed.
pub(crate) fn check_controllers(layout: &Layout, limits: &Limits) -> Result<()> {
    for controller in ["memory", "cpu", "cpuset", "pids", "blkio", "hugetlb"] {
        // 0 and less is "no limit", which holds without the controller.
        let harmless = controller == "pids" && limits.pids.is_some_and(|pids| pids <= 0);
        if needs(controller, limits)
            && !harmless
            && !layout.controllers().iter().any(|name| name == controller)
        {
            return Err(errdefs::not_implemented(format!(
                "this host has no `{controller}` control group, which the container's limits need"
            )));
        }
    }
    // v2 controls devices without a controller. With neither, the rules cannot be kept.
    if limits.devices.is_some() && layout.version() == Version::V1 && layout.hierarchy("devices").is_none() {
        return Err(errdefs::not_implemented("this host has no `devices` control group"));
    }
    Ok(())
}

/// Writes the limits of one controller; none of its limits set, nothing is written.
pub(crate) fn apply(controller: &str, dir: &Path, limits: &Limits) -> Result<()> {
    match controller {
        "devices" => limits.devices.as_ref().map_or(Ok(()), |rules| devices::apply_v1(dir, rules)),
        "memory" => memory(dir, limits),
        "cpu" => cpu(dir, limits),
        "cpuset" => {
            set(dir, "cpuset.cpus", limits.cpuset_cpus.as_ref())?;
            set(dir, "cpuset.mems", limits.cpuset_mems.as_ref())
        }
        "pids" => match limits.pids {
            Some(limit @ 1..) => set(dir, "pids.max", Some(&limit)),
            Some(_) => set(dir, "pids.max", Some(&"max")),
            None => Ok(()),
        },
        "blkio" => blkio(dir, limits),
        "hugetlb" => limits
            .hugepages
            .iter()
            .try_for_each(|(size, bytes)| set(dir, &format!("hugetlb.{size}.limit_in_bytes"), Some(bytes))),
        _ => Ok(()),
    }
}

fn set(dir: &Path, name: &str, value: Option<&impl ToString>) -> Result<()> {
    value.map_or(Ok(()), |value| file::write(&dir.join(name), &value.to_string()))
}

fn memory(dir: &Path, limits: &Limits) -> Result<()> {
    // Unlimited memory with no word about swap means unlimited swap too, or the old sum would stay below it.
    let swap = match (limits.memory, limits.memory_swap) {
        (Some(-1), None) if dir.join("memory.memsw.limit_in_bytes").exists() => Some(-1),
        // 0 is "not set" in Docker's words.
        (_, Some(0)) => None,
        (_, swap) => swap,
    };
    match (limits.memory.filter(|&memory| memory != 0), swap) {
        // The kernel keeps memory <= memory + swap at every moment, so which is first depends on the direction.
        (Some(memory), Some(swap)) => {
            if memory_limit(dir, memory).is_err() {
                set(dir, "memory.memsw.limit_in_bytes", Some(&swap))?;
                memory_limit(dir, memory)?;
            } else {
                set(dir, "memory.memsw.limit_in_bytes", Some(&swap))?;
            }
        }
        (Some(memory), None) => memory_limit(dir, memory)?,
        (None, swap) => set(dir, "memory.memsw.limit_in_bytes", swap.as_ref())?,
    }
    set(dir, "memory.soft_limit_in_bytes", limits.memory_reservation.as_ref())?;
    set(dir, "memory.kmem.tcp.limit_in_bytes", limits.kernel_tcp.as_ref())?;
    if limits.oom_kill_disable == Some(true) {
        file::write(&dir.join("memory.oom_control"), "1")?;
    }
    set(dir, "memory.swappiness", limits.swappiness.as_ref())
}

fn memory_limit(dir: &Path, limit: i64) -> Result<()> {
    let path = dir.join("memory.limit_in_bytes");
    file::try_write(&path, &limit.to_string()).map_err(|errno| {
        if errno != Errno::BUSY {
            return file::refused(&path, &limit.to_string(), errno);
        }
        let number = |name: &str| file::number(&dir.join(name)).unwrap_or(0);
        errdefs::invalid(format!(
            "unable to set memory limit to {limit} (current usage: {}, peak usage: {})",
            number("memory.usage_in_bytes"),
            number("memory.max_usage_in_bytes"),
        ))
    })
}

fn cpu(dir: &Path, limits: &Limits) -> Result<()> {
    match limits.cpu_shares {
        Some(1) => return Err(errdefs::invalid("the minimum allowed cpu-shares is 2")),
        Some(262_145..) => return Err(errdefs::invalid("the maximum allowed cpu-shares is 262144")),
        _ => {}
    }
    set(dir, "cpu.shares", limits.cpu_shares.filter(|&shares| shares != 0).as_ref())?;
    set(dir, "cpu.rt_period_us", limits.cpu_rt_period.filter(|&period| period != 0).as_ref())?;
    set(dir, "cpu.rt_runtime_us", limits.cpu_rt_runtime.filter(|&runtime| runtime != 0).as_ref())?;
    let (period, quota) =
        (limits.cpu_period.filter(|&period| period != 0), limits.cpu_quota.filter(|&quota| quota != 0));
    // As with memory: a quota must fit the period in force, so if one order fails the other is right.
    if let Some(period) = period
        && file::try_write(&dir.join("cpu.cfs_period_us"), &period.to_string()).is_err()
    {
        set(dir, "cpu.cfs_quota_us", quota.as_ref())?;
        set(dir, "cpu.cfs_period_us", Some(&period))?;
    }
    set(dir, "cpu.cfs_quota_us", quota.as_ref())?;
    set(dir, "cpu.cfs_burst_us", limits.cpu_burst.as_ref())
}

fn blkio(dir: &Path, limits: &Limits) -> Result<()> {
    if let Some(weight) = limits.blkio_weight.filter(|&weight| weight != 0) {
        file::write(&bfq(dir, "weight"), &weight.to_string())?;
    }
    for DeviceValue { major, minor, value } in &limits.blkio_weight_device {
        file::write(&bfq(dir, "weight_device"), &format!("{major}:{minor} {value}"))?;
    }
    let rates = [
        ("read_bps", &limits.blkio_read_bps),
        ("write_bps", &limits.blkio_write_bps),
        ("read_iops", &limits.blkio_read_iops),
        ("write_iops", &limits.blkio_write_iops),
    ];
    for (name, values) in rates {
        let path = dir.join(format!("blkio.throttle.{name}_device"));
        for DeviceValue { major, minor, value } in values {
            file::write(&path, &format!("{major}:{minor} {value}"))?;
        }
    }
    Ok(())
}

/// The weight file of whichever scheduler the kernel has.
fn bfq(dir: &Path, name: &str) -> PathBuf {
    let path = dir.join(format!("blkio.bfq.{name}"));
    if path.exists() { path } else { dir.join(format!("blkio.{name}")) }
}

/// A new cpuset group has no processors and no memory nodes and takes no process: give it and its parents, from the
/// top down, what their parent has.
pub(crate) fn inherit_cpuset(mount: &Path, path: &str) -> Result<()> {
    let mut dir = mount.to_owned();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let parent = dir.clone();
        dir.push(part);
        for name in ["cpuset.cpus", "cpuset.mems"] {
            if file::read(&dir.join(name))?.trim().is_empty() {
                file::write(&dir.join(name), file::read(&parent.join(name))?.trim())?;
            }
        }
    }
    Ok(())
}
