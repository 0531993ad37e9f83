//! Putting containers into networks and taking them out, at once if they run.

use std::collections::HashSet;

use api::network::EndpointSettings;
use errdefs::{Class, Error, Result, forbidden};
use network::{Endpoint, Families, Netns};

use super::networking::{self, Mode};
use super::record::Record;
use super::shared::{Container, Shared};
use super::stats::network_namespace;
use super::{Containers, names};

impl Containers {
    /// Puts it into one more network, at once if it runs.
    ///
    /// # Errors
    /// NotFound for the network; Forbidden or InvalidParameter where networks cannot be combined.
    pub fn connect(&self, reference: &str, network: &str, settings: EndpointSettings) -> Result<()> {
        let shared = &self.shared;
        let container = shared.registry.find(reference)?;
        let _operation = container.operation.lock();
        let record = container.record();
        let target = shared.parts.networks.get(network)?;
        match target.name.as_str() {
            "host" => {
                return Err(errdefs::invalid(
                    "cannot connect container to host network - container must be created in host network mode",
                ));
            }
            "none" => {
                return Err(errdefs::invalid(
                    "container cannot be connected to multiple networks with one of the networks in private (none) mode",
                ));
            }
            _ => {}
        }
        if networking::mode(&record) != Mode::Own || record.host.network_mode == "none" {
            return Err(forbidden(
                "container cannot be connected to network endpoints while it uses or joins the host or none network",
            ));
        }
        networking::check_endpoint(&target.name, &settings, Some(&target))?;
        if record.networks.contains_key(&target.name) {
            return Err(forbidden(format!(
                "endpoint with name {} already exists in network {}",
                record.name, target.name
            )));
        }
        if record.state.phase.has_process() {
            let request = networking::request(&record, &target.name, &settings)?;
            let netns = Netns::from_fd(network_namespace(&container)?)?;
            let name = free_name(&shared.parts.networks.statistics(&netns)?);
            let endpoint = shared.parts.networks.reserve(&request)?.endpoint;
            let mut joined = Record::clone(&record);
            joined.networks.insert(target.name.clone(), settings.clone());
            let networks = &shared.parts.networks;
            let connected = networks
                .connect(&endpoint, &netns, &name)
                .and_then(|()| shared.reroute(&container, &joined, &netns, None));
            if let Err(error) = connected {
                let _ = shared.parts.networks.disconnect(&record.id, &target.id);
                return Err(error);
            }
            shared.tell_network(&endpoint, "connect");
            let endpoints = shared.parts.networks.endpoints_of(&record.id);
            shared.write_network_files(&record, &endpoints)?;
            shared.tell_neighbours(&[endpoint]);
        }
        shared.change(&container, |record| {
            record.networks.insert(target.name.clone(), settings);
        })?;
        Ok(())
    }

    /// Takes it out of a network, at once if it runs.
    ///
    /// # Errors
    /// NotFound; Forbidden if it is not in it.
    pub fn disconnect(&self, reference: &str, network: &str, force: bool) -> Result<()> {
        let shared = &self.shared;
        let container = match shared.registry.find(reference) {
            // The container may be gone and its endpoint not; release is by ID then.
            Err(error) if force && error.class() == Class::NotFound => {
                let released = shared.parts.networks.release(reference)?;
                return match released.is_empty() {
                    true => Err(errdefs::not_found(format!("endpoint {reference} not found"))),
                    false => Ok(()),
                };
            }
            found => found?,
        };
        let _operation = container.operation.lock();
        let record = container.record();
        let name = shared
            .parts
            .networks
            .get(network)
            .map_or_else(|_| network.to_owned(), |found| found.name.clone());
        if name == "host" {
            return Err(forbidden(
                "container cannot be disconnected from host network or connected to host network",
            ));
        }
        if !record.networks.contains_key(&name) {
            return Err(Error::new(
                Class::Forbidden,
                format!("container {} is not connected to network {name}", container.id),
            ));
        }
        if record.state.phase.has_process() {
            let id = shared.parts.networks.get(&name)?.id.clone();
            let netns = Netns::from_fd(network_namespace(&container)?)?;
            // The routes that are left by the leaving network go with its link; who cannot be led elsewhere (the container
            // has changed its routes itself) is without.
            if let Err(error) = shared.reroute(&container, &record, &netns, Some(&id)) {
                tracing::warn!(container = names::short(&record.id), %error, "lead routes and ports elsewhere");
            }
            let endpoint = shared.parts.networks.disconnect(&record.id, &id)?;
            shared.tell_network(&endpoint, "disconnect");
            shared.tell_neighbours(&[endpoint]);
            shared.write_network_files(&record, &shared.parts.networks.endpoints_of(&record.id))?;
        }
        shared.change(&container, |record| {
            record.networks.remove(&name);
        })?;
        Ok(())
    }
}

