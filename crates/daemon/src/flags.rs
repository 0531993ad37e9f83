//! The command line: a table of dockerd's flags and ours, and a parser with the habits of Go's pflag.
//!
//! All of dockerd's flags are known, so that an existing unit file or script starts this daemon. A flag without a meaning
//! here is ignored with one line in the log; one whose silent absence would make the engine less safe than its operator
//! believes is refused.
//!
//! Why no library: the same table reads `daemon.json`, where the keys are these flags' names.

use std::collections::BTreeMap;

use errdefs::{Result, invalid};

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Nothing, or `=true`/`=false`.
    Bool,
    /// One value; the last counts.
    One,
    /// A value each time.
    Many,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// It does what it says.
    Meant,
    /// It is about a part that does not exist here.
    Ignored,
    /// Ignoring it would be dangerous.
    Refused,
}

/// One flag.
#[derive(Debug)]
pub(crate) struct Flag {
    pub(crate) long: &'static str,
    pub(crate) short: Option<char>,
    /// Its key in `daemon.json`.
    pub(crate) key: &'static str,
    pub(crate) takes: Takes,
    pub(crate) purpose: Use,
}

const fn flag(long: &'static str, key: &'static str, takes: Takes, purpose: Use) -> Flag {
    Flag { long, short: None, key, takes, purpose }
}

const fn short(long: &'static str, short: char, key: &'static str, takes: Takes, purpose: Use) -> Flag {
    Flag { long, short: Some(short), key, takes, purpose }
}

use Takes::{Bool, Many, One};
use Use::{Ignored, Meant, Refused};

