//! Which engine to talk to: the global flags, the environment, a context, or the default socket.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use client::{ApiVersion, Client, Endpoint, Options, TlsOptions};

use crate::cli::Cli;
use crate::context::{self, Material, Meta, Store};
use crate::failure::{Failure, Outcome, on_path};
use crate::{autostart, environment};

/// Our engine's socket.
pub(crate) const SOCKET: &str = "/run/hythe.sock";
/// The socket that programs made for Docker expect.
const DOCKER_SOCKET: &str = "/var/run/docker.sock";

/// The name of the context in use.
pub(crate) fn context_name(cli: &Cli) -> String {
    let flag = cli.globals.text("context");
    if !flag.is_empty() {
        return flag.to_owned();
    }
    if cli.globals.given("host") || environment::get("DOCKER_HOST").is_some() {
        return context::DEFAULT.to_owned();
    }
    if let Some(name) = environment::get("DOCKER_CONTEXT") {
        return name;
    }
    match cli.config().text("currentContext") {
        "" => context::DEFAULT.to_owned(),
        name => name.to_owned(),
    }
}

/// The contexts beside the configuration in use.
pub(crate) fn contexts(cli: &Cli) -> Store {
    Store::beside(cli.config().directory())
}

/// The address that flags and environment name, or the default socket.
pub(crate) fn default_host(cli: &Cli) -> Outcome<String> {
    let given = named_host(cli)?;
    Ok(if given.is_empty() { format!("unix://{}", default_socket(cli)) } else { given })
}

/// The context that stands for flags, environment and the default socket, as if it were kept in a file.
pub(crate) fn default_context(cli: &Cli) -> Outcome<Meta> {
    let insecure = tls(cli)?.is_some_and(|tls| tls.insecure);
    let engine = context::endpoint::fields_of(&default_host(cli)?, insecure);
    Ok(Meta {
        name: context::DEFAULT.to_owned(),
        metadata: Some(serde_json::Map::new()),
        endpoints: Some([(context::ENGINE.to_owned(), engine)].into()),
    })
}

/// The certificates that flags and environment name, as the files of a context.
pub(crate) fn default_material(cli: &Cli) -> Outcome<Material> {
    let Some(tls) = tls(cli)? else { return Ok(Material::new()) };
    let mut files = std::collections::BTreeMap::new();
    for (name, path) in [("ca.pem", tls.ca), ("cert.pem", tls.cert), ("key.pem", tls.key)] {
        if let Some(path) = path {
            let bytes = std::fs::read(&path).map_err(|error| on_path("open", path.display(), &error))?;
            files.insert(name.to_owned(), bytes);
        }
    }
    Ok(if files.is_empty() { Material::new() } else { [(context::ENGINE.to_owned(), files)].into() })
}

/// Any context, the default one included.
pub(crate) fn context(cli: &Cli, name: &str) -> Outcome<Meta> {
    if name == context::DEFAULT { default_context(cli) } else { contexts(cli).load(name) }
}

/// Refuses global flags that contradict each other.
pub(crate) fn check_globals(cli: &Cli) -> Outcome {
    if cli.globals.given("host") && cli.globals.given("context") {
        return Err(Failure::new("conflicting options: cannot specify both --host and --context"));
    }
    Ok(())
}

/// A client for the engine in use. Starts our own engine if nothing else is configured and nothing answers.
pub(crate) fn client(cli: &Cli) -> Outcome<Client> {
    let Choice { endpoint, connected } = choose(cli)?;
    let version = match environment::get("DOCKER_API_VERSION") {
        Some(text) => Some(text.parse::<ApiVersion>()?),
        None => None,
    };
    // Docker-compatible user agent: some registries and proxies look at its first word.
    let user_agent = format!("Docker-Client/{} (linux) hythe", env!("CARGO_PKG_VERSION"));
    let client = Client::new(Options { endpoint, version, headers: headers(cli)?, user_agent });
    if let Some(stream) = connected {
        client.adopt(stream);
    }
    Ok(client)
}

/// The header fields to send with each request: the configured ones, or those of `DOCKER_CUSTOM_HEADERS`.
fn headers(cli: &Cli) -> Outcome<Vec<(String, String)>> {
    let Some(given) = environment::get("DOCKER_CUSTOM_HEADERS") else {
        return Ok(cli.config().texts("HttpHeaders"));
    };
    let bad = |why: String| {
        Failure::new(format!(
            "Failed to initialize: failed to set custom headers from DOCKER_CUSTOM_HEADERS environment variable: {why}"
        ))
    };
    crate::flag::fields(&given)
        .iter()
        .map(|field| match field.split_once('=') {
            Some((name, _)) if name.trim().is_empty() => {
                Err(bad(format!("value contains a key=value pair with an empty key: '{field}'")))
            }
            Some((name, value)) => Ok((name.trim().to_owned(), value.to_owned())),
            None => Err(bad(format!("missing \"=\" in key=value pair: '{field}'"))),
        })
        .collect()
}

