//! Reserving: addresses and ports for a container, all or none.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use errdefs::{Context, Result};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use rustix::io::Errno;

use super::Inner;
use super::state::State;
use crate::definition::option;
use crate::limits::BRIDGE_PORTS_MAX;
use crate::port::socket;
use crate::schema::{ENDPOINTS, EndpointRecord};
use crate::{
    Driver, Endpoint, EndpointRequest, Network, PortBinding, PortRequest, PortSocket, Reservation, ipam,
};

impl Inner {
    pub(super) fn reserve(&self, request: &EndpointRequest) -> Result<Reservation> {
        let mut endpoint = self.claim(request)?;
        let sockets = self.claim_ports(&mut endpoint, &request.ports).map_err(|error| {
            let (name, id) = (&endpoint.container_name, &endpoint.id);
            error
                .context(format!("driver failed programming external connectivity on endpoint {name} ({id})"))
        });
        // Ports of a failure are in `endpoint` too, as far as it came.
        let recorded = sockets.and_then(|sockets| {
            self.state.lock().endpoints.insert(endpoint.clone());
            self.store.put(&ENDPOINTS, &endpoint.id, &EndpointRecord::new(&endpoint))?;
            Ok(sockets)
        });
        match recorded {
            Ok(sockets) => Ok(Reservation { endpoint, sockets }),
            Err(error) => {
                self.state.lock().forget(&endpoint);
                Err(error)
            }
        }
    }

    /// Takes the addresses, in memory.
    fn claim(&self, request: &EndpointRequest) -> Result<Endpoint> {
        let id = random_id()?;
        let fallback = random_mac()?;
        let mut state = self.state.lock();
        let network = state.network(&request.network)?;
        validate(&network, request)?;
        for address in &request.link_local {
            link_local_net(*address)?;
        }
        admit(&state, &network, request)?;
        let mut endpoint = Endpoint {
            id,
            network_id: network.id.clone(),
            network_name: network.name.clone(),
            container_id: request.container_id.clone(),
            container_name: request.container_name.clone(),
            mac: [0; 6],
            ipv4: None,
            ipv6: None,
            gateway4: None,
            gateway6: None,
            aliases: request.aliases.clone(),
            driver_opts: request.driver_opts.clone(),
            link_local: request.link_local.clone(),
            default_routes: request.default_routes,
            ports: Vec::new(),
            reaches: Vec::new(),
            host_link: String::new(),
        };
        if network.driver == Driver::Bridge {
            endpoint.host_link = link_name(&self.config.link_prefix, &endpoint.id);
            give_addresses(&state, &network, request, &mut endpoint)?;
            let own = endpoint.ipv4.map(|net| mac_of(net.addr()));
            endpoint.mac = request.mac.or(own).unwrap_or(fallback);
        }
        state.endpoints.insert(endpoint.clone());
        Ok(endpoint)
    }

