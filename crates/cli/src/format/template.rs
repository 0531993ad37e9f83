//! Go templates with Docker's functions, on the values that commands print.
//!
//! Objects that are structures in Go remember what they look like, under keys that no template can name: their JSON in
//! the engine's order for `{{json .}}`, and the form in which Go prints a structure. Everything else sees plain maps.
//! The wording of errors is Go's where it is known.

use std::collections::BTreeMap;
use std::sync::Arc;

use gotmpl::{MissingKey, Template, TemplateError, Value};

use super::json::{Json, write_text};
use crate::failure::{Failure, Outcome};

/// The key that holds an object's own JSON text, as a function.
const JSON_KEY: &str = "\0j";
/// The key that holds how Go prints the structure; it sorts first, so that it stands first when a map is printed.
const PRINTED_KEY: &str = "\0";
/// Begins that text when it is printed, followed by the length of what is printed after it.
const PRINTED_START: char = '\u{1}';
/// Ends that text.
const PRINTED_END: char = '\u{2}';
/// How a printed structure begins.
const PRINTED_PREFIX: &str = "map[\0:\u{1}";

/// Fields whose names in Go differ from those in JSON.
const ALIASES: &[(&str, &str)] = &[
    ("Id", "ID"),
    ("ApiVersion", "APIVersion"),
    ("HostIp", "HostIP"),
    ("HttpProxy", "HTTPProxy"),
    ("HttpsProxy", "HTTPSProxy"),
    ("Dns", "DNS"),
    ("DnsOptions", "DNSOptions"),
    ("DnsSearch", "DNSSearch"),
    ("CpuShares", "CPUShares"),
    ("CpuPeriod", "CPUPeriod"),
    ("CpuQuota", "CPUQuota"),
    ("CpuRealtimePeriod", "CPURealtimePeriod"),
    ("CpuRealtimeRuntime", "CPURealtimeRuntime"),
    ("NanoCpus", "NanoCPUs"),
    ("digest", "Digest"),
    ("mediaType", "MediaType"),
    ("size", "Size"),
];

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
    "TLSMaterial",
    "Endpoints",
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
    compile_with(source, functions(Template::new("")).missing_key(MissingKey::Error))
}

/// Parses `source` for a line of headers, where Docker's functions leave their text as it is.
pub(crate) fn compile_for_headers(source: &str) -> Outcome<Compiled> {
    let mut template = functions(Template::new("")).missing_key(MissingKey::Error);
    for name in ["json", "title", "lower", "upper", "truncate", "split"] {
        template = template.func(name, |args| Ok(args.first().cloned().unwrap_or(Value::Nil)));
    }
    compile_with(source, template)
}

fn compile_with(source: &str, template: Template) -> Outcome<Compiled> {
    let template = template
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
        match self.template.execute_to_string(data) {
            Ok(text) => Ok(shown(&text)),
            // A key that a map does not have is no mistake, only a field that a structure does not have is.
            Err(TemplateError::MissingKey { key }) if self.is_of_a_map(&key) => {
                compile_with(&self.source, functions(Template::new("")).missing_key(MissingKey::Invalid))
                    .map_err(|failure| failure.text)?
                    .template
                    .execute_to_string(data)
                    .map_err(|error| self.execution_error(&error))
            }
            Err(error) => Err(self.execution_error(&error)),
        }
    }

    /// The text for data without types, where nothing is no value instead of a pointer to nothing.
    fn execute_plainly(&self, data: &Value) -> Result<String, String> {
        self.template.execute_to_string(data).map_err(|error| self.execution_error(&error))
    }

    /// The text for an object of the type `name`, or, if that does not fit the template, for its JSON as it is.
    pub(crate) fn execute_typed(&self, name: &str, typed: &Json, json: &Json) -> Result<String, String> {
        if self.execute(&super::typed::strict(name, typed)).is_err() {
            return self.execute_plainly(&raw(json));
        }
        match self.execute(&super::typed::value(name, typed)) {
            // A structure cannot be walked through; its marks show that somebody tried.
            Ok(text) if !text.contains('\0') => Ok(text),
            _ => self.execute_plainly(&raw(json)),
        }
    }

    /// True if the template asks a map for `key`.
    fn is_of_a_map(&self, key: &str) -> bool {
        let at = self.source.find(&format!(".{key}")).unwrap_or_default();
        let before = self.source.get(..at).unwrap_or_default();
        MAPS.iter().any(|map| before.ends_with(&format!(".{map}")))
    }

    fn execution_error(&self, error: &TemplateError) -> String {
        match error {
            TemplateError::MissingKey { key } => {
                let at = self.source.find(&format!(".{key}")).unwrap_or_default();
                let field = self.field_around(at);
                // Go counts to the second field of a chain, whichever of them is missing.
                let place = self.chain_start(at) + field.match_indices('.').nth(1).map_or(0, |(at, _)| at);
                let before = self.source.get(..place).unwrap_or_default();
                let line = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next().unwrap_or_default().len();
                format!(
                    "template: :{line}:{column}: executing \"\" at <{field}>: map has no entry for key {key:?}"
                )
            }
            TemplateError::UndefinedFunction(_) => parse_error(error),
            other => format!("template: :1: executing \"\": {other}"),
        }
    }

    /// Where the chain of fields begins that the one at `at` belongs to.
    fn chain_start(&self, at: usize) -> usize {
        self.source.get(..at).unwrap_or_default().trim_end_matches(is_of_chain).len()
    }

    /// The chain of fields that the one at `at` belongs to.
    fn field_around(&self, at: usize) -> &str {
        let tail = self.source.get(at..).unwrap_or_default();
        let end = at + tail.len() - tail.trim_start_matches(is_of_chain).len();
        self.source.get(self.chain_start(at)..end).unwrap_or_default()
    }
}

