//! The handle on everything: networks, endpoints, namespaces.

mod attach;
mod configuration;
mod create;
mod endpoints;
mod link;
mod recover;
mod reroute;
mod reserve;
mod state;
mod switches;
mod watch;

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use errdefs::Result;
use parking_lot::Mutex;
use store::Store;

use crate::definition::DEFAULT_NETWORK;
use crate::firewall::Firewall;
use crate::netlink::{Socket, route};
use crate::netns::Pool;
use crate::{
    Config, Endpoint, EndpointRequest, Families, LinkStatistics, Netns, Network, NetworkSpec, Reach,
    Reservation, ResolvConf, ResolvOptions,
};
use state::State;
use watch::Watch;

pub use recover::Reconciled;

/// All networks of this host. Clones share everything. Every method blocks for at most a few netlink round trips.
#[derive(Clone)]
pub struct Networks {
    inner: Arc<Inner>,
    _watch: Arc<Watch>,
}

/// Locks are taken one at a time, in no case one inside the other, except `state` inside `firewall`. `state` is never
/// held across a system call other than a bind.
struct Inner {
    config: Config,
    store: Arc<Store>,
    state: Mutex<State>,
    host: Mutex<Socket>,
    firewall: Mutex<Firewall>,
    pool: Pool,
    /// The host has IPv6.
    ipv6: bool,
    /// Everything was removed on purpose: the table is not to come back.
    removed: AtomicBool,
}

impl Networks {
    /// Loads the records, makes what is missing of the default bridge, the switches and the nftables table (rebuilt in
    /// one transaction from every recorded endpoint, so a live container is never without its rules), and starts to
    /// fill the pool of namespaces. Call [`Networks::reconcile`] once it is known which containers live.
    ///
    /// # Errors
    /// If the records cannot be read or the kernel refuses.
    pub fn open(config: Config, store: Arc<Store>) -> Result<Self> {
        let table = config.table.clone();
        let inner = Arc::new(Inner::open(config, store)?);
        let watch = Watch::start(Arc::downgrade(&inner), table)?;
        Ok(Self { inner, _watch: Arc::new(watch) })
    }

    /// All networks, ordered by name.
    pub fn list(&self) -> Vec<Arc<Network>> {
        self.inner.state.lock().list()
    }

    /// The network with this id, name or unique prefix of its id.
    ///
    /// # Errors
    /// NotFound `network x not found`; InvalidParameter if the prefix is of several.
    pub fn get(&self, term: &str) -> Result<Arc<Network>> {
        self.inner.state.lock().network(term)
    }

    /// Makes a network. The second value are warnings for the user.
    ///
    /// # Errors
    /// Docker's: Conflict `network with name x already exists`, Forbidden for predefined names and overlapping pools,
    /// InvalidParameter for wrong addresses.
    pub fn create(&self, spec: &NetworkSpec) -> Result<(Arc<Network>, Vec<String>)> {
        self.inner.create(spec)
    }

    /// Removes a network and its link; gives what it was.
    ///
    /// # Errors
    /// Forbidden `x is a pre-defined network and cannot be removed`, Forbidden when endpoints are active.
    pub fn remove(&self, term: &str) -> Result<Arc<Network>> {
        self.inner.remove(term)
    }

    /// The endpoints in a network (by id), ordered by container id.
    pub fn endpoints(&self, network_id: &str) -> Vec<Endpoint> {
        self.inner.state.lock().endpoints(|endpoint| endpoint.network_id == network_id)
    }

    /// The endpoints of a container, ordered by network name.
    pub fn endpoints_of(&self, container_id: &str) -> Vec<Endpoint> {
        self.inner.state.lock().endpoints_of(container_id)
    }

    /// A namespace never used before: loopback up, default sysctls set.
    ///
    /// # Errors
    /// If the kernel makes no more of them.
    pub fn take_netns(&self) -> Result<Netns> {
        self.inner.pool.take()
    }

    /// Replaces the namespaces that were taken, in the background: call it when what they were taken for is done.
    pub fn refill(&self) {
        self.inner.pool.refill();
    }

    /// Whether [`Networks::reserve`] could grant the request's addresses in principle: what a container's creation checks
    /// before anything is started.
    ///
    /// # Errors
    /// NotFound for an unknown network; InvalidParameter `invalid config for network x: invalid endpoint settings:...`.
    pub fn validate(&self, request: &EndpointRequest) -> Result<()> {
        let network = self.get(&request.network)?;
        reserve::validate(&network, request)
    }

    /// Gives a container addresses and ports in a network: all of them, recorded in one transaction, or none. In the host
    /// and none networks there is nothing to give: the endpoint has no addresses and connecting it does nothing.
    ///
    /// # Errors
    /// Docker's texts: `Bind for 0.0.0.0:80 failed: port is already allocated`, `Address already in use`,
    /// `network x not found`...
    pub fn reserve(&self, request: &EndpointRequest) -> Result<Reservation> {
        self.inner.reserve(request)
    }