/// Every flag; those with an empty key cannot stand in the file.
#[rustfmt::skip]
pub(crate) static TABLE: &[Flag] = &[
    // Ours.
    flag("docker-socket", "docker-socket", Bool, Meant),
    flag("ready-fd", "", One, Meant),
    flag("shim", "shim", One, Meant),
    // dockerd's.
    flag("add-runtime", "runtimes", Many, Meant),
    flag("allow-direct-routing", "allow-direct-routing", Bool, Ignored),
    flag("authorization-plugin", "authorization-plugins", Many, Refused),
    flag("bip", "bip", One, Meant),
    flag("bip6", "bip6", One, Ignored),
    short("bridge", 'b', "bridge", One, Meant),
    flag("bridge-accept-fwmark", "bridge-accept-fwmark", One, Ignored),
    flag("cdi-spec-dir", "cdi-spec-dirs", Many, Meant),
    flag("cgroup-parent", "cgroup-parent", One, Meant),
    flag("config-file", "", One, Meant),
    flag("containerd", "containerd", One, Ignored),
    flag("containerd-namespace", "containerd-namespace", One, Ignored),
    flag("containerd-plugins-namespace", "containerd-plugins-namespace", One, Ignored),
    flag("cpu-rt-period", "cpu-rt-period", One, Ignored),
    flag("cpu-rt-runtime", "cpu-rt-runtime", One, Ignored),
    flag("cri-containerd", "cri-containerd", Bool, Ignored),
    flag("data-root", "data-root", One, Meant),
    short("debug", 'D', "debug", Bool, Meant),
    flag("default-address-pool", "default-address-pools", Many, Meant),
    flag("default-cgroupns-mode", "default-cgroupns-mode", One, Meant),
    flag("default-gateway", "default-gateway", One, Ignored),
    flag("default-gateway-v6", "default-gateway-v6", One, Ignored),
    flag("default-ipc-mode", "default-ipc-mode", One, Meant),
    flag("default-network-opt", "default-network-opts", Many, Ignored),
    flag("default-runtime", "default-runtime", One, Meant),
    flag("default-shm-size", "default-shm-size", One, Meant),
    flag("default-ulimit", "default-ulimits", Many, Meant),
    flag("dns", "dns", Many, Meant),
    flag("dns-opt", "dns-opts", Many, Meant),
    flag("dns-search", "dns-search", Many, Meant),
    flag("exec-opt", "exec-opts", Many, Meant),
    flag("exec-root", "exec-root", One, Meant),
    flag("experimental", "experimental", Bool, Ignored),
    flag("feature", "features", Many, Meant),
    flag("firewall-backend", "firewall-backend", One, Ignored),
    flag("fixed-cidr", "fixed-cidr", One, Meant),
    flag("fixed-cidr-v6", "fixed-cidr-v6", One, Ignored),
    short("group", 'G', "group", One, Meant),
    flag("help", "", Bool, Meant),
    short("host", 'H', "hosts", Many, Meant),
    flag("host-gateway-ip", "host-gateway-ips", Many, Meant),
    flag("http-proxy", "http-proxy", One, Meant),
    flag("https-proxy", "https-proxy", One, Meant),
    flag("icc", "icc", Bool, Meant),
    flag("init", "init", Bool, Meant),
    flag("init-path", "init-path", One, Meant),
    flag("insecure-registry", "insecure-registries", Many, Meant),
    flag("ip", "ip", One, Meant),
    flag("ip-forward", "ip-forward", Bool, Meant),
    flag("ip-forward-no-drop", "ip-forward-no-drop", Bool, Meant),
    flag("ip-masq", "ip-masq", Bool, Meant),
    flag("ip6tables", "ip6tables", Bool, Ignored),
    flag("iptables", "iptables", Bool, Ignored),
    flag("ipv6", "ipv6", Bool, Ignored),
    flag("label", "labels", Many, Meant),
    flag("live-restore", "live-restore", Bool, Ignored),
    flag("log-driver", "log-driver", One, Meant),
    flag("log-format", "log-format", One, Meant),
    short("log-level", 'l', "log-level", One, Meant),
    flag("log-opt", "log-opts", Many, Meant),
    flag("max-concurrent-downloads", "max-concurrent-downloads", One, Meant),
    flag("max-concurrent-uploads", "max-concurrent-uploads", One, Meant),
    flag("max-download-attempts", "max-download-attempts", One, Meant),
    flag("metrics-addr", "metrics-addr", One, Meant),
    flag("mtu", "mtu", One, Meant),
    flag("network-control-plane-mtu", "network-control-plane-mtu", One, Ignored),
    flag("no-new-privileges", "no-new-privileges", Bool, Meant),
    flag("no-proxy", "no-proxy", One, Meant),
    flag("node-generic-resource", "node-generic-resources", Many, Ignored),
    short("pidfile", 'p', "pidfile", One, Meant),
    flag("raw-logs", "raw-logs", Bool, Ignored),
    flag("registry-mirror", "registry-mirrors", Many, Meant),
    flag("rootless", "rootless", Bool, Refused),
    flag("seccomp-profile", "seccomp-profile", One, Meant),
    flag("selinux-enabled", "selinux-enabled", Bool, Refused),
    flag("shutdown-timeout", "shutdown-timeout", One, Meant),
    short("storage-driver", 's', "storage-driver", One, Ignored),
    flag("storage-opt", "storage-opts", Many, Meant),
    flag("swarm-default-advertise-addr", "swarm-default-advertise-addr", One, Ignored),
    flag("tls", "tls", Bool, Meant),
    flag("tlscacert", "tlscacert", One, Meant),
    flag("tlscert", "tlscert", One, Meant),
    flag("tlskey", "tlskey", One, Meant),
    flag("tlsverify", "tlsverify", Bool, Meant),
    flag("userland-proxy", "userland-proxy", Bool, Ignored),
    flag("userland-proxy-path", "userland-proxy-path", One, Ignored),
    flag("userns-remap", "userns-remap", One, Meant),
    flag("validate", "", Bool, Meant),
    flag("cleanup", "", Bool, Meant),
    short("version", 'v', "", Bool, Meant),
];

/// Values by a flag's long name, as text.
pub(crate) type Values = BTreeMap<&'static str, Vec<String>>;

/// Reads a command line without the program's name.
///
/// # Errors
/// InvalidParameter in pflag's words.
pub(crate) fn parse(args: impl IntoIterator<Item = String>) -> Result<Values> {
    let mut args = args.into_iter();
    let mut values = Values::new();
    while let Some(arg) = args.next() {
        if let Some(long) = arg.strip_prefix("--").filter(|long| !long.is_empty()) {
            let (name, value) =
                long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value.to_owned())));
            let flag = TABLE.iter().find(|flag| flag.long == name);
            let flag = flag.ok_or_else(|| invalid(format!("unknown flag: --{name}")))?;
            take(&mut values, flag, value, || args.next(), &format!("--{name}"))?;
        } else if let Some(letters) = arg.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            cluster(&mut values, letters, &mut args)?;
        } else {
            return Err(invalid(format!("hythed: takes no arguments, but got {arg:?}")));
        }
    }
    Ok(values)
}

