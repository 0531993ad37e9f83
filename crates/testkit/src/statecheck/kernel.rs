//! What the kernel holds for a daemon: processes, control groups, links, firewall elements, sockets, mounts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::records::Records;
use crate::leakcheck::Scope;
use crate::{Output, Sandbox};

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Kernel {
    /// Shims in the daemon's network namespace: process ID and the container they are for.
    pub shims: Vec<(i32, String)>,
    /// Processes that records name, if they exist.
    pub processes: BTreeMap<i32, Process>,
    /// Control groups below the daemon's, by name.
    pub groups: BTreeMap<String, Group>,
    /// Links of the host side.
    pub links: BTreeMap<String, Link>,
    /// Elements of the firewall's sets and maps as `set: key -> value`.
    pub elements: BTreeSet<String>,
    /// Listening TCP and bound UDP sockets of the host side.
    pub sockets: BTreeSet<(String, SocketAddr)>,
    /// Mount points below the daemon's directory, relative to it.
    pub mounts: BTreeSet<String>,
}

/// A container's first process.
#[derive(Debug, Clone, Default)]
pub struct Process {
    /// Its parent.
    pub parent: i32,
    /// It has ended and waits to be asked how.
    pub zombie: bool,
    /// It is in another network namespace than the daemon.
    pub own_network: bool,
    /// `MAC ADDRESS/LENGTH` of its interfaces, where it has a network of its own.
    pub addresses: BTreeSet<String>,
}

/// A control group, over all hierarchies.
#[derive(Debug, Clone, Default)]
pub struct Group {
    /// Processes in it.
    pub processes: BTreeSet<i32>,
    /// Some hierarchy has it frozen.
    pub frozen: bool,
}

/// A link of the host side.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Link {
    /// The bridge it is a port of.
    pub master: String,
    /// Up, as far as its administrator is concerned.
    pub up: bool,
}

impl Kernel {
    /// Looks at everything that belongs to the daemon in `scope`.
    pub fn read(scope: &Scope<'_>, records: &Records) -> Self {
        let home = network_of(i32::try_from(scope.sandbox.pid()).unwrap_or(0));
        let pids = records.containers.values().filter(|one| one.has_process()).map(|one| (one.pid(), one));
        let processes = pids.filter_map(|(pid, one)| {
            let mut process = process(pid, home.as_deref())?;
            if one.own_network() && process.own_network {
                process.addresses = addresses(pid);
            }
            Some((pid, process))
        });
        Self {
            shims: shims(home.as_deref()),
            processes: processes.collect(),
            groups: groups(scope.cgroup),
            links: links(scope.sandbox),
            elements: elements(scope.sandbox),
            sockets: sockets(scope.sandbox.pid()),
            mounts: mounts(scope),
        }
    }
}

fn network_of(pid: i32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/net")).ok()
}

/// All shims whose network namespace is `home`. One that is ending has lost its command line and counts no more.
pub(crate) fn shims(home: Option<&Path>) -> Vec<(i32, String)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let mut words = line.split(|byte| *byte == 0);
        let ours = words.next() == Some(b"hythe-shim") && words.next() == Some(b"supervise");
        let id = String::from_utf8_lossy(words.next()?).into_owned();
        (ours && network_of(pid).as_deref() == home).then_some((pid, id))
    })
    .collect()
}

fn process(pid: i32, home: Option<&Path>) -> Option<Process> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    Some(Process {
        parent: field("PPid:")?.parse().ok()?,
        zombie: field("State:")?.starts_with('Z'),
        own_network: network_of(pid).as_deref() != home,
        addresses: BTreeSet::new(),
    })
}

