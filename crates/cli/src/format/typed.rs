//! Values for templates as Go's types make them of JSON: fields in their order and with their zero values, embedded
//! structures, times and durations in Go's words, and pointers, which a structure that is printed whole shows as addresses.

use std::collections::BTreeMap;
use std::sync::Arc;

use gotmpl::Value;

use super::json::Json;
use super::structures;
use super::template;

/// A value, and how it is printed inside another.
struct Typed {
    value: Value,
    printed: String,
}

/// What stands for a pointer to nothing.
#[derive(Clone, Copy, PartialEq)]
enum Nil {
    /// Prints as one; but what is asked of a field of it is nothing too, which in Go is a mistake.
    Printed,
    /// Makes that mistake one.
    Strict,
}

/// The value of `json`, which is one of the type `name`.
pub(crate) fn value(name: &str, json: &Json) -> Value {
    convert(name, json, Nil::Printed).value
}

/// The same, to try whether a template asks for fields of what is not there; it prints otherwise.
pub(crate) fn strict(name: &str, json: &Json) -> Value {
    convert(name, json, Nil::Strict).value
}

fn convert(kind: &str, json: &Json, nil: Nil) -> Typed {
    if let Some(inner) = kind.strip_prefix('*') {
        return pointer(inner, json, nil);
    }
    if let Some(inner) = kind.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return list(inner, json, nil);
    }
    if let Some(inner) = kind.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        return map(inner, json, nil);
    }
    match (kind, json) {
        ("s", Json::Null) => text(String::new()),
        ("i", Json::Null) => plain(Value::Int(0)),
        ("b", Json::Null) => plain(Value::Bool(false)),
        ("t", Json::Text(time)) => text(go_time(time)),
        ("t", _) => text(go_time("0001-01-01T00:00:00Z")),
        ("d", Json::Int(nanoseconds)) => text(go_duration(*nanoseconds)),
        ("d", _) => text(go_duration(0)),
        ("s" | "i" | "b" | "_", other) => plain(template::raw(other)),
        (name, json) => structure(name, json, nil),
    }
}

fn plain(value: Value) -> Typed {
    let printed = value.to_string();
    Typed { value, printed }
}

fn text(text: String) -> Typed {
    Typed { value: Value::String(Arc::from(text.as_str())), printed: text }
}

fn pointer(inner: &str, json: &Json, nil: Nil) -> Typed {
    if *json == Json::Null {
        let value = if nil == Nil::Strict { Value::Map(Arc::default()) } else { Value::Nil };
        return Typed { value, printed: "<nil>".to_owned() };
    }
    let Typed { value, printed } = convert(inner, json, nil);
    if as_words(inner, json).is_some() {
        return Typed { value, printed };
    }
    // Where it is, as far as that can be said.
    let printed = match &value {
        Value::Map(map) => format!("{:p}", Arc::as_ptr(map)),
        _ => format!("{:p}", std::ptr::from_ref(json)),
    };
    Typed { value, printed }
}

fn list(inner: &str, json: &Json, nil: Nil) -> Typed {
    let Json::List(items) = json else {
        return Typed { value: template::nil_list(), printed: "[]".to_owned() };
    };
    let items: Vec<Typed> = items.iter().map(|item| convert(inner, item, nil)).collect();
    let printed: Vec<&str> = items.iter().map(|item| item.printed.as_str()).collect();
    let printed = format!("[{}]", printed.join(" "));
    Typed { value: Value::List(items.into_iter().map(|item| item.value).collect()), printed }
}

fn map(inner: &str, json: &Json, nil: Nil) -> Typed {
    let Json::Object(entries) = json else {
        return Typed { value: template::nil_map(), printed: "map[]".to_owned() };
    };
    let entries: BTreeMap<&str, Typed> =
        entries.iter().map(|(key, item)| (key.as_str(), convert(inner, item, nil))).collect();
    let printed: Vec<String> = entries.iter().map(|(key, item)| format!("{key}:{}", item.printed)).collect();
    let values = entries.into_iter().map(|(key, item)| (Arc::from(key), item.value)).collect();
    Typed { value: Value::Map(Arc::new(values)), printed: format!("map[{}]", printed.join(" ")) }
}

fn field<'a>(json: &'a Json, name: &str) -> &'a Json {
    const NULL: &Json = &Json::Null;
    let Json::Object(entries) = json else { return NULL };
    entries.iter().find(|(key, _)| key == name).map_or(NULL, |(_, value)| value)
}

