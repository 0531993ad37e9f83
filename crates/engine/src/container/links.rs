//! Legacy links of the default bridge (`--link db:alias`): names in the hosts file, variables in the environment, and the
//! link's own name, `/web/alias`, by which it is listed and removed (semantics 101).
//!
//! A record keeps links as `ID:alias`, so that they survive a rename of their target; records of older programs have the
//! name there, which is looked up as well.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;

use api::Set;
use errdefs::{Result, invalid};
use network::{DEFAULT_NETWORK, Endpoint, HostEntry, Reach};

use super::record::Record;
use super::shared::Shared;
use super::{Containers, names};

/// The target and the alias of `name:alias`, `name`, or Docker's own `/name:/web/alias`.
pub(crate) fn split(link: &str) -> (&str, &str) {
    let (target, alias) = link.split_once(':').unwrap_or((link, link));
    (target.trim_start_matches('/'), alias.rsplit('/').next().unwrap_or(alias))
}

/// Whether links are a name each, or a name and an alias.
///
/// # Errors
/// InvalidParameter, in Docker's words.
pub(crate) fn check(links: &[String]) -> Result<()> {
    match links.iter().find(|link| link.matches(':').count() > 1) {
        Some(link) => Err(invalid(format!("bad format for links: {link}"))),
        None => Ok(()),
    }
}

/// Whether the links of a container are of this kind; those of user-defined networks are names there.
fn legacy(record: &Record) -> bool {
    record.host.network_mode == "bridge"
}

impl Shared {
    /// The links of a create request with the IDs of their targets.
    ///
    /// # Errors
    /// InvalidParameter, in Docker's words, if a target does not exist.
    pub(crate) fn resolve_links(&self, links: &[String]) -> Result<Vec<String>> {
        let resolve = |link: &String| {
            if link.is_empty() {
                return Err(invalid("empty string specified for links"));
            }
            check(std::slice::from_ref(link))?;
            let (target, alias) = split(link);
            let missing = |error| invalid(format!("could not get container for {target}: {error}"));
            Ok(format!("{}:{alias}", self.registry.find(target).map_err(missing)?.id))
        };
        links.iter().map(resolve).collect()
    }

