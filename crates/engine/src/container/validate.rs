//! Checks of a create request that need nothing but the request: refused in Docker's words, in Docker's order.

use api::container::{Config, HealthConfig, HostConfig, RestartPolicy};
use errdefs::{Result, invalid};

use super::names;
use super::signal;
use super::spec::{capabilities, resources, security};

/// Probe durations below this are refused, in nanoseconds.
const HEALTH_LEAST: i64 = 1_000_000;

/// Checks the portable part.
///
/// # Errors
/// InvalidParameter, in Docker's words.
pub(crate) fn config(config: &Config) -> Result<()> {
    for entry in config.env.iter().flatten() {
        if entry.is_empty() || entry.starts_with('=') {
            return Err(invalid(format!("invalid environment variable: {entry}")));
        }
        no_null(entry)?;
    }
    for word in config.entrypoint.iter().chain(&config.cmd).flat_map(|words| &words.0) {
        no_null(word)?;
    }
    for text in [&config.hostname, &config.domainname, &config.user, &config.working_dir] {
        if text.contains(['\0', '\n', '\r']) {
            return Err(invalid(format!("invalid characters in {text:?}")));
        }
    }
    if !config.working_dir.is_empty() && !config.working_dir.starts_with('/') {
        return Err(invalid(format!(
            "the working directory '{}' is invalid, it needs to be an absolute path",
            config.working_dir
        )));
    }
    if !config.stop_signal.is_empty() {
        signal::parse(&config.stop_signal)?;
    }
    if let Some(health) = &config.healthcheck {
        check_health(health)?;
    }
    Ok(())
}

/// A null byte would end a C string early: what runs would not be what was asked for.
fn no_null(text: &str) -> Result<()> {
    if text.contains('\0') {
        return Err(invalid("invalid argument: null byte"));
    }
    Ok(())
}

fn check_health(health: &HealthConfig) -> Result<()> {
    let durations = [
        (health.interval, "Interval"),
        (health.timeout, "Timeout"),
        (health.start_period, "StartPeriod"),
        (health.start_interval, "StartInterval"),
    ];
    for (value, name) in durations {
        if value != 0 && value < HEALTH_LEAST {
            return Err(invalid(format!("{name} in Healthcheck cannot be less than 1ms")));
        }
    }
    if health.retries < 0 {
        return Err(invalid("Retries in Healthcheck cannot be negative"));
    }
    Ok(())
}

/// Checks the part that depends on the host.
///
/// # Errors
/// InvalidParameter, in Docker's words; NotImplemented for what does not exist here.
pub(crate) fn host(host: &HostConfig, config: &Config) -> Result<()> {
    restart_policy(&host.restart_policy)?;
    if host.auto_remove && !matches!(host.restart_policy.name.as_str(), "" | "no") {
        return Err(invalid("can't create 'AutoRemove' container with restart policy"));
    }
    mount_options(host)?;
    resources::check_host(host)?;
    capabilities::check(
        host.cap_add.as_deref().map_or(&[], Vec::as_slice),
        host.cap_drop.as_deref().map_or(&[], Vec::as_slice),
    )?;
    security::Options::parse(host.security_opt.as_deref().unwrap_or_default())?;
    for entry in host.extra_hosts.iter().flatten() {
        check_extra_host(entry)?;
    }
    modes(host)?;
    network_mode(host, config)?;
    match host.isolation.as_str() {
        "" | "default" => {}
        other => return Err(invalid(format!("invalid isolation ({other}): linux only supports 'default'"))),
    }
    if !host.userns_mode.is_empty() && host.userns_mode != "host" {
        return Err(invalid(format!("invalid user namespace mode: {}", host.userns_mode)));
    }
    if host.annotations.contains_key("") {
        return Err(invalid("invalid Annotations: the empty string is not permitted as an annotation key"));
    }
    for (set, what) in [
        (host.resources.io_maximum_iops != 0, "IOPs"),
        (host.resources.io_maximum_bandwidth != 0, "bandwidth"),
    ] {
        if set {
            return Err(invalid(format!(
                "invalid option: QoS maximum {what} configuration is not supported on linux"
            )));
        }
    }
    super::storage::check(&host.storage_opt)?;
    for options in host.tmpfs.values() {
        tmpfs_options(options)?;
    }
    Ok(())
}

/// Checks that there is such a runtime.
///
/// # Errors
/// InvalidParameter, in Docker's words.
pub(crate) fn runtime(host: &HostConfig, daemon: &super::shared::Defaults) -> Result<()> {
    let name = host.runtime.as_str();
    if name.is_empty() || super::BUILT_IN.contains(&name) || daemon.runtimes.contains_key(name) {
        return Ok(());
    }
    Err(invalid(format!("unknown or invalid runtime name: {name}")))
}

