//! `version`: show the Docker version information.

use crate::command::{Args, Command};
use crate::flag::text;
use api::system::{Component, Version};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::cli::Cli;
use crate::connect;
use crate::failure::{EXIT_FAILURE, Failure, Outcome};
use crate::flag::Parsed;
use crate::format::json::Json;
use crate::format::{table, template};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS]",
    about: "Show the Docker version information",
    aliases: "",
    args: Args::None,
    interspersed: true,
    flags: &[text(
        "format",
        'f',
        "Format output using a custom template:\n'json':             Print in JSON format\n'TEMPLATE':         Print output using the given Go template.\nRefer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates",
    )],
    run,
};

const PLATFORM: &str = concat!("linux/", env!("HYTHE_ARCH"));

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let format = parsed.text("format");
    let server = match cli.client() {
        Ok(client) => client.server_version().map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    let api_version = match (&server, cli.client()) {
        (Ok(_), Ok(client)) => client.api_version()?.to_string(),
        _ => client::ApiVersion::NEWEST.to_string(),
    };
    let context = connect::context_name(cli);
    if format.is_empty() {
        cli.write(table::align_with(&plain(cli, &api_version, &context, server.as_ref().ok()), 20, 1))?;
    } else {
        let source = if format == "json" { "{{json .}}" } else { format };
        let compiled = template::compile(source).map_err(|failure| {
            Failure::with_code(64, failure.text.replace("failed to parse template", "template parsing error"))
        })?;
        let data = data(cli, &api_version, &context, server.as_ref().ok());
        let text = compiled.execute(&template::value(&data)).map_err(|error| {
            server
                .as_ref()
                .err()
                .map_or_else(|| Failure::new(error), |failure| Failure::new(failure.text.clone()))
        })?;
        cli.print(text)?;
    }
    server.map(drop).map_err(|failure| Failure::with_code(EXIT_FAILURE, failure.text))
}

/// The text of the plain form, columns still apart by tabs.
fn plain(cli: &Cli, api_version: &str, context: &str, server: Option<&Version>) -> String {
    let name = if cli.prog == "docker" { "Client:" } else { "Client: Hythe" };
    let version = env!("CARGO_PKG_VERSION");
    let mut text = format!(
        "{name}\n Version:\t{version}\n API version:\t{api_version}\n OS/Arch:\t{PLATFORM}\n Context:\t{context}\n"
    );
    let Some(server) = server else { return text };
    text.push_str(&format!("\nServer:{}\n", spaced(&server.platform.name)));
    for component in &server.components {
        text.push_str(&part(server, component));
    }
    text
}

fn spaced(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" {text}") }
}

fn part(server: &Version, component: &Component) -> String {
    let mut text = format!(" {}:\n  Version:\t{}\n", component.name, component.version);
    let detail = |name: &str| component.details.get(name).map_or("", String::as_str);
    if component.name == "Engine" {
        let go = detail("GoVersion");
        text.push_str(&format!(
            "  API version:\t{} (minimum version {})\n",
            detail("ApiVersion"),
            detail("MinAPIVersion")
        ));
        if !go.is_empty() {
            text.push_str(&format!("  Go version:\t{go}\n"));
        }
        text.push_str(&format!(
            "  Git commit:\t{}\n  Built:\t{}\n",
            detail("GitCommit"),
            built(detail("BuildTime"))
        ));
        text.push_str(&format!("  OS/Arch:\t{}/{}\n", detail("Os"), detail("Arch")));
        text.push_str(&format!("  Experimental:\t{}\n", server.experimental));
        return text;
    }
    for (name, value) in &component.details {
        text.push_str(&format!("  {name}:\t{value}\n"));
    }
    text
}

/// A build time in the form of C's `asctime`.
fn built(time: &str) -> String {
    time.parse::<Timestamp>().map_or_else(
        |_| time.to_owned(),
        |time| time.to_zoned(TimeZone::UTC).strftime("%a %b %e %H:%M:%S %Y").to_string(),
    )
}

/// What a template sees.
fn data(cli: &Cli, api_version: &str, context: &str, server: Option<&Version>) -> Json {
    let client = json!({
        "Platform": {"Name": if cli.prog == "docker" { "" } else { "Hythe" }},
        "Version": env!("CARGO_PKG_VERSION"),
        "ApiVersion": api_version,
        "DefaultAPIVersion": client::ApiVersion::NEWEST.to_string(),
        "GitCommit": "",
        "GoVersion": "",
        "Os": "linux",
        "Arch": env!("HYTHE_ARCH"),
        "BuildTime": "",
        "Context": context,
    });
    let server = server.and_then(|server| serde_json::to_value(server).ok()).unwrap_or(Value::Null);
    let text = format!("{{\"Client\":{client},\"Server\":{server}}}");
    Json::parse(text.as_bytes()).unwrap_or(Json::Null)
}
