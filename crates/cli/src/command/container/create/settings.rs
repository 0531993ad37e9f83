//! From flags to the request: what runs in the container. How it sits on its host is in `host`.

use api::Set;
use api::container::{Config, CreateRequest};

use super::{health, host, networks};
use crate::cli::Cli;
use crate::failure::{Failure, Outcome};
use crate::flag::Parsed;
use crate::opts::{env, label, port, volume};

/// The request that the flags ask for.
pub(super) fn request(cli: &Cli, parsed: &Parsed) -> Outcome<CreateRequest> {
    let attaches = |stream: &str| parsed.all("attach").any(|given| given.eq_ignore_ascii_case(stream));
    let attach_all = !parsed.given("attach");
    let interactive = parsed.on("interactive");
    let attach_stdin = attaches("stdin") || (attach_all && interactive);
    let swappiness = parsed.int("memory-swappiness");
    if swappiness != -1 && !(0..=100).contains(&swappiness) {
        return Err(Failure::new(format!(
            "invalid value: {swappiness}. Valid memory swappiness range is 0-100"
        )));
    }
    let (binds, volumes) = volumes(parsed)?;
    let mut ports = port::Ports::default();
    for published in parsed.all("publish") {
        ports.publish(published).map_err(Failure::new)?;
    }
    for exposed in parsed.all("expose") {
        ports.expose(exposed).map_err(Failure::new)?;
    }
    let env = environment(cli, parsed)?;
    let labels = label::collect(parsed.all("label-file"), parsed.all("label"))?;
    let networks = networks::collect(parsed)?;
    let host_config = host::config(parsed, binds, ports.bindings, &networks)?;
    let command = parsed.args.get(1..).unwrap_or_default();
    let config = Config {
        hostname: parsed.text("hostname").to_owned(),
        domainname: parsed.text("domainname").to_owned(),
        user: parsed.text("user").to_owned(),
        attach_stdin,
        attach_stdout: attaches("stdout") || attach_all,
        attach_stderr: attaches("stderr") || attach_all,
        exposed_ports: (!ports.exposed.is_empty()).then_some(ports.exposed),
        tty: parsed.on("tty"),
        open_stdin: interactive,
        stdin_once: interactive && attach_stdin,
        env: (!env.is_empty()).then_some(env),
        cmd: (!command.is_empty()).then(|| command.to_vec().into()),
        healthcheck: health::config(parsed)?,
        image: parsed.arg(0).to_owned(),
        volumes: Some(volumes),
        working_dir: parsed.text("workdir").to_owned(),
        // An empty entrypoint resets the image's.
        entrypoint: parsed.given("entrypoint").then(|| vec![parsed.text("entrypoint").to_owned()].into()),
        labels,
        stop_signal: parsed.text("stop-signal").to_owned(),
        stop_timeout: parsed.maybe_int("stop-timeout"),
        ..Config::default()
    };
    let networking_config = Some(networks::config(&networks)?);
    Ok(CreateRequest { config, host_config: Some(host_config), networking_config })
}

/// Binds as they are sent, and the paths of anonymous volumes.
fn volumes(parsed: &Parsed) -> Outcome<(Vec<String>, Set)> {
    let mut binds: Vec<String> = Vec::new();
    let mut anonymous = Set::new();
    for given in parsed.all("volume") {
        match volume::parse(given).map_err(Failure::new)? {
            volume::Volume::Bind(bind) => {
                if !binds.contains(&bind) {
                    binds.push(bind);
                }
            }
            volume::Volume::Anonymous(path) => {
                anonymous.insert(path, api::Empty);
            }
        }
    }
    Ok((binds, anonymous))
}

/// The variables of flags and files, and the configured proxies that these do not set.
fn environment(cli: &Cli, parsed: &Parsed) -> Outcome<Vec<String>> {
    let mut variables = env::collect(parsed.all("env-file"), parsed.all("env"))?;
    // Asking for the address would connect; most configurations have no proxies.
    if cli.config().at(&["proxies"]).is_none() {
        return Ok(variables);
    }
    let host = cli.client()?.endpoint().to_string();
    for (name, value) in cli.config().proxies(&host) {
        let is_set = variables.iter().any(|given| given.split('=').next() == Some(name.as_str()));
        if !is_set {
            variables.push(format!("{name}={value}"));
        }
    }
    Ok(variables)
}
