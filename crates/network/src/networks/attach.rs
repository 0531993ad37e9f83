//! Connecting: links, addresses, routes and rules for a reserved endpoint, and their end.

use std::net::IpAddr;
use std::os::fd::AsFd;

use errdefs::{Collected, Context, Result};
use ipnet::IpNet;
use rustix::io::Errno;

use super::Inner;
use super::reserve::link_local_net;
use super::switches::switch;
use crate::definition::option;
use crate::firewall::{self, Entry};
use crate::netlink::{Encoder, Socket, conntrack, route};
use crate::netns::{self, Inside};
use crate::schema::{ENDPOINTS, EndpointRecord};
use crate::{Driver, Endpoint, Families, Netns, Network, Protocol};

impl Inner {
    pub(super) fn connect(&self, endpoint: &Endpoint, netns: &Netns, ifname: &str) -> Result<()> {
        let network = self.state.lock().network(&endpoint.network_id)?;
        if network.driver != Driver::Bridge {
            return Ok(());
        }
        let what = || format!("connect {} to network {}", endpoint.container_name, network.name);
        let ifname = endpoint.driver_opts.get(option::ENDPOINT_IFNAME).map_or(ifname, String::as_str);
        let sysctls = endpoint.driver_opts.get(option::ENDPOINT_SYSCTLS).map_or("", String::as_str);
        let sysctls = option::parse_sysctls(sysctls, ifname)?;
        let bridge = self.bridge_index(&network).context(what)?;
        let mut inside = netns.inside();
        let done = self
            .make_link(&network, bridge, endpoint, netns, &mut inside, ifname)
            .and_then(|index| configure(&mut inside, endpoint, index))
            .and_then(|()| set_inside(netns, &sysctls))
            .and_then(|()| self.apply(&firewall::port_entries(endpoint), &[]));
        if done.is_err() {
            // Failing is rare: the 17 ms that one deletion takes do not matter.
            let _ = self.delete_link(&endpoint.host_link);
        }
        done.context(what)
    }

    /// The index of a network's bridge. It is looked up each time: somebody may have deleted it (then it is made again) or
    /// put another in its place.
    fn bridge_index(&self, network: &Network) -> Result<u32> {
        for _ in 0..2 {
            if let Some(index) = self.host.lock().index_of(&network.bridge)? {
                return Ok(index);
            }
            self.ensure_bridge(network)?;
        }
        Err(errdefs::system(format!("link {} disappears again and again", network.bridge)))
    }

    /// Makes the veth pair; gives the index of the end inside.
    fn make_link(
        &self,
        network: &Network,
        bridge: u32,
        endpoint: &Endpoint,
        netns: &Netns,
        inside: &mut Inside,
        ifname: &str,
    ) -> Result<u32> {
        let planned = inside.next_index.take();
        let mut host = self.host.lock();
        inside.set_ipv6(endpoint.ipv6.is_some())?;
        let veth = |index: u32| {
            let mut batch = Encoder::new();
            let veth = route::Veth {
                host_name: &endpoint.host_link,
                bridge,
                netns: netns.as_fd(),
                peer_name: ifname,
                peer_index: index,
                peer_mac: endpoint.mac,
                mtu: network.mtu(),
            };
            route::new_veth(&mut batch, &veth);
            route::port_up(&mut batch, &endpoint.host_link, !network.icc());
            batch
        };
        let made = match host.send(veth(planned.unwrap_or(0)))? {
            // A process inside made a link of its own that has the index.
            Err(refused) if refused.errno == Errno::BUSY && planned.is_some() => {
                host.send(veth(0))?.map(|()| None)
            }
            made => made.map(|()| planned),
        };
        inside.set_ipv6(true)?;
        match made.context(|| format!("make link {ifname}"))? {
            Some(index) => Ok(index),
            None => {
                let link = route::link(&mut inside.route, ifname)?;
                Ok(link.ok_or_else(|| errdefs::system(format!("link {ifname} has disappeared")))?.index)
            }
        }
    }

    pub(super) fn delete_link(&self, name: &str) -> Result<()> {
        let mut batch = Encoder::new();
        route::delete_link(&mut batch, name);
        match self.host.lock().send(batch)? {
            Err(refused) if refused.errno != Errno::NODEV => {
                Err(refused).context(|| format!("delete link {name}"))
            }
            _ => Ok(()),
        }
    }

    /// Changes the firewall; if it is not as it should be, makes it so from what is recorded.
    pub(super) fn apply(&self, added: &[Entry], removed: &[Entry]) -> Result<()> {
        let mut firewall = self.firewall.lock();
        if firewall.change(added, removed)? {
            return Ok(());
        }
        self.rebuild(&mut firewall)
    }

    pub(super) fn disconnect(&self, container_id: &str, network_id: &str) -> Result<Endpoint> {
        let endpoint = {
            let state = self.state.lock();
            let network = state.network(network_id)?;
            let mut of_container = state.endpoints.of(container_id);
            of_container.find(|endpoint| endpoint.network_id == network.id).cloned().ok_or_else(|| {
                errdefs::forbidden(format!(
                    "container {container_id} is not connected to network {}",
                    network.name
                ))
            })?
        };
        let mut teardown = Collected::new();
        self.forget(std::slice::from_ref(&endpoint), &mut teardown);
        if !endpoint.host_link.is_empty() {
            teardown.step(self.delete_link(&endpoint.host_link));
        }
        teardown.finish().map(|()| endpoint)
    }

