//! The bridge driver's options.

use std::collections::BTreeMap;

use errdefs::Result;

use crate::limits::LINK_NAME_MAX;

pub(crate) const BRIDGE_NAME: &str = "com.docker.network.bridge.name";
pub(crate) const DEFAULT_BRIDGE: &str = "com.docker.network.bridge.default_bridge";
pub(crate) const ICC: &str = "com.docker.network.bridge.enable_icc";
pub(crate) const MASQUERADE: &str = "com.docker.network.bridge.enable_ip_masquerade";
pub(crate) const HOST_BINDING: &str = "com.docker.network.bridge.host_binding_ipv4";
pub(crate) const MTU: &str = "com.docker.network.driver.mtu";
pub(crate) const INTERFACE_PREFIX: &str = "com.docker.network.container_iface_prefix";
pub(crate) const GATEWAY_MODE4: &str = "com.docker.network.bridge.gateway_mode_ipv4";
pub(crate) const GATEWAY_MODE6: &str = "com.docker.network.bridge.gateway_mode_ipv6";
/// The gateway mode of internal networks in which the host has no address.
const ISOLATED: &str = "isolated";
pub(crate) const INHIBIT_IPV4: &str = "com.docker.network.bridge.inhibit_ipv4";
pub(crate) const TRUSTED: &str = "com.docker.network.bridge.trusted_host_interfaces";

/// Switches of the container's interface: `net.ipv4.conf.IFNAME.log_martians=1,...`.
pub(crate) const ENDPOINT_SYSCTLS: &str = "com.docker.network.endpoint.sysctls";
/// Name of the container's interface.
pub(crate) const ENDPOINT_IFNAME: &str = "com.docker.network.endpoint.ifname";

/// The smallest MTU that IPv4 works with, and the largest an Ethernet-like link has.
const MTU_RANGE: std::ops::RangeInclusive<u32> = 68..=65_535;

/// A switch, in any of the spellings Go's `strconv.ParseBool` takes.
pub(crate) fn parse_bool(name: &str, value: &str) -> Result<bool> {
    match value {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(errdefs::invalid(format!(
            "failed to parse {name} value: {value} (strconv.ParseBool: parsing {value:?}: invalid syntax)"
        ))),
    }
}

/// Whether the host is to have no address in a network's subnet of this family.
pub(crate) fn is_isolated(options: &BTreeMap<String, String>, v4: bool) -> bool {
    let name = if v4 { GATEWAY_MODE4 } else { GATEWAY_MODE6 };
    options.get(name).is_some_and(|mode| mode == ISOLATED)
}

/// A gateway mode.
pub(crate) fn check_gateway_mode(name: &str, mode: &str, internal: bool) -> Result<()> {
    match mode {
        "" | "nat" => Ok(()),
        ISOLATED if internal => Ok(()),
        ISOLATED => Err(errdefs::invalid("gateway mode 'isolated' can only be used for an internal network")),
        "routed" | "nat-unprotected" => {
            Err(errdefs::not_implemented(format!("{name}={mode} is not implemented")))
        }
        _ => Err(errdefs::invalid(format!(
            "failed to parse {name} value: {mode} (unknown gateway mode {mode})"
        ))),
    }
}

/// An MTU; 0 means the default.
pub(crate) fn parse_mtu(value: &str) -> Result<u32> {
    let number: i64 = value.parse().map_err(|_| {
        errdefs::invalid(format!(
            "failed to parse {MTU} value: {value} (strconv.Atoi: parsing {value:?}: invalid syntax)"
        ))
    })?;
    let wrong = || errdefs::invalid(format!("invalid MTU number: {value}"));
    let number = u32::try_from(number).map_err(|_| wrong())?;
    if number == 0 || MTU_RANGE.contains(&number) { Ok(number) } else { Err(wrong()) }
}

/// Reads [`ENDPOINT_SYSCTLS`] into paths below `/proc/sys` and values. Only switches of the interface itself can be named.
pub(crate) fn parse_sysctls(text: &str, ifname: &str) -> Result<Vec<(String, String)>> {
    let one = |setting: &str| {
        let wrong = || {
            errdefs::invalid(format!(
                "unable to apply sysctl {setting}: it must be net.FAMILY.conf.IFNAME.NAME=VALUE"
            ))
        };
        let (name, value) = setting.split_once('=').ok_or_else(wrong)?;
        let parts: Vec<&str> = name.split('.').collect();
        let plain = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        match parts.as_slice() {
            ["net", family @ ("ipv4" | "ipv6" | "mpls"), group, "IFNAME", key]
                if plain(group) && plain(key) =>
            {
                Ok((format!("net/{family}/{group}/{ifname}/{key}"), value.to_owned()))
            }
            _ => Err(wrong()),
        }
    };
    text.split(',').map(str::trim).filter(|setting| !setting.is_empty()).map(one).collect()
}

/// Whether the kernel would take this as the name of a link.
pub(crate) fn check_link_name(name: &str) -> Result<()> {
    let wrong = |c: char| c == '/' || c == ':' || c.is_whitespace() || c.is_control();
    if name.len() > LINK_NAME_MAX || name.contains(wrong) || matches!(name, "." | "..") {
        return Err(errdefs::invalid(format!(
            "invalid link name {name:?}: at most {LINK_NAME_MAX} characters"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_switches_of_the_interface_are_taken() {
        let parsed =
            parse_sysctls("net.ipv4.conf.IFNAME.log_martians=1, net.ipv6.conf.IFNAME.accept_ra=2", "eth1");
        let expected = [("net/ipv4/conf/eth1/log_martians", "1"), ("net/ipv6/conf/eth1/accept_ra", "2")];
        assert_eq!(parsed.unwrap(), expected.map(|(path, value)| (path.to_owned(), value.to_owned())));
        for wrong in [
            "net.ipv4.ip_forward=1",
            "net.ipv4.conf.all.x=1",
            "kernel.x.y.IFNAME.z=1",
            "net.ipv4.conf.IFNAME./x=1",
            "net.ipv4.conf.IFNAME.x",
        ] {
            assert!(parse_sysctls(wrong, "eth0").is_err(), "{wrong}");
        }
    }

    #[test]
    fn values_are_read_as_docker_reads_them() {
        assert!(parse_bool(ICC, "T").unwrap());
        assert_eq!(
            parse_bool(ICC, "foo").unwrap_err().to_string(),
            r#"failed to parse com.docker.network.bridge.enable_icc value: foo (strconv.ParseBool: parsing "foo": invalid syntax)"#
        );
        assert_eq!(parse_mtu("9000").unwrap(), 9000);
        assert_eq!(parse_mtu("-5").unwrap_err().to_string(), "invalid MTU number: -5");
        assert_eq!(
            parse_mtu("foo").unwrap_err().to_string(),
            r#"failed to parse com.docker.network.driver.mtu value: foo (strconv.Atoi: parsing "foo": invalid syntax)"#
        );
        for (name, good) in
            [("br0", true), ("a-name-of-15-chr", false), ("a/b", false), ("a b", false), ("..", false)]
        {
            assert_eq!(check_link_name(name).is_ok(), good, "{name}");
        }
    }
}
