//! Limits: Docker's checks of them (semantics 77), and their form for the control group.
//!
//! What the kernel cannot do becomes a warning and the value is dropped, never an error; what makes no sense is refused.
//! Pure but for the device numbers of throttled block devices, which are read from their nodes.

use api::container::{HostConfig, Resources, ThrottleDevice, Ulimit};
use errdefs::Result;
use oci::runtime::{self, BlockIo, Cpu, Memory, Pids};

/// No container can work in less memory.
const MEMORY_LEAST: i64 = 6 * 1024 * 1024;
/// Period of the quota made from `NanoCpus`, in microseconds.
const NANO_CPUS_PERIOD: u64 = 100_000;

/// What the host's kernel can limit.
#[derive(Debug, Clone)]
pub(crate) struct Abilities {
    pub(crate) cpus: usize,
    /// The `cpuset.cpus` and `cpuset.mems` of the root group, e.g. `0-1`; empty if there is no such controller.
    pub(crate) cpuset_cpus: String,
    pub(crate) cpuset_mems: String,
    pub(crate) memory: bool,
    pub(crate) swap: bool,
    pub(crate) swappiness: bool,
    pub(crate) oom_kill_disable: bool,
    pub(crate) pids: bool,
    pub(crate) cpu: bool,
    pub(crate) blkio_weight: bool,
    pub(crate) blkio_weight_device: bool,
}

/// Checks the limits in `host`, dropping what the kernel cannot do. Gives the warnings; `update` leaves out what only
/// makes sense for a new container.
///
/// # Errors
/// Invalid parameter, in Docker's words.
pub(crate) fn check(resources: &mut Resources, able: &Abilities, update: bool) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    memory(resources, able, update, &mut warnings)?;
    cpu(resources, able, &mut warnings)?;
    if resources.pids_limit.is_some_and(|limit| limit > 0) && !able.pids {
        warnings.push(
            "Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded."
                .into(),
        );
        resources.pids_limit = None;
    }
    if able.oom_kill_disable && !update {
        // Shown by `inspect` where the kernel has it.
        resources.oom_kill_disable.get_or_insert(false);
    }
    if resources.oom_kill_disable == Some(true) && !able.oom_kill_disable {
        warnings.push("Your kernel does not support OomKillDisable. OomKillDisable discarded.".into());
        resources.oom_kill_disable = None;
    }
    if resources.oom_kill_disable == Some(true) && resources.memory == 0 {
        warnings.push(
            "OOM killer is disabled for the container, but no memory limit is set, this can result in the system \
             running out of resources."
                .into(),
        );
    }
    if resources.blkio_weight > 0 && !able.blkio_weight {
        warnings.push(
            "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded."
                .into(),
        );
        resources.blkio_weight = 0;
    }
    let weighted = resources.blkio_weight_device.as_ref().is_some_and(|devices| !devices.is_empty());
    if weighted && !able.blkio_weight_device {
        warnings.push(
            "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded."
                .into(),
        );
        resources.blkio_weight_device = Some(Vec::new());
    }
    if resources.blkio_weight != 0 && !(10..=1000).contains(&resources.blkio_weight) {
        return Err(errdefs::invalid("Range of blkio weight is from 10 to 1000"));
    }
    Ok(warnings)
}

fn memory(
    resources: &mut Resources,
    able: &Abilities,
    update: bool,
    warnings: &mut Vec<String>,
) -> Result<()> {
    let refuse = |text: &str| Err(errdefs::invalid(text));
    if resources.memory != 0 && resources.memory < MEMORY_LEAST {
        return refuse("Minimum memory limit allowed is 6MB");
    }
    if resources.memory > 0 && !able.memory {
        warnings.push(
            "Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation \
             discarded."
                .into(),
        );
        resources.memory = 0;
        resources.memory_swap = -1;
    }
    if resources.memory > 0 && resources.memory_swap != -1 && !able.swap {
        warnings.push(
            "Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited \
             without swap."
                .into(),
        );
        resources.memory_swap = -1;
    }
    if resources.memory > 0 && resources.memory_swap > 0 && resources.memory_swap < resources.memory {
        return refuse("Minimum memoryswap limit should be larger than memory limit, see usage");
    }
    if resources.memory == 0 && resources.memory_swap > 0 && !update {
        return refuse("You should always set the Memory limit when using Memoryswap limit, see usage");
    }
    if let Some(swappiness) = resources.memory_swappiness.filter(|value| *value != -1) {
        if !able.swappiness {
            warnings.push(
                "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory \
                 swappiness discarded."
                    .into(),
            );
            resources.memory_swappiness = None;
        } else if !(0..=100).contains(&swappiness) {
            return Err(errdefs::invalid(format!(
                "Invalid value: {swappiness}, valid memory swappiness range is 0-100"
            )));
        }
    }
    if resources.memory_reservation > 0 && resources.memory_reservation < MEMORY_LEAST {
        return refuse("Minimum memory reservation allowed is 6MB");
    }
    if resources.memory > 0
        && resources.memory_reservation > 0
        && resources.memory < resources.memory_reservation
    {
        return refuse("Minimum memory limit can not be less than memory reservation limit, see usage");
    }
    Ok(())
}

