//! Go templates with Docker's functions, on the values that commands print.
//!
//! Objects remember the order in which the engine wrote their fields, under a key that no template can name, so that
//! `{{json .}}` prints it; everything else sees plain maps. The wording of errors is Go's where it is known.

use std::collections::BTreeMap;
use std::sync::Arc;

use gotmpl::{MissingKey, Template, TemplateError, Value};

use super::json::{Json, write_text};
use crate::failure::{Failure, Outcome};

/// The key that holds an object's own JSON text.
const ORDER: &str = "\0";
/// How a printed map shows that key.
const ORDER_SHOWN: &str = "\0:<func>";

/// Fields that are maps in the engine's types. The others that are objects are structures, whose order counts.
const MAPS: &[&str] = &[
    "Labels",
    "Options",
    "Volumes",
    "ExposedPorts",
    "PortBindings",
    "Ports",
    "Networks",
    "Tmpfs",
    "Sysctls",
    "Annotations",
    "DriverOpts",
    "Data",
    "Containers",
    "Status",
    "StorageOpt",
    "Runtimes",
    "IndexConfigs",
    "Details",
    "AuxiliaryAddresses",
    "Attributes",
];
/// Fields that are pointers, so that `null` is nothing rather than an empty list.
const POINTERS: &[&str] = &[
    "OomKillDisable",
    "PidsLimit",
    "MemorySwappiness",
    "Init",
    "Healthcheck",
    "Health",
    "StopTimeout",
    "IPAMConfig",
    "UsageData",
    "Config",
    "ExitCode",
    "SizeRw",
    "SizeRootFs",
    "Descriptor",
    "HostConfig",
    "NetworkingConfig",
];

/// A template that was parsed.
pub(crate) struct Compiled {
    template: Template,
    source: String,
}

/// Parses `source` with Docker's functions.
pub(crate) fn compile(source: &str) -> Outcome<Compiled> {
    compile_with(source, functions(Template::new("")))
}

/// Parses `source` for a line of headers, where Docker's functions leave their text as it is.
pub(crate) fn compile_for_headers(source: &str) -> Outcome<Compiled> {
    let mut template = functions(Template::new(""));
    for name in ["json", "title", "lower", "upper", "truncate", "split"] {
        template = template.func(name, |args| Ok(args.first().cloned().unwrap_or(Value::Nil)));
    }
    compile_with(source, template)
}

fn compile_with(source: &str, template: Template) -> Outcome<Compiled> {
    let template = template
        .missing_key(MissingKey::Error)
        .parse(&with_calls(source))
        .map_err(|error| Failure::new(format!("failed to parse template: {}", parse_error(&error))))?;
    Ok(Compiled { template, source: source.to_owned() })
}

/// Go says where in the text it is in lines only while parsing.
fn parse_error(error: &TemplateError) -> String {
    match error {
        TemplateError::Parse { line, message, .. } | TemplateError::Lex { line, message, .. } => {
            format!("template: :{line}: {message}")
        }
        TemplateError::UndefinedFunction(name) => format!("template: :1: function {name:?} not defined"),
        other => other.to_string(),
    }
}

/// `.Label "x"` is a call of a method in Go; here it is a function in the data, which needs `call`.
fn with_calls(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find(".Label ") {
        let (before, after) = rest.split_at(at);
        let argument = after.get(".Label ".len()..).unwrap_or_default();
        out.push_str(before);
        if argument.trim_start().starts_with(['"', '`', '$', '(']) && before.contains("{{") {
            out.push_str("call ");
        }
        out.push_str(".Label ");
        rest = argument;
    }
    out.push_str(rest);
    out
}

impl Compiled {
    /// The text for `data`. The error is Go's text without what comes before it in a command's message.
    pub(crate) fn execute(&self, data: &Value) -> Result<String, String> {
        self.template
            .execute_to_string(data)
            .map(|text| shown(&text))
            .map_err(|error| self.execution_error(&error))
    }

