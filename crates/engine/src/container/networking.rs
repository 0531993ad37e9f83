//! A container's side of networking: which networks, which ports, which names, and the three files about them.
//!
//! The network crate gives addresses and ports and makes links; here is the policy of who gets what. The files are
//! written anew at each start: edits inside a container last as long as its run, as Docker's do.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use api::container::{PortBinding, PortMap};
use api::network::EndpointSettings;
use errdefs::{Context, Result, invalid};
use network::{
    Endpoint, EndpointRequest, Families, HostEntry, HostsFile, IpamConfig, Network, Networks, PortRequest,
    ResolvOptions,
};

use super::names;
use super::record::Record;
use super::shared::{Container, Shared};
use super::validate::split_extra_host;

const SHARES_NAMESPACE: &str = "container sharing network namespace with another container or host cannot be connected to any other network";

/// Where a container's network is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A namespace of its own, in the record's networks (perhaps none).
    Own,
    /// The host's namespace.
    Host,
    /// The namespace of the container with this ID, or name if there was none at the create.
    Container(String),
}

/// The mode of a record.
pub(crate) fn mode(record: &Record) -> Mode {
    match record.host.network_mode.as_str() {
        "host" => Mode::Host,
        other => match other.strip_prefix("container:") {
            Some(id) => Mode::Container(id.to_owned()),
            None => Mode::Own,
        },
    }
}

/// The networks that a create request asks for: those named, or that of the network mode if none is.
///
/// # Errors
/// InvalidParameter, in Docker's words, for settings that make no sense or that `networks` do not take.
pub(crate) fn wanted(
    mode: &str,
    config: Option<&api::container::NetworkingConfig>,
    mac: &str,
    networks: &Networks,
) -> Result<BTreeMap<String, EndpointSettings>> {
    let all = named(mode, config, mac)?;
    for (name, settings) in &all {
        // What is not there yet may be there at the start.
        let network = networks.get(name).ok();
        check_settings(name, settings, network.as_deref())
            .map_err(|error| error.context(format!("invalid config for network {name}")))?;
    }
    Ok(all)
}

fn named(
    mode: &str,
    config: Option<&api::container::NetworkingConfig>,
    mac: &str,
) -> Result<BTreeMap<String, EndpointSettings>> {
    let mut all: BTreeMap<String, EndpointSettings> = BTreeMap::new();
    if mode.starts_with("container:") {
        return Ok(all);
    }
    for (name, settings) in config.iter().flat_map(|config| &config.endpoints_config) {
        let Some(settings) = settings else {
            return Err(invalid(format!("invalid config for network {name}: EndpointsConfig is nil")));
        };
        let name = if name == "default" { "bridge" } else { name };
        // Those are the engine's to say.
        all.insert(name.to_owned(), EndpointSettings { dns_names: None, ..settings.clone() });
    }
    if all.is_empty() {
        all.insert(mode.to_owned(), EndpointSettings::default());
    }
    if !mac.is_empty() {
        let Some(main) = all.get_mut(mode) else {
            return Err(invalid(
                "unable to migrate container-wide MAC address to a specific network: HostConfig.NetworkMode must match \
                 the identity of a network in NetworkSettings.Networks",
            ));
        };
        if main.mac_address.is_empty() {
            mac.clone_into(&mut main.mac_address);
        } else if mac != main.mac_address {
            return Err(invalid(
                "the container-wide MAC address must match the endpoint-specific MAC address for the main network, or \
                 be left empty",
            ));
        }
    }
    if matches!(mode, "host" | "none") && all.keys().any(|name| name != mode) {
        let why = if mode == "host" {
            SHARES_NAMESPACE
        } else {
            "container cannot be connected to multiple networks with one of the networks in private (none) mode"
        };
        return Err(invalid(format!("failed to set up container networking: {why}")));
    }
    let why = if mode != "host" && all.contains_key("host") {
        "cannot connect container to host network - container must be created in host network mode".to_owned()
    } else if all.len() > 1 && all.contains_key("none") {
        "container cannot be connected to multiple networks with one of the networks in private (none) mode"
            .to_owned()
    } else if let Some(other) = all.keys().find(|name| name.starts_with("container:")) {
        format!("network {other} not found")
    } else {
        return Ok(all);
    };
    Err(invalid(format!("failed to set up container networking: {why}")))
}