fn is_of_chain(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '.' || letter == '_'
}

/// What the engine of templates prints, as Go prints it: structures in their own form, and nil only for pointers.
fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(PRINTED_PREFIX) {
        out.push_str(before);
        let structure = after.split_once(PRINTED_START).and_then(|(length, after)| {
            let (printed, after) = after.split_once(PRINTED_END)?;
            // One more for the blank between this text and the rest of the map.
            Some((printed, after.get(length.parse::<usize>().ok()? + 1..)?))
        });
        let Some((printed, after)) = structure else {
            rest = after;
            continue;
        };
        out.push_str(printed);
        rest = after;
    }
    out.push_str(rest);
    out.replace("<no value>", "<nil>")
}

/// The value of `json` for templates.
pub(crate) fn value(json: &Json) -> Value {
    convert(json, "")
}

thread_local! {
    /// Go's nil list: prints as an empty one, but is `null` in JSON. Told from other empty lists by its place.
    static NIL_LIST: Arc<[Value]> = Arc::from([]);
    /// The same of maps.
    static NIL_MAP: Arc<BTreeMap<Arc<str>, Value>> = Arc::default();
}

fn is_nil(value: &Value) -> bool {
    match value {
        Value::List(list) => NIL_LIST.with(|nil| Arc::ptr_eq(list, nil)),
        Value::Map(map) => NIL_MAP.with(|nil| Arc::ptr_eq(map, nil)),
        Value::Nil => true,
        _ => false,
    }
}

fn convert(json: &Json, name: &str) -> Value {
    match json {
        Json::Null if MAPS.contains(&name) => Value::Map(NIL_MAP.with(Arc::clone)),
        Json::Null if POINTERS.contains(&name) => Value::Nil,
        Json::Null => Value::List(NIL_LIST.with(Arc::clone)),
        Json::Bool(value) => Value::Bool(*value),
        Json::Int(value) => Value::Int(*value),
        Json::Uint(value) => Value::Uint(*value),
        Json::Float(value) => Value::Float(*value),
        Json::Text(text) => Value::String(Arc::from(text.as_str())),
        Json::List(values) => Value::List(values.iter().map(|value| convert(value, name)).collect()),
        Json::Object(entries) => {
            let map: BTreeMap<Arc<str>, Value> = entries
                .iter()
                .map(|(key, value)| (Arc::from(key.as_str()), convert(value, kind(name, key))))
                .collect();
            Value::Map(Arc::new(if MAPS.contains(&name) { map } else { structure(json, name, entries, map) }))
        }
    }
}

/// The field whose kind `key` of the object `name` has: one name stands for a structure here and a map there.
fn kind<'a>(name: &str, key: &'a str) -> &'a str {
    if name == "LogConfig" && key == "Config" { "Options" } else { key }
}

/// Adds to the fields of a structure what makes it print as Go prints it.
fn structure(
    json: &Json,
    name: &str,
    entries: &[(String, Json)],
    mut map: BTreeMap<Arc<str>, Value>,
) -> BTreeMap<Arc<str>, Value> {
    let mut printed: Vec<String> = entries
        .iter()
        .filter_map(|(key, _)| map.get(key.as_str()))
        .map(|value| shown(&value.to_string()))
        .collect();
    if name == "State" && !map.contains_key("Health") {
        // The one field that the engine leaves out of a structure that is often printed whole.
        printed.push("<nil>".to_owned());
    }
    for (name, alias) in ALIASES {
        if let Some(value) = map.get(*name).cloned() {
            map.entry(Arc::from(*alias)).or_insert(value);
        }
    }
    with_marks(&mut map, &format!("{{{}}}", printed.join(" ")), json.compact());
    map
}

