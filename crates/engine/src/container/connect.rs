//! Putting containers into networks and taking them out, at once if they run.

use std::collections::HashSet;

use api::network::EndpointSettings;
use errdefs::{Class, Result, conflict, forbidden, invalid, system};
use network::{Driver, Endpoint, Families, Netns, Network};

use super::networking::{self, Mode};
use super::record::Record;
use super::shared::{Container, Shared};
use super::state::Phase;
use super::stats::network_namespace;
use super::{Containers, names};

impl Containers {
    /// Puts it into one more network, at once if it runs.
    ///
    /// # Errors
    /// NotFound for the network; Forbidden or InvalidParameter where networks cannot be combined.
    pub fn connect(&self, reference: &str, network: &str, mut settings: EndpointSettings) -> Result<()> {
        let shared = &self.shared;
        let container = shared.registry.find(reference)?;
        let _operation = container.operation.lock();
        let record = container.record();
        check_phase(&record)?;
        let runs = record.state.phase.has_process();
        settings.dns_names = Some(networking::dns_names(&record, &settings));
        // The network that the settings name goes before the one that is asked for.
        let named = settings.network_id.clone();
        let network = if runs && !named.is_empty() { named.as_str() } else { network };
        let target = match shared.parts.networks.get(network) {
            Err(error) if !runs && error.class() == Class::NotFound => {
                // It may be there at the start.
                networking::check_settings(network, &settings, None)?;
                shared.change(&container, |record| {
                    record.networks.insert(network.to_owned(), settings);
                })?;
                return Ok(());
            }
            found => found?,
        };
        check_company(&record, runs, &target)?;
        networking::check_settings(&target.name, &settings, Some(&target))?;
        if runs {
            super::links::check(settings.links.as_deref().unwrap_or_default())?;
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
        check_phase(&record)?;
        let found = shared.parts.networks.get(network);
        let name = found.as_ref().map_or_else(|_| network.to_owned(), |found| found.name.clone());
        let known = record.networks.contains_key(&name);
        if record.state.phase.has_process() && !(force && found.is_err()) {
            let target = found?;
            if networking::mode(&record) == Mode::Host && target.driver == Driver::Host {
                return Err(invalid(
                    "cannot disconnect container from host network - container was created in host network mode",
                ));
            }
            if !known {
                return Err(system(format!("container {} is not connected to network {name}", container.id)));
            }
            let id = target.id.clone();
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
        } else if !known {
            return Err(system(format!("container {} is not connected to the network {name}", container.id)));
        }
        shared.change(&container, |record| {
            record.networks.remove(&name);
        })?;
        Ok(())
    }
}

/// Whether its networks can still be changed.
fn check_phase(record: &Record) -> Result<()> {
    match record.state.phase {
        Phase::Removing | Phase::Dead => Err(conflict(format!(
            "container {} is marked for removal and cannot be connected or disconnected to the network",
            record.id
        ))),
        _ => Ok(()),
    }
}

/// Whether it may join a network beside those that it is in, by Docker's rules: one that does not run is only noted to be
/// there, a second time too.
fn check_company(record: &Record, runs: bool, target: &Network) -> Result<()> {
    if target.config_only {
        return match runs {
            true => Err(forbidden("cannot create endpoint on configuration-only network")),
            false => Ok(()),
        };
    }
    let to_host = target.driver == Driver::Host;
    match networking::mode(record) {
        Mode::Container(_) if runs => return Err(networking::shares_namespace()),
        Mode::Host if runs && !to_host => return Err(networking::shares_namespace()),
        Mode::Host => {}
        Mode::Own | Mode::Container(_) if to_host => {
            return Err(invalid(
                "cannot connect container to host network - container must be created in host network mode",
            ));
        }
        Mode::Own | Mode::Container(_) => {}
    }
    if record.networks.contains_key(&target.name) {
        return match runs {
            false => Ok(()),
            true => Err(forbidden(format!(
                "endpoint with name {} already exists in network {}",
                record.name, target.name
            ))),
        };
    }
    if record.networks.contains_key("host") {
        return Err(networking::shares_namespace());
    }
    if record.networks.contains_key("none") || !record.networks.is_empty() && target.driver == Driver::Null {
        return Err(invalid(
            "container cannot be connected to multiple networks with one of the networks in private (none) mode",
        ));
    }
    Ok(())
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
        if matches!(networking::mode(&record), Mode::Container(_)) {
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
        let lacks = |name: &String| id_of(name).is_none_or(|id| !have.contains(&id));
        let empty = |name: &String| matches!(name.as_str(), "none" | "host");
        for (name, settings) in record.networks.iter().filter(|(name, _)| empty(name) && lacks(name)) {
            // Started by an earlier program, which made none.
            networks.reserve(&networking::request(&record, name, settings)?)?;
        }
        let left = |name: &String| !empty(name) && lacks(name);
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
