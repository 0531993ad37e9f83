//! Making and removing user-defined networks: checking the request in Docker's words, choosing what it leaves open.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use errdefs::{Collected, Result};
use ipnet::IpNet;
use jiff::Timestamp;

use super::Inner;
use super::configuration;
use super::reserve::{fill, random_id};
use super::state::State;
use crate::definition::option;
use crate::netlink::route;
use crate::schema::{NETWORKS, NetworkRecord};
use crate::{Driver, Ipam, IpamConfig, Network, NetworkSpec, firewall, ipam};

/// How many hexadecimal digits of its id a bridge's link is named by.
const LINK_ID_LENGTH: usize = 12;

impl Inner {
    pub(super) fn create(&self, spec: &NetworkSpec) -> Result<(Arc<Network>, Vec<String>)> {
        configuration::check(spec)?;
        check(spec)?;
        let id = random_id()?;
        let used = self.used_subnets()?;
        let network = {
            let mut state = self.state.lock();
            if state.networks.values().any(|network| network.name == spec.name) {
                return Err(errdefs::conflict(format!("network with name {} already exists", spec.name)));
            }
            let network = Arc::new(match spec.config_only {
                true => configuration::plan(spec, id),
                false => self.plan(&state, &*configuration::resolve(&state, spec)?, id, &used)?,
            });
            // From here on its name and subnets are taken.
            state.networks.insert(network.id.clone(), Arc::clone(&network));
            network
        };
        match self.realise(&network) {
            Ok(made) => Ok((made, Vec::new())),
            Err(error) => {
                // What was made is removed again; the error that matters is the first one.
                let _ = self.erase(&network);
                Err(error)
            }
        }
    }

    /// Intent record, rules, link. The link may turn out to be the user's own.
    fn realise(&self, network: &Arc<Network>) -> Result<Arc<Network>> {
        if network.config_only {
            self.store.put(&NETWORKS, &network.id, &NetworkRecord::new(network))?;
            return Ok(Arc::clone(network));
        }
        let mut network = Network::clone(network);
        network.link_made = route::link(&mut self.host.lock(), &network.bridge)?.is_none();
        let network = Arc::new(network);
        self.store.put(&NETWORKS, &network.id, &NetworkRecord::new(&network))?;
        self.state.lock().networks.insert(network.id.clone(), Arc::clone(&network));
        // Rules first: the bridge is never without them.
        self.apply(&firewall::bridge_entries(&network.firewall_bridge()), &[])?;
        self.ensure_bridge(&network)?;
        Ok(network)
    }

    pub(super) fn remove(&self, term: &str) -> Result<Arc<Network>> {
        let network = {
            let mut state = self.state.lock();
            let network = state.network(term)?;
            if network.is_predefined() {
                return Err(errdefs::forbidden(format!(
                    "{} is a pre-defined network and cannot be removed",
                    network.name
                )));
            }
            let active: Vec<String> = state
                .endpoints(|endpoint| endpoint.network_id == network.id)
                .iter()
                .map(|endpoint| format!("name:{:?} id:{:?}", endpoint.container_name, &endpoint.id[..12]))
                .collect();
            if !active.is_empty() {
                return Err(errdefs::forbidden(format!(
                    "error while removing network: network {} has active endpoints ({})",
                    network.name,
                    active.join(", ")
                )));
            }
            configuration::check_unused(&state, &network)?;
            // Nobody can join from here on.
            state.networks.remove(&network.id);
            network
        };
        self.erase(&network).map(|()| network)
    }

    /// Removes rules, link and record, in the order that a crash in between leaves something to be found again.
    fn erase(&self, network: &Network) -> Result<()> {
        self.state.lock().networks.remove(&network.id);
        let mut teardown = Collected::new();
        if !network.config_only {
            teardown.step(self.apply(&[], &firewall::bridge_entries(&network.firewall_bridge())));
        }
        if network.link_made {
            teardown.step(self.delete_link(&network.bridge));
        }
        teardown.step(self.store.delete(&NETWORKS, &network.id));
        teardown.finish()
    }

