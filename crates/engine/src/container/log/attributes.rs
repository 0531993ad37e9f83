//! What the lines of a container's log carry beside their text: chosen labels and variables, and a tag made by a template.
//!
//! The rules are those of Docker's `logger.Info`: names separated by commas, taken as they are; regular expressions in Go's
//! syntax, of which ours is close to a superset; a template with the fields of that type.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::StringMap;
use errdefs::{Result, invalid};
use gotmpl::{FuncMap, MissingKey, Template, Value};
use regex_lite::Regex;

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
    let parsed = Template::new("log-tag")
        .funcs(functions())
        .missing_key(MissingKey::Error)
        .parse(template)
        .map_err(|error| invalid(error.to_string()))?;
    match parsed.execute_to_string(&fields(record)) {
        Ok(tag) => Ok(Some(tag)),
        Err(error) => Err(unknown_field(template, record).unwrap_or_else(|| invalid(error.to_string()))),
    }
}

/// Go's words for a field that does not exist, if that is what is wrong.
fn unknown_field(template: &str, record: &Record) -> Option<errdefs::Error> {
    let Value::Map(known) = fields(record) else { return None };
    template.match_indices("{{").find_map(|(at, _)| {
        let inside = &template[at + 2..];
        let field = inside.trim_start().strip_prefix('.')?;
        let name: String = field.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let column = at + 2 + (inside.len() - inside.trim_start().len());
        (!name.is_empty() && !known.contains_key(name.as_str())).then(|| {
            invalid(format!(
                "template: log-tag:1:{column}: executing \"log-tag\" at <.{name}>: can't evaluate field {name} in type \
                 *logger.Info"
            ))
        })
    })
}

/// What a template sees.
fn fields(record: &Record) -> Value {
    let text = |text: &str| Value::String(Arc::from(text));
    let list = |items: &[String]| Value::List(items.iter().map(|item| text(item)).collect());
    let map = |items: &StringMap| {
        Value::Map(Arc::new(
            items.iter().map(|(key, value)| (Arc::from(key.as_str()), text(value))).collect(),
        ))
    };
    let image = record.image.as_ref().map(ToString::to_string).unwrap_or_default();
    let env: Vec<String> = record.config.env.iter().flatten().cloned().collect();
    let fields = [
        ("ID", text(names::short(&record.id))),
        ("FullID", text(&record.id)),
        ("Name", text(&record.name)),
        ("ImageID", text(short_image(&image))),
        ("ImageFullID", text(&image)),
        ("ImageName", text(&record.config.image)),
        ("Command", text(&command(record))),
        ("DaemonName", text("docker")),
        ("Hostname", text(&hostname())),
        ("ContainerID", text(&record.id)),
        ("ContainerName", text(&format!("/{}", record.name))),
        ("ContainerEntrypoint", text(&record.path)),
        ("ContainerArgs", list(&record.args)),
        ("ContainerImageID", text(&image)),
        ("ContainerImageName", text(&record.config.image)),
        ("ContainerCreated", text(&record.created.to_string())),
        ("ContainerEnv", list(&env)),
        ("ContainerLabels", map(&record.config.labels)),
        ("Config", map(&record.host.log_config.config)),
    ];
    Value::Map(Arc::new(fields.into_iter().map(|(key, value)| (Arc::from(key), value)).collect()))
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

/// Docker's functions for such templates.
fn functions() -> FuncMap {
    fn of_text(apply: fn(&str) -> String) -> gotmpl::ValueFunc {
        Arc::new(move |args: &[Value]| Ok(Value::String(apply(&shown(args.first())).into())))
    }
    fn shown(value: Option<&Value>) -> String {
        value.map(ToString::to_string).unwrap_or_default()
    }
    let mut all = FuncMap::new();
    all.insert("lower".into(), of_text(str::to_lowercase));
    all.insert("upper".into(), of_text(str::to_uppercase));
    all.insert("json".into(), of_text(|text| serde_json::Value::from(text).to_string()));
    let join: gotmpl::ValueFunc = Arc::new(|args: &[Value]| {
        let Some(Value::List(items)) = args.first() else { return Ok(Value::String("".into())) };
        let items: Vec<String> = items.iter().map(ToString::to_string).collect();
        Ok(Value::String(items.join(&shown(args.get(1))).into()))
    });
    all.insert("join".into(), join);
    let split: gotmpl::ValueFunc = Arc::new(|args: &[Value]| {
        let (text, by) = (shown(args.first()), shown(args.get(1)));
        Ok(Value::List(text.split(by.as_str()).map(|part| Value::String(part.into())).collect()))
    });
    all.insert("split".into(), split);
    let truncate: gotmpl::ValueFunc = Arc::new(|args: &[Value]| {
        let len = args.get(1).and_then(Value::as_int).and_then(|len| usize::try_from(len).ok());
        let text: String = shown(args.first()).chars().take(len.unwrap_or(usize::MAX)).collect();
        Ok(Value::String(text.into()))
    });
    all.insert("truncate".into(), truncate);
    all
}
