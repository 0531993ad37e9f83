//! Values for templates as Go's types make them of JSON: fields in their order and with their zero values, embedded
//! structures, times and durations in Go's words, and pointers, which a structure that is printed whole shows as addresses.

use std::sync::Arc;

use jiff::Timestamp;
use template::{Field, List, Map, Method, Named, Struct, Value};

use super::json::Json;
use super::structures;
use super::template::raw;

/// The value of `json`, which is one of the type `kind` of the table.
pub(crate) fn value(kind: &str, json: &Json) -> Value {
    if let Some(inner) = kind.strip_prefix('*') {
        let target = (*json != Json::Null).then(|| Arc::new(value(inner, json)));
        return Value::Pointer(target, Arc::from(go_name(inner)));
    }
    if let Some(inner) = kind.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return list(inner, json);
    }
    if let Some(inner) = kind.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        return map(inner, json);
    }
    if let Some(name) = kind.strip_prefix('~') {
        return mode(name, json);
    }
    let signed = match json {
        Json::Int(value) => *value,
        _ => 0,
    };
    let unsigned = match json {
        Json::Int(value) => u64::try_from(*value).unwrap_or_default(),
        Json::Uint(value) => *value,
        _ => 0,
    };
    match kind {
        "s" => Value::text(text(json)),
        "i" => Value::Int(signed, "int"),
        "l" => Value::Int(signed, "int64"),
        "w" => Value::Uint(unsigned, "uint16"),
        "n" => Value::Uint(unsigned, "uint"),
        "u" => Value::Uint(unsigned, "uint64"),
        "b" => Value::Bool(*json == Json::Bool(true)),
        "t" => time(json),
        "d" => duration(signed),
        "_" => raw(json),
        name => structure(name, json),
    }
}

/// What Go calls a kind of the table.
fn go_name(kind: &str) -> String {
    if let Some(inner) = kind.strip_prefix('*') {
        return format!("*{}", go_name(inner));
    }
    if let Some(inner) = kind.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return format!("[]{}", go_name(inner));
    }
    if let Some(inner) = kind.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        return format!("map[string]{}", go_name(inner));
    }
    match kind {
        "s" => "string",
        "i" => "int",
        "l" => "int64",
        "w" => "uint16",
        "n" => "uint",
        "u" => "uint64",
        "b" => "bool",
        "t" => "time.Time",
        "d" => "time.Duration",
        "_" => "interface {}",
        "struct" => "struct {}",
        name => name.trim_start_matches('~'),
    }
    .to_owned()
}

fn text(json: &Json) -> &str {
    match json {
        Json::Text(text) => text,
        _ => "",
    }
}

fn list(inner: &str, json: &Json) -> Value {
    let items = match json {
        Json::List(items) => items.as_slice(),
        _ => &[],
    };
    Value::List(Arc::new(List {
        items: items.iter().map(|item| value(inner, item)).collect(),
        of: Arc::from(go_name(inner)),
        nil: *json == Json::Null,
    }))
}

fn map(inner: &str, json: &Json) -> Value {
    let entries = match json {
        Json::Object(entries) => entries.as_slice(),
        _ => &[],
    };
    Value::Map(Arc::new(Map {
        entries: entries.iter().map(|(key, item)| (Arc::from(key.as_str()), value(inner, item))).collect(),
        of: Arc::from(go_name(inner)),
        zero: value(inner, &Json::Null),
        nil: *json == Json::Null,
    }))
}

fn field<'a>(json: &'a Json, name: &str) -> &'a Json {
    const NULL: &Json = &Json::Null;
    let Json::Object(entries) = json else { return NULL };
    entries.iter().find(|(key, _)| key == name).map_or(NULL, |(_, value)| value)
}

