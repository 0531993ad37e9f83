//! What the daemon's configuration says about networks, as plain values.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use ipnet::{IpNet, Ipv4Net};

/// The link of the default bridge network, unless configured otherwise.
pub const DEFAULT_BRIDGE: &str = "hythe0";

/// One entry of `default-address-pools`: `base` is cut into subnets of prefix length `size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressPool {
    /// The block to take subnets from.
    pub base: IpNet,
    /// The prefix length of each subnet.
    pub size: u8,
}

/// How the host side of networking is set up. The fields are those of `dockerd`'s options of the same names.
#[derive(Debug, Clone)]
pub struct Config {
    /// Name of the default bridge's link. Names of other bridges are made from [`Config::link_prefix`].
    pub bridge: String,
    /// Start of the names of every link this engine makes besides the default bridge (at most 3 characters).
    pub link_prefix: String,
    /// Name of the nftables table, family `inet`.
    pub table: String,
    /// `--bip`: address and prefix of the default bridge; chosen from the pools when absent.
    pub bip: Option<Ipv4Net>,
    /// `--fixed-cidr`: the part of the default bridge's subnet that containers get addresses from.
    pub fixed_cidr: Option<Ipv4Net>,
    /// `--default-address-pools`; empty means Docker's (172.17–31.0.0/16, then 192.168.0.0/20 and on).
    pub address_pools: Vec<AddressPool>,
    /// `--icc`: containers on the default bridge may talk to each other.
    pub icc: bool,
    /// `--ip-masq`: outgoing traffic of the default bridge gets the host's address.
    pub ip_masq: bool,
    /// `--ip-forward`: switch forwarding on if it is off.
    pub ip_forward: bool,
    /// `--ip-forward-no-drop`: when forwarding is switched on, let everything through, not only containers' packets.
    pub ip_forward_no_drop: bool,
    /// `--ip`: host address for published ports that name none. Unspecified means 0.0.0.0 and [::].
    pub host_ip: IpAddr,
    /// `--mtu` of the default bridge; 0 means the kernel's default, 1500.
    pub mtu: u32,
    /// `--host-gateway-ip`: what `host-gateway` in `--add-host` stands for; empty means the default bridge's gateway.
    pub host_gateway_ips: Vec<IpAddr>,
    /// `--dns`, for containers that name none.
    pub dns: Vec<IpAddr>,
    /// `--dns-search`, for containers that name none.
    pub dns_search: Vec<String>,
    /// `--dns-opt`, for containers that name none.
    pub dns_options: Vec<String>,
    /// The host's resolver configuration, `/etc/resolv.conf`.
    pub resolv_conf: PathBuf,
    /// How many ready network namespaces are kept.
    pub ready_namespaces: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bridge: DEFAULT_BRIDGE.to_owned(),
            link_prefix: "hy-".to_owned(),
            table: "hythe".to_owned(),
            bip: None,
            fixed_cidr: None,
            address_pools: Vec::new(),
            icc: true,
            ip_masq: true,
            ip_forward: true,
            ip_forward_no_drop: false,
            host_ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            mtu: 0,
            host_gateway_ips: Vec::new(),
            dns: Vec::new(),
            dns_search: Vec::new(),
            dns_options: Vec::new(),
            resolv_conf: PathBuf::from("/etc/resolv.conf"),
            ready_namespaces: 4,
        }
    }
}
