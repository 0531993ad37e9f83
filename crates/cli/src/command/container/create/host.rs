//! From flags to the request: how the container sits on its host.

use std::collections::BTreeMap;

use api::container::{DeviceRequest, HostConfig, LogConfig, PortMap, Resources, Ulimit};

use crate::failure::{Failure, Outcome};
use crate::flag::Parsed;
use crate::opts::network::Network;
use crate::opts::{capability, device, gpus, host, mount, number, restart, security, size, throttle, ulimit};

/// The host's half of the request.
pub(super) fn config(
    parsed: &Parsed,
    binds: Vec<String>,
    bindings: PortMap,
    networks: &[Network],
) -> Outcome<HostConfig> {
    let mode = |flag: &str, name: &str, allowed: &[&str]| {
        let mode = parsed.text(flag);
        if allowed.contains(&mode)
            || (flag == "pid" && mode.strip_prefix("container:").is_some_and(|id| !id.is_empty()))
        {
            return Ok(mode.to_owned());
        }
        Err(Failure::new(format!("--{flag}: invalid {name} mode")))
    };
    let list = |flag: &str| some(parsed.list(flag));
    let pid_mode = mode("pid", "PID", &["", "host"])?;
    let uts_mode = mode("uts", "UTS", &["", "host"])?;
    let userns_mode = mode("userns", "USER", &["", "host"])?;
    let cgroupns_mode = mode("cgroupns", "CGROUP", &["", "host", "private"])?;
    let restart_policy = restart::parse(parsed.text("restart")).map_err(Failure::new)?;
    let security = security::parse(&parsed.list("security-opt"))?;
    let storage_opt = storage_options(parsed)?;
    if parsed.on("rm") && !matches!(restart_policy.name.as_str(), "" | "no") {
        return Err(Failure::new("conflicting options: cannot specify both --restart and --rm"));
    }
    let mounts = values(parsed, "mount", mount::parse)?;
    let caps = capability::effective(parsed.all("cap-add"), parsed.all("cap-drop"));
    Ok(HostConfig {
        binds: some(binds),
        container_id_file: parsed.text("cidfile").to_owned(),
        log_config: log_config(parsed)?,
        network_mode: networks.first().map(|network| network.target.clone()).unwrap_or_default(),
        port_bindings: Some(bindings),
        restart_policy,
        auto_remove: parsed.on("rm"),
        volume_driver: parsed.text("volume-driver").to_owned(),
        volumes_from: list("volumes-from"),
        annotations: parsed.map("annotation"),
        cap_add: some(caps.0).map(Into::into),
        cap_drop: some(caps.1).map(Into::into),
        cgroupns_mode,
        dns: Some(parsed.list("dns")),
        dns_options: Some(
            parsed.all("dns-option").chain(parsed.all("dns-opt")).map(ToOwned::to_owned).collect(),
        ),
        dns_search: Some(parsed.all("dns-search").map(host::domain).map(ToOwned::to_owned).collect()),
        extra_hosts: some(parsed.all("add-host").map(host::normalized).collect()),
        group_add: list("group-add"),
        ipc_mode: parsed.text("ipc").to_owned(),
        links: list("link"),
        oom_score_adj: parsed.int("oom-score-adj"),
        pid_mode,
        privileged: parsed.on("privileged"),
        publish_all_ports: parsed.on("publish-all"),
        readonly_rootfs: parsed.on("read-only"),
        security_opt: some(security.sent),
        storage_opt,
        tmpfs: parsed
            .all("tmpfs")
            .map(|given| given.split_once(':').unwrap_or((given, "")))
            .map(|(path, options)| (path.to_owned(), options.to_owned()))
            .collect(),
        uts_mode,
        userns_mode,
        shm_size: size::parse(parsed.text("shm-size")).unwrap_or_default(),
        sysctls: parsed.map("sysctl"),
        runtime: parsed.text("runtime").to_owned(),
        isolation: parsed.text("isolation").to_owned(),
        resources: resources(parsed)?,
        mounts: some(mounts),
        // Empty lists, not none: nothing is masked.
        masked_paths: security.unmasked.then(Vec::new),
        readonly_paths: security.unmasked.then(Vec::new),
        init: parsed.given("init").then(|| parsed.on("init")),
        ..HostConfig::default()
    })
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn values<T>(parsed: &Parsed, flag: &str, parse: impl Fn(&str) -> Result<T, String>) -> Outcome<Vec<T>> {
    parsed.all(flag).map(|value| parse(value).map_err(Failure::new)).collect()
}

fn resources(parsed: &Parsed) -> Outcome<Resources> {
    let bytes = |flag: &str| size::parse(parsed.text(flag)).unwrap_or_default();
    let unsigned = |flag: &str| number::parse_uint(parsed.text(flag), 64).unwrap_or_default();
    let (cdi, devices): (Vec<&str>, Vec<&str>) = parsed.all("device").partition(|name| device::is_cdi(name));
    let mut requests = values(parsed, "gpus", gpus::parse)?;
    if !cdi.is_empty() {
        requests.push(DeviceRequest {
            driver: "cdi".to_owned(),
            device_ids: Some(cdi.into_iter().map(ToOwned::to_owned).collect()),
            ..DeviceRequest::default()
        });
    }
    // Of two of a name the last one counts.
    let ulimits: BTreeMap<String, Ulimit> = values(parsed, "ulimit", ulimit::parse)?
        .into_iter()
        .map(|limit| (limit.name.clone(), limit))
        .collect();
    Ok(Resources {
        cpu_shares: parsed.int("cpu-shares"),
        memory: bytes("memory"),
        nano_cpus: number::parse_cpus(parsed.text("cpus")).unwrap_or_default(),
        cgroup_parent: parsed.text("cgroup-parent").to_owned(),
        blkio_weight: u16::try_from(parsed.int("blkio-weight")).unwrap_or_default(),
        blkio_weight_device: Some(values(parsed, "blkio-weight-device", throttle::parse_weight)?),
        blkio_device_read_bps: Some(values(parsed, "device-read-bps", throttle::parse_bps)?),
        blkio_device_write_bps: Some(values(parsed, "device-write-bps", throttle::parse_bps)?),
        blkio_device_read_iops: Some(values(parsed, "device-read-iops", throttle::parse_iops)?),
        blkio_device_write_iops: Some(values(parsed, "device-write-iops", throttle::parse_iops)?),
        cpu_period: parsed.int("cpu-period"),
        cpu_quota: parsed.int("cpu-quota"),
        cpu_realtime_period: parsed.int("cpu-rt-period"),
        cpu_realtime_runtime: parsed.int("cpu-rt-runtime"),
        cpuset_cpus: parsed.text("cpuset-cpus").to_owned(),
        cpuset_mems: parsed.text("cpuset-mems").to_owned(),
        devices: Some(
            devices
                .into_iter()
                .map(|text| device::parse(text).map_err(Failure::new))
                .collect::<Outcome<_>>()?,
        ),
        device_cgroup_rules: some(parsed.list("device-cgroup-rule")),
        device_requests: some(requests),
        memory_reservation: bytes("memory-reservation"),
        memory_swap: size::parse_swap(parsed.text("memory-swap")).unwrap_or_default(),
        memory_swappiness: Some(parsed.int("memory-swappiness")),
        oom_kill_disable: Some(parsed.on("oom-kill-disable")),
        pids_limit: Some(parsed.int("pids-limit")),
        ulimits: Some(ulimits.into_values().collect()),
        cpu_count: parsed.int("cpu-count"),
        cpu_percent: parsed.int("cpu-percent"),
        io_maximum_iops: unsigned("io-maxiops"),
        io_maximum_bandwidth: u64::try_from(bytes("io-maxbandwidth")).unwrap_or_default(),
        ..Resources::default()
    })
}

fn log_config(parsed: &Parsed) -> Outcome<LogConfig> {
    let driver = parsed.text("log-driver");
    let config = parsed.map("log-opt");
    if driver == "none" && !config.is_empty() {
        return Err(Failure::new("invalid logging opts for driver none"));
    }
    Ok(LogConfig { r#type: driver.to_owned(), config })
}

fn storage_options(parsed: &Parsed) -> Outcome<api::StringMap> {
    if parsed.all("storage-opt").any(|option| !option.contains('=')) {
        return Err(Failure::new("invalid storage option"));
    }
    Ok(parsed.map("storage-opt"))
}
