//! `version`: show the Docker version information.

use crate::command::{Args, Command};
use crate::flag::{OBJECT_FORMAT, text};
use api::system::{Component, Version};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::Cli;
use crate::connect;
use crate::failure::{EXIT_FAILURE, Failure, Outcome};
use crate::flag::Parsed;
use crate::format::json::Json;
use crate::format::{table, typed};
use template::Template;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS]",
    about: "Show the Docker version information",
    aliases: "",
    args: Args::None,
    interspersed: true,
    flags: &[text("format", 'f', OBJECT_FORMAT)],
    run,
};

const PLATFORM: &str = concat!("linux/", env!("HYTHE_ARCH"));

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let format = parsed.text("format");
    let server = match cli.client() {
        Ok(client) => client.server_version_raw().map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    let api_version = match (&server, cli.client()) {
        (Ok(_), Ok(client)) => client.api_version()?.to_string(),
        _ => client::ApiVersion::NEWEST.to_string(),
    };
    let context = connect::context_name(cli);
    if format.is_empty() {
        let version: Option<Version> = match &server {
            Ok(raw) => Some(serde_json::from_slice(raw).map_err(|error| Failure::new(error.to_string()))?),
            Err(_) => None,
        };
        cli.write(table::align_with(&plain(cli, &api_version, &context, version.as_ref()), 20, 1))?;
    } else {
        let source = if format == "json" { "{{json .}}" } else { format };
        let compiled = Template::parse("version", source)
            .map_err(|error| Failure::with_code(64, format!("template parsing error: {error}")))?;
        let data = data(cli, &api_version, &context, server.as_deref().ok());
        let (text, error) = compiled.execute_as_far_as_possible(&typed::value("system.versionInfo", &data));
        cli.print(text)?;
        if let Some(error) = error {
            return Err(server.err().unwrap_or_else(|| Failure::new(error)));
        }
    }
    server.map(drop).map_err(|failure| Failure::with_code(EXIT_FAILURE, failure.text))
}

/// The text of the plain form, columns still apart by tabs.
fn plain(cli: &Cli, api_version: &str, context: &str, server: Option<&Version>) -> String {
    let name = if cli.prog == "docker" { "Client:" } else { "Client: Hythe" };
    let version = cli.version();
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
        for (name, value) in
            [("Git commit", detail("GitCommit").to_owned()), ("Built", built(detail("BuildTime")))]
        {
            if !value.is_empty() {
                text.push_str(&format!("  {name}:\t{value}\n"));
            }
        }
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
fn data(cli: &Cli, api_version: &str, context: &str, server: Option<&[u8]>) -> Json {
    let text = |text: &str| Json::Text(text.to_owned());
    let name = if cli.prog == "docker" { "" } else { "Hythe" };
    let client = [
        ("Version", text(cli.version())),
        ("ApiVersion", text(api_version)),
        ("DefaultAPIVersion", text(&client::ApiVersion::NEWEST.to_string())),
        ("GitCommit", text("")),
        ("GoVersion", text("")),
        ("Os", text("linux")),
        ("Arch", text(env!("HYTHE_ARCH"))),
        ("BuildTime", text("")),
        ("Context", text(context)),
    ];
    let mut client: Vec<_> = client.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    if !name.is_empty() {
        client.insert(0, ("Platform".to_owned(), Json::Object(vec![("Name".to_owned(), text(name))])));
    }
    let client = Json::Object(client);
    let mut server = server.and_then(|raw| Json::parse(raw).ok()).unwrap_or(Json::Null);
    with_readable_times(&mut server);
    Json::Object(vec![("Client".to_owned(), client), ("Server".to_owned(), server)])
}

/// The build times of components are shown in words; the engine's own stays as it is.
fn with_readable_times(server: &mut Json) {
    fn field<'a>(json: &'a mut Json, key: &str) -> Option<&'a mut Json> {
        let Json::Object(entries) = json else { return None };
        entries.iter_mut().find(|(name, _)| name == key).map(|(_, value)| value)
    }
    let Some(Json::List(components)) = field(server, "Components") else { return };
    for component in components {
        if let Some(Json::Text(time)) =
            field(component, "Details").and_then(|details| field(details, "BuildTime"))
        {
            *time = built(time);
        }
    }
}
