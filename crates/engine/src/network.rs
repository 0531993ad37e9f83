//! Networks in Docker's words: the wire form, filters, events.

use std::net::IpAddr;
use std::sync::Arc;

use api::StringMap;
use api::filters::Filters;
use api::network::{
    ConfigReference, CreateRequest, CreateResponse, EndpointResource, Ipam, IpamConfig, Network, PruneReport,
};
use api::time::Time;
use errdefs::{Result, forbidden, invalid};

use crate::event::Kind;
use crate::{Containers, Events, timestamp};

/// All networks of this daemon. Clones share everything.
#[derive(Clone)]
pub struct Networks {
    networks: ::network::Networks,
    containers: Containers,
    events: Events,
}

const LIST_KEYS: &[&str] = &["dangling", "driver", "id", "label", "name", "scope", "type"];

impl Networks {
    /// Over the mechanism, with the containers that may be connected.
    pub fn new(networks: ::network::Networks, containers: Containers, events: Events) -> Self {
        Self { networks, containers, events }
    }

    /// Makes one.
    ///
    /// # Errors
    /// Conflict for a taken name, InvalidParameter for wrong addresses, NotFound for an unknown driver.
    pub fn create(&self, request: CreateRequest) -> Result<CreateResponse> {
        let spec = spec(request)?;
        let (network, warnings) = self.networks.create(&spec)?;
        self.publish("create", &network);
        Ok(CreateResponse { id: network.id.clone(), warning: warnings.join("\n") })
    }

    /// Those that match, without their containers.
    ///
    /// # Errors
    /// InvalidParameter for unknown filters.
    pub fn list(&self, filters: &Filters) -> Result<Vec<Network>> {
        filters.validate(LIST_KEYS)?;
        let dangling = filters.boolean("dangling").map_err(|_| {
            let values: Vec<&str> = filters.get("dangling").collect();
            match values.as_slice() {
                [_] => invalid(
                    "invalid value for filter 'dangling', must be \"true\" (or \"1\"), or \"false\" (or \"0\")",
                ),
                many => invalid(format!("got more than one value for filter key 'dangling': {}", many.join(" "))),
            }
        })?;
        if let Some(bad) = filters.get("type").find(|kind| !matches!(*kind, "custom" | "builtin")) {
            return Err(invalid(format!("invalid filter: 'type'='{bad}'")));
        }
        let wanted = |network: &Arc<::network::Network>| {
            let kind = if network.is_predefined() { "builtin" } else { "custom" };
            filters.matches("name", &network.name)
                && filters.prefix("id", &network.id)
                && filters.exact("driver", network.driver.as_str())
                && filters.labels("label", &network.labels)
                && filters.exact("scope", "local")
                && filters.exact("type", kind)
                && dangling.is_none_or(|wanted| {
                    (!network.is_predefined() && self.networks.endpoints(&network.id).is_empty()) == wanted
                })
        };
        Ok(self.networks.list().iter().filter(|n| wanted(n)).map(|n| wire(n)).collect())
    }

    /// One, by ID, name or unique prefix of the ID, with its containers.
    ///
    /// # Errors
    /// NotFound `network x not found`.
    pub fn inspect(&self, term: &str) -> Result<Network> {
        let network = self.networks.get(term)?;
        let mut answer = wire(&network);
        for endpoint in self.networks.endpoints(&network.id) {
            let text = |address: Option<String>| address.unwrap_or_default();
            let resource = EndpointResource {
                name: endpoint.container_name.clone(),
                endpoint_id: endpoint.id.clone(),
                mac_address: endpoint.mac_text(),
                ipv4_address: text(endpoint.ipv4.map(|net| net.to_string())),
                ipv6_address: text(endpoint.ipv6.map(|net| net.to_string())),
            };
            answer.containers.insert(endpoint.container_id, resource);
        }
        Ok(answer)
    }

    /// Removes one.
    ///
    /// # Errors
    /// NotFound; Forbidden for a predefined one and for one with endpoints.
    pub fn remove(&self, term: &str) -> Result<()> {
        let network = self.networks.remove(term)?;
        self.publish("destroy", &network);
        Ok(())
    }

    /// Connects a container; the event is the container side's.
    ///
    /// # Errors
    /// NotFound for either; what the container side refuses.
    pub fn connect(&self, term: &str, request: api::network::ConnectRequest) -> Result<()> {
        self.containers.connect(&request.container, term, request.endpoint_config.unwrap_or_default())
    }

    /// Disconnects a container; the event is the container side's.
    ///
    /// # Errors
    /// NotFound for either; Forbidden if it is not connected.
    pub fn disconnect(&self, term: &str, request: &api::network::DisconnectRequest) -> Result<()> {
        // A container that does not run may still be meant for a network that is gone.
        let name = self.networks.get(term).map_or_else(|_| term.to_owned(), |network| network.name.clone());
        self.containers.disconnect(&request.container, &name, request.force)
    }

    /// Removes those without containers.
    ///
    /// # Errors
    /// InvalidParameter for unknown filters.
    pub fn prune(&self, filters: &Filters) -> Result<PruneReport> {
        filters.validate(&["label", "label!", "until"])?;
        let until = timestamp::only_until(filters)?;
        let mut deleted = Vec::new();
        for network in self.networks.list() {
            let wanted = !network.is_predefined()
                && !network.config_only
                && until.iter().all(|until| network.created < *until)
                && filters.labels("label", &network.labels)
                && (!filters.contains("label!") || !filters.labels("label!", &network.labels))
                && self.networks.endpoints(&network.id).is_empty();
            if !wanted {
                continue;
            }
            match self.remove(&network.id) {
                Ok(()) => deleted.push(network.name.clone()),
                Err(error) => tracing::warn!(network = network.name, %error, "prune"),
            }
        }
        self.events.publish(
            Kind::Network,
            "prune",
            "",
            StringMap::from([("reclaimed".to_owned(), "0".to_owned())]),
        );
        Ok(PruneReport { networks_deleted: (!deleted.is_empty()).then_some(deleted) })
    }