/// `-D`, `-DH x`, `-Hx`, `-H=x`.
fn cluster(values: &mut Values, letters: &str, args: &mut impl Iterator<Item = String>) -> Result<()> {
    let mut rest = letters;
    while let Some(letter) = rest.chars().next() {
        rest = &rest[letter.len_utf8()..];
        let flag = TABLE.iter().find(|flag| flag.short == Some(letter));
        let flag =
            flag.ok_or_else(|| invalid(format!("unknown shorthand flag: '{letter}' in -{letters}")))?;
        let value = if flag.takes == Bool {
            let value = rest.strip_prefix('=').map(str::to_owned);
            if value.is_some() {
                rest = "";
            }
            value
        } else {
            let attached = std::mem::take(&mut rest);
            (!attached.is_empty()).then(|| attached.strip_prefix('=').unwrap_or(attached).to_owned())
        };
        take(values, flag, value, || args.next(), &format!("'{letter}' in -{letters}"))?;
    }
    Ok(())
}

fn take(
    values: &mut Values,
    flag: &Flag,
    value: Option<String>,
    next: impl FnOnce() -> Option<String>,
    shown: &str,
) -> Result<()> {
    let slot = values.entry(flag.long).or_default();
    match flag.takes {
        Bool => {
            let value = value.unwrap_or_else(|| "true".to_owned());
            let known = boolean(&value).ok_or_else(|| {
                let name = flag.long;
                invalid(format!("invalid argument {value:?} for \"--{name}\" flag: strconv.ParseBool: parsing {value:?}: invalid syntax"))
            })?;
            *slot = vec![known.to_string()];
        }
        One | Many => {
            let value =
                value.or_else(next).ok_or_else(|| invalid(format!("flag needs an argument: {shown}")))?;
            if flag.takes == One {
                slot.clear();
            }
            slot.push(value);
        }
    }
    Ok(())
}

/// Go's `strconv.ParseBool`.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Values, String> {
        parse(line.split_whitespace().map(str::to_owned)).map_err(|error| error.to_string())
    }

    #[test]
    fn all_forms_are_read() {
        for line in [
            "-D -H unix:///a -H tcp://b --data-root /d",
            "--debug --host=unix:///a --host tcp://b --data-root=/d",
            "-DHunix:///a -H=tcp://b --data-root /x --data-root /d",
            "--debug=1 -Hunix:///a --host tcp://b --data-root=/d",
        ] {
            let values = parsed(line).unwrap();
            assert_eq!(values["debug"], ["true"], "{line}");
            assert_eq!(values["host"], ["unix:///a", "tcp://b"], "{line}");
            assert_eq!(values["data-root"], ["/d"], "{line}");
        }
        assert_eq!(parsed("--icc=false").unwrap()["icc"], ["false"]);
    }

    #[test]
    fn mistakes_are_told_in_pflag_s_words() {
        for (line, text) in [
            ("--nosuch", "unknown flag: --nosuch"),
            ("-Z", "unknown shorthand flag: 'Z' in -Z"),
            ("--host", "flag needs an argument: --host"),
            ("-H", "flag needs an argument: 'H' in -H"),
            (
                "--icc=maybe",
                "invalid argument \"maybe\" for \"--icc\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax",
            ),
            ("word", "hythed: takes no arguments, but got \"word\""),
        ] {
            assert_eq!(parsed(line).unwrap_err(), text);
        }
    }

    #[test]
    fn names_and_keys_are_unique() {
        for (at, flag) in TABLE.iter().enumerate() {
            for other in &TABLE[at + 1..] {
                assert_ne!(flag.long, other.long);
                assert!(flag.key.is_empty() || flag.key != other.key, "{}", flag.key);
                assert!(flag.short.is_none() || flag.short != other.short, "{}", flag.long);
            }
        }
    }
}