fn structure(name: &str, json: &Json) -> Value {
    let fields = structures::fields(name).map(|part| Field {
        name: Arc::from(part.name),
        // A pointer that is embedded is never nil here: there is an object.
        value: if part.embedded {
            value(part.kind, &only(part.kind, json))
        } else {
            value(part.kind, field(json, part.json))
        },
        embedded: part.embedded,
    });
    Value::Struct(Arc::new(Struct {
        name: Arc::from(go_name(name)),
        fields: fields.collect(),
        methods: methods_of_structure(name, json),
        json: Some(Arc::from(if *json == Json::Null { "{}".to_owned() } else { json.compact() })),
        printed: as_words(name, json).map(Arc::from),
    }))
}

/// The part of an object that belongs to an embedded type.
fn only(kind: &str, json: &Json) -> Json {
    let Json::Object(entries) = json else { return Json::Object(Vec::new()) };
    let mut names = Vec::new();
    let mut types = vec![kind.trim_start_matches('*')];
    while let Some(name) = types.pop() {
        for part in structures::fields(name) {
            if part.embedded { types.push(part.kind.trim_start_matches('*')) } else { names.push(part.json) }
        }
    }
    Json::Object(entries.iter().filter(|(key, _)| names.contains(&key.as_str())).cloned().collect())
}

/// How types print that have words of their own.
fn as_words(name: &str, json: &Json) -> Option<String> {
    let part = |name: &str| match field(json, name) {
        Json::Null => String::new(),
        Json::Text(text) => text.clone(),
        other => other.compact(),
    };
    match name {
        "units.Ulimit" => Some(format!("{}={}:{}", part("Name"), part("Soft"), part("Hard"))),
        "blkiodev.WeightDevice" => Some(format!("{}:{}", part("Path"), part("Weight"))),
        "blkiodev.ThrottleDevice" => Some(format!("{}:{}", part("Path"), part("Rate"))),
        _ => None,
    }
}