fn cpu(resources: &mut Resources, able: &Abilities, warnings: &mut Vec<String>) -> Result<()> {
    let refuse = |text: &str| Err(errdefs::invalid(text));
    if resources.cpu_realtime_period != 0 && resources.cpu_realtime_runtime > resources.cpu_realtime_period {
        return refuse("cpu real-time runtime cannot be higher than cpu real-time period");
    }
    if resources.nano_cpus > 0 && resources.cpu_period > 0 {
        return refuse("Conflicting options: Nano CPUs and CPU Period cannot both be set");
    }
    if resources.nano_cpus > 0 && resources.cpu_quota > 0 {
        return refuse("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
    }
    let most = able.cpus as i64 * 1_000_000_000;
    if resources.nano_cpus < 0 || resources.nano_cpus > most {
        return Err(errdefs::invalid(format!(
            "range of CPUs is from 0.01 to {0}.00, as there are only {0} CPUs available",
            able.cpus
        )));
    }
    if resources.cpu_shares < 0 {
        return Err(errdefs::invalid(format!(
            "invalid CPU shares ({}): value must be a positive integer",
            resources.cpu_shares
        )));
    }
    let wants = resources.cpu_shares > 0 || resources.nano_cpus > 0 || resources.cpu_period > 0;
    if (wants || resources.cpu_quota > 0) && !able.cpu {
        warnings.push(
            "Your kernel does not support CPU limits or the cgroup is not mounted. Limits discarded.".into(),
        );
        (resources.cpu_shares, resources.nano_cpus) = (0, 0);
        (resources.cpu_period, resources.cpu_quota) = (0, 0);
    }
    if resources.cpu_period != 0 && !(1000..=1_000_000).contains(&resources.cpu_period) {
        return refuse(
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
        );
    }
    if resources.cpu_quota > 0 && resources.cpu_quota < 1000 {
        return refuse("CPU cfs quota can not be less than 1ms (i.e. 1000)");
    }
    if resources.cpu_percent > 0 {
        warnings.push("linux does not support CPU percent. Percent discarded.".into());
        resources.cpu_percent = 0;
    }
    cpuset("cpus", &mut resources.cpuset_cpus, &able.cpuset_cpus, warnings)?;
    cpuset("mems", &mut resources.cpuset_mems, &able.cpuset_mems, warnings)
}

fn cpuset(what: &str, wanted: &mut String, have: &str, warnings: &mut Vec<String>) -> Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    if have.is_empty() {
        warnings.push(
            "Your kernel does not support cpuset or the cgroup is not mounted. CPUset discarded.".into(),
        );
        wanted.clear();
        return Ok(());
    }
    let (Some(asked), Some(available)) = (list(wanted), list(have.trim())) else {
        return Err(errdefs::invalid(format!(
            "Invalid value {wanted} for cpuset {what}: invalid format: {wanted}"
        )));
    };
    if asked.iter().all(|number| available.contains(number)) {
        return Ok(());
    }
    let noun = if what == "cpus" { "CPUs" } else { "memory nodes" };
    Err(errdefs::invalid(format!(
        "Requested {noun} are not available - requested {wanted}, available: {have}"
    )))
}

/// The numbers of a list like `0-2,5`; at most 8192, the kernel's largest number of processors.
fn list(text: &str) -> Option<Vec<u32>> {
    let mut numbers = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || last >= 8192 {
            return None;
        }
        numbers.extend(first..=last);
    }
    Some(numbers)
}

