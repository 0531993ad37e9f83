//! The handle on everything: networks, endpoints, namespaces.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use errdefs::Result;
use store::Store;

use crate::{
    Config, Endpoint, EndpointRequest, LinkStatistics, Netns, Network, NetworkSpec, Reservation, ResolvConf,
    ResolvOptions,
};

/// What [`Networks::reconcile`] found and removed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Endpoints whose container is gone.
    pub endpoints: usize,
    /// Links of ours without an endpoint.
    pub links: usize,
}

/// All networks of this host. Clones share everything. Every method blocks for at most a few netlink round trips.
#[derive(Clone)]
pub struct Networks {
    _config: Arc<Config>,
    _store: Arc<Store>,
}

impl Networks {
    /// Loads the records, makes what is missing of the default bridge, the switches and the nftables table (rebuilt in
    /// one transaction from every recorded endpoint, so a live container is never without its rules), and starts to
    /// fill the pool of namespaces. Call [`Networks::reconcile`] once it is known which containers live.
    ///
    /// # Errors
    /// If the records cannot be read or the kernel refuses.
    pub fn open(_config: Config, _store: Arc<Store>) -> Result<Self> {
        todo!("open")
    }

    /// All networks, ordered by name.
    pub fn list(&self) -> Vec<Arc<Network>> {
        todo!("list")
    }

    /// The network with this id, name or unique prefix of its id.
    ///
    /// # Errors
    /// NotFound `network x not found`; InvalidParameter if the prefix is of several.
    pub fn get(&self, _term: &str) -> Result<Arc<Network>> {
        todo!("get")
    }

    /// Makes a network. The second value are warnings for the user.
    ///
    /// # Errors
    /// Docker's: Conflict `network with name x already exists`, Forbidden for predefined names and overlapping pools,
    /// InvalidParameter for wrong addresses.
    pub fn create(&self, _spec: &NetworkSpec) -> Result<(Arc<Network>, Vec<String>)> {
        todo!("create")
    }

    /// Removes a network and its link; gives what it was.
    ///
    /// # Errors
    /// Forbidden `x is a pre-defined network and cannot be removed`, Forbidden when endpoints are active.
    pub fn remove(&self, _term: &str) -> Result<Arc<Network>> {
        todo!("remove")
    }

    /// The endpoints in a network (by id), ordered by container id.
    pub fn endpoints(&self, _network_id: &str) -> Vec<Endpoint> {
        todo!("endpoints")
    }

    /// The endpoints of a container.
    pub fn endpoints_of(&self, _container_id: &str) -> Vec<Endpoint> {
        todo!("endpoints_of")
    }

    /// A namespace never used before: loopback up, default sysctls set.
    ///
    /// # Errors
    /// If the kernel makes no more of them.
    pub fn take_netns(&self) -> Result<Netns> {
        todo!("take_netns")
    }

    /// Gives a container addresses and ports in a network: all of them, recorded in one transaction, or none.
    ///
    /// # Errors
    /// Docker's texts: `Bind for 0.0.0.0:80 failed: port is already allocated`, `Address already in use`,
    /// `network x not found`...
    pub fn reserve(&self, _request: &EndpointRequest) -> Result<Reservation> {
        todo!("reserve")
    }

    /// Makes the endpoint real: a link named `ifname` in the namespace, with its addresses and routes, and the rules for
    /// its ports. On failure nothing of it stays (the record does: [`Networks::release`] removes it).
    ///
    /// # Errors
    /// If the kernel refuses a step.
    pub fn connect(&self, _endpoint: &Endpoint, _netns: &Netns, _ifname: &str) -> Result<()> {
        todo!("connect")
    }

    /// Takes a running container out of one network: its interface disappears, its address and ports become free.
    ///
    /// # Errors
    /// NotFound if it has no endpoint there.
    pub fn disconnect(&self, _container_id: &str, _network_id: &str, _netns: &Netns) -> Result<Endpoint> {
        todo!("disconnect")
    }

    /// Frees all endpoints of a container that has stopped, and gives what they were. Its links die with its namespace.
    /// No endpoint is no error.
    ///
    /// # Errors
    /// If a record cannot be removed.
    pub fn release(&self, _container_id: &str) -> Result<Vec<Endpoint>> {
        todo!("release")
    }

    /// Renames a container in its endpoints (for `network inspect`).
    ///
    /// # Errors
    /// If a record cannot be written.
    pub fn rename(&self, _container_id: &str, _name: &str) -> Result<()> {
        todo!("rename")
    }

    /// Removes endpoints of containers that are not in `live` and links of ours that no endpoint has.
    ///
    /// # Errors
    /// If a record cannot be removed or the kernel refuses.
    pub fn reconcile(&self, _live: &HashSet<String>) -> Result<Reconciled> {
        todo!("reconcile")
    }

    /// Counters of the interfaces in a namespace, ordered by name, without loopback.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn statistics(&self, _netns: &Netns) -> Result<Vec<LinkStatistics>> {
        todo!("statistics")
    }

    /// What `host-gateway` stands for in `--add-host`.
    pub fn host_gateway(&self) -> Vec<IpAddr> {
        todo!("host_gateway")
    }

    /// The resolver configuration for a container on the default bridge, or on host and none networks.
    ///
    /// # Errors
    /// If the host's file is there and cannot be read.
    pub fn resolv_conf(&self, _options: &ResolvOptions, _network: &Network) -> Result<ResolvConf> {
        todo!("resolv_conf")
    }

    /// Removes every trace from the host: the table and the bridges. The records stay.
    ///
    /// # Errors
    /// All failures together; every step is tried.
    pub fn remove_all(&self) -> Result<()> {
        todo!("remove_all")
    }
}
