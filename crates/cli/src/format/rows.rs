//! Lists of objects: one row each, printed as a table, as JSON lines, or by a template.

use std::collections::BTreeMap;
use std::sync::Arc;

use gotmpl::Value;

use super::{table, template};
use crate::cli::Cli;
use crate::failure::{Failure, Outcome};

/// A row: the names of Go's formatter methods, and what they give.
pub(crate) struct Row(BTreeMap<Arc<str>, Value>);

impl Row {
    /// A row without fields.
    pub(crate) fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds a text.
    pub(crate) fn with(mut self, name: &str, text: impl AsRef<str>) -> Self {
        self.0.insert(Arc::from(name), Value::String(Arc::from(text.as_ref())));
        self
    }

    /// Adds any value.
    pub(crate) fn with_value(mut self, name: &str, value: Value) -> Self {
        self.0.insert(Arc::from(name), value);
        self
    }

    /// Adds `.Labels`, and `.Label "key"`.
    pub(crate) fn with_labels(self, labels: &api::StringMap) -> Self {
        let text: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let labels = labels.clone();
        self.with("Labels", text.join(",")).with_value(
            "Label",
            Value::Function(Arc::new(move |args| {
                let key = args.first().map(ToString::to_string).unwrap_or_default();
                Ok(Value::String(Arc::from(labels.get(&key).map_or("", String::as_str))))
            })),
        )
    }
}

/// What is known of a kind of row beforehand.
pub(crate) struct Kind {
    /// The table that is printed when no format is asked for.
    pub(crate) table: &'static str,
    /// What is printed with `--quiet`.
    pub(crate) quiet: &'static str,
    /// The heads of columns by field.
    pub(crate) headers: &'static [(&'static str, &'static str)],
    /// What Go calls the type of a row, for errors.
    pub(crate) type_name: &'static str,
}

/// The format to use: `--format`, else the configured one, else none; `--quiet` goes before the configured one.
pub(crate) fn choose(cli: &Cli, format: &str, setting: &str, quiet: bool) -> String {
    if format.is_empty() && !quiet { cli.config().text(setting).to_owned() } else { format.to_owned() }
}

/// The text of `rows` in `format`.
pub(crate) fn render(kind: &Kind, format: &str, quiet: bool, rows: Vec<Row>) -> Outcome<String> {
    let format = format.trim_matches(' ');
    let (is_table, source) = match format {
        _ if quiet && (format.is_empty() || format == "table") => (false, kind.quiet),
        "" | "table" => (true, kind.table),
        "json" => (false, "{{json .}}"),
        _ => match format.strip_prefix("table") {
            Some(rest) => (true, rest.trim_start_matches(' ')),
            None => (false, format),
        },
    };
    let source = source.replace("\\t", "\t").replace("\\n", "\n");
    let compiled = template::compile(&source)?;
    let mut text = String::new();
    // Also without rows a template that names nothing known is a mistake.
    let header = header(kind, &source);
    if is_table {
        text.push_str(&header?);
        text.push('\n');
    } else if let Err(failure) = header
        && (failure.text.contains("can't evaluate field") || failure.text.contains("not defined"))
    {
        return Err(failure);
    }
    for Row(fields) in rows {
        let is_json = source == "{{json .}}";
        let data = Value::Map(Arc::new(fields));
        if is_json {
            // Go's marshaller escapes what HTML would read.
            text.push_str(&html_escaped(&template::to_json(&data)));
        } else {
            text.push_str(&compiled.execute(&data).map_err(|error| failed(kind, &error))?);
        }
        text.push('\n');
    }
    Ok(if is_table { table::align(&text) } else { text })
}

fn failed(kind: &Kind, error: &str) -> Failure {
    if error.contains("not defined") {
        return Failure::new(format!("failed to parse template: {error}"));
    }
    let text = match error.split_once(": map has no entry for key ") {
        Some((place, key)) => {
            format!("{place}: can't evaluate field {} in type *{}", key.trim_matches('"'), kind.type_name)
        }
        None => error.to_owned(),
    };
    Failure::new(format!("failed to execute template: {text}"))
}

fn header(kind: &Kind, source: &str) -> Outcome<String> {
    let mut fields: BTreeMap<Arc<str>, Value> = kind
        .headers
        .iter()
        .map(|(field, head)| (Arc::from(*field), Value::String(Arc::from(*head))))
        .collect();
    fields.insert(
        Arc::from("Label"),
        Value::Function(Arc::new(|args| {
            // The last part of a label's dotted name, in words.
            let key = args.first().map(ToString::to_string).unwrap_or_default();
            let last = key.rsplit('.').next().unwrap_or_default();
            Ok(Value::String(Arc::from(last.replace(['-', '_'], " "))))
        })),
    );
    template::compile_for_headers(source)?
        .execute(&Value::Map(Arc::new(fields)))
        .map_err(|error| failed(kind, &error))
}

/// `<`, `>` and `&` in JSON as Go's marshaller writes them.
fn html_escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for letter in json.chars() {
        match letter {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    static KIND: Kind = Kind {
        table: "table_is_not_used {{.ID}}\t{{.Names}}",
        quiet: "{{.ID}}",
        headers: &[("ID", "CONTAINER ID"), ("Names", "NAMES")],
        type_name: "formatter.ContainerContext",
    };

    fn rows() -> Vec<Row> {
        let labels = api::StringMap::from([("com.x.my-key".to_owned(), "v".to_owned())]);
        vec![Row::new().with("ID", "0123456789ab").with("Names", "a>b").with_labels(&labels)]
    }

    #[test]
    fn forms() {
        for (format, quiet, text) in [
            ("", true, "0123456789ab\n"),
            ("table {{.ID}}\\t{{.Names}}", false, "CONTAINER ID   NAMES\n0123456789ab   a>b\n"),
            (
                "table {{.Label \"com.x.my-key\"}}\t{{upper .Names}}",
                false,
                "my key    NAMES\nv         A>B\n",
            ),
            ("{{.ID}}\\n", false, "0123456789ab\n\n"),
            (
                "json",
                false,
                "{\"ID\":\"0123456789ab\",\"Labels\":\"com.x.my-key=v\",\"Names\":\"a\\u003eb\"}\n",
            ),
            ("{{.Label \"none\"}}", false, "\n"),
        ] {
            assert_eq!(render(&KIND, format, quiet, rows()).unwrap(), text, "{format}");
        }
    }

    #[test]
    fn unknown_fields_are_named_as_go_names_them() {
        assert_eq!(
            render(&KIND, "{{.Foo}}", false, rows()).unwrap_err().text,
            "failed to execute template: template: :1:2: executing \"\" at <.Foo>: can't evaluate field Foo in type \
             *formatter.ContainerContext"
        );
    }
}