fn structure(name: &str, json: &Json, nil: Nil) -> Typed {
    let mut members: BTreeMap<Arc<str>, Value> = BTreeMap::new();
    let mut promoted = Vec::new();
    let mut printed = Vec::new();
    for part in structures::fields(name) {
        let typed = if part.embedded {
            let own = only(part.name, json);
            // A pointer that is embedded is never nil here: there is an object.
            let typed = convert(part.kind, &own, nil);
            if let Value::Map(inner) = &typed.value {
                promoted.push(Arc::clone(inner));
            }
            typed
        } else {
            convert(part.kind, field(json, part.json), nil)
        };
        printed.push(typed.printed);
        members.insert(Arc::from(part.name), typed.value);
    }
    for inner in promoted {
        for (key, value) in inner.iter().filter(|(key, _)| !key.starts_with('\0')) {
            members.entry(Arc::clone(key)).or_insert_with(|| value.clone());
        }
    }
    let printed = as_words(name, json).unwrap_or_else(|| format!("{{{}}}", printed.join(" ")));
    let value = template::marked(members, &printed, json.compact());
    Typed { value, printed }
}

/// The part of an object that belongs to an embedded type.
fn only(name: &str, json: &Json) -> Json {
    let Json::Object(entries) = json else { return Json::Object(Vec::new()) };
    let mut names = Vec::new();
    let mut types = vec![name];
    while let Some(name) = types.pop() {
        for part in structures::fields(name) {
            if part.embedded { types.push(part.name) } else { names.push(part.json) }
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
        "Ulimit" => Some(format!("{}={}:{}", part("Name"), part("Soft"), part("Hard"))),
        "WeightDevice" => Some(format!("{}:{}", part("Path"), part("Weight"))),
        "ThrottleDevice" => Some(format!("{}:{}", part("Path"), part("Rate"))),
        _ => None,
    }
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
        template::compile(source).unwrap().execute(&value(kind, &json)).unwrap()
    }

    /// As Docker's client prints them.
    #[test]
    fn structures_are_printed_as_in_go() {
        for (kind, json, source, text) in [
            (
                "Container",
                r#"{"State":{"Status":"exited","ExitCode":3,"StartedAt":"a","FinishedAt":"b"}}"#,
                "{{.State}}|{{.State.Health}}|{{.SizeRw}}",
                "{exited false false false false false 0 3  a b <nil>}|<nil>|<nil>",
            ),
            (
                "Container",
                r#"{"HostConfig":{"RestartPolicy":{"Name":"on-failure","MaximumRetryCount":3},"Memory":5,"Ulimits":[{"Name":"nofile","Hard":20,"Soft":10}]}}"#,
                "{{.HostConfig.RestartPolicy}} {{.HostConfig.Memory}} {{.HostConfig.Resources.Memory}} {{.HostConfig.Ulimits}} {{.HostConfig.Tmpfs}} {{.HostConfig.CPUShares}}",
                "{on-failure 3} 5 5 [nofile=10:20] map[] 0",
            ),
            (
                "Container",
                r#"{"Config":{"Healthcheck":{"Test":["CMD","x"],"Interval":5000000000}}}"#,
                "{{.Config.Healthcheck}} {{.Config.Healthcheck.Interval}} {{json .Config.Healthcheck}}",
                r#"{[CMD x] 5s 0s 0s 0s 0} 5s {"Test":["CMD","x"],"Interval":5000000000}"#,
            ),
            (
                "Image",
                r#"{"Config":{"Cmd":["sh"]},"Metadata":{"LastTagTime":"2026-11-22T08:24:07.660Z"}}"#,
                "{{.Config}} {{.Metadata}} {{json .Config}}",
                "{{ map[] [] [] [sh] map[]  map[]  false} {<nil> [] []}} {2026-11-22 08:24:07.66 +0000 UTC} {\"Cmd\":[\"sh\"]}",
            ),
            (
                "Network",
                r#"{"Name":"none","IPAM":{"Driver":"default","Options":null,"Config":null}}"#,
                "{{.IPAM}} {{.ConfigFrom}} {{.Created}}",
                "{default map[] []} {} 0001-01-01 00:00:00 +0000 UTC",
            ),
            (
                "Event",
                r#"{"status":"start","id":"x","timeNano":7}"#,
                "{{.Status}} {{.ID}} {{.TimeNano}} {{.Scope}}|",
                "start x 7 |",
            ),
        ] {
            assert_eq!(printed(kind, json, source), text, "{source}");
        }
        let whole = printed("Container", r#"{"Config":{"StopTimeout":3}}"#, "{{.Config}}");
        assert!(whole.starts_with("{   false false false map[] false") && whole.contains(" 0x"), "{whole}");
        assert_eq!(printed("Container", r#"{"Config":{"StopTimeout":3}}"#, "{{.Config.StopTimeout}}"), "3");
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
