//! What dockerd checks of its settings beyond their types, and what it tells of them when they are read again.

use std::net::IpAddr;

use api::StringMap;
use errdefs::{Result, invalid};

use super::Reader;
use crate::flags;

/// dockerd's defaults, as the event shows them.
const DOWNLOADS: &str = "3";
const UPLOADS: &str = "5";
const ATTEMPTS: &str = "5";
const SHUTDOWN_TIMEOUT: &str = "15";

/// Checks values that are texts or numbers of the right kind.
///
/// # Errors
/// InvalidParameter in dockerd's words.
pub(super) fn settings(values: &Reader) -> Result<()> {
    for (name, said) in [
        ("max-concurrent-downloads", "max concurrent downloads"),
        ("max-concurrent-uploads", "max concurrent uploads"),
        ("max-download-attempts", "max download attempts"),
    ] {
        if let Some(text) = values.one(name).filter(|text| text.starts_with('-')) {
            return Err(invalid(format!("invalid {said}: {text}")));
        }
    }
    if let Some(mode) =
        values.one("default-ipc-mode").filter(|mode| !matches!(*mode, "private" | "shareable"))
    {
        return Err(invalid(format!(
            "default IPC mode setting ({mode}) is invalid; use \"shareable\" or \"private\""
        )));
    }
    if let Some(mode) =
        values.one("default-cgroupns-mode").filter(|mode| !matches!(*mode, "private" | "host"))
    {
        return Err(invalid(format!(
            "invalid default cgroup namespace ({mode}): use \"host\" or \"private\""
        )));
    }
    for mirror in values.many("registry-mirror") {
        let rest = mirror.strip_prefix("http://").or_else(|| mirror.strip_prefix("https://"));
        match rest {
            None if mirror.contains("://") => {
                let scheme = mirror.split("://").next().unwrap_or_default();
                return Err(invalid(format!(
                    "invalid mirror: unsupported scheme \"{scheme}\" in \"{mirror}\": must use either 'https://' or 'http://'"
                )));
            }
            None => {
                return Err(invalid(format!(
                    "invalid mirror: no scheme specified for \"{mirror}\": must use either 'https://' or 'http://'"
                )));
            }
            Some(_) => {}
        }
    }
    for domain in values.many("dns-search") {
        if !is_domain(&domain) {
            return Err(invalid(format!("{domain} is not a valid domain")));
        }
    }
    for host in values.many("host") {
        let (scheme, _) = host.split_once("://").unwrap_or(("tcp", ""));
        if !matches!(scheme, "unix" | "tcp" | "fd") {
            return Err(invalid(format!("invalid bind address ({host}): unsupported proto '{scheme}'")));
        }
    }
    for option in values.many("exec-opt") {
        match option.split_once('=') {
            Some(("native.cgroupdriver", "cgroupfs" | "systemd" | "")) => {}
            Some(("native.cgroupdriver", other)) => {
                return Err(invalid(format!(
                    "invalid exec-opt ({option}): unsupported cgroup driver: '{other}'"
                )));
            }
            Some((name, _)) => {
                return Err(invalid(format!("invalid exec-opt ({option}): unknown option: '{name}'")));
            }
            None => return Err(invalid(format!("invalid exec-opt ({option}): missing '='"))),
        }
    }
    features(values)?;
    addresses(values)?;
    labels(values)
}

/// Features are on or off.
fn features(values: &Reader) -> Result<()> {
    for feature in values.many("feature") {
        let on = feature.split_once('=').map_or(Some(true), |(_, on)| flags::boolean(on));
        on.ok_or_else(|| invalid(format!("invalid boolean value for feature {feature:?}")))?;
    }
    Ok(())
}

/// Addresses and ranges, those that mean nothing here included.
fn addresses(values: &Reader) -> Result<()> {
    for name in ["default-gateway", "default-gateway-v6", "host-gateway-ip"] {
        if let Some(bad) = values.many(name).iter().find(|text| text.parse::<IpAddr>().is_err()) {
            return Err(invalid(format!("invalid IP address: {bad}")));
        }
    }
    if let Some(range) = values.one("fixed-cidr-v6").filter(|range| range.parse::<ipnet::Ipv6Net>().is_err())
    {
        return Err(invalid(format!("invalid fixed-cidr-v6: {range}")));
    }
    Ok(())
}

/// Labels of the engine: some namespaces are nobody's to use.
fn labels(values: &Reader) -> Result<()> {
    for label in values.many("label") {
        const RESERVED: [&str; 3] = ["com.docker.", "io.docker.", "org.dockerproject."];
        if RESERVED.iter().any(|namespace| label.to_lowercase().starts_with(namespace)) {
            return Err(invalid(format!(
                "label {label} is not allowed: the namespaces com.docker.*, io.docker.*, and org.dockerproject.* are \
                 reserved for internal use"
            )));
        }
    }
    Ok(())
}

/// A name of letters, digits, hyphens and underscores between dots; `.` alone stands for none.
fn is_domain(text: &str) -> bool {
    let text = text.trim();
    let label = |label: &str| {
        let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(inside)
    };
    text == "." || text.trim_end_matches('.').split('.').all(label)
}

/// The attributes of dockerd's `reload` event.
pub(super) fn shown(values: &Reader, containers: &engine::container::Config) -> Result<StringMap> {
    let number = |name: &str, default: &str| values.text(name, default);
    let list = |name: &str| serde_json::Value::from(values.many(name)).to_string();
    let mut features: Vec<String> =
        values.many("feature").iter().map(|text| text.replacen('=', ":", 1)).collect();
    features.sort();
    let runtimes: Vec<String> = containers
        .runtimes
        .iter()
        .filter_map(|(name, runtime)| Some(format!("{name}:{}", runtime.program.as_ref()?.display())))
        .collect();
    let cgroupns = if containers.cgroupns_mode.is_empty() { "host" } else { &containers.cgroupns_mode };
    Ok([
        ("debug", values.bool("debug", false)?.to_string()),
        ("default-cgroupns-mode", cgroupns.to_owned()),
        ("default-ipc-mode", containers.ipc_mode.clone()),
        ("default-runtime", containers.default_runtime.clone()),
        ("default-shm-size", containers.shm_size.to_string()),
        ("features", format!("map[{}]", features.join(" "))),
        ("insecure-registries", list("insecure-registry")),
        ("labels", list("label")),
        ("live-restore", "true".to_owned()),
        ("max-concurrent-downloads", number("max-concurrent-downloads", DOWNLOADS)),
        ("max-concurrent-uploads", number("max-concurrent-uploads", UPLOADS)),
        ("max-download-attempts", number("max-download-attempts", ATTEMPTS)),
        ("name", rustix::system::uname().nodename().to_string_lossy().into_owned()),
        ("registry-mirrors", list("registry-mirror")),
        ("runtimes", runtimes.join(" ")),
        ("shutdown-timeout", number("shutdown-timeout", SHUTDOWN_TIMEOUT)),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into())
}
