//! Start and end: from records to links and rules, and removal of what has no owner.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use errdefs::{Collected, Context, Result};
use ipnet::IpNet;
use jiff::Timestamp;
use parking_lot::Mutex;
use rustix::io::Errno;
use store::Store;

use super::Inner;
use super::create::with_gateway;
use super::endpoints::Endpoints;
use super::reserve::{random_id, random_mac};
use super::state::State;
use super::switches::{self, Family};
use crate::config::DEFAULT_BRIDGE;
use crate::definition::{DEFAULT_NETWORK, option};
use crate::firewall::Firewall;
use crate::netlink::{Encoder, Socket, route};
use crate::netns::Pool;
use crate::port::socket;
use crate::port::table::PortTable;
use crate::schema::{ENDPOINTS, NETWORKS, NetworkRecord};
use crate::{Config, Driver, Ipam, IpamConfig, Network};

/// What [`Networks::reconcile`] found and removed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Endpoints whose container is gone.
    pub endpoints: usize,
    /// Links of ours without an endpoint.
    pub links: usize,
}

/// Orphaned links are put into this group to be deleted all at once; a number nobody else is likely to use.
const DOOMED_GROUP: u32 = 0x6879_7468;

/// The kernel's default, for a host that does not say.
const EPHEMERAL_PORTS: (u16, u16) = (32_768, 60_999);

impl Inner {
    pub(super) fn open(config: Config, store: Arc<Store>) -> Result<Self> {
        option::check_link_name(&config.bridge)?;
        let mut networks = BTreeMap::new();
        for (id, record) in store.list(&NETWORKS)? {
            networks.insert(id.clone(), Arc::new(record.into_network(id)?));
        }
        let mut endpoints = Endpoints::default();
        let mut ports = PortTable::new(ephemeral_ports(), reserved_ports());
        for (id, record) in store.list(&ENDPOINTS)? {
            let endpoint = record.into_endpoint(id.clone())?;
            for port in &endpoint.ports {
                ports.take(port.protocol, port.host, &id)?;
            }
            endpoints.insert(endpoint);
        }
        let inner = Self {
            pool: Pool::start(config.ready_namespaces)?,
            host: Mutex::new(Socket::route()?),
            firewall: Mutex::new(Firewall::open(&config.table)?),
            state: Mutex::new(State { networks, endpoints, ports }),
            ipv6: socket::has_ipv6(),
            removed: AtomicBool::new(false),
            config,
            store,
        };
        inner.ensure_predefined()?;
        // Rules first: nothing is forwarded and no bridge has an address before they hold.
        {
            let mut firewall = inner.firewall.lock();
            firewall.remember_guard()?;
            inner.rebuild(&mut firewall)?;
        }
        inner.forward(Family::V4)?;
        let all: Vec<_> = inner.state.lock().networks.values().cloned().collect();
        for network in all.iter().filter(|network| network.driver == Driver::Bridge) {
            inner.ensure_bridge(network)?;
        }
        Ok(inner)
    }

    /// Makes the firewall what the records say, if the table is gone.
    pub(super) fn restore(&self) -> Result<()> {
        let mut firewall = self.firewall.lock();
        if self.removed.load(Ordering::Relaxed) || firewall.exists()? {
            return Ok(());
        }
        self.rebuild(&mut firewall)
    }

    /// Makes the firewall what the records say.
    pub(super) fn rebuild(&self, firewall: &mut Firewall) -> Result<()> {
        let (bridges, ports) = {
            let state = self.state.lock();
            (state.bridges(), state.entries())
        };
        firewall.rebuild(&bridges, &ports)
    }

    fn ensure_predefined(&self) -> Result<()> {
        for (name, driver) in [("host", Driver::Host), ("none", Driver::Null)] {
            if self.state.lock().network(name).is_err() {
                self.record(predefined(name, driver, random_id()?))?;
            }
        }
        let known = self.state.lock().network(DEFAULT_NETWORK).ok();
        let link_made = self.default_link_is_ours(known.as_deref())?;
        let subnet = self.default_subnet(known.as_deref(), link_made)?;
        let id = match &known {
            Some(network) => network.id.clone(),
            None => random_id()?,
        };
        let mut network = predefined(DEFAULT_NETWORK, Driver::Bridge, id);
        if let Some(known) = known {
            network.created = known.created;
        }
        network.link_made = link_made;
        network.bridge.clone_from(&self.config.bridge);
        network.ipam.config = vec![subnet];
        network.options = self.default_options();
        self.record(network)
    }

