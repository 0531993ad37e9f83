//! Which engine to talk to: the global flags, the environment, a context, or the default socket.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use client::{ApiVersion, Client, Endpoint, Options, TlsOptions};

use crate::cli::Cli;
use crate::failure::{Failure, Outcome};
use crate::{autostart, context, environment};

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
    crate::flag::fields(&given)
        .iter()
        .map(|field| {
            let bad = || {
                Failure::new(format!(
                    "failed to parse custom headers from DOCKER_CUSTOM_HEADERS environment variable: value contains \
                     an invalid field: {field:?}"
                ))
            };
            let (name, value) = field.split_once('=').filter(|(name, _)| !name.trim().is_empty()).ok_or_else(bad)?;
            Ok((name.trim().to_owned(), value.to_owned()))
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

fn choose(cli: &Cli) -> Outcome<Choice> {
    let plain = |endpoint| Choice { endpoint, connected: None };
    if cli.globals.given("host") && cli.globals.given("context") {
        return Err(Failure::new("conflicting options: cannot specify both --host and --context"));
    }
    let initialize = |failure: Failure| {
        Failure::new(format!("Failed to initialize: unable to resolve docker endpoint: {failure}"))
    };
    let name = context_name(cli);
    if name != context::DEFAULT {
        let context = context::load(cli.config().directory(), &name).map_err(initialize)?;
        return Endpoint::parse(&context.host, context.tls())
            .map(plain)
            .map_err(|error| initialize(error.into()));
    }
    if cli.globals.all("host").count() > 1 {
        return Err(Failure::new("Specify only one -H"));
    }
    let flag = cli.globals.text("host").to_owned();
    let host = if flag.is_empty() { environment::get("DOCKER_HOST").unwrap_or_default() } else { flag };
    if !host.is_empty() {
        return Endpoint::parse(&host, tls(cli)).map(plain).map_err(|error| initialize(error.into()));
    }
    Ok(default_socket(cli))
}

fn default_socket(cli: &Cli) -> Choice {
    let ours = Path::new(SOCKET);
    if cli.prog == "docker" {
        let path = if ours.exists() { SOCKET } else { DOCKER_SOCKET };
        return Choice { endpoint: Endpoint::Unix(PathBuf::from(path)), connected: None };
    }
    Choice { endpoint: Endpoint::Unix(ours.to_owned()), connected: autostart::ensure(ours) }
}

/// The certificates that flags and environment name, if TLS is asked for.
fn tls(cli: &Cli) -> Option<TlsOptions> {
    let verify = if cli.globals.given("tlsverify") {
        cli.globals.on("tlsverify")
    } else {
        environment::get("DOCKER_TLS_VERIFY").is_some()
    };
    if !verify && !cli.globals.on("tls") && environment::get("DOCKER_TLS").is_none() {
        return None;
    }
    let directory = environment::get("DOCKER_CERT_PATH")
        .map_or_else(|| crate::config::directory(cli.globals.text("config")), PathBuf::from);
    let file = |flag: &str, name: &str| {
        let given = cli.globals.text(flag);
        if given.is_empty() {
            Some(directory.join(name)).filter(|path| path.exists())
        } else {
            Some(PathBuf::from(given))
        }
    };
    Some(TlsOptions {
        ca: file("tlscacert", "ca.pem"),
        cert: file("tlscert", "cert.pem"),
        key: file("tlskey", "key.pem"),
        insecure: !verify,
    })
}
