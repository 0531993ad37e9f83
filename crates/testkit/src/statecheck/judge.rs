//! The judgement: each rule says what must agree, and names what does not.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use super::records::{Container, Endpoint, Port};
use super::{Observed, Records};

/// All that does not agree.
pub(super) fn problems(seen: &Observed) -> Vec<String> {
    let rules = [
        names,
        shown,
        directories,
        layers,
        volumes,
        images,
        runs,
        stopped,
        strays,
        endpoints,
        addresses,
        inside,
        ports,
        firewall,
        links,
        mounts,
    ];
    let mut all = Vec::new();
    for rule in rules {
        rule(seen, &mut |problem| all.push(problem));
    }
    all
}

type Tell<'a> = dyn FnMut(String) + 'a;

fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

fn hex(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
}

fn running(seen: &Observed) -> impl Iterator<Item = (&String, &Container)> {
    seen.records.containers.iter().filter(|(_, one)| one.has_process())
}

/// Tells each value that is there twice.
fn unique<K: Ord, V: std::fmt::Display>(
    what: &str,
    pairs: impl Iterator<Item = (K, V)>,
    show: impl Fn(&K) -> String,
    tell: &mut Tell<'_>,
) {
    let mut owners: BTreeMap<K, String> = BTreeMap::new();
    for (key, owner) in pairs {
        let owner = owner.to_string();
        let text = show(&key);
        if let Some(before) = owners.insert(key, owner.clone()) {
            tell(format!("{what} {text} belongs to {before} and to {owner}"));
        }
    }
}

fn names(seen: &Observed, tell: &mut Tell<'_>) {
    let pairs = seen.records.containers.iter().map(|(id, one)| (&one.name, short(id)));
    unique("name", pairs, |name| (*name).clone(), tell);
}

/// What the daemon shows is what it has recorded.
fn shown(seen: &Observed, tell: &mut Tell<'_>) {
    let Some(shown) = &seen.shown else { return };
    let shown: BTreeSet<_> = shown.iter().map(|one| (&*one.id, &*one.name, &*one.state)).collect();
    let recorded: BTreeSet<_> =
        seen.records.containers.iter().map(|(id, one)| (&**id, &*one.name, one.phase())).collect();
    for (id, name, state) in shown.difference(&recorded) {
        tell(format!("container {} ({name}, {state}) is shown and not so recorded", short(id)));
    }
    for (id, name, state) in recorded.difference(&shown) {
        tell(format!("container {} ({name}, {state}) is recorded and not so shown", short(id)));
    }
}

fn directories(seen: &Observed, tell: &mut Tell<'_>) {
    let recorded: BTreeSet<&String> = seen.records.containers.keys().collect();
    for (what, found) in [("directory", &seen.disk.containers), ("writable layer", &seen.disk.writables)] {
        let found: BTreeSet<&String> = found.iter().collect();
        for id in recorded.difference(&found) {
            tell(format!("container {} has no {what}", short(id)));
        }
        for id in found.difference(&recorded) {
            tell(format!("{what} {} belongs to no container", short(id)));
        }
    }
    seen.disk.waiting.iter().for_each(|path| tell(format!("{path} was never finished")));
    seen.disk.broken.iter().for_each(|text| tell(text.clone()));
}

fn layers(seen: &Observed, tell: &mut Tell<'_>) {
    let records = &seen.records;
    let mut needed: BTreeSet<&str> = records.layers.keys().map(|id| hex(id)).collect();
    for (id, one) in &records.containers {
        for layer in &one.layers {
            needed.insert(hex(layer));
            if !seen.disk.layers.contains(hex(layer)) {
                tell(format!("container {} has lost its layer {}", short(id), short(hex(layer))));
            }
        }
    }
    needed.extend(records.pulled.iter().map(|digest| hex(digest)));
    for layer in seen.disk.layers.iter().filter(|layer| !needed.contains(layer.as_str())) {
        tell(format!("layer {} belongs to no image and no container", short(layer)));
    }
}