    fn execution_error(&self, error: &TemplateError) -> String {
        match error {
            TemplateError::MissingKey { key } => {
                let at = self.source.find(&format!(".{key}")).unwrap_or_default();
                let before = self.source.get(..at).unwrap_or_default();
                let line = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next().unwrap_or_default().len();
                let field = self.field_around(at);
                format!(
                    "template: :{line}:{column}: executing \"\" at <{field}>: map has no entry for key {key:?}"
                )
            }
            TemplateError::UndefinedFunction(_) => parse_error(error),
            other => format!("template: :1: executing \"\": {other}"),
        }
    }

    /// The chain of fields that the one at `at` belongs to.
    fn field_around(&self, at: usize) -> &str {
        let is_part = |letter: char| letter.is_alphanumeric() || letter == '.' || letter == '_';
        let start = self.source.get(..at).unwrap_or_default().trim_end_matches(is_part).len();
        let tail = self.source.get(at..).unwrap_or_default();
        let end = at + tail.len() - tail.trim_start_matches(is_part).len();
        self.source.get(start..end).unwrap_or_default()
    }
}

/// What the engine of templates prints, as Go prints it: nothing but pointers is nil here, and the key that keeps the
/// order of fields is no field.
fn shown(text: &str) -> String {
    text.replace("<no value>", "<nil>").replace(&format!("{ORDER_SHOWN} "), "").replace(ORDER_SHOWN, "")
}

/// The value of `json` for templates.
pub(crate) fn value(json: &Json) -> Value {
    convert(json, "")
}

fn convert(json: &Json, name: &str) -> Value {
    match json {
        Json::Null if MAPS.contains(&name) => Value::Map(Arc::default()),
        Json::Null if POINTERS.contains(&name) => Value::Nil,
        Json::Null => Value::List(Arc::from([])),
        Json::Bool(value) => Value::Bool(*value),
        Json::Int(value) => Value::Int(*value),
        Json::Uint(value) => Value::Uint(*value),
        Json::Float(value) => Value::Float(*value),
        Json::Text(text) => Value::String(Arc::from(text.as_str())),
        Json::List(values) => Value::List(values.iter().map(|value| convert(value, name)).collect()),
        Json::Object(entries) => {
            let mut map: BTreeMap<Arc<str>, Value> =
                entries.iter().map(|(key, value)| (Arc::from(key.as_str()), convert(value, key))).collect();
            if !MAPS.contains(&name) {
                let text: Arc<str> = Arc::from(json.compact());
                map.insert(
                    Arc::from(ORDER),
                    Value::Function(Arc::new(move |_| Ok(Value::String(Arc::clone(&text))))),
                );
                // Go's structures have an ID field whose JSON name is Id.
                if let Some(id) = map.get("Id").cloned() {
                    map.entry(Arc::from("ID")).or_insert(id);
                }
            }
            Value::Map(Arc::new(map))
        }
    }
}

/// The value as JSON, as the template function writes it: not escaped for HTML.
pub(crate) fn to_json(value: &Value) -> String {
    let mut out = String::new();
    write_json(&mut out, value);
    out
}

fn write_json(out: &mut String, value: &Value) {
    match value {
        Value::String(text) => write_text(out, text),
        Value::List(values) => {
            out.push('[');
            for (at, value) in values.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_json(out, value);
            }
            out.push(']');
        }
        Value::Map(map) => {
            if let Some(Value::Function(order)) = map.get(ORDER)
                && let Ok(Value::String(text)) = order(&[])
            {
                out.push_str(&text);
                return;
            }
            out.push('{');
            let mut first = true;
            for (key, value) in map.iter().filter(|(_, value)| !matches!(value, Value::Function(_))) {
                if !std::mem::take(&mut first) {
                    out.push(',');
                }
                write_text(out, key);
                out.push(':');
                write_json(out, value);
            }
            out.push('}');
        }
        Value::Nil | Value::Function(_) => out.push_str("null"),
        other => out.push_str(&other.to_string()),
    }
}