    /// Takes the ports: those that are named first, so that none of them goes to one that may be any.
    fn claim_ports(&self, endpoint: &mut Endpoint, requests: &[PortRequest]) -> Result<Vec<PortSocket>> {
        // As in Docker, a network without a way in publishes nothing, and that is no error.
        let internal = self.state.lock().network(&endpoint.network_id)?.internal;
        let requests = if internal { &[] } else { requests };
        let mut order: Vec<usize> = (0..requests.len()).collect();
        order.sort_by_key(|&n| match requests[n].host_ports {
            Some((first, last)) if first == last => 0,
            Some(_) => 1,
            None => 2,
        });
        let mut sockets = Vec::new();
        let mut given: Vec<(usize, Vec<PortBinding>)> = Vec::new();
        let mut result = Ok(());
        for n in order {
            match self.claim_port(endpoint, &requests[n], &mut sockets) {
                Ok(bindings) => given.push((n, bindings)),
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        given.sort_by_key(|(n, _)| *n);
        endpoint.ports = given.into_iter().flat_map(|(_, bindings)| bindings).collect();
        result.map(|()| sockets)
    }

    /// Takes one port on all addresses it is wanted on: the first candidate that is free of ours and of others.
    fn claim_port(
        &self,
        endpoint: &Endpoint,
        request: &PortRequest,
        sockets: &mut Vec<PortSocket>,
    ) -> Result<Vec<PortBinding>> {
        let hosts = self.host_addresses(endpoint, request)?;
        let protocol = request.protocol;
        let candidates: Vec<u16> = match request.host_ports {
            Some((first, last)) => (first..=last).collect(),
            None => self.state.lock().ports.ephemeral(protocol, hosts[0]).collect(),
        };
        let single = candidates.len() == 1;
        for &port in &candidates {
            match self.try_port(endpoint, request, &hosts, port) {
                Ok(mut bound) => {
                    if request.host_ports.is_none() {
                        self.state.lock().ports.advance(protocol, hosts[0], port);
                    }
                    sockets.append(&mut bound);
                    let binding = |ip| PortBinding {
                        container_port: request.container_port,
                        protocol,
                        host: SocketAddr::new(ip, port),
                    };
                    return Ok(hosts.into_iter().map(binding).collect());
                }
                Err(NotFree::Ours(error)) if single => return Err(error),
                Err(NotFree::Bind { host, target, errno }) if single || errno != Errno::ADDRINUSE => {
                    return Err(errdefs::system(format!(
                        "failed to bind host port for {}:{}:{}:{}/{protocol}: {}",
                        host.ip(),
                        host.port(),
                        target.ip(),
                        target.port(),
                        socket::describe(errno)
                    )));
                }
                Err(_) => {}
            }
        }
        Err(errdefs::system("all ports are allocated"))
    }

    /// Where a port listens: one address, or all of the families the host has.
    fn host_addresses(&self, endpoint: &Endpoint, request: &PortRequest) -> Result<Vec<IpAddr>> {
        if let Some(ip) = request.host_ip {
            return Ok(vec![ip]);
        }
        let default = self.state.lock().network(&endpoint.network_id)?.host_binding();
        if !default.is_unspecified() {
            return Ok(vec![default]);
        }
        let any6 = self.ipv6.then_some(IpAddr::from([0_u16; 8]));
        Ok([IpAddr::from([0; 4])].into_iter().chain(any6).collect())
    }

    fn try_port(
        &self,
        endpoint: &Endpoint,
        request: &PortRequest,
        hosts: &[IpAddr],
        port: u16,
    ) -> Result<Vec<PortSocket>, NotFree> {
        let mut sockets = Vec::new();
        for (n, &ip) in hosts.iter().enumerate() {
            let host = SocketAddr::new(ip, port);
            let taken = self.state.lock().ports.take(request.protocol, host, &endpoint.id);
            let bound = taken.map_err(NotFree::Ours).and_then(|()| bind(endpoint, request, host));
            match bound {
                Ok(socket) => sockets.extend(socket),
                Err(error) => {
                    let mut state = self.state.lock();
                    // The one refused by the table was never taken.
                    let taken = n + usize::from(matches!(error, NotFree::Bind { .. }));
                    for &ip in &hosts[..taken] {
                        state.ports.free(request.protocol, SocketAddr::new(ip, port), &endpoint.id);
                    }
                    return Err(error);
                }
            }
        }
        Ok(sockets)
    }
}

/// Why a port could not be had.
enum NotFree {
    /// Another container has it.
    Ours(errdefs::Error),
    /// The kernel refused: mostly because another program has it.
    Bind { host: SocketAddr, target: SocketAddr, errno: Errno },
}

fn bind(endpoint: &Endpoint, request: &PortRequest, host: SocketAddr) -> Result<Option<PortSocket>, NotFree> {
    let v4 = endpoint.ipv4.map(|net| IpAddr::V4(net.addr()));
    let v6 = endpoint.ipv6.map(|net| IpAddr::V6(net.addr()));
    let ip = if host.is_ipv4() { v4.or(v6) } else { v6.or(v4) };
    // Only bridges publish ports, and they always give an address of one family.
    let target = SocketAddr::new(ip.unwrap_or(IpAddr::from([0; 4])), request.container_port);
    match socket::bind(request.protocol, host) {
        Ok(fd) => Ok(fd.map(|fd| PortSocket { fd, protocol: request.protocol, host, target })),
        Err(errno) => Err(NotFree::Bind { host, target, errno }),
    }
}

/// Checks a request against the network, in Docker's words.
pub(super) fn validate(network: &Network, request: &EndpointRequest) -> Result<()> {
    let mut problems = Vec::new();
    // Docker takes an IPv6 subnet, and addresses of it, also for a network without IPv6, and makes nothing of either.
    let ipv6 = request.ipv6.filter(|_| network.enable_ipv6 || !network.subnets_given);
    let wanted = [request.ipv4.map(IpAddr::V4), ipv6.map(IpAddr::V6)];
    if wanted.iter().any(Option::is_some) {
        if network.is_predefined() {
            problems.push("user specified IP address is supported on user defined networks only".to_owned());
        } else if !network.subnets_given {
            problems.push(
                "user specified IP address is supported only when connecting to networks with user configured subnets"
                    .to_owned(),
            );
        } else {
            for address in wanted.into_iter().flatten() {
                if !network.subnets().any(|subnet| subnet.contains(&address)) {
                    problems
                        .push(format!("no configured subnet or ip-range contain the IP address {address}"));
                }
            }
        }
    }
    if let Some(name) = request.driver_opts.get(option::ENDPOINT_IFNAME)
        && let Err(error) = option::check_link_name(name)
    {
        problems.push(error.to_string());
    }
    if let Some(text) = request.driver_opts.get(option::ENDPOINT_SYSCTLS)
        && let Err(error) = option::parse_sysctls(text, "")
    {
        problems.push(error.to_string());
    }
    let list = match problems.as_slice() {
        [] => return Ok(()),
        [one] => one.clone(),
        many => many.iter().map(|problem| format!("* {problem}")).collect::<Vec<_>>().join("\n"),
    };
    Err(errdefs::invalid(format!(
        "invalid config for network {}: invalid endpoint settings:\n{list}",
        network.name
    )))
}

/// The prefix that a link-local address of the user's choice gets, as in Docker.
///
/// # Errors
/// InvalidParameter, in Docker's words, for addresses that are not link-local.
pub(super) fn link_local_net(address: IpAddr) -> Result<IpNet> {
    let net = match address {
        IpAddr::V4(v4) if v4.is_link_local() => IpNet::new(address, 16),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => IpNet::new(address, 64),
        _ => return Err(errdefs::invalid(format!("invalid link local IP address: {address}"))),
    };
    net.context(|| format!("link local IP address {address}"))
}

fn admit(state: &State, network: &Network, request: &EndpointRequest) -> Result<()> {
    if network.config_only {
        return Err(errdefs::forbidden("cannot create endpoint on configuration-only network"));
    }
    let mut members = state.endpoints.values().filter(|endpoint| endpoint.network_id == network.id);
    if members.clone().any(|endpoint| endpoint.container_id == request.container_id) {
        let name = &request.container_name;
        return Err(errdefs::forbidden(format!(
            "endpoint with name {name} already exists in network {}",
            network.name
        )));
    }
    if network.driver == Driver::Bridge && members.nth(BRIDGE_PORTS_MAX - 1).is_some() {
        return Err(errdefs::system(format!(
            "network {} is full: a bridge has room for {BRIDGE_PORTS_MAX} containers",
            network.name
        )));
    }
    Ok(())
}

fn give_addresses(
    state: &State,
    network: &Network,
    request: &EndpointRequest,
    endpoint: &mut Endpoint,
) -> Result<()> {
    let taken = state.taken(network);
    for config in &network.ipam.config {
        let Some(subnet) = config.subnet else { continue };
        let wanted = match subnet {
            IpNet::V4(_) => request.ipv4.map(IpAddr::V4),
            IpNet::V6(_) => request.ipv6.map(IpAddr::V6),
        };
        let address = match wanted {
            Some(address) if !taken.contains(&address) && ipam::is_host(&subnet, address) => address,
            Some(_) => return Err(errdefs::forbidden("Address already in use")),
            None => {
                ipam::lowest_free(&subnet, &config.ip_range.unwrap_or(subnet), &taken).ok_or_else(|| {
                    let family = if matches!(subnet, IpNet::V4(_)) { "IPv4" } else { "IPv6" };
                    errdefs::system(format!(
                        "no available {family} addresses on this network's address pools: {} ({})",
                        network.name, network.id
                    ))
                })?
            }
        };
        let gateway = config.gateway.filter(|_| !network.internal);
        match (address, gateway) {
            (IpAddr::V4(address), gateway) => {
                endpoint.ipv4 = Ipv4Net::new(address, subnet.prefix_len()).ok();
                endpoint.gateway4 = gateway.and_then(|gateway| match gateway {
                    IpAddr::V4(gateway) => Some(gateway),
                    IpAddr::V6(_) => None,
                });
            }
            (IpAddr::V6(address), gateway) => {
                endpoint.ipv6 = Ipv6Net::new(address, subnet.prefix_len()).ok();
                endpoint.gateway6 = gateway.and_then(|gateway| match gateway {
                    IpAddr::V6(gateway) => Some(gateway),
                    IpAddr::V4(_) => None,
                });
            }
        }
    }
    Ok(())
}

/// Name of an endpoint's link on the host: a prefix, `v`, and as much of the id as fits.
fn link_name(prefix: &str, id: &str) -> String {
    let mut name = format!("{prefix}v{id}");
    name.truncate(crate::limits::LINK_NAME_MAX);
    name
}

/// 64 random hexadecimal digits.
pub(super) fn random_id() -> Result<String> {
    let mut bytes = [0_u8; 32];
    fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The hardware address that belongs to an IPv4 address, locally administered, as dockerd made them before version 28:
/// whoever has the address has this one too, so what neighbours remember of the last holder, or of this container before
/// it was started again, is still right. (dockerd now takes random ones and has to tell the neighbours.)
fn mac_of(address: Ipv4Addr) -> [u8; 6] {
    let [a, b, c, d] = address.octets();
    [0x02, 0x42, a, b, c, d]
}

/// A random MAC address: locally administered, of one station.
pub(super) fn random_mac() -> Result<[u8; 6]> {
    let mut mac = [0_u8; 6];
    fill(&mut mac)?;
    mac[0] = mac[0] & 0xfe | 0x02;
    Ok(mac)
}

pub(super) fn fill(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| error.to_string()).context(|| "get random bytes")
}