    /// The links whose targets still exist: their records, and the aliases.
    fn links_of<'r>(&self, record: &'r Record) -> Vec<(std::sync::Arc<Record>, &'r str)> {
        let links = record.host.links.iter().flatten().map(|link| split(link));
        links.filter_map(|(target, alias)| Some((self.registry.find(target).ok()?.record(), alias))).collect()
    }

    /// The links as `inspect` shows them, `/db:/web/alias`.
    pub(crate) fn links_shown(&self, record: &Record) -> Option<Vec<String>> {
        let shown = |(target, alias): (std::sync::Arc<Record>, &str)| {
            format!("/{}:/{}/{alias}", target.name, record.name)
        };
        let mut all: Vec<String> =
            if legacy(record) { self.links_of(record).into_iter().map(shown).collect() } else { Vec::new() };
        all.sort();
        (!all.is_empty()).then_some(all)
    }

    /// The names that links give to containers, by the container's ID.
    pub(crate) fn link_names(&self) -> BTreeMap<String, Vec<String>> {
        let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for container in self.registry.all() {
            let record = container.record();
            if record.host.links.as_ref().is_none_or(Vec::is_empty) || !legacy(&record) {
                continue;
            }
            for (target, alias) in self.links_of(&record) {
                names.entry(target.id.clone()).or_default().push(format!("/{}/{alias}", record.name));
            }
        }
        names
    }

    /// The hosts lines of a container's links.
    ///
    /// # Errors
    /// Conflict, in Docker's words, if a target does not run.
    pub(crate) fn link_entries(&self, record: &Record) -> Result<Vec<HostEntry>> {
        let mut entries = Vec::new();
        let in_networks = record.networks.values().flat_map(|settings| settings.links.iter().flatten());
        let in_networks = in_networks.filter_map(|link| {
            let (target, alias) = split(link);
            Some((self.registry.find(target).ok()?.record(), alias))
        });
        for (other, alias) in self.links_of(record).into_iter().chain(in_networks) {
            if !other.state.phase.has_process() {
                if !legacy(record) {
                    continue;
                }
                return Err(errdefs::conflict(format!(
                    "Cannot link to a non running container: /{} AS /{}/{alias}",
                    other.name, record.name
                )));
            }
            entries.extend(self.entries_of(&other, alias));
        }
        Ok(entries)
    }

    fn entries_of(&self, other: &Record, alias: &str) -> Vec<HostEntry> {
        let mut names = vec![alias.to_owned()];
        for name in [names::short(&other.id), &other.config.hostname, &other.name] {
            if !names.iter().any(|have| have == name) {
                names.push(name.to_owned());
            }
        }
        let endpoints = self.parts.networks.endpoints_of(&other.id);
        let entry = |address| HostEntry { address, names: names.clone() };
        endpoints.iter().flat_map(Endpoint::addresses).map(entry).collect()
    }

    /// The variables about a container's links: where each target listens, and its environment.
    pub(crate) fn link_environment(&self, record: &Record) -> Vec<String> {
        if !legacy(record) {
            return Vec::new();
        }
        let mut all = Vec::new();
        for (other, alias) in self.links_of(record) {
            let endpoints = self.parts.networks.endpoints_of(&other.id);
            let bridge = endpoints.iter().find(|endpoint| endpoint.network_name == "bridge");
            let Some(address) = bridge.and_then(|endpoint| endpoint.ipv4) else { continue };
            let name = format!("/{}/{alias}", record.name);
            let ports = other.config.exposed_ports.as_ref();
            let environment = other.config.env.as_deref().unwrap_or_default();
            all.extend(variables(&name, &address.addr().to_string(), ports, environment));
        }
        all
    }

    /// A container has come up, mostly with another address than before: those that link to it are told, and where
    /// containers of the default network may not talk to each other, the links are opened, its own as well.
    ///
    /// # Errors
    /// If a hosts file cannot be written or the kernel refuses.
    pub(crate) fn open_links(&self, record: &Record) -> Result<()> {
        let closed = self.parts.networks.get(DEFAULT_NETWORK).is_ok_and(|network| !network.icc());
        if closed {
            self.set_reaches(record)?;
        }
        for container in self.registry.all() {
            let other = container.record();
            let linked = other.host.links.as_ref().is_some_and(|links| !links.is_empty()) && legacy(&other);
            if !linked || other.id == record.id || !other.state.phase.has_process() {
                continue;
            }
            let links = self.links_of(&other);
            let mut aliases = links.iter().filter(|(target, _)| target.id == record.id).peekable();
            if aliases.peek().is_none() {
                continue;
            }
            aliases.try_for_each(|(target, alias)| self.readdress(&other, target, alias))?;
            if closed {
                self.set_reaches(&other)?;
            }
        }
        Ok(())
    }

    /// Gives the lines of a link in a container's hosts file the target's address of now.
    fn readdress(&self, record: &Record, target: &Record, alias: &str) -> Result<()> {
        let path = self.data_dir(&record.id).join("hosts");
        let Ok(text) = fs::read_to_string(&path) else { return Ok(()) };
        let addresses: Vec<IpAddr> = self.entries_of(target, alias).iter().map(|one| one.address).collect();
        let readdressed = |line: &str| {
            let (address, names) = line.split_once('\t')?;
            let v4 = address.parse::<IpAddr>().ok()?.is_ipv4();
            let now = addresses.iter().find(|now| now.is_ipv4() == v4)?;
            (names.split_whitespace().next() == Some(alias)).then(|| format!("{now}\t{names}"))
        };
        let new: String = text
            .split_inclusive('\n')
            .map(|line| readdressed(line).unwrap_or_else(|| line.to_owned()))
            .collect();
        if new == text { Ok(()) } else { super::inplace::write(&path, &new) }
    }

    fn set_reaches(&self, record: &Record) -> Result<()> {
        let networks = &self.parts.networks;
        let on_bridge = |id: &str| {
            networks.endpoints_of(id).into_iter().find(|endpoint| endpoint.network_name == DEFAULT_NETWORK)
        };
        let Some(own) = on_bridge(&record.id) else { return Ok(()) };
        let mut reaches: Vec<Reach> = Vec::new();
        let targets = if legacy(record) { self.links_of(record) } else { Vec::new() };
        for (target, _) in targets {
            let Some(to) = on_bridge(&target.id).and_then(|endpoint| endpoint.ipv4) else { continue };
            for (port, protocol) in listening(&target) {
                let reach = Reach { to: to.addr(), protocol, port };
                if !reaches.contains(&reach) {
                    reaches.push(reach);
                }
            }
        }
        networks.set_reaches(&own.id, &reaches)
    }

    /// `rm --link web/alias`: the link goes, both containers stay.
    fn remove_link(&self, reference: &str) -> Result<()> {
        let missing = || errdefs::not_found(format!("No such container: {reference}"));
        let Some((parent, alias)) = reference.trim_start_matches('/').split_once('/') else {
            self.registry.find(reference)?;
            return Err(invalid("Conflict, cannot remove the default link name of the container"));
        };
        let container = self.registry.find(parent).map_err(|_| missing())?;
        let _operation = container.operation.lock();
        let record = container.record();
        let links = self.links_of(&record).into_iter().filter(|(_, have)| *have == alias);
        let gone: Vec<HostEntry> = links.flat_map(|(other, _)| self.entries_of(&other, alias)).collect();
        let mut found = false;
        self.change(&container, |record| {
            if let Some(links) = &mut record.host.links {
                let before = links.len();
                links.retain(|link| split(link).1 != alias);
                found = links.len() != before;
            }
        })?;
        if !found {
            return Err(missing());
        }
        self.open_links(&container.record())?;
        let path = self.data_dir(&container.id).join("hosts");
        if let Ok(text) = fs::read_to_string(&path) {
            // Its other names may have changed since; the first one is the link's.
            let is_gone = |line: &str| {
                let (address, names) = line.split_once('\t').unwrap_or_default();
                names.split_whitespace().next() == Some(alias)
                    && gone.iter().any(|entry| entry.address.to_string() == address)
            };
            let kept: String = text.split_inclusive('\n').filter(|line| !is_gone(line)).collect();
            fs::write(&path, kept)?;
        }
        Ok(())
    }
}