    /// Writes a network's record and its mirror.
    fn record(&self, network: Network) -> Result<()> {
        self.store.put(&NETWORKS, &network.id, &NetworkRecord::new(&network))?;
        self.state.lock().networks.insert(network.id.clone(), Arc::new(network));
        Ok(())
    }

    /// Whether the default bridge's link is this engine's to make, change and remove, or one that the user has set up.
    fn default_link_is_ours(&self, known: Option<&Network>) -> Result<bool> {
        let name = &self.config.bridge;
        if name == "none" {
            return Err(errdefs::not_implemented(
                "running without a default bridge (--bridge none) is not implemented",
            ));
        }
        match known {
            Some(network) if network.bridge == *name => Ok(network.link_made),
            _ if name == DEFAULT_BRIDGE => Ok(true),
            _ => Ok(route::link(&mut self.host.lock(), name)?.is_none()),
        }
    }

    /// The subnet that a link of the user's has.
    fn given_subnet(&self) -> Result<Option<IpNet>> {
        let mut host = self.host.lock();
        let Some(link) = route::link(&mut host, &self.config.bridge)? else { return Ok(None) };
        let addresses = route::addresses(&mut host, link.index)?;
        Ok(addresses.into_iter().find(|net| matches!(net, IpNet::V4(_))))
    }

    /// The subnet of the default bridge: as configured, as it was, or the first of the pools that the host does not use
    /// (an installed Docker mostly has 172.17.0.0/16).
    fn default_subnet(&self, known: Option<&Network>, link_made: bool) -> Result<IpamConfig> {
        let range = self.config.fixed_cidr.map(|net| IpNet::V4(net.trunc()));
        if let Some(bip) = self.config.bip {
            let gateway = Some(std::net::IpAddr::V4(bip.addr()));
            let subnet = Some(IpNet::V4(bip.trunc()));
            return with_gateway(IpamConfig { subnet, ip_range: range, gateway, ..IpamConfig::default() });
        }
        if !link_made && let Some(net) = self.given_subnet()? {
            let (subnet, gateway) = (Some(net.trunc()), Some(net.addr()));
            return with_gateway(IpamConfig { subnet, ip_range: range, gateway, ..IpamConfig::default() });
        }
        let used = self.used_by_others()?;
        let before = known.and_then(|network| network.ipam.config.first()).cloned();
        if let Some(before) = before {
            let busy = known.is_some_and(|network| {
                self.state.lock().endpoints.values().any(|endpoint| endpoint.network_id == network.id)
            });
            let free = before
                .subnet
                .is_some_and(|subnet| !used.iter().any(|other| crate::ipam::overlap(other, &subnet)));
            if busy || free {
                return with_gateway(IpamConfig { ip_range: range, ..before });
            }
        }
        let ours = self.state.lock().subnets();
        let subnet = self.choose(true, &used.iter().chain(&ours).copied().collect::<Vec<_>>())?;
        with_gateway(IpamConfig { subnet: Some(subnet), ip_range: range, ..IpamConfig::default() })
    }

    /// Subnets the host has on links other than the default bridge.
    fn used_by_others(&self) -> Result<Vec<IpNet>> {
        let mut host = self.host.lock();
        let own = route::link(&mut host, &self.config.bridge)?.map(|link| link.index);
        let used = route::used_subnets(&mut host)?;
        Ok(used.into_iter().filter(|(_, index)| Some(*index) != own).map(|(net, _)| net).collect())
    }