/// The limits for the control group, without device rules.
///
/// # Errors
/// If a throttled block device is not there.
pub(crate) fn to_oci(resources: &Resources) -> Result<runtime::Resources> {
    let positive = |value: i64| u64::try_from(value).ok().filter(|value| *value > 0);
    let swap = match (resources.memory, resources.memory_swap) {
        (0, 0) => None,
        (memory, 0) => Some(memory * 2),
        (_, swap) => Some(swap),
    };
    let memory = Memory {
        limit: Some(resources.memory).filter(|limit| *limit > 0),
        reservation: Some(resources.memory_reservation).filter(|limit| *limit > 0),
        swap,
        swappiness: resources.memory_swappiness.and_then(|value| u64::try_from(value).ok()),
        disable_oom_killer: resources.oom_kill_disable.filter(|disable| *disable),
        ..Memory::default()
    };
    let mut cpu = Cpu {
        shares: positive(resources.cpu_shares),
        quota: Some(resources.cpu_quota).filter(|quota| *quota != 0),
        period: positive(resources.cpu_period),
        realtime_runtime: Some(resources.cpu_realtime_runtime).filter(|value| *value != 0),
        realtime_period: positive(resources.cpu_realtime_period),
        cpus: resources.cpuset_cpus.clone(),
        mems: resources.cpuset_mems.clone(),
        ..Cpu::default()
    };
    if resources.nano_cpus > 0 {
        cpu.period = Some(NANO_CPUS_PERIOD);
        cpu.quota = Some(resources.nano_cpus / (1_000_000_000 / NANO_CPUS_PERIOD as i64));
    }
    let mut block_io = BlockIo {
        weight: Some(resources.blkio_weight).filter(|weight| *weight > 0),
        throttle_read_bps_device: throttle(&resources.blkio_device_read_bps)?,
        throttle_write_bps_device: throttle(&resources.blkio_device_write_bps)?,
        throttle_read_iops_device: throttle(&resources.blkio_device_read_iops)?,
        throttle_write_iops_device: throttle(&resources.blkio_device_write_iops)?,
        ..BlockIo::default()
    };
    for device in resources.blkio_device_weight() {
        let (major, minor) = device_number(&device.path)?;
        block_io.weight_device.push(runtime::WeightDevice {
            major,
            minor,
            weight: Some(device.weight),
            leaf_weight: None,
        });
    }
    Ok(runtime::Resources {
        memory: Some(memory).filter(|memory| *memory != Memory::default()),
        cpu: Some(cpu).filter(|cpu| *cpu != Cpu::default()),
        pids: resources.pids_limit.filter(|limit| *limit != 0).map(|limit| Pids { limit: limit.max(-1) }),
        block_io: Some(block_io).filter(|io| *io != BlockIo::default()),
        ..runtime::Resources::default()
    })
}

trait Weights {
    fn blkio_device_weight(&self) -> &[api::container::WeightDevice];
}

impl Weights for Resources {
    fn blkio_device_weight(&self) -> &[api::container::WeightDevice] {
        self.blkio_weight_device.as_deref().unwrap_or_default()
    }
}

fn throttle(devices: &Option<Vec<ThrottleDevice>>) -> Result<Vec<runtime::ThrottleDevice>> {
    let devices = devices.as_deref().unwrap_or_default().iter();
    devices
        .map(|device| {
            let (major, minor) = device_number(&device.path)?;
            Ok(runtime::ThrottleDevice { major, minor, rate: device.rate })
        })
        .collect()
}

fn device_number(path: &str) -> Result<(i64, i64)> {
    let stat = rustix::fs::stat(path)
        .map_err(|errno| errdefs::system(format!("stat {path}: {}", errdefs::words(&errno.into()))))?;
    Ok((i64::from(rustix::fs::major(stat.st_rdev)), i64::from(rustix::fs::minor(stat.st_rdev))))
}

/// Checks resource limits of the process and brings them into their OCI form (semantics 78).
///
/// # Errors
/// Invalid parameter for unknown names and a soft limit above the hard one.
pub(crate) fn rlimits(own: &[Ulimit], defaults: &[Ulimit]) -> Result<Vec<runtime::Rlimit>> {
    let inherited = defaults.iter().filter(|default| !own.iter().any(|limit| limit.name == default.name));
    own.iter()
        .chain(inherited)
        .map(|limit| {
            if !runtime::RLIMITS.contains(&limit.name.as_str()) {
                return Err(errdefs::invalid(format!("invalid ulimit type: {}", limit.name)));
            }
            if limit.hard != -1 && (limit.soft == -1 || limit.soft > limit.hard) {
                return Err(errdefs::invalid(format!(
                    "ulimit soft limit must be less than or equal to hard limit: {} > {}",
                    limit.soft, limit.hard
                )));
            }
            // -1 is "unlimited", which is the largest number.
            let value = |number: i64| u64::try_from(number).unwrap_or(u64::MAX);
            Ok(runtime::Rlimit {
                kind: format!("RLIMIT_{}", limit.name.to_ascii_uppercase()),
                hard: value(limit.hard),
                soft: value(limit.soft),
            })
        })
        .collect()
}

/// Checks what `Resources` does not hold.
///
/// # Errors
/// Invalid parameter, in Docker's words.
pub(crate) fn check_host(host: &HostConfig) -> Result<()> {
    if !(-1000..=1000).contains(&host.oom_score_adj) {
        return Err(errdefs::invalid(format!(
            "Invalid value {}, range for oom score adj is [-1000, 1000]",
            host.oom_score_adj
        )));
    }
    if host.shm_size < 0 {
        return Err(errdefs::invalid("SHM size can not be less than 0"));
    }
    rlimits(host.resources.ulimits.as_deref().unwrap_or_default(), &[]).map(drop)
}

#[cfg(test)]
mod tests;