    /// Decides all that the request leaves open.
    fn plan(&self, state: &State, spec: &NetworkSpec, id: String, used: &[IpNet]) -> Result<Network> {
        let enable_ipv4 = spec.enable_ipv4.unwrap_or(true);
        let enable_ipv6 = spec.enable_ipv6.unwrap_or(false);
        let config = self.plan_subnets(state, spec, enable_ipv4, enable_ipv6, used)?;
        let bridge = match spec.options.get(option::BRIDGE_NAME) {
            Some(name) if !name.is_empty() => name.clone(),
            _ => format!("{}{}", self.config.link_prefix, &id[..LINK_ID_LENGTH]),
        };
        if let Some(other) = state.networks.values().find(|network| network.bridge == bridge) {
            return Err(errdefs::forbidden(format!(
                "cannot create network {id} ({bridge}): conflicts with network {} ({}): networks have same bridge name",
                other.id, other.bridge
            )));
        }
        Ok(Network {
            id,
            name: spec.name.clone(),
            driver: Driver::Bridge,
            created: Timestamp::now(),
            internal: spec.internal,
            attachable: spec.attachable,
            enable_ipv4,
            enable_ipv6,
            asked: spec.ipam.config.iter().filter(|config| config.subnet.is_some()).cloned().collect(),
            subnets_given: spec.ipam.config.iter().any(|config| config.subnet.is_some()),
            ipam: Ipam { driver: "default".to_owned(), options: spec.ipam.options.clone(), config },
            options: spec.options.clone(),
            labels: spec.labels.clone(),
            bridge,
            link_made: true,
            config_only: false,
            config_from: spec.config_from.clone(),
        })
    }

    fn plan_subnets(
        &self,
        state: &State,
        spec: &NetworkSpec,
        enable_ipv4: bool,
        enable_ipv6: bool,
        used: &[IpNet],
    ) -> Result<Vec<IpamConfig>> {
        let ours = state.subnets();
        let all: Vec<IpNet> = ours.iter().chain(used).copied().collect();
        let mut planned = Vec::new();
        for (enabled, v4) in [(enable_ipv4, true), (enable_ipv6, false)] {
            let given: Vec<&IpamConfig> = spec
                .ipam
                .config
                .iter()
                .filter(|config| config.subnet.is_some_and(|subnet| matches!(subnet, IpNet::V4(_)) == v4))
                .collect();
            if !enabled {
                continue;
            }
            let config = match given.as_slice() {
                [] => IpamConfig { subnet: Some(self.choose(v4, &all)?), ..IpamConfig::default() },
                [one] => IpamConfig::clone(one),
                _ => return Err(errdefs::forbidden("bridge driver doesn't support multiple subnets")),
            };
            if !given.is_empty()
                && let Some(subnet) = config.subnet
                && ours.iter().any(|other| ipam::overlap(other, &subnet))
            {
                let text = "invalid pool request: Pool overlaps with other one on this address space";
                return Err(errdefs::forbidden(text));
            }
            // Nobody is the gateway where the host is not.
            let isolated = option::is_isolated(&spec.options, v4);
            planned.push(if isolated { config } else { with_gateway(config)? });
        }
        Ok(planned)
    }

    pub(super) fn choose(&self, v4: bool, used: &[IpNet]) -> Result<IpNet> {
        let default = ipam::default_pools();
        let configured = &self.config.address_pools;
        let pools = if configured.iter().any(|pool| matches!(pool.base, IpNet::V4(_)) == v4) {
            configured
        } else {
            &default
        };
        let chosen = if v4 {
            ipam::choose_subnet(pools, used).map(IpNet::V4)
        } else {
            let mut random = [0; 5];
            fill(&mut random)?;
            ipam::choose_subnet6(pools, random, used).map(IpNet::V6)
        };
        chosen.ok_or_else(|| errdefs::invalid("all predefined address pools have been fully subnetted"))
    }

    /// Subnets the host uses apart from ours.
    pub(super) fn used_subnets(&self) -> Result<Vec<IpNet>> {
        let used = route::used_subnets(&mut self.host.lock())?;
        Ok(used.into_iter().map(|(net, _)| net).collect())
    }
}

/// Fills in the gateway, and checks it and the auxiliary addresses.
pub(super) fn with_gateway(mut config: IpamConfig) -> Result<IpamConfig> {
    let Some(subnet) = config.subnet else { return Ok(config) };
    let range = config.ip_range.unwrap_or(subnet);
    let gateway = match config.gateway {
        Some(gateway) if ipam::is_host(&subnet, gateway) => gateway,
        Some(gateway) => {
            return Err(errdefs::forbidden(format!(
                "failed to allocate gateway ({gateway}): Address already in use"
            )));
        }
        None => ipam::lowest_free(&subnet, &range, &std::collections::BTreeSet::new()).ok_or_else(|| {
            errdefs::invalid(format!("failed to allocate gateway: no available addresses in {subnet}"))
        })?,
    };
    for (name, address) in &config.aux_addresses {
        if *address == gateway || !ipam::is_host(&subnet, *address) {
            return Err(errdefs::forbidden(format!(
                "failed to allocate secondary ip address ({name}:{address}): Address already in use"
            )));
        }
    }
    config.gateway = Some(gateway);
    Ok(config)
}

