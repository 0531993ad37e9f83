//! `network connect`: connect a container to a network.

use crate::command::{Args, Command};
use crate::flag::{NONE, many, single, strings, text};
use crate::opts::number;
use api::network::{ConnectRequest, EndpointIpamConfig, EndpointSettings};

use crate::cli::Cli;
use crate::failure::Outcome;
use crate::flag::Parsed;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] NETWORK CONTAINER",
    about: "Connect a container to a network",
    aliases: "",
    args: Args::Exactly(2),
    interspersed: true,
    flags: &[
        strings("alias", NONE, "Add network-scoped alias for the container"),
        strings("driver-opt", NONE, "driver options for the network"),
        single(
            "gw-priority",
            NONE,
            "int",
            Some(number::check_int),
            "Highest gw-priority provides the default gateway. Accepts positive and negative values.",
        ),
        text("ip", NONE, "IPv4 address (e.g., \"172.30.100.104\")"),
        text("ip6", NONE, "IPv6 address (e.g., \"2001:db8::33\")"),
        many("link", NONE, "list", None, "Add link to another container"),
        strings("link-local-ip", NONE, "Add a link-local address for the container"),
    ],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let some = |list: Vec<String>| (!list.is_empty()).then_some(list);
    let ipam = EndpointIpamConfig {
        ipv4_address: parsed.text("ip").to_owned(),
        ipv6_address: parsed.text("ip6").to_owned(),
        link_local_ips: some(parsed.list("link-local-ip")),
    };
    let options = parsed.map("driver-opt");
    let settings = EndpointSettings {
        ipam_config: (ipam != EndpointIpamConfig::default()).then_some(ipam),
        links: some(parsed.list("link")),
        aliases: some(parsed.list("alias")),
        driver_opts: (!options.is_empty()).then_some(options),
        gw_priority: parsed.int("gw-priority"),
        ..EndpointSettings::default()
    };
    let request = ConnectRequest { container: parsed.arg(1).to_owned(), endpoint_config: Some(settings) };
    Ok(cli.client()?.network_connect(parsed.arg(0), &request)?)
}