/// The first name for one more interface that no other has.
fn free_name(links: &[network::LinkStatistics]) -> String {
    let mut names = (0..).map(|index| format!("eth{index}"));
    names.find(|name| links.iter().all(|link| link.name != *name)).unwrap_or_default()
}

impl Shared {
    /// Leads default routes and published ports of a running container through the networks of `record` that are to have
    /// them, one that it is `leaving` excepted.
    fn reroute(
        &self,
        container: &Container,
        record: &Record,
        netns: &Netns,
        leaving: Option<&str>,
    ) -> Result<()> {
        let networks = &self.parts.networks;
        let all = networks.endpoints_of(&record.id);
        let mut staying: Vec<&Endpoint> =
            all.iter().filter(|endpoint| Some(endpoint.network_id.as_str()) != leaving).collect();
        staying.sort_by_key(|endpoint| networking::preference(record, &endpoint.network_name));
        let gateways: Vec<Families> = staying.iter().map(|endpoint| endpoint.gateways()).collect();
        let routes = Families::default_routes(&gateways);
        let shares: Vec<(String, Families)> =
            staying.iter().zip(&routes).map(|(endpoint, share)| (endpoint.id.clone(), *share)).collect();
        networks.share_routes(netns, &shares)?;
        let from = all.iter().find(|endpoint| !endpoint.ports.is_empty());
        let to = Families::main(&routes).and_then(|main| staying.get(main));
        let (Some(from), Some(to)) = (from, to) else { return Ok(()) };
        if from.id == to.id {
            return Ok(());
        }
        networks.move_ports(&from.id, &to.id)?;
        container.handle()?.retarget(to.ipv4.map(|net| net.addr()), to.ipv6.map(|net| net.addr()))
    }

    /// Finishes or undoes what a crash cut short in a running container: `connect` writes the record last and
    /// `disconnect` too, so an endpoint that the record does not ask for was never answered and goes, and a network of
    /// the record without an endpoint was on its way out.
    pub(crate) fn settle_networks(&self, container: &Container) -> Result<()> {
        let record = container.record();
        if networking::mode(&record) != Mode::Own {
            return Ok(());
        }
        let networks = &self.parts.networks;
        let id_of = |name: &String| networks.get(name).map(|network| network.id.clone()).ok();
        let wanted: HashSet<String> = record.networks.keys().filter_map(id_of).collect();
        let endpoints = networks.endpoints_of(&record.id);
        let mut settled = false;
        for endpoint in endpoints.iter().filter(|endpoint| !wanted.contains(&endpoint.network_id)) {
            networks.disconnect(&record.id, &endpoint.network_id)?;
            settled = true;
        }
        let have: HashSet<&String> = endpoints.iter().map(|endpoint| &endpoint.network_id).collect();
        let left = |name: &String| {
            !matches!(name.as_str(), "none" | "host") && id_of(name).is_none_or(|id| !have.contains(&id))
        };
        if record.networks.keys().any(left) {
            self.change(container, |record| record.networks.retain(|name, _| !left(name)))?;
            settled = true;
        }
        // A renaming writes the container's record first.
        if endpoints.iter().any(|endpoint| endpoint.container_name != record.name) {
            networks.rename(&record.id, &record.name)?;
        }
        if settled {
            self.write_network_files(&container.record(), &networks.endpoints_of(&record.id))?;
        }
        Ok(())
    }
}
