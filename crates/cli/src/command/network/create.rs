//! `network create`: create a network.

use crate::command::{Args, Command};
use crate::flag::{NONE, boolean, many, strings, text};
use crate::opts::label;
use std::net::IpAddr;

use api::StringMap;
use api::network::{ConfigReference, CreateRequest, Ipam, IpamConfig};

use crate::cli::Cli;
use crate::failure::{Failure, Outcome};
use crate::flag::Parsed;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] NETWORK",
    about: "Create a network",
    aliases: "",
    args: Args::Exactly(1),
    interspersed: true,
    flags: &[
        boolean("attachable", NONE, "Enable manual container attachment"),
        many(
            "aux-address",
            NONE,
            "map",
            None,
            "Auxiliary IPv4 or IPv6 addresses used by Network driver (default map[])",
        ),
        text("config-from", NONE, "The network from which to copy the configuration"),
        boolean("config-only", NONE, "Create a configuration only network"),
        text("driver", 'd', "Driver to manage the Network (default \"bridge\")").default("bridge"),
        strings("gateway", NONE, "IPv4 or IPv6 Gateway for the master subnet"),
        boolean("ingress", NONE, "Create swarm routing-mesh network"),
        boolean("internal", NONE, "Restrict external access to the network"),
        strings("ip-range", NONE, "Allocate container ip from a sub-range"),
        text("ipam-driver", NONE, "IP Address Management Driver (default \"default\")").default("default"),
        many("ipam-opt", NONE, "map", None, "Set IPAM driver specific options (default map[])"),
        boolean("ipv4", NONE, "Enable or disable IPv4 address assignment (default true)").default("true"),
        boolean("ipv6", NONE, "Enable or disable IPv6 address assignment"),
        many("label", NONE, "list", Some(label::check), "Set metadata on a network"),
        many("opt", 'o', "map", None, "Set driver specific options (default map[])"),
        text("scope", NONE, "Control the network's scope"),
        strings("subnet", NONE, "Subnet in CIDR format that represents a network segment"),
    ],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let config_from = parsed.text("config-from");
    let request = CreateRequest {
        name: parsed.arg(0).to_owned(),
        driver: parsed.text("driver").to_owned(),
        scope: parsed.text("scope").to_owned(),
        enable_ipv4: parsed.given("ipv4").then(|| parsed.on("ipv4")),
        enable_ipv6: parsed.given("ipv6").then(|| parsed.on("ipv6")),
        ipam: Some(Ipam {
            driver: parsed.text("ipam-driver").to_owned(),
            options: Some(parsed.map("ipam-opt")),
            config: Some(ranges(parsed).map_err(Failure::new)?),
        }),
        internal: parsed.on("internal"),
        attachable: parsed.on("attachable"),
        ingress: parsed.on("ingress"),
        config_only: parsed.on("config-only"),
        config_from: (!config_from.is_empty()).then(|| ConfigReference { network: config_from.to_owned() }),
        options: Some(parsed.map("opt")),
        labels: Some(parsed.map("label")),
        ..CreateRequest::default()
    };
    let created = cli.client()?.network_create(&request)?;
    if !created.warning.is_empty() {
        cli.warn(format!("WARNING: {}", created.warning));
    }
    cli.print(created.id)
}

/// A subnet as address and prefix length.
#[derive(Clone, Copy)]
struct Subnet {
    address: u128,
    prefix: u32,
    is_v4: bool,
}

impl Subnet {
    fn parse(text: &str) -> Result<Self, String> {
        let bad = || format!("invalid CIDR address: {text}");
        let (address, prefix) = text.split_once('/').ok_or_else(bad)?;
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let prefix: u32 = prefix.parse().map_err(|_| bad())?;
        let (address, is_v4, bits) = numbered(address);
        if prefix > bits { Err(bad()) } else { Ok(Self { address, prefix, is_v4 }) }
    }

    fn contains(self, ip: IpAddr) -> bool {
        let (ip, is_v4, bits) = numbered(ip);
        let shift = bits - self.prefix;
        is_v4 == self.is_v4 && (shift >= 128 || ip >> shift == self.address >> shift)
    }

    fn overlaps(self, other: Self) -> bool {
        let bits = if self.is_v4 { 32 } else { 128 };
        let shift = bits - self.prefix.min(other.prefix);
        self.is_v4 == other.is_v4 && (shift >= 128 || self.address >> shift == other.address >> shift)
    }
}

