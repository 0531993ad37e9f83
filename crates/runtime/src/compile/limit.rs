//! Limits of the process and of its control group.

use cgroups::{DeviceKind, DeviceRule, DeviceValue, Limits};
use errdefs::{Result, invalid, not_implemented};
use oci::runtime::{RLIMITS, Resources, Rlimit, ThrottleDevice};

/// A process's limit as number, soft and hard value.
pub(super) fn rlimit(limit: &Rlimit) -> Result<(u32, u64, u64)> {
    let number = limit
        .kind
        .strip_prefix("RLIMIT_")
        .and_then(|name| RLIMITS.iter().position(|known| known.to_uppercase() == name))
        .ok_or_else(|| invalid(format!("invalid rlimit type {:?}", limit.kind)))?;
    if limit.soft > limit.hard {
        return Err(invalid(format!("{}: the soft limit is above the hard limit", limit.kind)));
    }
    Ok((number as u32, limit.soft, limit.hard))
}

/// What every container may do with devices besides the spec's rules: make any node (using it is another matter), the
/// default devices, and terminals.
const DEFAULT_DEVICES: [(DeviceKind, Option<u32>, Option<u32>, bool); 11] = [
    (DeviceKind::Character, None, None, false),
    (DeviceKind::Block, None, None, false),
    (DeviceKind::Character, Some(1), Some(3), true),
    (DeviceKind::Character, Some(1), Some(8), true),
    (DeviceKind::Character, Some(1), Some(7), true),
    (DeviceKind::Character, Some(5), Some(0), true),
    (DeviceKind::Character, Some(1), Some(5), true),
    (DeviceKind::Character, Some(1), Some(9), true),
    (DeviceKind::Character, Some(136), None, true),
    (DeviceKind::Character, Some(5), Some(2), true),
    // TUN and TAP, for containers that make the node themselves; the kernel wants CAP_NET_ADMIN besides.
    (DeviceKind::Character, Some(10), Some(200), true),
];

/// Compiles limits; with `new` the device rules too, which start from "deny everything".
pub(super) fn compile(resources: &Resources, new: bool) -> Result<Limits> {
    if !resources.rdma.is_empty() || resources.network.is_some() {
        return Err(not_implemented("linux.resources.rdma and linux.resources.network are not supported"));
    }
    let memory = resources.memory.clone().unwrap_or_default();
    let cpu = resources.cpu.clone().unwrap_or_default();
    let block = resources.block_io.clone().unwrap_or_default();
    if cpu.idle.is_some_and(|idle| idle != 0) {
        return Err(not_implemented("linux.resources.cpu.idle is not supported"));
    }
    let text = |text: &String| (!text.is_empty()).then(|| text.clone());
    let mut weights = Vec::new();
    for device in &block.weight_device {
        if let Some(weight) = device.weight {
            weights.push(value(device.major, device.minor, u64::from(weight))?);
        }
    }
    Ok(Limits {
        memory: memory.limit,
        memory_reservation: memory.reservation,
        memory_swap: memory.swap,
        swappiness: memory.swappiness,
        oom_kill_disable: memory.disable_oom_killer.filter(|&disable| disable),
        kernel_tcp: memory.kernel_tcp,
        cpu_shares: cpu.shares,
        cpu_quota: cpu.quota,
        cpu_period: cpu.period,
        cpu_burst: cpu.burst,
        cpu_rt_runtime: cpu.realtime_runtime,
        cpu_rt_period: cpu.realtime_period,
        cpuset_cpus: text(&cpu.cpus),
        cpuset_mems: text(&cpu.mems),
        pids: resources.pids.as_ref().map(|pids| pids.limit),
        blkio_weight: block.weight,
        blkio_weight_device: weights,
        blkio_read_bps: rates(&block.throttle_read_bps_device)?,
        blkio_write_bps: rates(&block.throttle_write_bps_device)?,
        blkio_read_iops: rates(&block.throttle_read_iops_device)?,
        blkio_write_iops: rates(&block.throttle_write_iops_device)?,
        hugepages: resources
            .hugepage_limits
            .iter()
            .map(|page| (page.page_size.clone(), page.limit))
            .collect(),
        unified: resources.unified.clone().into_iter().collect(),
        devices: if new { Some(device_rules(resources)?) } else { None },
    })
}

fn rates(devices: &[ThrottleDevice]) -> Result<Vec<DeviceValue>> {
    devices.iter().map(|device| value(device.major, device.minor, device.rate)).collect()
}

fn value(major: i64, minor: i64, value: u64) -> Result<DeviceValue> {
    let number =
        |n: i64| u32::try_from(n).map_err(|_| invalid(format!("invalid block device {major}:{minor}")));
    Ok(DeviceValue { major: number(major)?, minor: number(minor)?, value })
}

fn device_rules(resources: &Resources) -> Result<Vec<DeviceRule>> {
    let mut rules = Vec::new();
    for rule in &resources.devices {
        let kind = match rule.kind.as_str() {
            "" | "a" => DeviceKind::All,
            "c" => DeviceKind::Character,
            "b" => DeviceKind::Block,
            other => return Err(invalid(format!("invalid device type {other:?}"))),
        };
        let number = |number: Option<i64>| match number {
            None | Some(-1) => Ok(None),
            Some(number) => u32::try_from(number)
                .map(Some)
                .map_err(|_| invalid(format!("invalid device number {number}"))),
        };
        if let Some(bad) = rule.access.chars().find(|access| !"rwm".contains(*access)) {
            return Err(invalid(format!("invalid device access {bad:?}")));
        }
        let access = |letter| rule.access.is_empty() || rule.access.contains(letter);
        rules.push(DeviceRule {
            allow: rule.allow,
            kind,
            major: number(rule.major)?,
            minor: number(rule.minor)?,
            read: access('r'),
            write: access('w'),
            mknod: access('m'),
        });
    }
    let everything = |rule: &DeviceRule| {
        rule.allow
            && rule.kind == DeviceKind::All
            && rule.major.is_none()
            && rule.minor.is_none()
            && rule.read
            && rule.write
            && rule.mknod
    };
    // Privileged: nothing to add.
    if rules.last().is_some_and(everything) {
        return Ok(rules);
    }
    rules.extend(DEFAULT_DEVICES.iter().map(|&(kind, major, minor, open)| DeviceRule {
        allow: true,
        kind,
        major,
        minor,
        read: open,
        write: open,
        mknod: true,
    }));
    Ok(rules)
}