    pub(super) fn release(&self, container_id: &str) -> Result<Vec<Endpoint>> {
        let endpoints = self.state.lock().endpoints_of(container_id);
        let mut teardown = Collected::new();
        self.forget(&endpoints, &mut teardown);
        teardown.finish().map(|()| endpoints)
    }

    /// Removes the endpoints' rules, records and claims.
    pub(super) fn forget(&self, endpoints: &[Endpoint], teardown: &mut Collected) {
        if endpoints.is_empty() {
            return;
        }
        let mut removed: Vec<Entry> = endpoints.iter().flat_map(firewall::entries).collect();
        // Others must not reach whoever gets the addresses next.
        let parted = self.part(endpoints);
        removed.extend(parted.iter().flat_map(|(one, lost)| firewall::reach_entries(one, lost)));
        teardown.step(self.store.transaction(|tx| {
            for (one, _) in &parted {
                tx.put(&ENDPOINTS, &one.id, &EndpointRecord::new(one))?;
            }
            endpoints.iter().try_for_each(|endpoint| tx.delete(&ENDPOINTS, &endpoint.id).map(drop))
        }));
        // The rules go while the ports are still claimed: nobody can get a port with an old rule on it. A rebuild from
        // the records must not bring them back, so the endpoints lose their ports first.
        {
            let mut state = self.state.lock();
            for endpoint in endpoints {
                state.endpoints.change(&endpoint.id, |known| {
                    known.ports.clear();
                    known.reaches.clear();
                });
            }
        }
        teardown.step(self.apply(&[], &removed));
        teardown.step(forget_datagrams(endpoints));
        let mut state = self.state.lock();
        endpoints.iter().for_each(|endpoint| state.forget(endpoint));
    }

    pub(super) fn silence(&self, endpoints: &[Endpoint]) -> Result<()> {
        let mut host = self.host.lock();
        for endpoint in endpoints.iter().filter(|endpoint| !endpoint.host_link.is_empty()) {
            let mut batch = Encoder::new();
            route::link_down(&mut batch, &endpoint.host_link);
            match host.send(batch)? {
                Err(refused) if refused.errno != Errno::NODEV => {
                    return Err(refused).context(|| format!("set link {} down", endpoint.host_link));
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn rename(&self, container_id: &str, name: &str) -> Result<()> {
        let renamed = {
            let mut state = self.state.lock();
            let ids: Vec<String> =
                state.endpoints.of(container_id).map(|endpoint| endpoint.id.clone()).collect();
            let renamed = |id: &String| {
                state.endpoints.change(id, |one| name.clone_into(&mut one.container_name)).cloned()
            };
            ids.iter().filter_map(renamed).collect::<Vec<_>>()
        };
        self.store.transaction(|tx| {
            renamed
                .iter()
                .try_for_each(|endpoint| tx.put(&ENDPOINTS, &endpoint.id, &EndpointRecord::new(endpoint)))
        })
    }
}

/// Makes the kernel forget where datagrams to the endpoints' ports went: a peer that goes on sending would keep the way to
/// an address that others may get. Only done where such ports were published: it costs milliseconds.
pub(super) fn forget_datagrams(endpoints: &[Endpoint]) -> Result<()> {
    let datagrams = |endpoint: &&Endpoint| endpoint.ports.iter().any(|port| port.protocol == Protocol::Udp);
    let addresses: Vec<IpAddr> = endpoints.iter().filter(datagrams).flat_map(Endpoint::addresses).collect();
    if addresses.is_empty() {
        return Ok(());
    }
    let mut socket = Socket::netfilter()?;
    addresses.into_iter().try_for_each(|address| conntrack::forget(&mut socket, address).map(drop))
}

/// Leads the default routes of these families through an endpoint's gateways, wherever they went before.
pub(super) fn default_routes(batch: &mut Encoder, endpoint: &Endpoint, families: Families) {
    let v4 = endpoint.gateway4.filter(|_| families.ipv4).map(IpAddr::V4);
    let v6 = endpoint.gateway6.filter(|_| families.ipv6).map(IpAddr::V6);
    v4.into_iter().chain(v6).for_each(|gateway| route::set_default_route(batch, gateway));
}

/// Gives the interface inside its addresses and, if they go this way, the default routes: one batch.
fn configure(inside: &mut Inside, endpoint: &Endpoint, index: u32) -> Result<()> {
    let mut batch = Encoder::new();
    route::link_up(&mut batch, index);
    let addresses = endpoint.ipv4.map(IpNet::V4).into_iter().chain(endpoint.ipv6.map(IpNet::V6));
    addresses.for_each(|net| route::new_address(&mut batch, index, net));
    for address in &endpoint.link_local {
        route::new_address(&mut batch, index, link_local_net(*address)?);
    }
    default_routes(&mut batch, endpoint, endpoint.default_routes);
    inside.route.run(batch, || "set addresses and routes".to_owned())
}

/// Writes switches below `/proc/sys` as they are seen in a namespace.
fn set_inside(netns: &Netns, sysctls: &[(String, String)]) -> Result<()> {
    if sysctls.is_empty() {
        return Ok(());
    }
    std::thread::scope(|scope| {
        let inside = scope.spawn(|| {
            netns::enter(netns.as_fd())?;
            sysctls.iter().try_for_each(|(path, value)| switch(path, value))
        });
        inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
