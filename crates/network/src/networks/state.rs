//! What is in memory: the records' mirror and the ports taken.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use errdefs::Result;
use ipnet::IpNet;

use crate::firewall::{self, Bridge, Entry};
use crate::port::table::PortTable;
use crate::{Driver, Endpoint, Network};

use super::endpoints::Endpoints;

/// A name or id prefix as short as this is never taken for an id: `a` is a fine network name.
const ID_LENGTH: usize = 64;

#[derive(Debug)]
pub(super) struct State {
    /// By id.
    pub(super) networks: BTreeMap<String, Arc<Network>>,
    pub(super) endpoints: Endpoints,
    pub(super) ports: PortTable,
}

impl State {
    pub(super) fn list(&self) -> Vec<Arc<Network>> {
        let mut all: Vec<_> = self.networks.values().cloned().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// By id, then by name, then by a prefix of the id.
    pub(super) fn network(&self, term: &str) -> Result<Arc<Network>> {
        if let Some(network) = self.networks.get(term) {
            return Ok(Arc::clone(network));
        }
        if let Some(network) = self.networks.values().find(|network| network.name == term) {
            return Ok(Arc::clone(network));
        }
        let unknown = || errdefs::not_found(format!("network {term} not found"));
        if term.is_empty() || term.len() >= ID_LENGTH {
            return Err(unknown());
        }
        let mut matching = self.networks.iter().filter(|(id, _)| id.starts_with(term));
        match (matching.next(), matching.next()) {
            (None, _) => Err(unknown()),
            (Some((_, network)), None) => Ok(Arc::clone(network)),
            (Some(_), Some(_)) => Err(errdefs::invalid(format!(
                "network {term} is ambiguous (2 matches found based on ID prefix)"
            ))),
        }
    }

    pub(super) fn endpoints(&self, wanted: impl Fn(&Endpoint) -> bool) -> Vec<Endpoint> {
        sorted(self.endpoints.values().filter(|endpoint| wanted(endpoint)))
    }

    /// The endpoints of a container, ordered by network name.
    pub(super) fn endpoints_of(&self, container_id: &str) -> Vec<Endpoint> {
        sorted(self.endpoints.of(container_id))
    }

    /// Forgets an endpoint and frees its ports.
    pub(super) fn forget(&mut self, endpoint: &Endpoint) {
        self.endpoints.remove(&endpoint.id);
        for port in &endpoint.ports {
            self.ports.free(port.protocol, port.host, &endpoint.id);
        }
    }

    /// Every subnet that a network of ours has.
    pub(super) fn subnets(&self) -> Vec<IpNet> {
        self.networks.values().flat_map(|network| network.subnets().collect::<Vec<_>>()).collect()
    }

    /// Addresses of a network that cannot be given out.
    pub(super) fn taken(&self, network: &Network) -> BTreeSet<IpAddr> {
        let of_endpoints = self
            .endpoints
            .values()
            .filter(|endpoint| endpoint.network_id == network.id)
            .flat_map(|endpoint| endpoint.addresses().collect::<Vec<_>>());
        let reserved = network.ipam.config.iter().flat_map(|config| {
            config.gateway.into_iter().chain(config.aux_addresses.values().copied()).collect::<Vec<_>>()
        });
        of_endpoints.chain(reserved).collect()
    }

    /// The bridges there should be.
    pub(super) fn bridges(&self) -> Vec<Bridge> {
        let bridges = self.networks.values().filter(|network| network.driver == Driver::Bridge);
        bridges.map(|network| network.firewall_bridge()).collect()
    }

    /// The rules' elements for all endpoints.
    pub(super) fn entries(&self) -> Vec<Entry> {
        self.endpoints.values().flat_map(firewall::entries).collect()
    }
}

fn sorted<'a>(endpoints: impl Iterator<Item = &'a Endpoint>) -> Vec<Endpoint> {
    let mut all: Vec<_> = endpoints.cloned().collect();
    all.sort_by(|a, b| (&a.container_id, &a.network_name).cmp(&(&b.container_id, &b.network_name)));
    all
}
