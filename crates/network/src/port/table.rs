//! Which host ports are taken by published ports, and which comes next.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};

use errdefs::Result;

use super::Protocol;

/// The host ports that endpoints have. Ports of other programs are not here: binding a socket finds those.
#[derive(Debug)]
pub(crate) struct PortTable {
    taken: BTreeMap<(Protocol, u16), Vec<(IpAddr, String)>>,
    /// Where the last search for an ephemeral port ended.
    cursors: HashMap<(Protocol, IpAddr), u16>,
    ephemeral: (u16, u16),
    /// Ports of the ephemeral range that the administrator keeps for other uses.
    reserved: Vec<(u16, u16)>,
}

impl PortTable {
    /// `ephemeral` is the range ports are chosen from for those who name none, except the `reserved` ones.
    pub(crate) fn new(ephemeral: (u16, u16), reserved: Vec<(u16, u16)>) -> Self {
        Self { taken: BTreeMap::new(), cursors: HashMap::new(), ephemeral, reserved }
    }

    /// Takes a port on an address for an endpoint.
    ///
    /// # Errors
    /// The holder's address, in Docker's words, if the port is taken on this address or one that covers it.
    pub(crate) fn take(&mut self, protocol: Protocol, host: SocketAddr, endpoint: &str) -> Result<()> {
        let holders = self.taken.entry((protocol, host.port())).or_default();
        if let Some((holder, _)) = holders.iter().find(|(ip, _)| conflict(*ip, host.ip())) {
            return Err(errdefs::system(format!(
                "Bind for {holder}:{} failed: port is already allocated",
                host.port()
            )));
        }
        holders.push((host.ip(), endpoint.to_owned()));
        Ok(())
    }

    /// Frees one port.
    pub(crate) fn free(&mut self, protocol: Protocol, host: SocketAddr, endpoint: &str) {
        if let Some(holders) = self.taken.get_mut(&(protocol, host.port())) {
            holders.retain(|(ip, id)| !(*ip == host.ip() && id == endpoint));
            if holders.is_empty() {
                self.taken.remove(&(protocol, host.port()));
            }
        }
    }

    /// Gives another endpoint all the ports of one.
    pub(crate) fn hand_over(&mut self, from: &str, to: &str) {
        for (_, holder) in self.taken.values_mut().flatten().filter(|(_, holder)| holder == from) {
            to.clone_into(holder);
        }
    }

    /// Candidates for a port that may be any: all ephemeral ones, beginning after the last one given.
    pub(crate) fn ephemeral(&self, protocol: Protocol, ip: IpAddr) -> impl Iterator<Item = u16> + use<'_> {
        let (first, last) = self.ephemeral;
        let start = match self.cursors.get(&(protocol, ip)) {
            Some(cursor) if (first..last).contains(cursor) => cursor + 1,
            _ => first,
        };
        let reserved = |port: &u16| self.reserved.iter().any(|(first, last)| (*first..=*last).contains(port));
        (start..=last).chain(first..start).filter(move |port| !reserved(port))
    }

    /// Remembers where the search ended.
    pub(crate) fn advance(&mut self, protocol: Protocol, ip: IpAddr, port: u16) {
        self.cursors.insert((protocol, ip), port);
    }
}

fn conflict(a: IpAddr, b: IpAddr) -> bool {
    a.is_ipv4() == b.is_ipv4() && (a == b || a.is_unspecified() || b.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Protocol::{Tcp, Udp};

    fn table() -> PortTable {
        PortTable::new((100, 104), vec![(101, 102)])
    }

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_taken_port_is_refused_with_the_holders_address() {
        let check = |holder: &str, wanted: &str, refusal: Option<&str>| {
            let mut table = table();
            table.take(Tcp, at(holder), "a").unwrap();
            let error = table.take(Tcp, at(wanted), "b").err().map(|error| error.to_string());
            let expected = refusal.map(|ip| format!("Bind for {ip} failed: port is already allocated"));
            assert_eq!(error, expected, "{holder} {wanted}");
            assert!(table.take(Udp, at(wanted), "b").is_ok());
        };
        check("0.0.0.0:80", "0.0.0.0:80", Some("0.0.0.0:80"));
        check("0.0.0.0:80", "127.0.0.1:80", Some("0.0.0.0:80"));
        check("127.0.0.1:80", "0.0.0.0:80", Some("127.0.0.1:80"));
        check("127.0.0.1:80", "127.0.0.2:80", None);
        check("0.0.0.0:80", "[::]:80", None);
        check("[::]:80", "[::1]:80", Some(":::80"));
        check("0.0.0.0:80", "0.0.0.0:81", None);
    }

    #[test]
    fn a_freed_port_can_be_taken_again_but_only_by_its_holder_freed() {
        let mut table = table();
        table.take(Tcp, at("0.0.0.0:80"), "a").unwrap();
        table.free(Tcp, at("0.0.0.0:80"), "b");
        assert!(table.take(Tcp, at("0.0.0.0:80"), "b").is_err());
        table.free(Tcp, at("0.0.0.0:80"), "a");
        assert!(table.take(Tcp, at("0.0.0.0:80"), "b").is_ok());
    }

    #[test]
    fn ephemeral_ports_go_round_beginning_after_the_last() {
        let mut table = table();
        let ip = at("0.0.0.0:0").ip();
        assert_eq!(table.ephemeral(Tcp, ip).collect::<Vec<_>>(), [100, 103, 104]);
        table.advance(Tcp, ip, 100);
        assert_eq!(table.ephemeral(Tcp, ip).collect::<Vec<_>>(), [103, 104, 100]);
        table.advance(Tcp, ip, 104);
        assert_eq!(table.ephemeral(Tcp, ip).collect::<Vec<_>>(), [100, 103, 104]);
        assert_eq!(table.ephemeral(Udp, ip).next(), Some(100));
    }
}
