//! The kernel's switches below `/proc/sys` that networks need.
//!
//! A host that did not forward before must not become everybody's router because containers need it: when this engine
//! switches forwarding on, its firewall table drops what neither comes from nor goes to a container. (Docker sets the policy
//! of the `FORWARD` chain for that; `--ip-forward-no-drop` declines it.) The table itself remembers it for the next daemon.

use std::path::Path;

use errdefs::{Context, Result};

use super::Inner;
use crate::Network;

/// The families that packets are forwarded of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Inner {
    /// Lets packets of a family through, if the host does not yet and the configuration does not forbid it.
    pub(super) fn forward(&self, family: Family) -> Result<()> {
        let path = match family {
            Family::V4 => "net/ipv4/ip_forward",
            Family::V6 => "net/ipv6/conf/all/forwarding",
        };
        if !self.config.ip_forward || read(path)?.trim_end() != "0" {
            return Ok(());
        }
        if !self.config.ip_forward_no_drop {
            let mut firewall = self.firewall.lock();
            match family {
                Family::V4 => firewall.guard.v4 = true,
                Family::V6 => firewall.guard.v6 = true,
            }
            self.rebuild(&mut firewall)?;
        }
        if family == Family::V6 {
            keep_listening_to_routers()?;
            switch("net/ipv6/conf/default/forwarding", "1")?;
        }
        switch(path, "1")
    }
}

/// A host that forwards IPv6 stops to listen to its routers, and would lose its default route: the links that listened go on
/// doing so (2 is "even if forwarding").
fn keep_listening_to_routers() -> Result<()> {
    let root = Path::new("/proc/sys/net/ipv6/conf");
    for entry in std::fs::read_dir(root).context(|| format!("read {}", root.display()))? {
        let name = entry.context(|| format!("read {}", root.display()))?.file_name();
        let switch = root.join(name).join("accept_ra");
        if std::fs::read_to_string(&switch).is_ok_and(|value| value.trim_end() == "1") {
            std::fs::write(&switch, "2").context(|| format!("write {}", switch.display()))?;
        }
    }
    Ok(())
}

/// Sets the switches of a network's bridge.
pub(super) fn set_of_bridge(network: &Network) -> Result<()> {
    let name = &network.bridge;
    // Answers to connections from 127.0.0.1 come in here. The firewall drops whoever abuses it.
    switch(&format!("net/ipv4/conf/{name}/route_localnet"), "1")?;
    // Links lead through the host, which then answers for all, and at once.
    let answers = if network.is_default_bridge() && !network.icc() { "1" } else { "0" };
    switch(&format!("net/ipv4/conf/{name}/proxy_arp_pvlan"), answers)?;
    if answers == "1" {
        switch(&format!("net/ipv4/neigh/{name}/proxy_delay"), "0")?;
    }
    if !Path::new("/proc/sys/net/ipv6").exists() {
        return Ok(());
    }
    switch(&format!("net/ipv6/conf/{name}/accept_ra"), "0")?;
    switch(&format!("net/ipv6/conf/{name}/disable_ipv6"), if network.enable_ipv6 { "0" } else { "1" })
}

/// Writes a switch below `/proc/sys`, unless it has the value: a read-only `/proc/sys` with the right values is fine.
pub(super) fn switch(path: &str, value: &str) -> Result<()> {
    if read(path)?.trim_end() == value {
        return Ok(());
    }
    let path = Path::new("/proc/sys").join(path);
    std::fs::write(&path, value).context(|| format!("write {}", path.display()))
}

fn read(path: &str) -> Result<String> {
    let path = Path::new("/proc/sys").join(path);
    std::fs::read_to_string(&path).context(|| format!("read {}", path.display()))
}
