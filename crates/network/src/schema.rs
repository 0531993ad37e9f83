//! What is stored: networks and endpoints. An address or port is taken because an endpoint record says so.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use errdefs::Result;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Record, Table};

use crate::{Driver, Endpoint, Families, Ipam, IpamConfig, Network, PortBinding, Reach};

/// Keyed by network id.
pub(crate) const NETWORKS: Table<NetworkRecord> = Table::new("networks");
/// Keyed by endpoint id.
pub(crate) const ENDPOINTS: Table<EndpointRecord> = Table::new("endpoints");

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NetworkRecord {
    name: String,
    driver: String,
    created: Timestamp,
    internal: bool,
    attachable: bool,
    enable_ipv4: bool,
    enable_ipv6: bool,
    subnets: Vec<SubnetRecord>,
    subnets_given: bool,
    #[serde(default)]
    asked: Vec<SubnetRecord>,
    ipam_options: BTreeMap<String, String>,
    #[serde(default)]
    ipam_options_named: bool,
    options: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    bridge: String,
    link_made: bool,
    #[serde(default)]
    config_only: bool,
    #[serde(default)]
    config_from: String,
}

impl Record for NetworkRecord {
    const VERSION: u32 = 1;
}

#[derive(Debug, Serialize, Deserialize)]
struct SubnetRecord {
    subnet: Option<IpNet>,
    ip_range: Option<IpNet>,
    gateway: Option<IpAddr>,
    aux_addresses: BTreeMap<String, IpAddr>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EndpointRecord {
    network_id: String,
    network_name: String,
    container_id: String,
    container_name: String,
    mac: [u8; 6],
    ipv4: Option<Ipv4Net>,
    ipv6: Option<Ipv6Net>,
    gateway4: Option<Ipv4Addr>,
    gateway6: Option<Ipv6Addr>,
    aliases: Vec<String>,
    driver_opts: BTreeMap<String, String>,
    /// Of IPv4; of both families if the other is not said, as earlier programs wrote it.
    default_route: bool,
    #[serde(default)]
    default_route6: Option<bool>,
    #[serde(default)]
    link_local: Vec<IpAddr>,
    ports: Vec<PortRecord>,
    #[serde(default)]
    reaches: Vec<ReachRecord>,
    host_link: String,
}

impl Record for EndpointRecord {
    const VERSION: u32 = 1;
}

#[derive(Debug, Serialize, Deserialize)]
struct ReachRecord {
    to: Ipv4Addr,
    protocol: String,
    port: u16,
}

#[derive(Debug, Serialize, Deserialize)]
struct PortRecord {
    container_port: u16,
    protocol: String,
    host: SocketAddr,
}

impl NetworkRecord {
    pub(crate) fn new(network: &Network) -> Self {
        let subnet = |config: &IpamConfig| SubnetRecord {
            subnet: config.subnet,
            ip_range: config.ip_range,
            gateway: config.gateway,
            aux_addresses: config.aux_addresses.clone(),
        };
        Self {
            name: network.name.clone(),
            driver: network.driver.as_str().to_owned(),
            created: network.created,
            internal: network.internal,
            attachable: network.attachable,
            enable_ipv4: network.enable_ipv4,
            enable_ipv6: network.enable_ipv6,
            subnets: network.ipam.config.iter().map(subnet).collect(),
            subnets_given: network.subnets_given,
            asked: network.asked.iter().map(subnet).collect(),
            ipam_options: network.ipam.options.clone().unwrap_or_default(),
            ipam_options_named: network.ipam.options.is_some(),
            options: network.options.clone(),
            labels: network.labels.clone(),
            bridge: network.bridge.clone(),
            link_made: network.link_made,
            config_only: network.config_only,
            config_from: network.config_from.clone(),
        }
    }

    pub(crate) fn into_network(self, id: String) -> Result<Network> {
        let config = |record: SubnetRecord| IpamConfig {
            subnet: record.subnet,
            ip_range: record.ip_range,
            gateway: record.gateway,
            aux_addresses: record.aux_addresses,
        };
        Ok(Network {
            driver: Driver::from_name(&self.driver).ok_or_else(|| {
                errdefs::system(format!("network {id} has an unknown driver {}", self.driver))
            })?,
            id,
            name: self.name,
            created: self.created,
            internal: self.internal,
            attachable: self.attachable,
            enable_ipv4: self.enable_ipv4,
            enable_ipv6: self.enable_ipv6,
            ipam: Ipam {
                options: (self.ipam_options_named || !self.ipam_options.is_empty())
                    .then_some(self.ipam_options),
                config: self.subnets.into_iter().map(config).collect(),
                ..Ipam::default()
            },
            subnets_given: self.subnets_given,
            asked: self.asked.into_iter().map(config).collect(),
            options: self.options,
            labels: self.labels,
            bridge: self.bridge,
            link_made: self.link_made,
            config_only: self.config_only,
            config_from: self.config_from,
        })
    }
}

impl EndpointRecord {
    pub(crate) fn new(endpoint: &Endpoint) -> Self {
        let port = |port: &PortBinding| PortRecord {
            container_port: port.container_port,
            protocol: port.protocol.as_str().to_owned(),
            host: port.host,
        };
        let reach = |reach: &Reach| ReachRecord {
            to: reach.to,
            protocol: reach.protocol.as_str().to_owned(),
            port: reach.port,
        };
        Self {
            network_id: endpoint.network_id.clone(),
            network_name: endpoint.network_name.clone(),
            container_id: endpoint.container_id.clone(),
            container_name: endpoint.container_name.clone(),
            mac: endpoint.mac,
            ipv4: endpoint.ipv4,
            ipv6: endpoint.ipv6,
            gateway4: endpoint.gateway4,
            gateway6: endpoint.gateway6,
            aliases: endpoint.aliases.clone(),
            driver_opts: endpoint.driver_opts.clone(),
            default_route: endpoint.default_routes.ipv4,
            default_route6: Some(endpoint.default_routes.ipv6),
            link_local: endpoint.link_local.clone(),
            ports: endpoint.ports.iter().map(port).collect(),
            reaches: endpoint.reaches.iter().map(reach).collect(),
            host_link: endpoint.host_link.clone(),
        }
    }

    pub(crate) fn into_endpoint(self, id: String) -> Result<Endpoint> {
        let port = |record: PortRecord| {
            Ok(PortBinding {
                container_port: record.container_port,
                protocol: record.protocol.parse()?,
                host: record.host,
            })
        };
        let reach = |record: ReachRecord| {
            Ok(Reach { to: record.to, protocol: record.protocol.parse()?, port: record.port })
        };
        Ok(Endpoint {
            id,
            network_id: self.network_id,
            network_name: self.network_name,
            container_id: self.container_id,
            container_name: self.container_name,
            mac: self.mac,
            ipv4: self.ipv4,
            ipv6: self.ipv6,
            gateway4: self.gateway4,
            gateway6: self.gateway6,
            aliases: self.aliases,
            driver_opts: self.driver_opts,
            default_routes: Families {
                ipv4: self.default_route,
                ipv6: self.default_route6.unwrap_or(self.default_route),
            },
            link_local: self.link_local,
            ports: self.ports.into_iter().map(port).collect::<Result<_>>()?,
            reaches: self.reaches.into_iter().map(reach).collect::<Result<_>>()?,
            host_link: self.host_link,
        })
    }
}