fn images(seen: &Observed, tell: &mut Tell<'_>) {
    let records = &seen.records;
    let mut needed: BTreeSet<&str> = records.pulled.iter().map(|digest| hex(digest)).collect();
    for (id, image) in &records.images {
        for digest in std::iter::once(id).chain(image.digests()) {
            needed.insert(hex(digest));
        }
        if !seen.disk.blobs.contains(hex(id)) {
            tell(format!("image {} has lost its configuration", short(hex(id))));
        }
    }
    for (name, id) in records.names.iter().filter(|(_, id)| !records.images.contains_key(*id)) {
        tell(format!("name {name} means image {}, which is not there", short(hex(id))));
    }
    needed.extend(records.layers.values().flatten().map(|digest| hex(digest)));
    for blob in seen.disk.blobs.iter().filter(|blob| !needed.contains(blob.as_str())) {
        tell(format!("blob {} belongs to no image", short(blob)));
    }
}

fn volumes(seen: &Observed, tell: &mut Tell<'_>) {
    let records = &seen.records;
    for (id, one) in &records.containers {
        for name in one.volumes().filter(|name| !records.volumes.contains_key(*name)) {
            tell(format!("container {} has lost its volume {name}", short(id)));
        }
    }
    for (name, volume) in &records.volumes {
        if !seen.disk.volumes.contains(name) {
            tell(format!("volume {name} has no directory"));
        }
        if volume.phase != "Ready" {
            tell(format!("volume {name} is in phase {}", volume.phase));
        }
    }
    for name in seen.disk.volumes.iter().filter(|name| !records.volumes.contains_key(*name)) {
        tell(format!("the directory of volume {name} has no record"));
    }
}

/// A running container has its shim, its process below it, its control group, and its state directory.
fn runs(seen: &Observed, tell: &mut Tell<'_>) {
    for (id, one) in running(seen) {
        let what = format!("{} container {} ({})", one.phase(), short(id), one.name);
        let shims: Vec<i32> =
            seen.kernel.shims.iter().filter(|(_, of)| of == id).map(|(pid, _)| *pid).collect();
        if shims.len() != 1 {
            tell(format!("{what} has {} shims", shims.len()));
        }
        match seen.kernel.processes.get(&one.pid()) {
            None => tell(format!("{what} has no process {}", one.pid())),
            Some(process) => {
                if process.zombie {
                    tell(format!("{what}: its process {} has ended", one.pid()));
                }
                if !shims.contains(&process.parent) {
                    tell(format!("{what}: its process {} is not its shim's", one.pid()));
                }
                if process.own_network != one.own_network() && one.endpoints() > 0 {
                    tell(format!("{what}: its process {} is in the wrong network namespace", one.pid()));
                }
            }
        }
        match seen.kernel.groups.get(id) {
            None => tell(format!("{what} has no control group")),
            Some(group) => {
                if !group.processes.contains(&one.pid()) {
                    tell(format!("{what}: its process {} is not in its control group", one.pid()));
                }
                if group.frozen != (one.phase() == "paused") {
                    tell(format!("{what}: its control group is frozen: {}", group.frozen));
                }
            }
        }
        if !seen.disk.sockets.contains(id) {
            tell(format!("{what} has no shim socket"));
        }
    }
}

/// A container that does not run has nothing of a run.
fn stopped(seen: &Observed, tell: &mut Tell<'_>) {
    for (id, one) in seen.records.containers.iter().filter(|(_, one)| !one.has_process()) {
        let what = format!("{} container {} ({})", one.phase(), short(id), one.name);
        if seen.kernel.shims.iter().any(|(_, of)| of == id) {
            tell(format!("{what} has a shim"));
        }
        if seen.kernel.groups.contains_key(id) {
            tell(format!("{what} has a control group"));
        }
        if seen.disk.runs.contains(id) {
            tell(format!("{what} has a state directory"));
        }
        if seen.records.endpoints.values().any(|endpoint| endpoint.container_id == *id) {
            tell(format!("{what} has an endpoint"));
        }
        if !matches!(one.phase(), "created" | "exited" | "restarting" | "dead") {
            tell(format!("{what}: nobody is at work on it"));
        }
    }
}