impl Containers {
    /// Removes a link by its name, `web/alias`.
    ///
    /// # Errors
    /// NotFound in Docker's words; InvalidParameter for a container's own name.
    pub(super) fn remove_link(&self, reference: &str) -> Result<()> {
        self.shared.remove_link(reference)
    }
}

/// The ports that a container exposes or publishes.
fn listening(record: &Record) -> Vec<(u16, network::Protocol)> {
    let exposed = record.config.exposed_ports.iter().flatten().map(|(port, _)| port);
    let published = record.host.port_bindings.iter().flatten().map(|(port, _)| port);
    let parse = |port: &String| {
        let (number, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
        Some((number.parse().ok()?, protocol.parse().ok()?))
    };
    exposed.chain(published).filter_map(parse).collect()
}

/// What Docker tells a container about one that it is linked to, by the link's name `/web/alias`.
fn variables(name: &str, address: &str, ports: Option<&Set>, environment: &[String]) -> Vec<String> {
    let alias = name.rsplit('/').next().unwrap_or(name).replace('-', "_").to_uppercase();
    let mut ports: Vec<(u16, &str)> = ports
        .into_iter()
        .flatten()
        .filter_map(|(port, _)| {
            let (number, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
            Some((number.parse().ok()?, protocol))
        })
        .collect();
    ports.sort_by_key(|(number, protocol)| (*protocol != "tcp", *number));
    let mut all = Vec::new();
    if let Some((number, protocol)) = ports.first() {
        all.push(format!("{alias}_PORT={protocol}://{address}:{number}"));
    }
    for (number, protocol) in &ports {
        let prefix = format!("{alias}_PORT_{number}_{}", protocol.to_uppercase());
        all.push(format!("{prefix}={protocol}://{address}:{number}"));
        all.push(format!("{prefix}_ADDR={address}"));
        all.push(format!("{prefix}_PORT={number}"));
        all.push(format!("{prefix}_PROTO={protocol}"));
    }
    for range in ports.chunk_by(|a, b| a.1 == b.1 && b.0 == a.0 + 1).filter(|range| range.len() > 1) {
        let ((first, protocol), (last, _)) = (range[0], range[range.len() - 1]);
        let prefix = format!("{alias}_PORT_{first}_{}", protocol.to_uppercase());
        all.push(format!("{prefix}_START={protocol}://{address}:{first}"));
        all.push(format!("{prefix}_PORT_START={first}"));
        all.push(format!("{prefix}_END={protocol}://{address}:{last}"));
        all.push(format!("{prefix}_PORT_END={last}"));
    }
    all.push(format!("{alias}_NAME={name}"));
    let inherited = environment.iter().filter_map(|entry| entry.split_once('='));
    let wanted = inherited.filter(|(key, _)| !matches!(*key, "HOME" | "PATH"));
    all.extend(wanted.map(|(key, value)| format!("{alias}_ENV_{key}={value}")));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_read() {
        assert_eq!(split("db:database"), ("db", "database"));
        assert_eq!(split("/db:/web/database"), ("db", "database"));
        assert_eq!(split("db"), ("db", "db"));
    }

    // What Docker 28.5 gave to a container with `--link lk1:my-db`.
    #[test]
    fn the_variables_are_dockers() {
        let ports: Set = ["80/tcp", "70/tcp", "90/udp", "91/udp"]
            .into_iter()
            .map(|port| (port.to_owned(), api::Empty))
            .collect();
        let environment = ["PATH=/bin", "FOO=a=b", "HOME=/root", "BARE"].map(str::to_owned);
        let all = variables("/web/my-db", "172.17.0.3", Some(&ports), &environment);
        let expected = "\
            MY_DB_PORT=tcp://172.17.0.3:70\n\
            MY_DB_PORT_70_TCP=tcp://172.17.0.3:70\nMY_DB_PORT_70_TCP_ADDR=172.17.0.3\n\
            MY_DB_PORT_70_TCP_PORT=70\nMY_DB_PORT_70_TCP_PROTO=tcp\n\
            MY_DB_PORT_80_TCP=tcp://172.17.0.3:80\nMY_DB_PORT_80_TCP_ADDR=172.17.0.3\n\
            MY_DB_PORT_80_TCP_PORT=80\nMY_DB_PORT_80_TCP_PROTO=tcp\n\
            MY_DB_PORT_90_UDP=udp://172.17.0.3:90\nMY_DB_PORT_90_UDP_ADDR=172.17.0.3\n\
            MY_DB_PORT_90_UDP_PORT=90\nMY_DB_PORT_90_UDP_PROTO=udp\n\
            MY_DB_PORT_91_UDP=udp://172.17.0.3:91\nMY_DB_PORT_91_UDP_ADDR=172.17.0.3\n\
            MY_DB_PORT_91_UDP_PORT=91\nMY_DB_PORT_91_UDP_PROTO=udp\n\
            MY_DB_PORT_90_UDP_START=udp://172.17.0.3:90\nMY_DB_PORT_90_UDP_PORT_START=90\n\
            MY_DB_PORT_90_UDP_END=udp://172.17.0.3:91\nMY_DB_PORT_90_UDP_PORT_END=91\n\
            MY_DB_NAME=/web/my-db\nMY_DB_ENV_FOO=a=b";
        assert_eq!(all.join("\n"), expected);
    }
}