/// The options of `--tmpfs`: flags, and the file system's own with their values.
fn tmpfs_options(options: &str) -> Result<()> {
    const FLAGS: [&str; 34] = [
        "async",
        "atime",
        "bind",
        "defaults",
        "dev",
        "diratime",
        "dirsync",
        "exec",
        "mand",
        "noatime",
        "nodev",
        "nodiratime",
        "noexec",
        "nomand",
        "norelatime",
        "nostrictatime",
        "nosuid",
        "private",
        "rbind",
        "relatime",
        "remount",
        "ro",
        "rprivate",
        "rshared",
        "rslave",
        "runbindable",
        "rw",
        "shared",
        "slave",
        "strictatime",
        "suid",
        "sync",
        "unbindable",
        "mode",
    ];
    const KEYS: [&str; 6] = ["mode", "uid", "gid", "size", "nr_inodes", "nr_blocks"];
    for option in options.split(',').filter(|option| !option.is_empty()) {
        let known = match option.split_once('=') {
            Some((key, _)) if !KEYS.contains(&key) && key != "mpol" => {
                return Err(invalid(format!("invalid tmpfs option {key:?}")));
            }
            Some(_) => true,
            None => FLAGS.contains(&option) && option != "mode",
        };
        if !known {
            return Err(invalid(format!("invalid tmpfs option {option:?}")));
        }
    }
    Ok(())
}

/// Checks a restart policy.
///
/// # Errors
/// InvalidParameter, in Docker's words.
pub(crate) fn restart_policy(policy: &RestartPolicy) -> Result<()> {
    let refuse = |text: String| Err(invalid(format!("invalid restart policy: {text}")));
    match policy.name.as_str() {
        "" | "no" | "always" | "unless-stopped" if policy.maximum_retry_count != 0 => {
            let mut text = "maximum retry count can only be used with 'on-failure'".to_owned();
            if policy.maximum_retry_count < 0 {
                text.push_str(" and cannot be negative");
            }
            refuse(text)
        }
        "" | "no" | "always" | "unless-stopped" => Ok(()),
        "on-failure" if policy.maximum_retry_count < 0 => {
            refuse("maximum retry count cannot be negative".into())
        }
        "on-failure" => Ok(()),
        other => refuse(format!(
            "unknown policy '{other}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
        )),
    }
}

/// Options of another sort of mount than the mount's; those of images are told apart later, in other words.
fn mount_options(host: &HostConfig) -> Result<()> {
    for mount in host.mounts.iter().flatten() {
        let foreign = [
            (mount.volume_options.is_some(), "volume", "VolumeOptions"),
            (mount.bind_options.is_some(), "bind", "BindOptions"),
            (mount.tmpfs_options.is_some(), "tmpfs", "TmpfsOptions"),
        ];
        for (given, kind, field) in foreign {
            if given && mount.r#type != kind {
                return Err(invalid(format!(
                    "{field} must not be specified on mount type \"{}\"",
                    mount.r#type
                )));
            }
        }
    }
    Ok(())
}

fn modes(host: &HostConfig) -> Result<()> {
    let of_container = |mode: &str| mode.strip_prefix("container:").is_some_and(|name| !name.is_empty());
    let ipc = host.ipc_mode.as_str();
    if !matches!(ipc, "" | "private" | "shareable" | "host" | "none") && !of_container(ipc) {
        return Err(invalid(format!("invalid IPC mode: {ipc}")));
    }
    let pid = host.pid_mode.as_str();
    if !matches!(pid, "" | "host") && !of_container(pid) {
        return Err(invalid(format!("invalid PID mode: {pid}")));
    }
    if !matches!(host.uts_mode.as_str(), "" | "host") {
        return Err(invalid(format!("invalid UTS mode: {}", host.uts_mode)));
    }
    if !matches!(host.cgroupns_mode.as_str(), "" | "private" | "host") {
        return Err(invalid(format!("invalid cgroup namespace mode: {}", host.cgroupns_mode)));
    }
    Ok(())
}

