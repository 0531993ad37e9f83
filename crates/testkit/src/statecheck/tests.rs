//! The judgement itself: a whole state is found whole, and each fault in it is named.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::kernel::socket_address;
use super::*;

const ID: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const STOPPED: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

/// A daemon with a running container that publishes a port, and a stopped one.
fn whole() -> Observed {
    let network = Network { name: "bridge".into(), driver: "bridge".into(), bridge: "hythe0".into() };
    let port = |host: &str| Port {
        container_port: 80,
        protocol: "tcp".into(),
        host: host.parse::<SocketAddr>().expect("an address"),
    };
    let endpoint = Endpoint {
        network_id: "net".into(),
        container_id: ID.into(),
        mac: [2, 0, 0, 0, 0, 7],
        ipv4: Some("172.17.0.2/16".into()),
        ipv6: None,
        ports: vec![port("0.0.0.0:8080"), port("[::]:8080"), port("127.0.0.1:9090")],
        host_link: "hy-v1".into(),
    };
    let process = Process {
        parent: 10,
        own_network: true,
        addresses: set(["00:00:00:00:00:00 127.0.0.1/8", "02:00:00:00:00:07 172.17.0.2/16"]),
        ..Process::default()
    };
    let link = |master: &str| Link { master: master.into(), up: true };
    let sockets = ["0.0.0.0:8080", "[::]:8080", "127.0.0.1:9090"];
    let shown =
        |id: &str, name: &str, state: &str| Shown { id: id.into(), name: name.into(), state: state.into() };
    Observed {
        records: Records {
            containers: BTreeMap::from([
                (ID.into(), Container::made_up("web", "running", 11)),
                (STOPPED.into(), Container::made_up("old", "exited", 0)),
            ]),
            networks: BTreeMap::from([("net".into(), network)]),
            endpoints: BTreeMap::from([("end".into(), endpoint)]),
            volumes: BTreeMap::from([("v".into(), Volume { phase: "Ready".into(), ..Volume::default() })]),
            layers: BTreeMap::from([("sha256:1a".into(), vec!["sha256:2b".into()])]),
            ..Records::default()
        },
        disk: Disk {
            containers: set([ID, STOPPED]),
            writables: set([ID, STOPPED]),
            layers: set(["1a"]),
            volumes: set(["v"]),
            blobs: set(["2b"]),
            runs: set([ID]),
            sockets: set([ID]),
            ..Disk::default()
        },
        kernel: Kernel {
            shims: vec![(10, ID.into())],
            processes: BTreeMap::from([(11, process)]),
            groups: BTreeMap::from([(ID.into(), Group { processes: [11].into(), frozen: false })]),
            links: BTreeMap::from([("hythe0".into(), link("")), ("hy-v1".into(), link("hythe0"))]),
            elements: set([
                "bridges: hythe0",
                "any4: tcp 8080 -> 172.17.0.2 80",
                "ports4: 127.0.0.1 tcp 9090 -> 172.17.0.2 80",
            ]),
            sockets: sockets.map(|socket| ("tcp".into(), socket.parse().expect("an address"))).into(),
            mounts: BTreeSet::new(),
        },
        shown: Some(vec![shown(ID, "web", "running"), shown(STOPPED, "old", "exited")]),
    }
}

#[test]
fn a_whole_state_has_no_problems() {
    assert_eq!(whole().problems(), Vec::<String>::new());
}

#[track_caller]
fn finds<T>(fault: impl FnOnce(&mut Observed) -> T, expected: &str) {
    let mut state = whole();
    fault(&mut state);
    let problems = state.problems();
    assert!(problems.iter().any(|problem| problem.contains(expected)), "{expected:?} not in {problems:#?}");
}

#[test]
fn faults_of_records_are_found() {
    finds(
        |s| s.records.containers.insert(STOPPED.into(), Container::made_up("web", "exited", 0)),
        "name web belongs to aaaaaaaaaaaa and to bbbbbbbbbbbb",
    );
    finds(|s| s.shown.as_mut().map(|list| list.pop()), "(old, exited) is recorded and not so shown");
    finds(|s| s.records.endpoints.clear(), "has 0 endpoints, not 1");
    finds(
        |s| {
            let mut other = s.records.endpoints["end"].clone();
            other.container_id = STOPPED.into();
            s.records.endpoints.insert("other".into(), other);
        },
        "address 172.17.0.2 belongs to",
    );
    finds(
        |s| s.records.containers.insert("c".into(), Container::made_up("c", "removing", 0)),
        "nobody is at work on it",
    );
}

#[test]
fn faults_on_disk_are_found() {
    finds(|s| s.disk.containers.remove(STOPPED), "has no directory");
    finds(|s| s.disk.writables.insert("c".into()), "writable layer c belongs to no container");
    finds(|s| s.disk.layers.insert("9f".into()), "layer 9f belongs to no image");
    finds(|s| s.disk.blobs.insert("9f".into()), "blob 9f belongs to no image");
    finds(|s| s.disk.volumes.clear(), "volume v has no directory");
    finds(|s| s.disk.volumes.insert("w".into()), "volume w has no record");
    finds(|s| s.disk.runs.insert(STOPPED.into()), "has a state directory");
    finds(|s| s.disk.waiting.insert("snapshots/trash/1".into()), "was never finished");
}

#[test]
fn faults_in_the_kernel_are_found() {
    finds(|s| s.kernel.shims.clear(), "has 0 shims");
    finds(|s| s.kernel.shims.push((12, ID.into())), "has 2 shims");
    finds(|s| s.kernel.shims.push((12, "cc".into())), "shim 12 is for container cc");
    finds(|s| s.kernel.processes.clear(), "has no process 11");
    finds(|s| s.kernel.groups.clear(), "has no control group");
    finds(|s| s.kernel.groups.insert(STOPPED.into(), Group::default()), "has a control group");
    finds(|s| s.kernel.links.remove("hy-v1"), "link hy-v1 of container");
    finds(|s| s.kernel.links.insert("hy-v2".into(), Link::default()), "link hy-v2 belongs to no endpoint");
    finds(|s| s.kernel.elements.pop_first(), "the firewall lacks any4: tcp 8080");
    finds(|s| s.kernel.elements.insert("any6: tcp 1 -> fd00::2 1".into()), "for nobody");
    finds(|s| s.kernel.sockets.clear(), "port 0.0.0.0:8080/tcp of container aaaaaaaaaaaa has no socket");
    finds(|s| s.kernel.mounts.insert(format!("data/containers/{ID}/shm")), "is mounted for nobody");
}

#[test]
fn socket_tables_are_read_in_the_machines_byte_order() {
    assert_eq!(socket_address("0100007F:1F90"), "127.0.0.1:8080".parse().ok());
    let loopback6 = "00000000000000000000000001000000:0050";
    assert_eq!(socket_address(loopback6), "[::1]:80".parse().ok());
    assert_eq!(socket_address("nonsense"), None);
}
