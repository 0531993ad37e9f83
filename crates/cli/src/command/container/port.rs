//! `container port`: list port mappings or a specific mapping for the container.

use crate::command::{Args, Command};
use std::net::IpAddr;

use api::container::PortBinding;

use crate::cli::Cli;
use crate::failure::{Failure, Outcome};
use crate::flag::Parsed;
use crate::format::natural;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "CONTAINER [PRIVATE_PORT[/PROTO]]",
    about: "List port mappings or a specific mapping for the container",
    aliases: "docker container port, docker port",
    args: Args::Between(1, 2),
    interspersed: true,
    flags: &[],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let container = cli.client()?.container_inspect(parsed.arg(0))?;
    let ports = container.network_settings.ports;
    let mut lines = Vec::new();
    match parsed.args.get(1).filter(|wanted| !wanted.is_empty()) {
        Some(wanted) => {
            let (number, protocol) = wanted.split_once('/').unwrap_or((wanted, "tcp"));
            if number.parse::<u16>().is_err() {
                return Err(Failure::new(format!(
                    "Error: invalid port ({number}): strconv.ParseUint: parsing {number:?}: invalid syntax"
                )));
            }
            let bindings = ports.get(&format!("{number}/{protocol}")).and_then(Option::as_deref);
            let bindings = bindings.filter(|bindings| !bindings.is_empty()).ok_or_else(|| {
                Failure::new(format!("Error: No public port '{wanted}' published for {}", parsed.arg(0)))
            })?;
            lines.extend(bindings.iter().map(address));
        }
        None => {
            for (port, bindings) in &ports {
                lines.extend(
                    bindings.iter().flatten().map(|binding| format!("{port} -> {}", address(binding))),
                );
            }
        }
    }
    lines.sort_by_key(|line| natural::key(line));
    cli.write(lines.iter().map(|line| format!("{line}\n")).collect::<String>())
}

fn address(binding: &PortBinding) -> String {
    match binding.host_ip.parse::<IpAddr>() {
        Ok(IpAddr::V6(ip)) => format!("[{ip}]:{}", binding.host_port),
        _ => format!("{}:{}", binding.host_ip, binding.host_port),
    }
}
