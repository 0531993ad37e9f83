//! The container's `/etc/hosts`, in Docker's layout: a tab between address and names, loopback first, the container's own
//! names last.

use std::net::IpAddr;

/// One line: an address and its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostEntry {
    /// The address.
    pub address: IpAddr,
    /// The names, the canonical one first.
    pub names: Vec<String>,
}

/// The parts of a hosts file, in the order Docker writes them.
#[derive(Debug, Clone, Default)]
pub struct HostsFile {
    /// `--add-host` entries (`host-gateway` already replaced) and links.
    pub extra: Vec<HostEntry>,
    /// The container's own addresses with its host name (`FQDN host`).
    pub own: Vec<HostEntry>,
    /// Whether the container has an IPv6 loopback: Docker leaves the ip6 lines out otherwise.
    pub ipv6: bool,
}

const LOOPBACK: &str = "127.0.0.1\tlocalhost\n";
const LOOPBACK6: &str = "\
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
";

impl HostsFile {
    /// The names a container has for itself: with a domain `host.domain host`, and so also when the host name has a dot.
    pub fn own_names(hostname: &str, domain: &str) -> Vec<String> {
        let full = if domain.is_empty() { hostname.to_owned() } else { format!("{hostname}.{domain}") };
        match full.split_once('.') {
            Some((short, _)) => vec![full.clone(), short.to_owned()],
            None => vec![full],
        }
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let mut text = LOOPBACK.to_owned();
        if self.ipv6 {
            text += LOOPBACK6;
        }
        for entry in self.extra.iter().chain(&self.own) {
            text += &format!("{}\t{}\n", entry.address, entry.names.join(" "));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(address: &str, names: Vec<String>) -> HostEntry {
        HostEntry { address: address.parse().unwrap(), names }
    }

    // What Docker 28.5 wrote for `run -h foo --domainname x.org --add-host a:1.2.3.4 --add-host b:fe80::2`.
    #[test]
    fn the_layout_is_dockers() {
        let file = HostsFile {
            extra: vec![entry("1.2.3.4", vec!["a".to_owned()]), entry("fe80::2", vec!["b".to_owned()])],
            own: vec![entry("172.17.0.2", HostsFile::own_names("foo", "x.org"))],
            ipv6: true,
        };
        let expected = "127.0.0.1\tlocalhost\n\
            ::1\tlocalhost ip6-localhost ip6-loopback\n\
            fe00::\tip6-localnet\n\
            ff00::\tip6-mcastprefix\n\
            ff02::1\tip6-allnodes\n\
            ff02::2\tip6-allrouters\n\
            1.2.3.4\ta\n\
            fe80::2\tb\n\
            172.17.0.2\tfoo.x.org foo\n";
        assert_eq!(file.text(), expected);
        let bare = HostsFile {
            own: vec![entry("172.17.0.2", HostsFile::own_names("c1", ""))],
            ..HostsFile::default()
        };
        assert_eq!(bare.text(), "127.0.0.1\tlocalhost\n172.17.0.2\tc1\n");
    }

    #[test]
    fn a_host_name_with_dots_is_split_at_the_first() {
        assert_eq!(HostsFile::own_names("foo.example.com", "x.org"), ["foo.example.com.x.org", "foo"]);
        assert_eq!(HostsFile::own_names("foo", ""), ["foo"]);
    }
}