/// An engine, and the connection to it that may have been made on the way.
struct Choice {
    endpoint: Endpoint,
    connected: Option<UnixStream>,
}

/// The address of the engine in use.
pub(crate) fn endpoint(cli: &Cli) -> Outcome<Endpoint> {
    choose(cli).map(|choice| choice.endpoint)
}

/// The value of `--host`, else of `DOCKER_HOST`; empty if neither is given.
fn named_host(cli: &Cli) -> Outcome<String> {
    let flag = cli.globals.text("host");
    Ok(if flag.is_empty() { environment::get("DOCKER_HOST").unwrap_or_default() } else { flag.to_owned() })
}

fn choose(cli: &Cli) -> Outcome<Choice> {
    let resolve = |failure: Failure| {
        Failure::new(format!("Failed to initialize: unable to resolve docker endpoint: {failure}"))
    };
    let name = context_name(cli);
    if name != context::DEFAULT {
        let contexts = contexts(cli);
        let context = contexts.load(&name).map_err(resolve)?;
        if context.host().is_empty() {
            return Ok(default_engine(cli));
        }
        return parse(cli, context.host(), contexts.tls(&context));
    }
    let host = named_host(cli).map_err(resolve)?;
    if host.is_empty() { Ok(default_engine(cli)) } else { parse(cli, &host, tls(cli).map_err(resolve)?) }
}

fn parse(cli: &Cli, host: &str, tls: Option<TlsOptions>) -> Outcome<Choice> {
    let mut endpoint = Endpoint::parse(host, tls).map_err(|error| {
        let told = ["ssh://", "npipe://", "fd://"].iter().any(|scheme| host.starts_with(scheme));
        let step = if told { "" } else { "unable to resolve docker endpoint: " };
        Failure::new(format!("Failed to initialize: {step}{error}"))
    })?;
    if let Endpoint::Ssh(ssh) = &mut endpoint {
        ssh.ours_first = cli.prog != "docker";
    }
    Ok(Choice { endpoint, connected: None })
}

/// The socket that is used when nothing else is configured.
fn default_socket(cli: &Cli) -> &'static str {
    if cli.prog == "docker" && !Path::new(SOCKET).exists() { DOCKER_SOCKET } else { SOCKET }
}

/// Where plugins are to find the engine, if they would look elsewhere by themselves. It is started, if that is ours to do
/// and `needed`.
pub(crate) fn host_for_plugins(cli: &Cli, needed: bool) -> Outcome<Option<String>> {
    let path = default_socket(cli);
    if context_name(cli) != context::DEFAULT || !named_host(cli)?.is_empty() || path == DOCKER_SOCKET {
        return Ok(None);
    }
    if needed && cli.prog != "docker" {
        autostart::ensure(Path::new(path));
    }
    Ok(Some(format!("unix://{path}")))
}

fn default_engine(cli: &Cli) -> Choice {
    let path = default_socket(cli);
    let connected = if cli.prog == "docker" { None } else { autostart::ensure(Path::new(path)) };
    Choice { endpoint: Endpoint::Unix(PathBuf::from(path)), connected }
}

/// The certificates that flags and environment name, if TLS is asked for. The authority's has to be there; the client's
/// own are used if they are.
fn tls(cli: &Cli) -> Outcome<Option<TlsOptions>> {
    let verify = if cli.globals.given("tlsverify") {
        cli.globals.on("tlsverify")
    } else {
        environment::get("DOCKER_TLS_VERIFY").is_some()
    };
    if !verify && !cli.globals.on("tls") && environment::get("DOCKER_TLS").is_none() {
        return Ok(None);
    }
    let directory = environment::get("DOCKER_CERT_PATH")
        .map_or_else(|| crate::config::directory(cli.globals.text("config")), PathBuf::from);
    let file = |flag: &str, name: &str, needed: bool| {
        let given = cli.globals.text(flag);
        let path = if given.is_empty() { directory.join(name) } else { PathBuf::from(given) };
        match std::fs::metadata(&path) {
            Ok(_) => Ok(Some(path)),
            Err(_) if given.is_empty() && !needed => Ok(None),
            Err(error) => Err(on_path("open", path.display(), &error)),
        }
    };
    Ok(Some(TlsOptions {
        ca: file("tlscacert", "ca.pem", true)?,
        cert: file("tlscert", "cert.pem", false)?,
        key: file("tlskey", "key.pem", false)?,
        insecure: !verify,
    }))
}