fn functions(template: Template) -> Template {
    fn text(args: &[Value], at: usize) -> String {
        args.get(at).map(ToString::to_string).unwrap_or_default()
    }
    fn number(args: &[Value], at: usize) -> usize {
        args.get(at)
            .and_then(Value::as_int)
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or_default()
    }
    fn string(text: impl AsRef<str>) -> Value {
        Value::String(Arc::from(text.as_ref()))
    }
    template
        .func("json", |args| Ok(string(args.first().map(to_json).unwrap_or_default())))
        .func("split", |args| {
            let separator = text(args, 1);
            let source = text(args, 0);
            Ok(if separator.is_empty() {
                Value::List(source.chars().map(|letter| string(letter.to_string())).collect())
            } else {
                Value::List(source.split(&separator).map(string).collect())
            })
        })
        .func("join", |args| {
            let Some(Value::List(values)) = args.first() else { return Ok(string(text(args, 0))) };
            Ok(string(values.iter().map(ToString::to_string).collect::<Vec<_>>().join(&text(args, 1))))
        })
        .func("title", |args| {
            let mut start = true;
            Ok(string(text(args, 0).chars().fold(String::new(), |mut out, letter| {
                if std::mem::replace(&mut start, !letter.is_alphanumeric()) {
                    out.extend(letter.to_uppercase());
                } else {
                    out.push(letter);
                }
                out
            })))
        })
        .func("lower", |args| Ok(string(text(args, 0).to_lowercase())))
        .func("upper", |args| Ok(string(text(args, 0).to_uppercase())))
        .func("pad", |args| {
            let source = text(args, 0);
            if source.is_empty() {
                return Ok(string(source));
            }
            Ok(string(format!("{}{source}{}", " ".repeat(number(args, 1)), " ".repeat(number(args, 2)))))
        })
        .func("truncate", |args| Ok(string(text(args, 0).chars().take(number(args, 1)).collect::<String>())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(source: &str) -> Result<String, String> {
        let data = Json::parse(
            br#"{"Id":"abc","State":{"Status":"running","Pid":7,"Dead":false},"Config":{"Env":["A=b","C=d"],
                "Labels":{"z":"1","a":"2"},"Cmd":null,"Volumes":null},"Args":["x","y"]}"#,
        )
        .unwrap();
        compile(source).map_err(|failure| failure.text)?.execute(&value(&data))
    }

    #[test]
    fn fields_functions_and_order() {
        for (source, text) in [
            ("{{.Id}} {{.ID}} {{.State.Status}}", "abc abc running"),
            ("{{json .State}}", r#"{"Status":"running","Pid":7,"Dead":false}"#),
            ("{{json .Config.Labels}}", r#"{"a":"2","z":"1"}"#),
            ("{{.Config.Labels}}", "map[a:2 z:1]"),
            ("{{.Config.Env}} {{.Config.Cmd}} {{.Config.Volumes}}", "[A=b C=d] [] map[]"),
            ("{{join .Config.Env \",\"}}", "A=b,C=d"),
            ("{{range $i, $v := .Args}}{{$i}}={{$v}};{{end}}", "0=x;1=y;"),
            ("{{index .Config.Labels \"z\"}}", "1"),
            ("{{printf \"%s:%d\" .Id .State.Pid}}", "abc:7"),
            ("{{upper .Id}}{{title .State.Status}}{{truncate .Id 2}}{{pad .Id 1 2}}", "ABCRunningab abc  "),
            ("{{index (split .Id \"b\") 1}}", "c"),
            ("{{if .State.Dead}}dead{{else}}alive{{end}}", "alive"),
            ("{{println .Id}}", "abc\n"),
        ] {
            assert_eq!(run(source).as_deref(), Ok(text), "{source}");
        }
    }

    #[test]
    fn errors_in_gos_words() {
        assert_eq!(
            run("{{.Id}} {{.State.Foo}}").unwrap_err(),
            "template: :1:16: executing \"\" at <.State.Foo>: map has no entry for key \"Foo\""
        );
        assert_eq!(run("{{foo}}").unwrap_err(), "template: :1: function \"foo\" not defined");
    }

    #[test]
    fn methods_become_calls() {
        assert_eq!(with_calls("{{.Label \"x\"}} .Label y"), "{{call .Label \"x\"}} .Label y");
    }
}