fn json(output: Output) -> Value {
    serde_json::from_str(&output.ok()).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// `MAC ADDRESS/LENGTH` of a process's interfaces. Empty if it has just ended.
fn addresses(pid: i32) -> BTreeSet<String> {
    let mut command = std::process::Command::new("nsenter");
    command.args(["--net", "--target", &pid.to_string(), "--", "ip", "-j", "addr"]);
    let output = Output::of(&mut command);
    let links: Value = serde_json::from_str(&output.stdout).unwrap_or_default();
    let all = links.as_array().into_iter().flatten().flat_map(|link| {
        let mac = text(&link["address"]);
        let nets = link["addr_info"].as_array().into_iter().flatten();
        nets.map(move |net| format!("{mac} {}/{}", text(&net["local"]), net["prefixlen"]))
    });
    all.collect()
}

fn groups(parent: &str) -> BTreeMap<String, Group> {
    let mut all: BTreeMap<String, Group> = BTreeMap::new();
    let top = Path::new("/sys/fs/cgroup");
    let roots = [top.to_owned()].into_iter().chain(children(top));
    for dir in roots.flat_map(|root| children(&root.join(parent.trim_start_matches('/')))) {
        let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let group = all.entry(name).or_default();
        let read = |file: &str| fs::read_to_string(dir.join(file)).unwrap_or_default();
        group.processes.extend(read("cgroup.procs").lines().filter_map(|pid| pid.parse::<i32>().ok()));
        group.frozen |= read("freezer.state").trim() == "FROZEN" || read("cgroup.freeze").trim() == "1";
    }
    all
}

fn children(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

fn links(sandbox: &Sandbox) -> BTreeMap<String, Link> {
    let list = json(Output::of(&mut sandbox.command("ip", ["-j", "link", "show"])));
    let one = |link: &Value| {
        let up = link["flags"].as_array().is_some_and(|flags| flags.iter().any(|flag| flag == "UP"));
        (text(&link["ifname"]), Link { master: text(&link["master"]), up })
    };
    list.as_array().into_iter().flatten().map(one).collect()
}

fn elements(sandbox: &Sandbox) -> BTreeSet<String> {
    let ruleset = json(Output::of(&mut sandbox.command("nft", ["-j", "list", "ruleset"])));
    let mut all = BTreeSet::new();
    for object in ruleset["nftables"].as_array().into_iter().flatten() {
        let set = if object["set"].is_object() { &object["set"] } else { &object["map"] };
        if set["table"] != "hythe" {
            continue;
        }
        for element in set["elem"].as_array().into_iter().flatten() {
            let name = text(&set["name"]);
            all.insert(match element.as_array() {
                Some(pair) if pair.len() == 2 => {
                    format!("{name}: {} -> {}", with_protocol(&flat(&pair[0])), flat(&pair[1]))
                }
                _ => format!("{name}: {}", flat(element)),
            });
        }
    }
    all
}

/// A key or value of an element: its parts, with spaces between.
fn flat(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(object) => {
            let parts = object.get("concat").and_then(Value::as_array).into_iter().flatten();
            parts.map(flat).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

/// The key of a published port with its protocol's name: `nft` prints the number where there is no `/etc/protocols`.
fn with_protocol(key: &str) -> String {
    // It stands before the port: `PROTOCOL PORT` or `ADDRESS PROTOCOL PORT`.
    let Some((front, port)) = key.rsplit_once(' ') else { return key.to_owned() };
    let (address, protocol) =
        front.rsplit_once(' ').map_or(("", front), |(address, protocol)| (address, protocol));
    let protocol = match protocol {
        "6" => "tcp",
        "17" => "udp",
        "132" => "sctp",
        name => name,
    };
    format!("{address} {protocol} {port}").trim_start().to_owned()
}

/// Sockets that take what comes to a port, by `/proc/PID/net`.
fn sockets(pid: u32) -> BTreeSet<(String, SocketAddr)> {
    const LISTENING: &str = "0A";
    const UNCONNECTED: &str = "07";
    let mut all = BTreeSet::new();
    for (file, protocol, wanted) in [
        ("tcp", "tcp", LISTENING),
        ("tcp6", "tcp", LISTENING),
        ("udp", "udp", UNCONNECTED),
        ("udp6", "udp", UNCONNECTED),
    ] {
        let table = fs::read_to_string(format!("/proc/{pid}/net/{file}")).unwrap_or_default();
        for line in table.lines().skip(1) {
            let mut words = line.split_whitespace().skip(1);
            let (local, state) = (words.next(), words.nth(1));
            if state == Some(wanted)
                && let Some(address) = local.and_then(socket_address)
            {
                all.insert((protocol.to_owned(), address));
            }
        }
    }
    all
}

/// `0100007F:1F90`: the address in words of the machine's byte order, the port as a number.
pub(crate) fn socket_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let word = |n: usize| u32::from_str_radix(address.get(8 * n..8 * n + 8)?, 16).ok().map(u32::to_ne_bytes);
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (n, part) in bytes.chunks_mut(4).enumerate() {
                part.copy_from_slice(&word(n)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

fn mounts(scope: &Scope<'_>) -> BTreeSet<String> {
    let table = fs::read_to_string(format!("/proc/{}/mountinfo", scope.sandbox.pid())).unwrap_or_default();
    let dir = format!("{}/", scope.dir.display());
    table.lines().filter_map(|line| line.split(' ').nth(4)?.strip_prefix(&dir)).map(str::to_owned).collect()
}