/// What Go says of a text that is no address.
fn bad_nameserver(text: &str) -> String {
    let dotted = text.find(['.', ':', '%']).is_some_and(|at| text[at..].starts_with('.'));
    let other = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let why = match other.filter(|_| dotted) {
        Some(at) => format!("unexpected character (at {:?})", &text[at..]),
        None => "unable to parse IP".to_owned(),
    };
    format!("bad nameserver address {text}: ParseAddr({text:?}): {why}")
}

/// Checks all of the settings, those of a network that is there against its subnets.
///
/// # Errors
/// InvalidParameter, in Docker's words.
pub(crate) fn check_settings(
    name: &str,
    settings: &EndpointSettings,
    network: Option<&Network>,
) -> Result<()> {
    if !settings.mac_address.is_empty() {
        parse_mac(&settings.mac_address)?;
    }
    check_endpoint(name, settings, network)
}

/// Checks addresses and aliases; the error has all that is wrong.
fn check_endpoint(name: &str, settings: &EndpointSettings, network: Option<&Network>) -> Result<()> {
    let ipam = settings.ipam_config.clone().unwrap_or_default();
    let mut problems = Vec::new();
    if matches!(name, "bridge" | "host" | "none") {
        if !ipam.ipv4_address.is_empty() || !ipam.ipv6_address.is_empty() {
            problems.push("user specified IP address is supported on user defined networks only".to_owned());
        }
        if settings.aliases.as_ref().is_some_and(|aliases| !aliases.is_empty()) {
            problems.push(
                "network-scoped alias is supported only for containers in user defined networks".to_owned(),
            );
        }
    }
    let address = |text: &str| text.parse().ok().filter(|address: &IpAddr| !address.is_unspecified());
    let (v4, v6) = (&ipam.ipv4_address, &ipam.ipv6_address);
    if !v4.is_empty() && !address(v4).is_some_and(|address| address.is_ipv4()) {
        problems.push(format!("invalid IPv4 address: {v4}"));
    }
    if !v6.is_empty() && !address(v6).is_some_and(|address| address.is_ipv6()) {
        problems.push(format!("invalid IPv6 address: {v6}"));
    }
    let link_local = ipam.link_local_ips.iter().flatten().filter(|text| address(text).is_none());
    problems.extend(link_local.map(|text| format!("invalid link-local IP address: {text}")));
    if let Some(network) = network {
        problems
            .extend([(v4, true), (v6, false)].into_iter().filter_map(|(v, four)| outside(v, four, network)));
    }
    match problems.as_slice() {
        [] => Ok(()),
        [one] => Err(invalid(format!("invalid endpoint settings:\n{one}"))),
        many => {
            let list = many.iter().map(|problem| format!("* {problem}")).collect::<Vec<_>>().join("\n");
            Err(invalid(format!("invalid endpoint settings:\n{list}")))
        }
    }
}

/// Why an address that was asked for cannot be given in a network: only subnets that the user chose have such addresses.
fn outside(address: &str, four: bool, network: &Network) -> Option<String> {
    if address.is_empty() {
        return None;
    }
    let ours = |config: &&IpamConfig| config.subnet.is_some_and(|subnet| subnet.addr().is_ipv4() == four);
    let asked = if network.is_predefined() { &network.ipam.config } else { network.asked() };
    let mut subnets = asked.iter().filter(ours).peekable();
    if subnets.peek().is_none() {
        return Some(
            "user specified IP address is supported only when connecting to networks with user configured subnets"
                .to_owned(),
        );
    }
    let address_in = |config: &IpamConfig| {
        let range = config.ip_range.or(config.subnet);
        range.zip(address.parse::<IpAddr>().ok()).is_some_and(|(range, address)| range.contains(&address))
    };
    let inside = subnets.any(address_in);
    (!inside).then(|| format!("no configured subnet or ip-range contain the IP address {address}"))
}

