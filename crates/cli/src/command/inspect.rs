//! `inspect`: return low-level information on Docker objects.

use crate::command::{Args, Command};
use crate::flag::{NONE, OBJECT_FORMAT, boolean, text};
use errdefs::Class;

use crate::cli::Cli;
use crate::failure::{EXIT_FAILURE, Failure, Outcome};
use crate::flag::Parsed;
use crate::format::json::Json;
use crate::format::template::raw;
use crate::format::{indent, typed};
use template::{Missing, Template};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] NAME|ID [NAME|ID...]",
    about: "Return low-level information on Docker objects",
    aliases: "",
    args: Args::AtLeast(1),
    interspersed: true,
    flags: &[
        text("format", 'f', OBJECT_FORMAT),
        boolean("size", 's', "Display total file sizes if the type is container"),
        text("type", NONE, "Only inspect objects of the given type"),
    ],
    run,
};

/// An object as the engine wrote it.
pub(crate) struct Found {
    bytes: Vec<u8>,
    /// What it is in Go, if that is known here.
    kind: &'static str,
}

impl Found {
    /// A container.
    pub(crate) fn container(bytes: Vec<u8>) -> Self {
        Self { bytes, kind: "container.InspectResponse" }
    }

    /// An image.
    pub(crate) fn image(bytes: Vec<u8>) -> Self {
        Self { bytes, kind: "image.InspectResponse" }
    }

    /// A network.
    pub(crate) fn network(bytes: Vec<u8>) -> Self {
        Self { bytes, kind: "network.Inspect" }
    }

    /// A volume.
    pub(crate) fn volume(bytes: Vec<u8>) -> Self {
        Self { bytes, kind: "volume.Volume" }
    }

    /// A context.
    pub(crate) fn context(bytes: Vec<u8>) -> Self {
        Self { bytes, kind: CONTEXT }
    }

    /// Any other object.
    pub(crate) fn other(bytes: Vec<u8>) -> Self {
        Self { bytes, kind: "" }
    }
}

const KINDS: [&str; 10] =
    ["config", "container", "image", "network", "node", "plugin", "secret", "service", "task", "volume"];

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let kind = parsed.text("type");
    if parsed.given("type") && kind.is_empty() {
        return Err(Failure::new(
            "type is empty: must be one of \"config\", \"container\", \"image\", \"network\", \"node\", \"plugin\", \"secret\", \"service\", \"task\", \"volume\"",
        ));
    }
    if !kind.is_empty() && !KINDS.contains(&kind) {
        let kinds: Vec<String> = KINDS.iter().map(|kind| format!("{kind:?}")).collect();
        return Err(Failure::new(format!("unknown type: {kind:?}: must be one of {}", kinds.join(", "))));
    }
    let size = parsed.on("size");
    show(cli, parsed.text("format"), &parsed.args, |name| find(cli, kind, name, size))
}

/// The object `name` of `kind`, or of any kind, tried in Docker's order.
fn find(cli: &Cli, kind: &str, name: &str, size: bool) -> errdefs::Result<Found> {
    let client = cli.client().map_err(|failure| errdefs::system(failure.text))?;
    let get = |kind: &str| {
        let found = match kind {
            "container" => return client.container_inspect_raw(name, size).map(Found::container),
            "image" => client.image_inspect_raw(name, None).map(Found::image),
            "network" => client.network_inspect_raw(name, false).map(Found::network),
            "volume" => client.volume_inspect_raw(name).map(Found::volume),
            "plugin" => client.object_raw("plugins", &format!("{name}/json")).map(Found::other),
            other => client.object_raw(&format!("{other}s"), name).map(Found::other),
        };
        if size && found.is_ok() {
            cli.warn(format!("WARNING: --size ignored for {kind}"));
        }
        found
    };
    if !kind.is_empty() {
        return get(kind);
    }
    for kind in
        ["container", "image", "network", "volume", "service", "task", "node", "plugin", "secret", "config"]
    {
        match get(kind) {
            // Kinds that this engine does not have are not where the object is.
            Err(error) if is_elsewhere(&error, kind) => {}
            other => return other,
        }
    }
    Err(errdefs::not_found(format!("Error: No such object: {name}")))
}

fn is_elsewhere(error: &errdefs::Error, kind: &str) -> bool {
    let swarm = ["service", "task", "node", "secret", "config"].contains(&kind);
    match error.class() {
        Class::NotFound => true,
        Class::Unavailable | Class::NotImplemented => {
            (swarm || kind == "plugin") && !error.message().starts_with("Cannot connect")
        }
        _ => {
            error.message().contains("is not a swarm manager")
                || (kind == "image" && error.class() == Class::InvalidParameter)
        }
    }
}