fn numbered(ip: IpAddr) -> (u128, bool, u32) {
    match ip {
        IpAddr::V4(ip) => (u128::from(u32::from(ip)), true, 32),
        IpAddr::V6(ip) => (u128::from(ip), false, 128),
    }
}

/// Subnets with the ranges, gateways and further addresses that lie in them.
fn ranges(parsed: &Parsed) -> Result<Vec<IpamConfig>, String> {
    let subnets = parsed.list("subnet");
    let (ranges, gateways) = (parsed.list("ip-range"), parsed.list("gateway"));
    if subnets.len() < ranges.len() || subnets.len() < gateways.len() {
        return Err("every ip-range or gateway must have a corresponding subnet".to_owned());
    }
    // A subnet is only read here where it is compared with something; the engine judges it anyhow.
    let mut parts: Vec<IpamConfig> = Vec::new();
    for text in &subnets {
        for other in &parts {
            if Subnet::parse(&other.subnet)?.overlaps(Subnet::parse(text)?) {
                return Err("multiple overlapping subnet configuration is not supported".to_owned());
            }
        }
        parts.push(IpamConfig { subnet: text.clone(), ..IpamConfig::default() });
    }
    let within = |ip: IpAddr, what: &str, text: &str| {
        for (at, part) in parts.iter().enumerate() {
            if Subnet::parse(&part.subnet)?.contains(ip) {
                return Ok(at);
            }
        }
        Err(format!("no matching subnet for {what} {text}"))
    };
    let mut places = Vec::new();
    for text in &ranges {
        let range = Subnet::parse(text)?;
        let ip = if range.is_v4 {
            IpAddr::V4(u32::try_from(range.address).unwrap_or_default().into())
        } else {
            IpAddr::V6(range.address.into())
        };
        places.push((within(ip, "range", text)?, "range", text.clone(), String::new()));
    }
    for text in &gateways {
        let ip = text.parse().map_err(|_| format!("invalid gateway: {text}"))?;
        places.push((within(ip, "gateway", text)?, "gateway", text.clone(), String::new()));
    }
    let further: StringMap = parsed.map("aux-address");
    for (name, text) in &further {
        let ip = text.parse().map_err(|_| format!("no matching subnet for aux-address {text}"))?;
        places.push((within(ip, "aux-address", text)?, "aux", text.clone(), name.clone()));
    }
    for (at, what, text, name) in places {
        let Some(config) = parts.get_mut(at) else { continue };
        match what {
            "range" if !config.ip_range.is_empty() => {
                return Err(format!(
                    "cannot configure multiple ranges ({text}, {}) on the same subnet ({})",
                    config.ip_range, config.subnet
                ));
            }
            "gateway" if !config.gateway.is_empty() => {
                return Err(format!(
                    "cannot configure multiple gateways ({text}, {}) for the same subnet ({})",
                    config.gateway, config.subnet
                ));
            }
            "range" => config.ip_range = text,
            "gateway" => config.gateway = text,
            _ => {
                config.auxiliary_addresses.insert(name, text);
            }
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Vec<IpamConfig>, String> {
        let words: Vec<String> = line.split_whitespace().map(ToOwned::to_owned).collect();
        ranges(&crate::flag::parse(COMMAND.flags, true, &words).ok().unwrap())
    }

    #[test]
    fn everything_lies_in_its_subnet() {
        let parts = of("--subnet 10.1.0.0/16 --subnet fd00::/64 --gateway fd00::1 --ip-range 10.1.2.0/24 --aux-address a=10.1.0.9 n").unwrap();
        assert_eq!((parts[0].ip_range.as_str(), parts[0].gateway.as_str()), ("10.1.2.0/24", ""));
        assert_eq!(
            (parts[1].gateway.as_str(), parts[0].auxiliary_addresses["a"].as_str()),
            ("fd00::1", "10.1.0.9")
        );
    }

    #[test]
    fn mistakes() {
        for (line, error) in [
            ("--gateway 10.0.0.1 n", "every ip-range or gateway must have a corresponding subnet"),
            ("--subnet x --gateway 10.0.0.1 n", "invalid CIDR address: x"),
            (
                "--subnet 10.0.0.0/8 --subnet 10.1.0.0/16 n",
                "multiple overlapping subnet configuration is not supported",
            ),
            ("--subnet 10.0.0.0/8 --gateway 11.0.0.1 n", "no matching subnet for gateway 11.0.0.1"),
        ] {
            assert_eq!(of(line), Err(error.into()), "{line}");
        }
    }
}