fn network_mode(host: &HostConfig, config: &Config) -> Result<()> {
    let conflict = |what: &str| Err(invalid(format!("conflicting options: {what}")));
    let mode = host.network_mode.as_str();
    let is_host = mode == "host";
    let has = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
    if host.uts_mode == "host" && !config.hostname.is_empty() {
        return conflict("hostname and the UTS mode");
    }
    if has(&host.links) && is_host {
        return conflict(
            "host type networking can't be used with links. This would result in undefined behavior",
        );
    }
    let Some(other) = mode.strip_prefix("container:") else { return Ok(()) };
    if other.is_empty() {
        return Err(invalid("invalid network mode: invalid container format container:<name|id>"));
    }
    if !config.hostname.is_empty() {
        return conflict("hostname and the network mode");
    }
    if has(&host.links) {
        return conflict(
            "container type network can't be used with links. This would result in undefined behavior",
        );
    }
    if has(&host.dns) {
        return conflict("dns and the network mode");
    }
    if has(&host.extra_hosts) {
        return conflict("custom host-to-IP mapping and the network mode");
    }
    if host.publish_all_ports || host.port_bindings.as_ref().is_some_and(|map| !map.is_empty()) {
        return conflict("port publishing and the container type network mode");
    }
    if config.exposed_ports.as_ref().is_some_and(|ports| !ports.is_empty()) {
        return conflict("port exposing and the container type network mode");
    }
    Ok(())
}

/// Takes `HOST:IP` only, the IP as it is or `host-gateway`: other forms are the command line's.
fn check_extra_host(entry: &str) -> Result<()> {
    let Some((host, address)) = entry.split_once(':') else {
        return Err(invalid(format!("bad format for add-host: \"{entry}\"")));
    };
    if !host.is_empty() && address.starts_with('[') {
        return Err(invalid(format!("invalid IP address in add-host: \"{address}\"")));
    }
    split_extra_host(entry).map(drop)
}

/// `HOST:IP` or `HOST=IP`, the IP perhaps in brackets or `host-gateway`.
///
/// # Errors
/// InvalidParameter, in Docker's words.
pub(crate) fn split_extra_host(entry: &str) -> Result<(&str, &str)> {
    let refuse = || invalid(format!("bad format for add-host: \"{entry}\""));
    let (host, address) = entry.split_once('=').or_else(|| entry.split_once(':')).ok_or_else(refuse)?;
    let address = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    // Whitespace would add lines or names of its own to /etc/hosts.
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err(refuse());
    }
    if address != "host-gateway" && address.parse::<std::net::IpAddr>().is_err() {
        return Err(invalid(format!("invalid IP address in add-host: \"{address}\"")));
    }
    Ok((host, address))
}

/// Fills in the daemon's defaults, so that `inspect` shows what holds.
pub(crate) fn defaults(
    id: &str,
    config: &mut Config,
    host: &mut HostConfig,
    daemon: &super::shared::Config,
    now: &super::shared::Defaults,
) {
    if host.network_mode.is_empty() || host.network_mode == "default" {
        host.network_mode = "bridge".into();
    }
    if host.shm_size == 0 {
        host.shm_size = now.shm_size;
    }
    if host.ipc_mode.is_empty() {
        host.ipc_mode.clone_from(&now.ipc_mode);
    }
    if host.restart_policy.name.is_empty() {
        host.restart_policy.name = "no".into();
    }
    if host.runtime.is_empty() {
        host.runtime.clone_from(&now.default_runtime);
    }
    if host.log_config.r#type.is_empty() {
        host.log_config.r#type.clone_from(&daemon.log_driver);
    }
    if host.log_config.r#type == daemon.log_driver {
        for (key, value) in &daemon.log_options {
            host.log_config.config.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    let resources = &mut host.resources;
    if resources.memory > 0 && resources.memory_swap == 0 {
        resources.memory_swap = resources.memory.saturating_mul(2);
    }
    resources.memory_swappiness = resources.memory_swappiness.filter(|value| *value != -1);
    resources.pids_limit = resources.pids_limit.filter(|limit| *limit > 0);
    let all = |paths: &[&str]| Some(paths.iter().map(|path| (*path).to_owned()).collect());
    if host.privileged {
        (host.masked_paths, host.readonly_paths) = (None, None);
    } else {
        host.masked_paths = host.masked_paths.take().or_else(|| all(&super::spec::MASKED));
        host.readonly_paths = host.readonly_paths.take().or_else(|| all(&super::spec::READ_ONLY));
    }
    // Where labels of processes are in use, those that see the host's are not confined by them.
    if host.security_opt.is_none() && (host.privileged || host.ipc_mode == "host" || host.pid_mode == "host")
    {
        host.security_opt = Some(vec!["label=disable".to_owned()]);
    }
    // Docker forgot it with cgroup v1's limit for it.
    host.resources.kernel_memory = 0;
    if config.hostname.is_empty() {
        config.hostname = if host.network_mode == "host" {
            rustix::system::uname().nodename().to_string_lossy().into_owned()
        } else {
            names::short(id).to_owned()
        };
    }
}

#[cfg(test)]
mod tests;