/// Six bytes, `02:42:...`, `02-42-...` or `0242.ac11.0002`.
fn parse_mac(text: &str) -> Result<[u8; 6]> {
    let refuse = || invalid(format!("invalid MAC address {text}"));
    let (separator, length) = if text.contains('.') { (['.'; 2], 4) } else { ([':', '-'], 2) };
    let parts: Vec<&str> = text.split(separator).collect();
    let hex = |part: &&str| part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    if parts.len() * length != 12 || !parts.iter().all(hex) {
        return Err(refuse());
    }
    let digits = parts.concat();
    let mut mac = [0; 6];
    for (at, byte) in mac.iter_mut().enumerate() {
        let pair = digits.get(2 * at..2 * at + 2).ok_or_else(refuse)?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| refuse())?;
    }
    Ok(mac)
}

/// What Docker says to one that has another's network namespace and is to be in a network.
pub(crate) fn shares_namespace() -> errdefs::Error {
    invalid(SHARES_NAMESPACE)
}

/// What to ask the network crate for, the preferred network first.
///
/// # Errors
/// InvalidParameter for malformed ports and addresses, and for networks beside a namespace that is not its own.
pub(crate) fn requests(record: &Record, networks: &Networks) -> Result<Vec<EndpointRequest>> {
    let alone = match mode(record) {
        Mode::Own => true,
        Mode::Host => record.networks.keys().all(|name| name == "host"),
        Mode::Container(_) => record.networks.is_empty(),
    };
    if !alone {
        return Err(shares_namespace());
    }
    let mut order: Vec<_> = record.networks.iter().collect();
    order.sort_by_key(|(name, _)| preference(record, name));
    // One that is gone is told of when it is asked for an address.
    let families =
        |name| networks.get(name).map_or_else(|_| Families::default(), |net| net.gateway_families());
    let routes = Families::default_routes(&order.iter().map(|(name, _)| families(name)).collect::<Vec<_>>());
    // Ports lead to the address that the default route uses.
    let main = Families::main(&routes).unwrap_or_default();
    let mut ports = ports(record)?;
    order
        .into_iter()
        .zip(routes)
        .enumerate()
        .map(|(index, ((name, settings), routes))| {
            let mut request = request(record, name, settings)?;
            request.default_routes = routes;
            if index == main {
                request.ports = std::mem::take(&mut ports);
            }
            Ok(request)
        })
        .collect()
}

/// By what a container's networks are ordered when there is a choice: the priority, highest first, then the name.
pub(crate) fn preference<'a>(record: &Record, network: &'a str) -> (i64, &'a str) {
    (record.networks.get(network).map_or(0, |settings| -settings.gw_priority), network)
}

/// The request for one network, without ports.
///
/// # Errors
/// InvalidParameter for malformed addresses.
pub(crate) fn request(record: &Record, name: &str, settings: &EndpointSettings) -> Result<EndpointRequest> {
    let ipam = settings.ipam_config.clone().unwrap_or_default();
    let bad = |text: &str| invalid(format!("invalid IP address: {text}"));
    let v4 = Some(&ipam.ipv4_address).filter(|text| !text.is_empty());
    let v6 = Some(&ipam.ipv6_address).filter(|text| !text.is_empty());
    let mac = Some(&settings.mac_address).filter(|text| !text.is_empty());
    Ok(EndpointRequest {
        container_id: record.id.clone(),
        container_name: record.name.clone(),
        network: name.to_owned(),
        mac: mac.map(|text| parse_mac(text)).transpose()?,
        ipv4: v4.map(|text| text.parse().map_err(|_| bad(text))).transpose()?,
        ipv6: v6.map(|text| text.parse().map_err(|_| bad(text))).transpose()?,
        aliases: dns_names(record, settings).split_off(1),
        driver_opts: settings.driver_opts.clone().unwrap_or_default(),
        link_local: ipam
            .link_local_ips
            .iter()
            .flatten()
            .map(|text| text.parse().map(|address: IpAddr| address.to_canonical()).map_err(|_| bad(text)))
            .collect::<Result<_>>()?,
        default_routes: Families::default(),
        ports: Vec::new(),
    })
}