fn methods(entries: impl IntoIterator<Item = (&'static str, Value)>) -> Vec<(Arc<str>, Method)> {
    entries.into_iter().map(|(name, value)| (Arc::from(name), Method::constant(value))).collect()
}

fn methods_of_structure(name: &str, json: &Json) -> Vec<(Arc<str>, Method)> {
    if name != "container.RestartPolicy" {
        return Vec::new();
    }
    let policy = text(field(json, "Name"));
    methods(
        [
            ("IsNone", policy == "no" || policy.is_empty()),
            ("IsAlways", policy == "always"),
            ("IsOnFailure", policy == "on-failure"),
            ("IsUnlessStopped", policy == "unless-stopped"),
        ]
        .map(|(name, value)| (name, Value::Bool(value))),
    )
}

/// A text whose type has a name, with the methods of that type.
fn mode(name: &str, json: &Json) -> Value {
    let mode = text(json).to_owned();
    let of_container = mode.strip_prefix("container:").map(str::to_owned);
    let is = |word: &str| Value::Bool(mode == word);
    let of = Value::text(of_container.as_deref().unwrap_or_default());
    let mut known = match name {
        "container.NetworkMode" => vec![
            ("IsBridge", is("bridge")),
            ("IsNone", is("none")),
            ("IsDefault", is("default")),
            ("NetworkName", Value::text(if of_container.is_some() { "container" } else { mode.as_str() })),
            ("ConnectedContainer", of),
            (
                "IsUserDefined",
                Value::Bool(
                    of_container.is_none() && !["default", "bridge", "host", "none"].contains(&mode.as_str()),
                ),
            ),
        ],
        "container.IpcMode" => vec![
            ("IsPrivate", is("private")),
            ("IsShareable", is("shareable")),
            ("IsNone", is("none")),
            ("IsEmpty", is("")),
            ("container.InspectResponse", of),
        ],
        "container.PidMode" => vec![("container.InspectResponse", of)],
        "container.CgroupnsMode" => vec![("IsPrivate", is("private")), ("IsEmpty", is(""))],
        "container.Isolation" => vec![
            ("IsDefault", Value::Bool(matches!(mode.to_lowercase().as_str(), "" | "default"))),
            ("IsHyperV", Value::Bool(mode.eq_ignore_ascii_case("hyperv"))),
            ("IsProcess", Value::Bool(mode.eq_ignore_ascii_case("process"))),
        ],
        _ => Vec::new(),
    };
    if name.ends_with("Mode") {
        known.push(("IsHost", is("host")));
        known.push(("IsContainer", Value::Bool(of_container.is_some())));
        known.push(("IsPrivate", Value::Bool(mode != "host" && of_container.is_none())));
    }
    Value::Named(Arc::new(Named {
        name: Arc::from(name),
        value: Value::text(&mode),
        printed: None,
        methods: methods(known),
    }))
}

/// A moment.
fn time(json: &Json) -> Value {
    let text = match json {
        Json::Text(text) => text.as_str(),
        _ => "0001-01-01T00:00:00Z",
    };
    let printed = go_time(text);
    let at = text.parse::<Timestamp>().unwrap_or_default();
    let zero = text.starts_with("0001-01-01T00:00:00");
    let year = text.get(..4).and_then(|year| year.parse().ok()).unwrap_or_default();
    let nanoseconds = i64::try_from(at.as_nanosecond()).unwrap_or_default();
    Value::Named(Arc::new(Named {
        name: Arc::from("time.Time"),
        value: Value::text(text),
        methods: methods([
            ("String", Value::text(&printed)),
            ("Unix", Value::Int(at.as_second(), "int64")),
            ("UnixMilli", Value::Int(at.as_millisecond(), "int64")),
            ("UnixNano", Value::Int(nanoseconds, "int64")),
            ("Year", Value::int(year)),
            ("IsZero", Value::Bool(zero)),
        ]),
        printed: Some(Arc::from(printed)),
    }))
}

/// A duration.
fn duration(nanoseconds: i64) -> Value {
    let printed = go_duration(nanoseconds);
    #[expect(clippy::cast_precision_loss, reason = "as Go converts it")]
    let seconds = nanoseconds as f64 / 1e9;
    Value::Named(Arc::new(Named {
        name: Arc::from("time.Duration"),
        value: Value::Int(nanoseconds, "int64"),
        methods: methods([
            ("String", Value::text(&printed)),
            ("Nanoseconds", Value::Int(nanoseconds, "int64")),
            ("Milliseconds", Value::Int(nanoseconds / 1_000_000, "int64")),
            ("Seconds", Value::Float(seconds)),
            ("Minutes", Value::Float(seconds / 60.0)),
            ("Hours", Value::Float(seconds / 3600.0)),
        ]),
        printed: Some(Arc::from(printed)),
    }))
}

/// A time as Go prints one: `2026-11-22 08:24:07.66 +0000 UTC`.
fn go_time(text: &str) -> String {
    let Some((date, rest)) = text.split_once('T') else { return text.to_owned() };
    let at = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(at);
    let clock = if clock.contains('.') { clock.trim_end_matches('0').trim_end_matches('.') } else { clock };
    let zone = match zone {
        "Z" | "" | "+00:00" => "+0000 UTC".to_owned(),
        other => {
            let other = other.replace(':', "");
            format!("{other} {other}")
        }
    };
    format!("{date} {clock} {zone}")
}

/// A duration as Go prints one: `1h0m5s`, `1.5s`, `20ms`.
fn go_duration(nanoseconds: i64) -> String {
    if nanoseconds == 0 {
        return "0s".to_owned();
    }
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let all = nanoseconds.unsigned_abs();
    let decimal = |whole: u64, rest: u64, digits: usize, unit: &str| {
        let fraction = format!("{rest:0digits$}");
        match fraction.trim_end_matches('0') {
            "" => format!("{whole}{unit}"),
            fraction => format!("{whole}.{fraction}{unit}"),
        }
    };
    let (second, millisecond, microsecond) = (1_000_000_000, 1_000_000, 1_000);
    let text = match all {
        _ if all < microsecond => format!("{all}ns"),
        _ if all < millisecond => decimal(all / microsecond, all % microsecond, 3, "µs"),
        _ if all < second => decimal(all / millisecond, all % millisecond, 6, "ms"),
        _ => {
            let (hours, minutes) = (all / second / 3600, all / second / 60 % 60);
            let seconds = decimal(all / second % 60, all % second, 9, "s");
            match (hours, minutes) {
                (0, 0) => seconds,
                (0, minutes) => format!("{minutes}m{seconds}"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
            }
        }
    };
    format!("{sign}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(kind: &str, json: &str, source: &str) -> String {
        let json = Json::parse(json.as_bytes()).unwrap();
        super::super::template::compile(source).unwrap().execute(&value(kind, &json)).unwrap()
    }

    /// As Docker's client prints them.
    #[test]
    fn structures_are_printed_as_in_go() {
        for (kind, json, source, text) in [
            (
                "container.InspectResponse",
                r#"{"State":{"Status":"exited","ExitCode":3,"StartedAt":"a","FinishedAt":"b"}}"#,
                "{{.State}}|{{.State.Health}}|{{.SizeRw}}",
                "{exited false false false false false 0 3  a b <nil>}|<nil>|<nil>",
            ),
            (
                "container.InspectResponse",
                r#"{"HostConfig":{"RestartPolicy":{"Name":"on-failure","MaximumRetryCount":3},"Memory":5,"Ulimits":[{"Name":"nofile","Hard":20,"Soft":10}]}}"#,
                "{{.HostConfig.RestartPolicy}} {{.HostConfig.Memory}} {{.HostConfig.Resources.Memory}} {{.HostConfig.Ulimits}} {{.HostConfig.Tmpfs}} {{.HostConfig.CPUShares}}",
                "{on-failure 3} 5 5 [nofile=10:20] map[] 0",
            ),
            (
                "container.InspectResponse",
                r#"{"Config":{"Healthcheck":{"Test":["CMD","x"],"Interval":5000000000}}}"#,
                "{{.Config.Healthcheck}} {{.Config.Healthcheck.Interval}} {{json .Config.Healthcheck}}",
                r#"{[CMD x] 5s 0s 0s 0s 0} 5s {"Test":["CMD","x"],"Interval":5000000000}"#,
            ),
            (
                "image.InspectResponse",
                r#"{"Config":{"Cmd":["sh"]},"Metadata":{"LastTagTime":"2026-11-22T08:24:07.660Z"}}"#,
                "{{.Config}} {{.Metadata}} {{json .Config}}",
                "{{ map[] [] [] [sh] map[]  map[]  false} {<nil> [] []}} {2026-11-22 08:24:07.66 +0000 UTC} {\"Cmd\":[\"sh\"]}",
            ),
            (
                "network.Inspect",
                r#"{"Name":"none","IPAM":{"Driver":"default","Options":null,"Config":null}}"#,
                "{{.IPAM}} {{.ConfigFrom}} {{.Created}}",
                "{default map[] []} {} 0001-01-01 00:00:00 +0000 UTC",
            ),
            (
                "events.Message",
                r#"{"status":"start","id":"x","timeNano":7}"#,
                "{{.Status}} {{.ID}} {{.TimeNano}} {{.Scope}}|",
                "start x 7 |",
            ),
        ] {
            assert_eq!(printed(kind, json, source), text, "{source}");
        }
        let whole = printed("container.InspectResponse", r#"{"Config":{"StopTimeout":3}}"#, "{{.Config}}");
        assert!(whole.starts_with("{   false false false map[] false") && whole.contains(" 0x"), "{whole}");
        assert_eq!(
            printed(
                "container.InspectResponse",
                r#"{"Config":{"StopTimeout":3}}"#,
                "{{.Config.StopTimeout}}"
            ),
            "3"
        );
    }

    #[test]
    fn times_and_durations() {
        for (nanoseconds, text) in [
            (0, "0s"),
            (5, "5ns"),
            (1_500, "1.5µs"),
            (20_000_000, "20ms"),
            (1_500_000_000, "1.5s"),
            (60_000_000_000, "1m0s"),
            (3_605_000_000_000, "1h0m5s"),
            (-1_000_000_000, "-1s"),
        ] {
            assert_eq!(go_duration(nanoseconds), text);
        }
        assert_eq!(go_time("2026-11-22T08:24:07+01:00"), "2026-11-22 08:24:07 +0100 +0100");
    }
}
