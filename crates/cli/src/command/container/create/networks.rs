//! `--network` and the flags that describe the first network.

use std::collections::BTreeMap;

use api::container::NetworkingConfig;
use api::network::{EndpointIpamConfig, EndpointSettings};

use crate::failure::{Failure, Outcome};
use crate::flag::Parsed;
use crate::opts::network::{Network, parse};

/// What a container joins that asks for nothing.
const DEFAULT: &str = "default";

/// True for a network that somebody made.
fn is_user_defined(name: &str) -> bool {
    !matches!(name, DEFAULT | "bridge" | "host" | "none") && !name.starts_with("container:")
}

/// The networks to join; the first one is the container's network mode.
pub(super) fn collect(parsed: &Parsed) -> Outcome<Vec<Network>> {
    let given: Vec<&str> = parsed.all("network").chain(parsed.all("net")).collect();
    let mut networks: Vec<Network> =
        given.iter().map(|value| parse(value).map_err(Failure::new)).collect::<Outcome<_>>()?;
    if networks.is_empty() {
        networks.push(Network { target: DEFAULT.to_owned(), ..Network::default() });
    }
    if let Some(first) = networks.first_mut() {
        apply(first, parsed)?;
    }
    let made = given.iter().zip(&networks).filter(|(_, network)| is_user_defined(&network.target)).count();
    if made > 0 && made < given.len() {
        return Err(Failure::new(
            "conflicting options: cannot attach both user-defined and non-user-defined network-modes",
        ));
    }
    Ok(networks)
}

/// Moves the flags for a container's only network into the first one.
fn apply(network: &mut Network, parsed: &Parsed) -> Outcome {
    let aliases: Vec<String> =
        parsed.all("network-alias").chain(parsed.all("net-alias")).map(ToOwned::to_owned).collect();
    let conflict = |both: bool, flag: &str, field: &str| {
        if both {
            return Err(Failure::new(format!(
                "conflicting options: cannot specify both --{flag} and per-network {field}"
            )));
        }
        Ok(())
    };
    let (ip, ip6, mac) = (parsed.text("ip"), parsed.text("ip6"), parsed.text("mac-address"));
    let link_local = parsed.list("link-local-ip");
    conflict(!network.aliases.is_empty() && !aliases.is_empty(), "network-alias", "alias")?;
    conflict(!network.ipv4.is_empty() && !ip.is_empty(), "ip", "IPv4 address")?;
    conflict(!network.ipv6.is_empty() && !ip6.is_empty(), "ip6", "IPv6 address")?;
    conflict(!network.mac.is_empty() && !mac.is_empty(), "mac-address", "MAC address")?;
    conflict(
        !network.link_local.is_empty() && !link_local.is_empty(),
        "link-local-ip",
        "link-local IP addresses",
    )?;
    network.aliases.extend(aliases);
    if !ip.is_empty() {
        ip.clone_into(&mut network.ipv4);
    }
    if !ip6.is_empty() {
        ip6.clone_into(&mut network.ipv6);
    }
    if !mac.is_empty() {
        mac.clone_into(&mut network.mac);
    }
    network.link_local.extend(link_local);
    if is_user_defined(&network.target) {
        network.links = parsed.list("link");
    }
    Ok(())
}

/// The networks as they are sent.
pub(super) fn config(networks: &[Network]) -> Outcome<NetworkingConfig> {
    let mut endpoints_config = BTreeMap::new();
    for network in networks {
        let settings = endpoint(network)?;
        if endpoints_config.insert(network.target.clone(), Some(settings)).is_some() {
            return Err(Failure::new(format!("network {:?} is specified multiple times", network.target)));
        }
    }
    Ok(NetworkingConfig { endpoints_config })
}

fn endpoint(network: &Network) -> Outcome<EndpointSettings> {
    if network.target.trim().is_empty() {
        return Err(Failure::new("no name set for network"));
    }
    if !is_user_defined(&network.target) {
        if !network.aliases.is_empty() {
            return Err(Failure::new("network-scoped aliases are only supported for user-defined networks"));
        }
        if !network.links.is_empty() {
            return Err(Failure::new("links are only supported for user-defined networks"));
        }
    }
    if !network.mac.is_empty() && !is_mac(&network.mac) {
        return Err(Failure::new(format!("{} is not a valid mac address", network.mac)));
    }
    let ipam = EndpointIpamConfig {
        ipv4_address: network.ipv4.clone(),
        ipv6_address: network.ipv6.clone(),
        link_local_ips: some_list(&network.link_local),
    };
    Ok(EndpointSettings {
        ipam_config: (ipam != EndpointIpamConfig::default()).then_some(ipam),
        links: some_list(&network.links),
        aliases: some_list(&network.aliases),
        mac_address: network.mac.clone(),
        driver_opts: (!network.driver_opts.is_empty()).then(|| network.driver_opts.clone()),
        gw_priority: network.gw_priority,
        ..EndpointSettings::default()
    })
}

fn some_list(list: &[String]) -> Option<Vec<String>> {
    (!list.is_empty()).then(|| list.to_vec())
}

fn is_mac(text: &str) -> bool {
    let separator = if text.contains('-') { '-' } else { ':' };
    let parts: Vec<&str> = text.split(separator).collect();
    [6, 8, 20].contains(&parts.len())
        && parts.iter().all(|part| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macs() {
        assert!(is_mac("92:d0:c6:0a:29:33") && is_mac("92-D0-c6-0a-29-33"));
        assert!(!is_mac("foo") && !is_mac("92:d0:c6:0a:29"));
    }
}
