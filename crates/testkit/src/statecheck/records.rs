//! What the database says, read as a stranger reads it: the table of records and their JSON, with only the fields that
//! matter here. A field that is renamed in the engine fails here loudly, as it would for an older daemon.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use rusqlite::Connection;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// All records that are checked, by their keys.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Records {
    /// Containers by ID.
    pub containers: BTreeMap<String, Container>,
    /// Networks by ID.
    pub networks: BTreeMap<String, Network>,
    /// Endpoints by ID.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// Volumes by name.
    pub volumes: BTreeMap<String, Volume>,
    /// Images by ID (`sha256:...`).
    pub images: BTreeMap<String, Image>,
    /// The image each name means.
    pub names: BTreeMap<String, String>,
    /// Blobs of each layer, by diff ID.
    pub layers: BTreeMap<String, Vec<String>>,
    /// What unfinished pulls hold.
    pub pulled: Vec<String>,
}

/// A container's record.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Container {
    /// Name without slash.
    pub name: String,
    /// Diff IDs, lowest first.
    pub layers: Vec<String>,
    host: Host,
    networks: BTreeMap<String, serde_json::Value>,
    /// Its mounts.
    pub mounts: Vec<Mount>,
    state: State,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
struct Host {
    #[serde(rename = "NetworkMode")]
    network_mode: String,
    #[serde(rename = "IpcMode")]
    ipc_mode: String,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
struct State {
    phase: String,
    pid: i32,
}

/// One mount of a container.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Mount {
    /// `volume`, `bind`...
    pub kind: String,
    /// The volume's name.
    pub name: String,
}

/// A network's record.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// `bridge`, `host`, `null`.
    pub driver: String,
    /// The bridge's link.
    pub bridge: String,
}

/// An endpoint's record.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Endpoint {
    /// The network's ID.
    pub network_id: String,
    /// The container's ID.
    pub container_id: String,
    /// MAC address of the interface inside.
    pub mac: [u8; 6],
    /// Address and prefix length.
    pub ipv4: Option<String>,
    /// Address and prefix length.
    pub ipv6: Option<String>,
    /// Published ports.
    pub ports: Vec<Port>,
    /// The link on the host; empty if there is none.
    pub host_link: String,
}

/// A published port.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Port {
    /// The port inside.
    pub container_port: u16,
    /// `tcp`, `udp`, `sctp`.
    pub protocol: String,
    /// Where it listens.
    pub host: SocketAddr,
}

/// A volume's record.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Volume {
    /// Mount options; empty for a plain directory.
    pub options: BTreeMap<String, String>,
    /// `Ready` unless something is being done to it.
    pub phase: String,
}

/// An image's record: the digests of its blobs besides the config, whose digest is the key.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Image {
    manifest: Option<Descriptor>,
    index: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
struct Descriptor {
    digest: String,
}

#[derive(Deserialize)]
struct Name {
    image: String,
}

#[derive(Deserialize)]
struct Layer {
    blobs: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Pull {
    digests: Vec<String>,
}

impl Records {
    /// Reads the database below a daemon's directory; `None` if it was changed meanwhile so that it cannot be read.
    ///
    /// # Panics
    /// If there is none, or a record does not have the fields that are looked at.
    pub fn read(dir: &Path) -> Option<Self> {
        // A copy: SQLite resolves links, and the one that leads into a sandbox cannot be resolved outside it. The log
        // first: what it has is applied to the database again, if a checkpoint comes between.
        let copy = tempfile::tempdir().expect("a directory");
        for name in ["hythe.db-wal", "hythe.db"] {
            let from = dir.join("data").join(name);
            match std::fs::copy(&from, copy.path().join(name)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    panic!("{}: {error}", from.display())
                }
                _ => {}
            }
        }
        let database = Connection::open(copy.path().join("hythe.db")).ok()?;
        // One transaction: all tables as of one moment.
        database.execute_batch("BEGIN").ok()?;
        let descriptors = |layer: Layer| layer.blobs.into_iter().map(|blob| blob.digest).collect();
        let pulls: BTreeMap<String, Pull> = table(&database, "image-pulls")?;
        let names: BTreeMap<String, Name> = table(&database, "image-names")?;
        let layers: BTreeMap<String, Layer> = table(&database, "image-layers")?;
        Some(Self {
            containers: table(&database, "containers")?,
            networks: table(&database, "networks")?,
            endpoints: table(&database, "endpoints")?,
            volumes: table(&database, "volumes")?,
            images: table(&database, "images")?,
            names: names.into_iter().map(|(name, record)| (name, record.image)).collect(),
            layers: layers.into_iter().map(|(id, layer)| (id, descriptors(layer))).collect(),
            pulled: pulls.into_values().flat_map(|pull| pull.digests).collect(),
        })
    }
}

fn table<R: DeserializeOwned>(database: &Connection, name: &str) -> Option<BTreeMap<String, R>> {
    let mut statement = database.prepare("SELECT key, json FROM record WHERE tab = ?1").ok()?;
    let rows =
        statement.query_map([name], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).ok()?;
    rows.map(|row| {
        let (key, json) = row.ok()?;
        let record =
            serde_json::from_str(&json).unwrap_or_else(|error| panic!("{name} {key}: {error}\n{json}"));
        Some((key, record))
    })
    .collect()
}

impl Container {
    /// Docker's word for its state.
    pub fn phase(&self) -> &str {
        &self.state.phase
    }

    /// Process ID, 0 if there is none.
    pub fn pid(&self) -> i32 {
        self.state.pid
    }

    /// A process of it exists.
    pub fn has_process(&self) -> bool {
        matches!(self.phase(), "running" | "paused")
    }

    /// It has a network namespace of its own.
    pub fn own_network(&self) -> bool {
        self.host.network_mode != "host" && !self.host.network_mode.starts_with("container:")
    }

    /// How many networks it is to have an endpoint in while it runs.
    pub fn endpoints(&self) -> usize {
        if self.host.network_mode.starts_with("container:") { 0 } else { self.networks.len() }
    }

    /// Its `/dev/shm` is mounted where other containers can find it.
    pub fn shares_shm(&self) -> bool {
        self.host.ipc_mode == "shareable"
    }

    /// Names of its volumes.
    pub fn volumes(&self) -> impl Iterator<Item = &str> {
        self.mounts.iter().filter(|mount| mount.kind == "volume").map(|mount| mount.name.as_str())
    }
}

impl Endpoint {
    /// The MAC address as the kernel's tools print it.
    pub fn mac_text(&self) -> String {
        self.mac.map(|byte| format!("{byte:02x}")).join(":")
    }

    /// The addresses without their prefix lengths.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        [&self.ipv4, &self.ipv6].into_iter().flatten().map(|net| net.split('/').next().unwrap_or(net))
    }
}

impl Image {
    /// Digests of its manifest and index.
    pub fn digests(&self) -> impl Iterator<Item = &String> {
        self.manifest.iter().map(|manifest| &manifest.digest).chain(&self.index)
    }
}

#[cfg(test)]
impl Container {
    /// A container for the checker's own tests.
    pub(crate) fn made_up(name: &str, phase: &str, pid: i32) -> Self {
        Self {
            name: name.to_owned(),
            host: Host { network_mode: "bridge".to_owned(), ipc_mode: "private".to_owned() },
            networks: BTreeMap::from([("bridge".to_owned(), serde_json::Value::Null)]),
            state: State { phase: phase.to_owned(), pid },
            ..Self::default()
        }
    }
}
