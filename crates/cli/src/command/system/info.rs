//! `system info`: display system-wide information.

use crate::command::{Args, Command};
use crate::flag::{OBJECT_FORMAT, text};
use std::fmt::Write as _;

use api::system::Info;
use serde::Serialize;
use template::Template;

use crate::cli::Cli;
use crate::connect;
use crate::failure::{EXIT_FAILURE, Failure, Outcome};
use crate::flag::Parsed;
use crate::format::json::Json;
use crate::format::{human, typed};
use crate::plugin::{self, Metadata};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS]",
    about: "Display system-wide information",
    aliases: "docker system info, docker info",
    args: Args::None,
    interspersed: true,
    flags: &[text("format", 'f', OBJECT_FORMAT)],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let format = parsed.text("format");
    if !format.is_empty() && !needs_engine(format) {
        return formatted(cli, format, Json::Object(Vec::new()));
    }
    let raw = match cli.client() {
        Ok(client) => client.info_raw().map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    if !format.is_empty() {
        return formatted(cli, format, Json::parse(&raw?).map_err(|error| Failure::new(error.to_string()))?);
    }
    let mut text = format!(
        "Client:\n Version:    {}\n Context:    {}\n Debug Mode: {}\n",
        cli.version(),
        connect::context_name(cli),
        cli.globals.on("debug")
    );
    let plugins = plugin::all(cli);
    if plugins.iter().any(|plugin| plugin.error.is_none()) {
        text.push_str(" Plugins:\n");
    }
    for plugin in plugins.iter().filter(|plugin| plugin.error.is_none()) {
        let Metadata { short_description, vendor, version, .. } = &plugin.metadata;
        let _ = writeln!(text, "  {}: {short_description} ({vendor})", plugin.name);
        if !version.is_empty() {
            let _ = writeln!(text, "    Version:  {version}");
        }
        let _ = writeln!(text, "    Path:     {}", plugin.path.display());
    }
    for plugin in &plugins {
        if let Some(error) = &plugin.error {
            let path = plugin.path.display().to_string();
            cli.warn(format!("WARNING: Plugin {path:?} is not valid: {error}"));
        }
    }
    text.push_str("\nServer:\n");
    let raw = match raw {
        Ok(raw) => raw,
        Err(failure) => {
            cli.write(text)?;
            let told = if failure.text.starts_with("Cannot connect") {
                failure.text
            } else {
                format!("ERROR: {}\nerrors pretty printing info", failure.text)
            };
            return Err(Failure::with_code(EXIT_FAILURE, told));
        }
    };
    let info: Info = serde_json::from_slice(&raw).map_err(|error| Failure::new(error.to_string()))?;
    server(&mut text, &info);
    text.push('\n');
    cli.write(text)?;
    for warning in info.warnings.iter().flatten() {
        cli.warn(warning);
    }
    Ok(())
}

/// Whether a template asks for more than what the client knows of itself.
fn needs_engine(format: &str) -> bool {
    let mut fields = format.match_indices('.').filter(|(at, _)| {
        // What follows a field is a part of it.
        !format.get(..*at).is_some_and(|before| before.ends_with(|c: char| c.is_alphanumeric() || c == ')'))
    });
    !format.contains(".ClientInfo")
        || fields.any(|(at, _)| !format.get(at..).is_some_and(|rest| rest.starts_with(".ClientInfo")))
}

/// Prints what the engine and the client say of themselves by a template.
fn formatted(cli: &Cli, format: &str, mut info: Json) -> Outcome {
    if let Json::Object(entries) = &mut info {
        entries.push(("ClientInfo".to_owned(), client_info(cli)?));
    }
    let source = if format == "json" { "{{json .}}" } else { format };
    let compiled = Template::parse("", source)
        .map_err(|error| Failure::with_code(64, format!("template parsing error: {error}")))?;
    let (text, error) = compiled.execute_as_far_as_possible(&typed::value("system.dockerInfo", &info));
    cli.print(text)?;
    error.map_or(Ok(()), |error| Err(Failure::new(error)))
}

/// What the client says of itself.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ClientInfo {
    debug: bool,
    version: &'static str,
    #[serde(rename = "DefaultAPIVersion")]
    default_api_version: String,
    os: &'static str,
    context: String,
    plugins: Vec<plugin::Plugin>,
    warnings: Option<Vec<String>>,
}

fn client_info(cli: &Cli) -> Outcome<Json> {
    let info = ClientInfo {
        debug: cli.globals.on("debug"),
        version: cli.version(),
        default_api_version: client::ApiVersion::NEWEST.to_string(),
        os: "linux",
        context: connect::context_name(cli),
        plugins: plugin::all(cli),
        warnings: None,
    };
    let text = serde_json::to_vec(&info).map_err(|error| Failure::new(error.to_string()))?;
    Json::parse(&text).map_err(|error| Failure::new(error.to_string()))
}

// Writing to a string does not fail, so the results of `writeln!` are dropped below.