    fn publish(&self, action: &str, network: &::network::Network) {
        let pairs = [("name", network.name.as_str()), ("type", network.driver.as_str())];
        let attributes = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        self.events.publish(Kind::Network, action, &network.id, attributes);
    }
}

fn spec(request: CreateRequest) -> Result<::network::NetworkSpec> {
    if request.name.is_empty() {
        return Err(invalid("invalid name: name is empty"));
    }
    // Docker's answers where there is no swarm.
    match request.scope.as_str() {
        "swarm" => return Err(forbidden("cannot create a swarm scoped network when swarm is not active")),
        // Which a configuration cannot have.
        scope if request.config_only && (request.ingress || !scope.is_empty()) => {
            return Err(forbidden(
                "configuration network can only contain network specific fields. Network operator fields like [ ingress | \
                 internal | attachable | scope ] are not supported.",
            ));
        }
        _ if request.ingress => return Err(forbidden("Ingress network can only be global scope network")),
        _ if request.driver == "overlay" => return Err(forbidden(crate::NO_SWARM)),
        _ => {}
    }
    if !matches!(request.scope.as_str(), "" | "local") {
        return Err(errdefs::not_implemented(format!(
            "network scope {}: not supported by this engine",
            request.scope
        )));
    }
    let ipam = request.ipam.unwrap_or_default();
    Ok(::network::NetworkSpec {
        name: request.name,
        driver: request.driver,
        internal: request.internal,
        attachable: request.attachable,
        enable_ipv4: request.enable_ipv4,
        enable_ipv6: request.enable_ipv6,
        ipam: ::network::Ipam {
            driver: if ipam.driver.is_empty() { "default".to_owned() } else { ipam.driver },
            options: ipam.options,
            config: ipam.config.unwrap_or_default().into_iter().map(subnet).collect::<Result<_>>()?,
        },
        options: request.options.unwrap_or_default(),
        labels: request.labels.unwrap_or_default(),
        config_only: request.config_only,
        config_from: request.config_from.map(|from| from.network).unwrap_or_default(),
    })
}

fn subnet(config: IpamConfig) -> Result<::network::IpamConfig> {
    fn parse<T: std::str::FromStr>(text: &str, what: &str) -> Result<Option<T>> {
        if text.is_empty() {
            return Ok(None);
        }
        let form = if matches!(what, "subnet" | "ip-range") { "CIDR block" } else { "address" };
        let wrong =
            |_| invalid(format!("invalid network config:\ninvalid {what} {text}: invalid {form} notation"));
        text.parse().map(Some).map_err(wrong)
    }
    let mut aux_addresses = std::collections::BTreeMap::new();
    for (name, address) in config.auxiliary_addresses {
        let wrong =
            || invalid(format!("invalid network config:\ninvalid auxiliary address {name}: invalid address"));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        aux_addresses.insert(name, address);
    }
    Ok(::network::IpamConfig {
        subnet: parse(&config.subnet, "subnet")?,
        ip_range: parse(&config.ip_range, "ip-range")?,
        gateway: parse(&config.gateway, "gateway")?,
        aux_addresses,
    })
}

fn wire(network: &::network::Network) -> Network {
    let config = |config: &::network::IpamConfig| IpamConfig {
        subnet: config.subnet.map(|net| net.to_string()).unwrap_or_default(),
        ip_range: config.ip_range.map(|net| net.to_string()).unwrap_or_default(),
        gateway: config.gateway.map(|address| address.to_string()).unwrap_or_default(),
        auxiliary_addresses: config.aux_addresses.iter().map(|(n, a)| (n.clone(), a.to_string())).collect(),
    };
    // What was asked for is shown as it was asked for, and what was chosen where nothing was.
    let of = |configs: &[::network::IpamConfig], four: bool| -> Vec<IpamConfig> {
        let ours = |one: &&::network::IpamConfig| one.subnet.is_some_and(|net| net.addr().is_ipv4() == four);
        configs.iter().filter(ours).map(config).collect()
    };
    let (mut configs, mut chosen) = (Vec::new(), Vec::new());
    for four in [true, false] {
        let asked = of(network.asked(), four);
        let into = if asked.is_empty() { &mut chosen } else { &mut configs };
        into.extend(if asked.is_empty() { of(&network.ipam.config, four) } else { asked });
    }
    configs.append(&mut chosen);
    let bridge = network.driver == ::network::Driver::Bridge;
    Network {
        name: network.name.clone(),
        id: network.id.clone(),
        created: Time(network.created),
        scope: "local".to_owned(),
        driver: network.driver.as_str().to_owned(),
        enable_ipv4: network.enable_ipv4,
        enable_ipv6: network.enable_ipv6,
        ipam: Ipam {
            driver: network.ipam.driver.clone(),
            options: network.ipam.options.clone(),
            config: (bridge || !configs.is_empty()).then_some(configs),
        },
        internal: network.internal,
        attachable: network.attachable,
        config_from: ConfigReference { network: network.config_from.clone() },
        config_only: network.config_only,
        options: network.options.clone(),
        labels: network.labels.clone(),
        ..Network::default()
    }
}