/// A structure with these fields, which prints as `printed` and is `json` in JSON.
pub(super) fn marked(mut map: BTreeMap<Arc<str>, Value>, printed: &str, json: String) -> Value {
    with_marks(&mut map, printed, json);
    Value::Map(Arc::new(map))
}

fn with_marks(map: &mut BTreeMap<Arc<str>, Value>, printed: &str, json: String) {
    let text: Arc<str> = Arc::from(json);
    map.insert(Arc::from(JSON_KEY), Value::Function(Arc::new(move |_| Ok(Value::String(Arc::clone(&text))))));
    let rest = Value::Map(Arc::new(map.clone())).to_string().len() - "map[".len();
    let mark = format!("{PRINTED_START}{rest}{PRINTED_START}{printed}{PRINTED_END}");
    map.insert(Arc::from(PRINTED_KEY), Value::String(Arc::from(mark)));
}

/// A list that was never made: prints as an empty one, and is `null` in JSON.
pub(super) fn nil_list() -> Value {
    Value::List(NIL_LIST.with(Arc::clone))
}

/// The same of a map.
pub(super) fn nil_map() -> Value {
    Value::Map(NIL_MAP.with(Arc::clone))
}

/// The value as JSON has it, without types: what Docker's client tries when the types do not fit a template.
pub(crate) fn raw(json: &Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(value) => Value::Bool(*value),
        Json::Int(value) => Value::Int(*value),
        Json::Uint(value) => Value::Uint(*value),
        Json::Float(value) => Value::Float(*value),
        Json::Text(text) => Value::String(Arc::from(text.as_str())),
        Json::List(values) => Value::List(values.iter().map(raw).collect()),
        Json::Object(entries) => Value::Map(Arc::new(
            entries.iter().map(|(key, value)| (Arc::from(key.as_str()), raw(value))).collect(),
        )),
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
        nil if is_nil(nil) => out.push_str("null"),
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
            if let Some(Value::Function(json)) = map.get(JSON_KEY)
                && let Ok(Value::String(text)) = json(&[])
            {
                out.push_str(&text);
                return;
            }
            out.push('{');
            let mut first = true;
            for (key, value) in map
                .iter()
                .filter(|(key, value)| !key.starts_with(PRINTED_KEY) && !matches!(value, Value::Function(_)))
            {
                if !std::mem::take(&mut first) {
                    out.push(',');
                }
                write_text(out, key);
                out.push(':');
                write_json(out, value);
            }
            out.push('}');
        }
        Value::Function(_) => out.push_str("null"),
        other => out.push_str(&other.to_string()),
    }
}

/// What is at a key or a place, one after the other. A key that a map does not have is empty, as Go's zero value is.
fn index(args: &[Value]) -> gotmpl::Result<Value> {
    let (first, keys) =
        args.split_first().ok_or_else(|| TemplateError::Exec("index of untyped nil".to_owned()))?;
    keys.iter().try_fold(first.clone(), |value, key| match (&value, key) {
        (Value::Map(map), Value::String(key)) => {
            Ok(map.get(key.as_ref()).cloned().unwrap_or_else(|| Value::String(Arc::from(""))))
        }
        _ => value.index(key),
    })
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
        .func("index", index)
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
            ("{{index .Config.Labels \"z\"}}|{{index .Config.Labels \"none\"}}", "1|"),
            ("{{printf \"%s:%d\" .Id .State.Pid}}", "abc:7"),
            ("{{upper .Id}}{{title .State.Status}}{{truncate .Id 2}}{{pad .Id 1 2}}", "ABCRunningab abc  "),
            ("{{index (split .Id \"b\") 1}}", "c"),
            ("{{if .State.Dead}}dead{{else}}alive{{end}}", "alive"),
            ("{{println .Id}}", "abc\n"),
            (
                "{{.State}}|{{.}}",
                "{running 7 false <nil>}|{abc {running 7 false <nil>} {[A=b C=d] map[a:2 z:1] [] map[]} [x y]}",
            ),
            ("{{.Config.Labels.z}} {{.Config.Labels.none}}", "1 <no value>"),
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