/// What is there without a container.
fn strays(seen: &Observed, tell: &mut Tell<'_>) {
    let known = &seen.records.containers;
    for (pid, id) in seen.kernel.shims.iter().filter(|(_, id)| !known.contains_key(id)) {
        tell(format!("shim {pid} is for container {}, which is not there", short(id)));
    }
    for (name, group) in seen.kernel.groups.iter().filter(|(name, _)| !known.contains_key(*name)) {
        tell(format!("control group {} ({:?}) belongs to no container", short(name), group.processes));
    }
    for id in seen.disk.runs.iter().filter(|id| !known.contains_key(*id)) {
        tell(format!("state directory {} belongs to no container", short(id)));
    }
}

fn endpoints(seen: &Observed, tell: &mut Tell<'_>) {
    let Records { endpoints, containers, networks, .. } = &seen.records;
    for (id, endpoint) in endpoints {
        if !networks.contains_key(&endpoint.network_id) {
            tell(format!("endpoint {} is in no network", short(id)));
        }
        if !containers.contains_key(&endpoint.container_id) {
            tell(format!("endpoint {} belongs to no container", short(id)));
        }
    }
    for (id, one) in running(seen) {
        let have = endpoints.values().filter(|endpoint| endpoint.container_id == *id).count();
        if have != one.endpoints() {
            tell(format!("running container {} has {have} endpoints, not {}", short(id), one.endpoints()));
        }
    }
}

fn addresses(seen: &Observed, tell: &mut Tell<'_>) {
    let all = || seen.records.endpoints.values();
    let pairs = all().flat_map(|endpoint| {
        endpoint
            .addresses()
            .map(move |address| ((&endpoint.network_id, address), short(&endpoint.container_id)))
    });
    unique("address", pairs, |(_, address)| (*address).to_owned(), tell);
    let pairs = all()
        .filter(|endpoint| !endpoint.host_link.is_empty())
        .map(|endpoint| ((&endpoint.network_id, endpoint.mac_text()), short(&endpoint.container_id)));
    unique("MAC address", pairs, |(_, mac)| mac.clone(), tell);
    let pairs = all().flat_map(|endpoint| {
        endpoint.ports.iter().map(move |port| ((&port.protocol, port.host), short(&endpoint.container_id)))
    });
    unique("port", pairs, |(protocol, host)| format!("{host}/{protocol}"), tell);
}

/// Inside a running container are the addresses that its endpoints say.
fn inside(seen: &Observed, tell: &mut Tell<'_>) {
    for (id, one) in running(seen) {
        let Some(process) = seen.kernel.processes.get(&one.pid()) else { continue };
        for endpoint in seen.records.endpoints.values().filter(|endpoint| endpoint.container_id == *id) {
            for net in [&endpoint.ipv4, &endpoint.ipv6].into_iter().flatten() {
                let wanted = format!("{} {net}", endpoint.mac_text());
                if !process.addresses.contains(&wanted) {
                    tell(format!("container {} lacks inside: {wanted}", short(id)));
                }
            }
        }
    }
}

/// A published port has its socket.
fn ports(seen: &Observed, tell: &mut Tell<'_>) {
    for endpoint in seen.records.endpoints.values() {
        let relayed = |port: &&Port| port.protocol != "sctp";
        for port in endpoint.ports.iter().filter(relayed) {
            if !seen.kernel.sockets.contains(&(port.protocol.clone(), port.host)) {
                let container = short(&endpoint.container_id);
                tell(format!("port {}/{} of container {container} has no socket", port.host, port.protocol));
            }
        }
    }
}

/// The elements of the port maps and the set of bridges are those that the records ask for.
fn firewall(seen: &Observed, tell: &mut Tell<'_>) {
    let mut wanted: BTreeSet<String> = seen.records.endpoints.values().flat_map(elements).collect();
    wanted.extend(bridges(&seen.records).map(|bridge| format!("bridges: {bridge}")));
    let checked = |element: &&String| element.starts_with("bridges:") || is_port(element);
    let found: BTreeSet<String> = seen.kernel.elements.iter().filter(checked).cloned().collect();
    wanted.difference(&found).for_each(|element| tell(format!("the firewall lacks {element}")));
    found.difference(&wanted).for_each(|element| tell(format!("the firewall has {element} for nobody")));
}