/// Prints what `get` finds for each name: as an array, or each by the template. What cannot be found is told after
/// what can.
pub(crate) fn show(
    cli: &Cli,
    format: &str,
    names: &[String],
    get: impl Fn(&str) -> errdefs::Result<Found>,
) -> Outcome {
    let by_template = !format.is_empty() && format != "json";
    let compiled =
        if by_template {
            Some(Template::parse("", format).map_err(|error| {
                Failure::with_code(EXIT_TEMPLATE, format!("template parsing error: {error}"))
            })?)
        } else {
            None
        };
    let mut found = Vec::new();
    let mut text = String::new();
    let mut failures = Vec::new();
    for name in names {
        match get(name) {
            Err(error) => failures.push(error.to_string()),
            Ok(object) => match &compiled {
                None => found.push(object.bytes),
                Some(compiled) => match by(compiled, &object) {
                    Ok(line) => {
                        text.push_str(&line);
                        text.push('\n');
                    }
                    Err(error) => {
                        failures.push(format!("template parsing error: {error}"));
                        break;
                    }
                },
            },
        }
    }
    if by_template {
        // A list of objects none of which was found prints an empty line.
        cli.write(if text.is_empty() { "\n" } else { &text })?;
    } else if format == "json" {
        let objects: Vec<String> = found
            .iter()
            .map(|bytes| Json::parse(bytes).map(|json| json.compact()).unwrap_or_default())
            .collect();
        cli.print(format!("[{}]", objects.join(",")))?;
    } else {
        cli.write(array(&found))?;
    }
    if failures.is_empty() { Ok(()) } else { Err(Failure::with_code(EXIT_FAILURE, failures.join("\n"))) }
}

/// The exit code for a template that is none.
const EXIT_TEMPLATE: i32 = 64;

/// The objects as an indented array, each byte of their values as the engine wrote it.
fn array(objects: &[Vec<u8>]) -> Vec<u8> {
    const STEP: &str = "    ";
    if objects.is_empty() {
        return b"[]\n".to_vec();
    }
    let mut out = b"[\n".to_vec();
    for (at, object) in objects.iter().enumerate() {
        if at > 0 {
            out.extend_from_slice(b",\n");
        }
        out.extend_from_slice(STEP.as_bytes());
        out.extend(indent::indent(object.trim_ascii(), STEP, STEP));
    }
    out.extend_from_slice(b"\n]\n");
    out
}

/// The text for an object: as one of its type, or, if that does not fit the template, for its JSON as it is.
fn by(compiled: &Template, object: &Found) -> Result<String, String> {
    let json = Json::parse(&object.bytes).map_err(|error| error.to_string())?;
    let typed = match object.kind {
        "" => None,
        kind @ "image.InspectResponse" => {
            let mut image = json.clone();
            as_gos_image(&mut image);
            Some(compiled.execute(&typed::value(kind, &image)))
        }
        kind => Some(compiled.execute(&typed::value(kind, &json))),
    };
    match typed {
        Some(Ok(text)) => Ok(text),
        // Contexts are nothing but their type: there is no JSON to fall back to.
        Some(Err(error)) if object.kind == CONTEXT => Err(error),
        _ => compiled.execute_with(Missing::Error, &raw(&json)),
    }
}

/// What contexts are in Go.
const CONTEXT: &str = "context.contextWithTLSListing";

/// An image as Docker's client sees it in a template: its type has `Config` further up, without empty fields.
fn as_gos_image(json: &mut Json) {
    let Json::Object(entries) = json else { return };
    let Some(at) = entries.iter().position(|(key, _)| key == "Config") else { return };
    let (key, mut config) = entries.remove(at);
    if let Json::Object(fields) = &mut config {
        fields.retain(|(_, value)| match value {
            Json::Null | Json::Bool(false) => false,
            Json::Text(text) => !text.is_empty(),
            Json::List(values) => !values.is_empty(),
            Json::Object(fields) => !fields.is_empty(),
            _ => true,
        });
    }
    let after = entries.iter().position(|(key, _)| key == "Author").map_or(entries.len(), |at| at + 1);
    entries.insert(after, (key, config));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_indented_by_four() {
        assert_eq!(array(&[]), b"[]\n");
        assert_eq!(
            String::from_utf8(array(&[br#"{"a":[1],"b":{}}"#.to_vec(), b"{}\n".to_vec()])).unwrap(),
            "[\n    {\n        \"a\": [\n            1\n        ],\n        \"b\": {}\n    },\n    {}\n]\n"
        );
    }

    #[test]
    fn templates_may_name_fields_that_were_left_out() {
        let object = Found::container(br#"{"Config":{"Image":"x"},"HostConfig":{}}"#.to_vec());
        let run = |source| by(&Template::parse("", source).unwrap(), &object);
        assert_eq!(run("{{.Config.Healthcheck}} {{.Config.Image}}").unwrap(), "<nil> x");
        assert_eq!(run("{{json .Config}}").unwrap(), r#"{"Image":"x"}"#);
        assert_eq!(run("{{range $key, $value := .Config}}{{$key}}={{$value}}{{end}}").unwrap(), "Image=x");
        assert!(
            run("{{.Config.Healthcheck.Test}}")
                .unwrap_err()
                .contains("map has no entry for key \"Healthcheck\"")
        );
        assert_eq!(run("{{with .Config.Healthcheck}}{{.Test}}{{end}}").unwrap(), "");
        assert!(run("{{.Nothing}}").unwrap_err().ends_with("map has no entry for key \"Nothing\""));
    }
}