fn server(out: &mut String, info: &Info) {
    let _ = writeln!(out, " Containers: {}", info.containers);
    let _ = writeln!(out, "  Running: {}", info.containers_running);
    let _ = writeln!(out, "  Paused: {}", info.containers_paused);
    let _ = writeln!(out, "  Stopped: {}", info.containers_stopped);
    let _ = writeln!(out, " Images: {}", info.images);
    line(out, " Server Version", &info.server_version);
    line(out, " Storage Driver", &info.driver);
    for [name, value] in &info.driver_status {
        let _ = writeln!(out, "  {name}: {value}");
    }
    line(out, " Logging Driver", &info.logging_driver);
    line(out, " Cgroup Driver", &info.cgroup_driver);
    line(out, " Cgroup Version", &info.cgroup_version);
    out.push_str(" Plugins:\n");
    for (name, plugins) in [
        ("Volume", &info.plugins.volume),
        ("Network", &info.plugins.network),
        ("Authorization", &info.plugins.authorization),
        ("Log", &info.plugins.log),
    ] {
        let plugins = plugins.as_deref().unwrap_or_default();
        if !plugins.is_empty() || name == "Volume" || name == "Network" || name == "Log" {
            let _ = writeln!(out, "  {name}: {}", plugins.join(" "));
        }
    }
    let directories = info.cdi_spec_dirs.as_deref().unwrap_or_default();
    if !directories.is_empty() {
        out.push_str(" CDI spec directories:\n");
        for directory in directories {
            let _ = writeln!(out, "  {directory}");
        }
    }
    let _ = writeln!(out, " Swarm: {}", info.swarm.local_node_state);
    runtimes(out, info);
    security(out, info);
    machine(out, info);
    registries(out, info);
}

fn line(out: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        let _ = writeln!(out, "{name}: {value}");
    }
}

fn runtimes(out: &mut String, info: &Info) {
    if !info.runtimes.is_empty() {
        let names: Vec<&str> = info.runtimes.keys().map(String::as_str).collect();
        let _ = writeln!(out, " Runtimes: {}", names.join(" "));
        let _ = writeln!(out, " Default Runtime: {}", info.default_runtime);
    }
    let _ = writeln!(out, " Init Binary: {}", info.init_binary);
    let _ = writeln!(out, " containerd version: {}", info.containerd_commit.id);
    let _ = writeln!(out, " runc version: {}", info.runc_commit.id);
    let _ = writeln!(out, " init version: {}", info.init_commit.id);
}

fn security(out: &mut String, info: &Info) {
    if info.security_options.is_empty() {
        return;
    }
    out.push_str(" Security Options:\n");
    for option in &info.security_options {
        let mut fields = option.split(',').map(|field| field.split_once('=').unwrap_or(("name", field)));
        let _ = writeln!(
            out,
            "  {}",
            fields.clone().find(|(key, _)| *key == "name").map_or("", |(_, value)| value)
        );
        for (key, value) in fields.by_ref().filter(|(key, _)| *key != "name") {
            let mut letters = key.chars();
            let title: String =
                letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
            let _ = writeln!(out, "   {title}: {value}");
        }
    }
}

fn machine(out: &mut String, info: &Info) {
    line(out, " Kernel Version", &info.kernel_version);
    line(out, " Operating System", &info.operating_system);
    line(out, " OSType", &info.os_type);
    line(out, " Architecture", &info.architecture);
    let _ = writeln!(out, " CPUs: {}", info.ncpu);
    let _ = writeln!(out, " Total Memory: {}", human::binary_size(info.mem_total as f64));
    line(out, " Name", &info.name);
    line(out, " ID", &info.id);
    let _ = writeln!(out, " Docker Root Dir: {}", info.docker_root_dir);
    let _ = writeln!(out, " Debug Mode: {}", info.debug);
    if info.debug {
        let _ = writeln!(out, "  File Descriptors: {}", info.n_fd);
        let _ = writeln!(out, "  Goroutines: {}", info.n_goroutines);
        let _ = writeln!(out, "  System Time: {}", info.system_time);
        let _ = writeln!(out, "  EventsListeners: {}", info.n_events_listener);
    }
    line(out, " HTTP Proxy", &info.http_proxy);
    line(out, " HTTPS Proxy", &info.https_proxy);
    line(out, " No Proxy", &info.no_proxy);
    if !info.labels.is_empty() {
        out.push_str(" Labels:\n");
        for label in &info.labels {
            let _ = writeln!(out, "  {label}");
        }
    }
    let _ = writeln!(out, " Experimental: {}", info.experimental_build);
}

fn registries(out: &mut String, info: &Info) {
    if let Some(registries) = &info.registry_config {
        let insecure: Vec<&str> = registries
            .index_configs
            .values()
            .filter(|index| !index.secure)
            .map(|index| index.name.as_str())
            .chain(registries.insecure_registry_cidrs.iter().map(String::as_str))
            .collect();
        if !insecure.is_empty() {
            out.push_str(" Insecure Registries:\n");
            for registry in insecure {
                let _ = writeln!(out, "  {registry}");
            }
        }
        let mirrors = registries.mirrors.as_deref().unwrap_or_default();
        if !mirrors.is_empty() {
            out.push_str(" Registry Mirrors:\n");
            for mirror in mirrors {
                let _ = writeln!(out, "  {mirror}");
            }
        }
    }
    let _ = writeln!(out, " Live Restore Enabled: {}", info.live_restore_enabled);
    line(out, " Product License", &info.product_license);
    let pools = info.default_address_pools.as_deref().unwrap_or_default();
    if !pools.is_empty() {
        out.push_str(" Default Address Pools:\n");
        for pool in pools {
            let _ = writeln!(out, "   Base: {}, Size: {}", pool.base, pool.size);
        }
    }
    if let Some(firewall) = &info.firewall_backend {
        let _ = writeln!(out, " Firewall Backend: {}", firewall.driver);
        for [name, value] in firewall.info.iter().flatten() {
            let _ = writeln!(out, "  {name}: {value}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_knows_by_itself() {
        for (format, needs) in [
            ("{{.ClientInfo.Context}}", false),
            ("{{json .ClientInfo}} {{.ClientInfo.Plugins}}", false),
            ("{{.ClientInfo.Context}} {{.Driver}}", true),
            ("{{json .}}", true),
            ("json", true),
            ("{{with .ClientInfo}}{{$.Driver}}{{end}}", true),
        ] {
            assert_eq!(needs_engine(format), needs, "{format}");
        }
    }
}