    fn default_options(&self) -> BTreeMap<String, String> {
        let mtu = if self.config.mtu == 0 { crate::limits::DEFAULT_MTU } else { self.config.mtu };
        [
            (option::DEFAULT_BRIDGE, "true".to_owned()),
            (option::ICC, self.config.icc.to_string()),
            (option::MASQUERADE, self.config.ip_masq.to_string()),
            (option::HOST_BINDING, self.config.host_ip.to_string()),
            (option::BRIDGE_NAME, self.config.bridge.clone()),
            (option::MTU, mtu.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// Makes a network's link and its addresses and switches, as far as they are not there.
    pub(super) fn ensure_bridge(&self, network: &Network) -> Result<()> {
        let name = &network.bridge;
        let what = || format!("set up link {name}");
        if network.enable_ipv6 {
            self.forward(Family::V6).context(what)?;
        }
        let mut host = self.host.lock();
        let link = match route::link(&mut host, name)? {
            Some(link) => link,
            None => {
                let mut batch = Encoder::new();
                route::new_bridge(&mut batch, name, random_mac()?, network.mtu());
                host.run(batch, what)?;
                let made = route::link(&mut host, name)?;
                made.ok_or_else(|| errdefs::system(format!("link {name} has disappeared")))?
            }
        };
        // Before any address: a link with an address and wrong switches could be talked to.
        switches::set_of_bridge(network).context(what)?;
        let present = route::addresses(&mut host, link.index)?;
        let mut batch = Encoder::new();
        if !link.up {
            route::link_up(&mut batch, link.index);
        }
        let wanted = network.host_addresses();
        wanted.iter().filter(|net| !present.contains(net)).for_each(|net| {
            route::new_address(&mut batch, link.index, *net);
        });
        // An earlier configuration's. Link-local addresses are the kernel's.
        let stale = |net: &&IpNet| network.link_made && !wanted.contains(net) && !is_link_local(net);
        present.iter().filter(stale).for_each(|net| route::delete_address(&mut batch, link.index, *net));
        if batch.is_empty() {
            return Ok(());
        }
        host.run(batch, what)
    }

    pub(super) fn reconcile(&self, live: &HashSet<String>) -> Result<Reconciled> {
        let dead = self.state.lock().endpoints(|endpoint| !live.contains(&endpoint.container_id));
        let mut teardown = Collected::new();
        self.forget(&dead, &mut teardown);
        let owned: HashSet<String> =
            self.state.lock().endpoints.values().map(|endpoint| endpoint.host_link.clone()).collect();
        let links = teardown.step(self.delete_links(|name| !owned.contains(name))).unwrap_or(0);
        teardown.finish().map(|()| Reconciled { endpoints: dead.len(), links })
    }

    /// Deletes veths of ours, all in one step of the kernel; says how many there were.
    fn delete_links(&self, doomed: impl Fn(&str) -> bool) -> Result<usize> {
        let prefix = format!("{}v", self.config.link_prefix);
        let ours = |name: &str| {
            name.strip_prefix(&prefix).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
        };
        let mut host = self.host.lock();
        let links = route::links(&mut host)?;
        let doomed: Vec<_> = links.iter().filter(|link| ours(&link.name) && doomed(&link.name)).collect();
        if doomed.is_empty() {
            return Ok(0);
        }
        let mut batch = Encoder::new();
        doomed.iter().for_each(|link| route::set_group(&mut batch, link.index, DOOMED_GROUP));
        route::delete_group(&mut batch, DOOMED_GROUP);
        // A link whose namespace died meanwhile is gone already.
        match host.send(batch)? {
            Err(refused) if refused.errno != Errno::NODEV => {
                Err(refused).context(|| "delete links without owner")
            }
            _ => Ok(doomed.len()),
        }
    }

    pub(super) fn remove_all(&self) -> Result<()> {
        let mut teardown = Collected::new();
        self.removed.store(true, Ordering::Relaxed);
        teardown.step(self.firewall.lock().remove());
        teardown.step(self.delete_links(|_| true));
        let networks = self.state.lock().list();
        for network in networks.iter().filter(|network| network.driver == Driver::Bridge && network.link_made)
        {
            teardown.step(self.delete_link(&network.bridge));
        }
        teardown.finish()
    }
}

fn predefined(name: &str, driver: Driver, id: String) -> Network {
    Network {
        id,
        name: name.to_owned(),
        driver,
        created: Timestamp::now(),
        internal: false,
        attachable: false,
        enable_ipv4: true,
        enable_ipv6: false,
        ipam: Ipam::default(),
        subnets_given: false,
        asked: Vec::new(),
        options: BTreeMap::new(),
        labels: BTreeMap::new(),
        bridge: String::new(),
        link_made: true,
        config_only: false,
        config_from: String::new(),
    }
}

fn is_link_local(net: &IpNet) -> bool {
    matches!(net, IpNet::V6(net) if net.addr().is_unicast_link_local())
}

fn ephemeral_ports() -> (u16, u16) {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut numbers = text.split_whitespace().map(str::parse::<u16>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(first)), Some(Ok(last))) if first < last => (first, last),
        _ => EPHEMERAL_PORTS,
    }
}

/// `ip_local_reserved_ports`: `8080,9148-9150`, mostly empty.
fn reserved_ports() -> Vec<(u16, u16)> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_reserved_ports").unwrap_or_default();
    let range = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some((first.parse().ok()?, last.parse().ok()?))
    };
    text.trim().split(',').filter_map(range).collect()
}
