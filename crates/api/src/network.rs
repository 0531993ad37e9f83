//! Networks and a container's place in them.
#![expect(missing_docs, reason = "the fields are the swagger's, each documented there under its wire name")]

use std::collections::BTreeMap;

use crate::wire::{bare, empty, wire};
use crate::{StringMap, Time};

wire! { "PascalCase";
    /// A container's endpoint: what was asked for first, what it got after `NetworkID`.
    EndpointSettings {
        #[serde(rename = "IPAMConfig")] ipam_config: Option<EndpointIpamConfig>,
        links: Option<Vec<String>>,
        aliases: Option<Vec<String>>,
        mac_address: String,
        driver_opts: Option<StringMap>,
        gw_priority: i64,
        #[serde(rename = "NetworkID")] network_id: String,
        #[serde(rename = "EndpointID")] endpoint_id: String,
        gateway: String,
        #[serde(rename = "IPAddress")] ip_address: String,
        #[serde(rename = "IPPrefixLen")] ip_prefix_len: i64,
        #[serde(rename = "IPv6Gateway")] ipv6_gateway: String,
        #[serde(rename = "GlobalIPv6Address")] global_ipv6_address: String,
        #[serde(rename = "GlobalIPv6PrefixLen")] global_ipv6_prefix_len: i64,
        #[serde(rename = "DNSNames")] dns_names: Option<Vec<String>>,
    }
    EndpointIpamConfig {
        #[serde(rename = "IPv4Address", skip_serializing_if = "empty")] ipv4_address: String,
        #[serde(rename = "IPv6Address", skip_serializing_if = "empty")] ipv6_address: String,
        #[serde(rename = "LinkLocalIPs", skip_serializing_if = "bare")] link_local_ips: Option<Vec<String>>,
    }
    /// Answer of `GET /networks/{id}`; the list has the same with `Containers` empty.
    Network {
        name: String,
        id: String,
        created: Time,
        scope: String,
        driver: String,
        #[serde(rename = "EnableIPv4")] enable_ipv4: bool,
        #[serde(rename = "EnableIPv6")] enable_ipv6: bool,
        #[serde(rename = "IPAM")] ipam: Ipam,
        internal: bool,
        attachable: bool,
        ingress: bool,
        config_from: ConfigReference,
        config_only: bool,
        containers: BTreeMap<String, EndpointResource>,
        options: StringMap,
        labels: StringMap,
    }
    Ipam {
        driver: String,
        options: Option<StringMap>,
        config: Option<Vec<IpamConfig>>,
    }
    IpamConfig {
        #[serde(skip_serializing_if = "empty")] subnet: String,
        #[serde(rename = "IPRange", skip_serializing_if = "empty")] ip_range: String,
        #[serde(skip_serializing_if = "empty")] gateway: String,
        #[serde(rename = "AuxiliaryAddresses", skip_serializing_if = "empty")] auxiliary_addresses: StringMap,
    }
    ConfigReference {
        network: String,
    }
    EndpointResource {
        name: String,
        #[serde(rename = "EndpointID")] endpoint_id: String,
        mac_address: String,
        #[serde(rename = "IPv4Address")] ipv4_address: String,
        #[serde(rename = "IPv6Address")] ipv6_address: String,
    }
    /// Body of `POST /networks/create`.
    CreateRequest {
        name: String,
        #[serde(skip_serializing_if = "empty")] check_duplicate: Option<bool>,
        driver: String,
        scope: String,
        #[serde(rename = "EnableIPv4", skip_serializing_if = "empty")] enable_ipv4: Option<bool>,
        #[serde(rename = "EnableIPv6", skip_serializing_if = "empty")] enable_ipv6: Option<bool>,
        #[serde(rename = "IPAM")] ipam: Option<Ipam>,
        internal: bool,
        attachable: bool,
        ingress: bool,
        config_only: bool,
        config_from: Option<ConfigReference>,
        options: Option<StringMap>,
        labels: Option<StringMap>,
    }
    /// Answer of `POST /networks/create`.
    CreateResponse {
        id: String,
        warning: String,
    }
    /// Body of `POST /networks/{id}/connect`.
    ConnectRequest {
        container: String,
        #[serde(skip_serializing_if = "empty")] endpoint_config: Option<EndpointSettings>,
    }
    /// Body of `POST /networks/{id}/disconnect`.
    DisconnectRequest {
        container: String,
        force: bool,
    }
    /// Answer of `POST /networks/prune`.
    PruneReport {
        networks_deleted: Option<Vec<String>>,
    }
}
