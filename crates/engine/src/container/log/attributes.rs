//! What the lines of a container's log carry beside their text: chosen labels and variables, and a tag made by a template.
//!
//! The rules are those of Docker's `logger.Info`: names separated by commas, taken as they are; regular expressions in Go's
//! syntax, of which ours is close to a superset; a template with the fields of that type.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::StringMap;
use errdefs::{Result, invalid};
use regex_lite::Regex;
use template::{Field, Method, Struct, Template, Value};

use crate::container::names;
use crate::container::record::Record;

/// The labels and variables that the options ask for.
///
/// # Errors
/// InvalidParameter for a broken regular expression.
pub(super) fn extra(record: &Record, options: &StringMap) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    let labels = record.config.labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    choose(labels, options, "labels", &mut all)?;
    let env = record.config.env.iter().flatten().filter_map(|entry| entry.split_once('='));
    choose(env, options, "env", &mut all)?;
    Ok(all)
}

fn choose<'a>(
    from: impl Iterator<Item = (&'a str, &'a str)>,
    options: &StringMap,
    option: &str,
    all: &mut BTreeMap<String, String>,
) -> Result<()> {
    let given = |name: &str| options.get(name).filter(|text| !text.is_empty());
    let names: Vec<&str> = given(option).map(|list| list.split(',').collect()).unwrap_or_default();
    let matching = given(&format!("{option}-regex")).map(|text| regex(text)).transpose()?;
    let wanted =
        |key: &str| names.contains(&key) || matching.as_ref().is_some_and(|regex| regex.is_match(key));
    all.extend(from.filter(|(key, _)| wanted(key)).map(|(key, value)| (key.to_owned(), value.to_owned())));
    Ok(())
}

fn regex(text: &str) -> Result<Regex> {
    Regex::new(text).map_err(|error| {
        // Go's words for the commonest mistake.
        if text.matches('(').count() > text.matches(')').count() {
            return invalid(format!("error parsing regexp: missing closing ): `{text}`"));
        }
        invalid(format!("error parsing regexp: {error}: `{text}`"))
    })
}

/// The tag, by the template of the option or the driver's own; `None` if neither is there.
///
/// # Errors
/// InvalidParameter for a broken template or one that names an unknown field.
pub(super) fn tag(record: &Record, options: &StringMap, default: &str) -> Result<Option<String>> {
    let template = options.get("tag").map(String::as_str).filter(|text| !text.is_empty()).unwrap_or(default);
    if template.is_empty() {
        return Ok(None);
    }
    let parsed = Template::parse("log-tag", template).map_err(invalid)?;
    parsed.execute(&info(record)).map(Some).map_err(invalid)
}

/// What a template sees: Docker's `*logger.Info`, whose fields are what the engine knows and whose methods are shorter.
fn info(record: &Record) -> Value {
    fn text(text: impl AsRef<str>) -> Value {
        Value::text(text)
    }
    let map =
        |items: &StringMap| Value::text_map(items.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    let image = record.image.as_ref().map(ToString::to_string).unwrap_or_default();
    let env: Vec<String> = record.config.env.iter().flatten().cloned().collect();
    let fields = [
        ("Config", map(&record.host.log_config.config)),
        ("ContainerID", text(&record.id)),
        ("ContainerName", text(format!("/{}", record.name))),
        ("ContainerEntrypoint", text(&record.path)),
        ("ContainerArgs", Value::texts(&record.args)),
        ("ContainerImageID", text(&image)),
        ("ContainerImageName", text(&record.config.image)),
        ("ContainerCreated", text(record.created.to_string())),
        ("ContainerEnv", Value::texts(&env)),
        ("ContainerLabels", map(&record.config.labels)),
        ("DaemonName", text("docker")),
    ];
    let methods = [
        ("ID", text(names::short(&record.id))),
        ("FullID", text(&record.id)),
        ("Name", text(&record.name)),
        ("ImageID", text(short_image(&image))),
        ("ImageFullID", text(&image)),
        ("ImageName", text(&record.config.image)),
        ("Command", text(command(record))),
        ("Hostname", text(hostname())),
    ];
    let name: Arc<str> = Arc::from("logger.Info");
    let info = Struct {
        name: Arc::clone(&name),
        fields: fields.map(|(name, value)| Field { name: Arc::from(name), value, embedded: false }).into(),
        methods: methods.map(|(name, value)| (Arc::from(name), Method::constant(value))).into(),
        ..Struct::default()
    };
    Value::Pointer(Some(Arc::new(Value::Struct(Arc::new(info)))), name)
}

/// The program and its arguments.
pub(super) fn command(record: &Record) -> String {
    [&record.path].into_iter().chain(&record.args).map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// The machine's name.
pub(super) fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// 12 characters, as Docker cuts it: of the text with its algorithm.
fn short_image(image: &str) -> &str {
    image.get(..12).unwrap_or(image)
}