    /// Makes the endpoint real: a link named `ifname` in the namespace, with its addresses and routes, and the rules for
    /// its ports. On failure nothing of it stays (the record does: [`Networks::release`] removes it).
    ///
    /// # Errors
    /// If the kernel refuses a step.
    pub fn connect(&self, endpoint: &Endpoint, netns: &Netns, ifname: &str) -> Result<()> {
        self.inner.connect(endpoint, netns, ifname)
    }

    /// Takes a running container out of one network: its interface disappears, its address and ports become free (close
    /// the sockets that held them).
    ///
    /// # Errors
    /// NotFound if it has no endpoint there.
    pub fn disconnect(&self, container_id: &str, network_id: &str) -> Result<Endpoint> {
        self.inner.disconnect(container_id, network_id)
    }

    /// Leads a running container's default routes as `shares` say: what each of its endpoints (by id) gets.
    ///
    /// # Errors
    /// If a record cannot be written or the kernel refuses.
    pub fn share_routes(&self, netns: &Netns, shares: &[(String, Families)]) -> Result<()> {
        self.inner.share_routes(netns, shares)
    }

    /// Leads the published ports of one endpoint to another of the same container. The sockets that hold them stay.
    ///
    /// # Errors
    /// If the records cannot be written or the kernel refuses.
    pub fn move_ports(&self, from: &str, to: &str) -> Result<()> {
        self.inner.move_ports(from, to)
    }

    /// Says what an endpoint (by its id) may reach in its network: for networks whose containers may not talk to each other.
    /// What it may reach of an endpoint that goes is taken from it by itself.
    ///
    /// # Errors
    /// If the record cannot be written or the kernel refuses.
    pub fn set_reaches(&self, id: &str, reaches: &[Reach]) -> Result<()> {
        self.inner.set_reaches(id, reaches)
    }

    /// Frees all endpoints of a container that has stopped, and gives what they were, for [`Networks::silence`]. No
    /// endpoint is no error.
    ///
    /// # Errors
    /// If a record cannot be removed.
    pub fn release(&self, container_id: &str) -> Result<Vec<Endpoint>> {
        self.inner.release(container_id)
    }

    /// Sets the links of released endpoints down, so that a namespace that takes long to die no longer answers for its
    /// address. Links that have died with their namespace are no error.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn silence(&self, endpoints: &[Endpoint]) -> Result<()> {
        self.inner.silence(endpoints)
    }

    /// Renames a container in its endpoints (for `network inspect`).
    ///
    /// # Errors
    /// If a record cannot be written.
    pub fn rename(&self, container_id: &str, name: &str) -> Result<()> {
        self.inner.rename(container_id, name)
    }

    /// Removes endpoints of containers that are not in `live` and links of ours that no endpoint has.
    ///
    /// # Errors
    /// If a record cannot be removed or the kernel refuses.
    pub fn reconcile(&self, live: &HashSet<String>) -> Result<Reconciled> {
        self.inner.reconcile(live)
    }

    /// Counters of the interfaces in a namespace, ordered by name, without loopback.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn statistics(&self, netns: &Netns) -> Result<Vec<LinkStatistics>> {
        let links = route::links(&mut netns.inside().route)?;
        let mut all: Vec<_> =
            links.into_iter().filter(|link| !link.loopback).map(|link| link.statistics).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// What `host-gateway` stands for in `--add-host`.
    pub fn host_gateway(&self) -> Vec<IpAddr> {
        if !self.inner.config.host_gateway_ips.is_empty() {
            return self.inner.config.host_gateway_ips.clone();
        }
        let default = self.get(DEFAULT_NETWORK);
        default.into_iter().flat_map(|network| network.gateways().collect::<Vec<_>>()).collect()
    }

    /// The resolver configuration for a container on the default bridge, or on host and none networks.
    ///
    /// # Errors
    /// If the host's file is there and cannot be read.
    pub fn resolv_conf(&self, options: &ResolvOptions, network: &Network) -> Result<ResolvConf> {
        ResolvConf::build(&self.inner.config, options, network)
    }

    /// What on this host stands in the way of containers' traffic, in sentences for `info`.
    ///
    /// # Errors
    /// If the kernel refuses to list the firewall's chains.
    pub fn warnings(&self) -> Result<Vec<String>> {
        let barriers = self.inner.firewall.lock().foreign_barriers()?;
        let bridge = &self.inner.config.bridge;
        Ok(barriers
            .into_iter()
            .map(|chain| {
                format!(
                    "WARNING: firewall chain \"{chain}\" drops what it does not know: containers may be cut off. \
                     Allow their traffic there, e.g.: nft insert rule {chain} iifname {bridge} accept; \
                     nft insert rule {chain} oifname {bridge} accept"
                )
            })
            .collect())
    }

    /// Removes every trace from the host: the table and the bridges. The records stay.
    ///
    /// # Errors
    /// All failures together; every step is tried.
    pub fn remove_all(&self) -> Result<()> {
        self.inner.remove_all()
    }

    /// How many netlink messages were sent so far to set up links and rules: what a start costs, for a ceiling in tests.
    pub fn messages_sent(&self) -> u64 {
        self.inner.host.lock().messages() + self.inner.firewall.lock().messages()
    }
}
