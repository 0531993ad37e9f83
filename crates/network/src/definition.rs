//! What a network is: its name, driver, addresses and switches.

pub(crate) mod option;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use jiff::Timestamp;

use crate::Families;
use crate::firewall::Bridge;
use crate::limits::DEFAULT_MTU;

/// Name of the network a container joins unless told otherwise.
pub const DEFAULT_NETWORK: &str = "bridge";

/// The kinds of network there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Driver {
    /// A bridge on this host; addresses, NAT and published ports.
    Bridge,
    /// The host's own network namespace. Predefined, one.
    Host,
    /// Loopback only. Predefined, one (its name is `none`).
    Null,
}

impl Driver {
    /// The name in the API: `bridge`, `host` or `null`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Host => "host",
            Self::Null => "null",
        }
    }

    /// The driver of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Bridge, Self::Host, Self::Null].into_iter().find(|driver| driver.as_str() == name)
    }
}

/// One subnet of a network, as asked for or as given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IpamConfig {
    /// The subnet; chosen from the pools when absent in a request, always there in a [`Network`] of a bridge.
    pub subnet: Option<IpNet>,
    /// The part of the subnet that addresses are given from.
    pub ip_range: Option<IpNet>,
    /// The host's address on the bridge; the first of the subnet when absent in a request.
    pub gateway: Option<IpAddr>,
    /// Addresses that are never given out, by name.
    pub aux_addresses: BTreeMap<String, IpAddr>,
}

/// Address management of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ipam {
    /// Only `default` exists.
    pub driver: String,
    /// Options of the driver; none are known. Docker shows whether any were named.
    pub options: Option<BTreeMap<String, String>>,
    /// At most one subnet of each family is supported by the bridge driver, as in Docker.
    pub config: Vec<IpamConfig>,
}

impl Default for Ipam {
    fn default() -> Self {
        Self { driver: "default".to_owned(), options: None, config: Vec::new() }
    }
}

/// A request for a new network (`POST /networks/create`).
#[derive(Debug, Clone, Default)]
pub struct NetworkSpec {
    /// Its name.
    pub name: String,
    /// Empty means `bridge`.
    pub driver: String,
    /// No way in or out of the network but between its own containers.
    pub internal: bool,
    /// Standalone containers may join (meaningful for swarm only; kept).
    pub attachable: bool,
    /// IPv4 addressing, on unless said otherwise.
    pub enable_ipv4: Option<bool>,
    /// IPv6 addressing, off unless said otherwise.
    pub enable_ipv6: Option<bool>,
    /// Subnets.
    pub ipam: Ipam,
    /// Driver options, `com.docker.network.bridge.*` and the like.
    pub options: BTreeMap<String, String>,
    /// The user's labels.
    pub labels: BTreeMap<String, String>,
    /// It is a configuration for others only.
    pub config_only: bool,
    /// The configuration that it is made from; empty for none.
    pub config_from: String,
}

/// A network that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Its name, unique on this host.
    pub name: String,
    /// Its kind.
    pub driver: Driver,
    /// When it was made.
    pub created: Timestamp,
    /// See [`NetworkSpec::internal`].
    pub internal: bool,
    /// See [`NetworkSpec::attachable`].
    pub attachable: bool,
    /// IPv4 addressing.
    pub enable_ipv4: bool,
    /// IPv6 addressing.
    pub enable_ipv6: bool,
    /// Subnets, filled in.
    pub ipam: Ipam,
    /// Whether the user named the subnets: only then may a container ask for an address.
    pub subnets_given: bool,
    /// The subnets as the user named them, also those of a family that is off; empty if made by an earlier program.
    pub asked: Vec<IpamConfig>,
    /// Driver options.
    pub options: BTreeMap<String, String>,
    /// The user's labels.
    pub labels: BTreeMap<String, String>,
    /// The bridge's link on the host; empty for `host` and `none`.
    pub bridge: String,
    /// Whether this engine made that link (and deletes it) or the user had it before.
    pub link_made: bool,
    /// See [`NetworkSpec::config_only`].
    pub config_only: bool,
    /// See [`NetworkSpec::config_from`].
    pub config_from: String,
}

impl Network {
    /// Whether it is one of `bridge`, `host` and `none`, which always exist.
    pub fn is_predefined(&self) -> bool {
        matches!(self.name.as_str(), "bridge" | "host" | "none")
    }

    /// Whether it is the network with Docker's legacy rules: no DNS between containers, links by hosts file.
    pub fn is_default_bridge(&self) -> bool {
        self.name == DEFAULT_NETWORK
    }

    /// Its subnets, IPv4 first.
    pub fn subnets(&self) -> impl Iterator<Item = IpNet> {
        self.ipam.config.iter().filter_map(|config| config.subnet)
    }

    /// The subnets that the user named, as far as it is known how.
    pub fn asked(&self) -> &[IpamConfig] {
        if self.asked.is_empty() && self.subnets_given { &self.ipam.config } else { &self.asked }
    }

    /// The host's addresses in it, IPv4 first.
    pub fn gateways(&self) -> impl Iterator<Item = IpAddr> {
        self.ipam.config.iter().filter_map(|config| config.gateway)
    }

    /// The families that its containers have a gateway for: none in an internal network.
    pub fn gateway_families(&self) -> Families {
        let has = |v4: bool| !self.internal && self.gateways().any(|gateway| gateway.is_ipv4() == v4);
        Families { ipv4: has(true), ipv6: has(false) }
    }

    /// The host's addresses in it with the subnets' prefix lengths.
    pub(crate) fn host_addresses(&self) -> Vec<IpNet> {
        let address = |config: &IpamConfig| IpNet::new(config.gateway?, config.subnet?.prefix_len()).ok();
        let inhibited = self.options.get(option::INHIBIT_IPV4).is_some_and(|value| {
            option::parse_bool(option::INHIBIT_IPV4, value).is_ok_and(|inhibited| inhibited)
        });
        let wanted = |net: &IpNet| {
            let v4 = net.addr().is_ipv4();
            let isolated = option::is_isolated(&self.options, v4);
            !isolated && (!v4 || !inhibited)
        };
        self.ipam.config.iter().filter_map(address).filter(wanted).collect()
    }

    /// What names of container interfaces begin with: `eth` unless an option says otherwise.
    pub fn interface_prefix(&self) -> &str {
        self.options.get(option::INTERFACE_PREFIX).map_or("eth", String::as_str)
    }

    /// MTU of its links.
    pub fn mtu(&self) -> u32 {
        let given = self.options.get(option::MTU).and_then(|value| option::parse_mtu(value).ok());
        given.filter(|mtu| *mtu != 0).unwrap_or(DEFAULT_MTU)
    }

    /// Whether its containers may talk to each other.
    pub fn icc(&self) -> bool {
        self.switch(option::ICC)
    }

    /// Host address of published ports that name none.
    pub(crate) fn host_binding(&self) -> IpAddr {
        let given = self.options.get(option::HOST_BINDING).and_then(|value| value.parse().ok());
        given.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }

    pub(crate) fn firewall_bridge(&self) -> Bridge {
        Bridge {
            name: self.bridge.clone(),
            icc: self.icc(),
            masquerade: !self.internal && self.switch(option::MASQUERADE),
            internal: self.internal,
        }
    }

    /// A switch that is on unless an option says otherwise.
    fn switch(&self, name: &str) -> bool {
        self.options.get(name).and_then(|value| option::parse_bool(name, value).ok()).unwrap_or(true)
    }
}