/// The names by which a container is found in a user-defined network (semantics 98), its own first.
pub(crate) fn dns_names(record: &Record, settings: &EndpointSettings) -> Vec<String> {
    let mut all = vec![record.name.clone()];
    let short = names::short(&record.id).to_owned();
    let more = settings.aliases.iter().flatten().cloned().chain([short, record.config.hostname.clone()]);
    for name in more {
        if !name.is_empty() && !all.contains(&name) {
            all.push(name);
        }
    }
    all
}

/// The ports to publish.
///
/// # Errors
/// InvalidParameter, in Docker's words, for malformed ones.
pub(crate) fn ports(record: &Record) -> Result<Vec<PortRequest>> {
    let mut all = Vec::new();
    let bindings = record.host.port_bindings.iter().flatten();
    for (port, bindings) in bindings {
        for binding in bindings.iter().flatten() {
            all.push(PortRequest::parse(port, &binding.host_ip, &binding.host_port)?);
        }
    }
    if record.host.publish_all_ports {
        for port in record.config.exposed_ports.iter().flatten().map(|(port, _)| port) {
            let bound = record.host.port_bindings.as_ref().and_then(|map| map.get(port));
            if bound.is_none_or(|bindings| bindings.as_ref().is_none_or(Vec::is_empty)) {
                all.push(PortRequest::parse(port, "", "")?);
            }
        }
    }
    Ok(all)
}

/// The ports of a container for `inspect`: the published ones of its endpoints, and the exposed ones without binding.
pub(crate) fn port_map(record: &Record, endpoints: &[Endpoint]) -> PortMap {
    let mut map = PortMap::new();
    if endpoints.is_empty() {
        return map;
    }
    for port in record.config.exposed_ports.iter().flatten().map(|(port, _)| port) {
        map.insert(port.clone(), None);
    }
    for binding in endpoints.iter().flat_map(|endpoint| &endpoint.ports) {
        let key = format!("{}/{}", binding.container_port, binding.protocol);
        map.entry(key).or_default().get_or_insert_default().push(PortBinding {
            host_ip: binding.host.ip().to_string(),
            host_port: binding.host.port().to_string(),
        });
    }
    map
}

/// What was asked for in a network, filled in with what was given.
pub(crate) fn settings(
    record: &Record,
    name: &str,
    wish: &EndpointSettings,
    given: Option<&Endpoint>,
) -> EndpointSettings {
    let mut settings = wish.clone();
    // Known since it joined, or since it was started first.
    let joined = given.is_some() || record.state.started_at.is_some() || wish.dns_names.is_some();
    let named = joined && !matches!(name, "bridge" | "host" | "none");
    settings.dns_names = named.then(|| dns_names(record, wish));
    let Some(endpoint) = given else { return settings };
    settings.network_id.clone_from(&endpoint.network_id);
    settings.endpoint_id.clone_from(&endpoint.id);
    settings.mac_address = endpoint.mac_text();
    if let Some(v4) = endpoint.ipv4 {
        settings.ip_address = v4.addr().to_string();
        settings.ip_prefix_len = v4.prefix_len().into();
        settings.gateway = endpoint.gateway4.map(|gateway| gateway.to_string()).unwrap_or_default();
    }
    if let Some(v6) = endpoint.ipv6 {
        settings.global_ipv6_address = v6.addr().to_string();
        settings.global_ipv6_prefix_len = v6.prefix_len().into();
        settings.ipv6_gateway = endpoint.gateway6.map(|gateway| gateway.to_string()).unwrap_or_default();
    }
    settings
}