fn is_port(element: &str) -> bool {
    ["ports4:", "any4:", "ports6:", "any6:"].iter().any(|set| element.starts_with(set))
}

fn bridges(records: &Records) -> impl Iterator<Item = &str> {
    let bridges = records.networks.values().filter(|network| network.driver == "bridge");
    bridges.map(|network| network.bridge.as_str())
}

/// The elements of an endpoint. A port on a family that the container does not have, or on ::1, is relayed instead.
fn elements(endpoint: &Endpoint) -> Vec<String> {
    let address =
        |net: &Option<String>| net.as_ref().map(|net| net.split('/').next().unwrap_or_default().to_owned());
    let element = |port: &Port| {
        let (family, target) = match port.host.ip() {
            IpAddr::V4(_) => (4, address(&endpoint.ipv4)?),
            IpAddr::V6(ip) if ip.is_loopback() => return None,
            IpAddr::V6(_) => (6, address(&endpoint.ipv6)?),
        };
        let (key, inner) = (key(port.host, &port.protocol), port.container_port);
        let set = if port.host.ip().is_unspecified() { "any" } else { "ports" };
        Some(format!("{set}{family}: {key} -> {target} {inner}"))
    };
    endpoint.ports.iter().filter_map(element).collect()
}

fn key(host: SocketAddr, protocol: &str) -> String {
    let (ip, port) = (host.ip(), host.port());
    if ip.is_unspecified() { format!("{protocol} {port}") } else { format!("{ip} {protocol} {port}") }
}

/// Each bridge and each endpoint has its link, and none is there for nobody.
fn links(seen: &Observed, tell: &mut Tell<'_>) {
    let links = &seen.kernel.links;
    for bridge in bridges(&seen.records).filter(|bridge| !links.contains_key(*bridge)) {
        tell(format!("bridge {bridge} is not there"));
    }
    let known: BTreeSet<&str> = bridges(&seen.records).collect();
    let mut owned: BTreeSet<&str> = BTreeSet::new();
    for endpoint in seen.records.endpoints.values().filter(|endpoint| !endpoint.host_link.is_empty()) {
        owned.insert(&endpoint.host_link);
        let bridge = seen.records.networks.get(&endpoint.network_id).map_or("", |network| &*network.bridge);
        match links.get(&endpoint.host_link) {
            Some(link) if link.up && link.master == bridge => {}
            found => {
                let name = &endpoint.host_link;
                tell(format!("link {name} of container {}: {found:?}", short(&endpoint.container_id)));
            }
        }
    }
    for (name, link) in links {
        let veth = name.starts_with("hy-v") || known.contains(link.master.as_str());
        if veth && !owned.contains(name.as_str()) {
            tell(format!("link {name} belongs to no endpoint"));
        }
        if name.starts_with("hy-") && !veth && !known.contains(name.as_str()) {
            tell(format!("bridge {name} belongs to no network"));
        }
    }
}

/// In the host's mount table are the shared `/dev/shm`s of running containers and the volumes that they mount.
fn mounts(seen: &Observed, tell: &mut Tell<'_>) {
    let mut wanted: BTreeSet<String> = BTreeSet::new();
    for (id, one) in running(seen) {
        if one.shares_shm() {
            wanted.insert(format!("data/containers/{id}/shm"));
        }
        let mounted =
            |name: &&str| seen.records.volumes.get(*name).is_some_and(|volume| !volume.options.is_empty());
        wanted.extend(one.volumes().filter(mounted).map(|name| format!("data/volumes/{name}/_data")));
    }
    let ours = |point: &&String| {
        ["data/containers/", "data/volumes/", "data/snapshots/", "run/"]
            .iter()
            .any(|dir| point.starts_with(dir))
    };
    let found: BTreeSet<String> = seen.kernel.mounts.iter().filter(ours).cloned().collect();
    wanted.difference(&found).for_each(|point| tell(format!("{point} is not mounted")));
    found.difference(&wanted).for_each(|point| tell(format!("{point} is mounted for nobody")));
}
