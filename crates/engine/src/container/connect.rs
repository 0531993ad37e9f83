//! Putting containers into networks and taking them out, at once if they run.

use std::collections::HashSet;

use api::network::EndpointSettings;
use errdefs::{Class, Error, Result, forbidden};
use network::Netns;

use super::Containers;
use super::networking::{self, Mode};
use super::shared::{Container, Shared};
use super::stats::network_namespace;

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
        if networking::mode(&record) != Mode::Own
            || record.host.network_mode == "none"
            || matches!(target.name.as_str(), "host" | "none")
        {
            return Err(forbidden(
                "container cannot be connected to network endpoints while it uses or joins the host or none network",
            ));
        }
        if record.networks.contains_key(&target.name) {
            return Err(forbidden(format!(
                "endpoint with name {} already exists in network {}",
                record.name, target.name
            )));
        }
        if record.state.phase.has_process() {
            let mut request = networking::request(&record, &target.name, &settings)?;
            let have = shared.parts.networks.endpoints_of(&record.id);
            request.default_route = have.is_empty();
            let netns = Netns::from_fd(network_namespace(&container)?)?;
            let endpoint = shared.parts.networks.reserve(&request)?.endpoint;
            if let Err(error) =
                shared.parts.networks.connect(&endpoint, &netns, &format!("eth{}", have.len()))
            {
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
                return shared.parts.networks.release(reference).map(drop);
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

impl Shared {
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