/// What can be refused without looking at anything else.
fn check(spec: &NetworkSpec) -> Result<()> {
    if spec.name.is_empty() {
        return Err(errdefs::invalid("invalid name: name is empty"));
    }
    if matches!(spec.name.as_str(), "bridge" | "host" | "none" | "default") {
        let text = format!("operation is not permitted on predefined {} network ", spec.name);
        return Err(errdefs::forbidden(text));
    }
    match spec.driver.as_str() {
        "" | "bridge" => {}
        "host" | "null" => {
            let text = format!("only one instance of {:?} network is allowed", spec.driver);
            return Err(errdefs::forbidden(text));
        }
        "macvlan" | "ipvlan" => {
            let text = format!("network driver {:?} is not implemented", spec.driver);
            return Err(errdefs::not_implemented(text));
        }
        other => return Err(errdefs::not_found(format!("plugin {other:?} not found"))),
    }
    if !matches!(spec.ipam.driver.as_str(), "" | "default") {
        return Err(errdefs::not_found(format!("plugin {:?} not found", spec.ipam.driver)));
    }
    if spec.enable_ipv4 == Some(false) && spec.enable_ipv6 != Some(true) {
        return Err(errdefs::invalid("IPv4 or IPv6 must be enabled"));
    }
    // A subnet of a family that is off is not looked at, as in Docker.
    let on = |config: &&IpamConfig| match config.subnet {
        Some(IpNet::V6(_)) => spec.enable_ipv6 == Some(true),
        Some(IpNet::V4(_)) => spec.enable_ipv4 != Some(false),
        None => true,
    };
    let problems: Vec<String> = spec.ipam.config.iter().filter(on).flat_map(subnet_problems).collect();
    if !problems.is_empty() {
        return Err(errdefs::invalid(format!("invalid network config:\n{}", problems.join("\n"))));
    }
    check_options(&spec.options, spec.internal)
}

fn subnet_problems(config: &IpamConfig) -> Vec<String> {
    let mut problems = Vec::new();
    let Some(subnet) = config.subnet else {
        problems.push("invalid subnet : invalid CIDR block notation".to_owned());
        return problems;
    };
    if subnet != subnet.trunc() {
        problems.push(format!("invalid subnet {subnet}: it should be {}", subnet.trunc()));
    }
    if let Some(range) = config.ip_range {
        if range != range.trunc() {
            problems.push(format!("invalid ip-range {range}: it should be {}", range.trunc()));
        }
        if !subnet.contains(&range) {
            problems
                .push(format!("invalid ip-range {range}: parent subnet {subnet} doesn't contain ip-range"));
        }
    }
    let outside = |what: &str, address: &IpAddr| {
        (!subnet.contains(address))
            .then(|| format!("invalid {what} {address}: parent subnet {subnet} doesn't contain this address"))
    };
    problems.extend(config.gateway.iter().filter_map(|gateway| outside("gateway", gateway)));
    problems.extend(config.aux_addresses.iter().filter(|(_, address)| !subnet.contains(*address)).map(
        |(name, _)| {
            format!("invalid auxiliary address {name}: parent subnet {subnet} doesn't contain this address")
        },
    ));
    problems
}

fn check_options(options: &BTreeMap<String, String>, internal: bool) -> Result<()> {
    for (name, value) in options {
        match name.as_str() {
            option::ICC | option::MASQUERADE | option::INHIBIT_IPV4 => {
                option::parse_bool(name, value)?;
            }
            option::MTU => {
                option::parse_mtu(value)?;
            }
            option::HOST_BINDING => {
                value.parse::<Ipv4Addr>().map_err(|_| {
                    errdefs::invalid(format!("failed to parse {name} value: {value} (invalid ip address)"))
                })?;
            }
            option::BRIDGE_NAME => option::check_link_name(value)?,
            option::GATEWAY_MODE4 | option::GATEWAY_MODE6 => {
                option::check_gateway_mode(name, value, internal)?;
            }
            option::TRUSTED if !value.is_empty() => {
                return Err(errdefs::not_implemented(format!("{name}={value} is not implemented")));
            }
            _ => {}
        }
    }
    Ok(())
}