/// The files bound into a container: `(target, host path)`.
pub(crate) type Files = Vec<(&'static str, PathBuf)>;

const TARGETS: [(&str, &str); 3] =
    [("/etc/resolv.conf", "resolv.conf"), ("/etc/hostname", "hostname"), ("/etc/hosts", "hosts")];

impl Shared {
    /// Where the three files of a container are; those of another one if it shares that one's network.
    pub(crate) fn network_files(&self, record: &Record) -> Files {
        let owner = match mode(record) {
            // What the mode says may be a name that nobody has (yet): it is looked up, never a part of a path.
            Mode::Container(id) => self.registry.find(&id).ok().map(|owner| owner.id.clone()),
            _ => None,
        };
        let dir = self.data_dir(owner.as_ref().unwrap_or(&record.id));
        TARGETS.map(|(target, name)| (target, dir.join(name))).to_vec()
    }

    /// Writes the three files for a run with these endpoints.
    ///
    /// # Errors
    /// InvalidParameter for links and extra hosts that cannot be resolved; System if writing fails.
    pub(crate) fn write_network_files(&self, record: &Record, endpoints: &[Endpoint]) -> Result<()> {
        let dir = self.data_dir(&record.id);
        let write = |name: &str, text: &str| {
            let path = dir.join(name);
            super::inplace::write(&path, text)?;
            match super::userns::root_of(record) {
                (0, 0) => Ok(()),
                (uid, gid) => std::os::unix::fs::chown(&path, Some(uid), Some(gid))
                    .context(|| format!("chown {}", path.display())),
            }
        };
        write("hostname", &format!("{}\n", record.config.hostname))?;
        write("hosts", &self.hosts_text(record, endpoints)?)?;
        let routes: Vec<Families> = endpoints.iter().map(|endpoint| endpoint.default_routes).collect();
        let main = Families::main(&routes).map_or(endpoints.first(), |main| endpoints.get(main));
        let name =
            main.map_or_else(|| record.host.network_mode.clone(), |endpoint| endpoint.network_id.clone());
        let network = self.parts.networks.get(&name)?;
        let addresses = |list: &Option<Vec<String>>| -> Result<Vec<IpAddr>> {
            let parse = |text: &String| text.parse().map_err(|_| invalid(bad_nameserver(text)));
            list.iter().flatten().map(parse).collect()
        };
        let host = &record.host;
        let options = ResolvOptions {
            servers: addresses(&host.dns)?,
            search: host.dns_search.clone().unwrap_or_default(),
            options: host.dns_options.clone().unwrap_or_default(),
        };
        write("resolv.conf", &self.parts.networks.resolv_conf(&options, &network)?.text)
    }

    fn hosts_text(&self, record: &Record, endpoints: &[Endpoint]) -> Result<String> {
        let mut extra = self.link_entries(record)?;
        for entry in record.host.extra_hosts.iter().flatten() {
            let (host, address) = split_extra_host(entry)?;
            let addresses = match address {
                "host-gateway" => self.parts.networks.host_gateway(),
                address => address.parse().into_iter().collect(),
            };
            if addresses.is_empty() {
                return Err(invalid("unable to derive the IP value for host-gateway"));
            }
            extra.extend(
                addresses.into_iter().map(|address| HostEntry { address, names: vec![host.to_owned()] }),
            );
        }
        if mode(record) == Mode::Host {
            let mut text = fs::read_to_string("/etc/hosts").context(|| "read /etc/hosts")?;
            for entry in extra {
                text.push_str(&format!("{}\t{}\n", entry.address, entry.names.join(" ")));
            }
            return Ok(text);
        }
        let hostname = &record.config.hostname;
        let names = match record.config.domainname.as_str() {
            // A name with dots is its own domain, and the part before the first one is a name too.
            "" => match hostname.split_once('.') {
                Some((short, _)) if !short.is_empty() => vec![hostname.clone(), short.to_owned()],
                _ => vec![hostname.clone()],
            },
            domain => vec![format!("{hostname}.{domain}"), hostname.clone()],
        };
        let addresses = endpoints.iter().flat_map(Endpoint::addresses);
        let own = addresses.map(|address| HostEntry { address, names: names.clone() }).collect();
        Ok(HostsFile { extra, own, ipv6: true }.text() + &self.neighbours(record))
    }

    /// The container whose network namespace is shared, if it runs.
    ///
    /// # Errors
    /// In Docker's words, if it is not there or does not run.
    pub(crate) fn network_owner(&self, id: &str) -> Result<Arc<Container>> {
        let owner = self.registry.find(id).context(|| "joining network namespace of container")?;
        let record = owner.record();
        if !record.state.phase.has_process() {
            return Err(errdefs::conflict(format!(
                "cannot join network namespace of a non running container: container {} is {}",
                record.name,
                record.state.phase.word()
            )));
        }
        Ok(owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::network::EndpointIpamConfig;

    #[test]
    fn networks_are_those_named_or_that_of_the_mode() {
        let names = |mode: &str, extra: &[&str]| -> Result<Vec<String>> {
            let endpoints_config =
                extra.iter().map(|name| ((*name).to_owned(), Some(EndpointSettings::default()))).collect();
            let config = api::container::NetworkingConfig { endpoints_config };
            Ok(named(mode, Some(&config), "")?.into_keys().collect())
        };
        assert_eq!(names("bridge", &[]).unwrap(), ["bridge"]);
        assert_eq!(names("bridge", &["default"]).unwrap(), ["bridge"]);
        assert_eq!(names("bridge", &["net2"]).unwrap(), ["net2"]);
        assert_eq!(names("net1", &["net1", "net2"]).unwrap(), ["net1", "net2"]);
        assert_eq!(names("container:x", &["net1"]).unwrap(), Vec::<String>::new());
        for (mode, extra) in
            [("host", "net1"), ("none", "net1"), ("net1", "host"), ("none", "host"), ("host", "none")]
        {
            assert!(names(mode, &[extra]).is_err(), "{mode} {extra}");
        }
        assert!(names("net1", &["net1", "none"]).is_err());
    }

    #[test]
    fn a_fixed_address_on_the_default_bridge_is_refused_in_dockers_words() {
        let ipam_config =
            Some(EndpointIpamConfig { ipv4_address: "1.2.3.4".into(), ..EndpointIpamConfig::default() });
        let settings = EndpointSettings { ipam_config, ..EndpointSettings::default() };
        let text = check_settings("bridge", &settings, None).unwrap_err().to_string();
        assert!(text.starts_with("invalid endpoint settings:\nuser specified"), "{text}");
        check_settings("mine", &settings, None).unwrap();
    }

    #[test]
    fn nameservers_that_are_none_are_told_in_gos_words() {
        assert_eq!(bad_nameserver("x"), "bad nameserver address x: ParseAddr(\"x\"): unable to parse IP");
        assert_eq!(
            bad_nameserver("1.1.1.1:53"),
            "bad nameserver address 1.1.1.1:53: ParseAddr(\"1.1.1.1:53\"): unexpected character (at \":53\")"
        );
    }

    #[test]
    fn macs_are_read() {
        for good in ["02:42:ac:11:00:02", "02-42-AC-11-00-02", "0242.ac11.0002"] {
            assert_eq!(parse_mac(good).unwrap(), [2, 0x42, 0xac, 0x11, 0, 2]);
        }
        for bad in [
            "",
            "zz:42:ac:11:00:02",
            "2:42:ac:11:0:2",
            "02:42:ac:11:00",
            "02:42:ac:11:00:02:03",
            "0242.ac11.002",
            "+242.ac11.0002",
        ] {
            assert!(parse_mac(bad).is_err(), "{bad:?}");
        }
    }
}
