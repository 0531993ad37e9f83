//! Lists of objects: one row each, printed as a table, as JSON lines, or by a template.

use std::collections::BTreeMap;
use std::sync::Arc;

use gotmpl::Value;

use super::{table, template};
use crate::cli::Cli;
use crate::failure::{Failure, Outcome};

/// What a field gives.
enum Field {
    Text(String),
    Value(Value),
}

/// A row: the names of Go's formatter methods, and what they give.
pub(crate) struct Row(Vec<(&'static str, Field)>);

impl Row {
    /// A row without fields.
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a text, in the place of one of the same name.
    pub(crate) fn with(mut self, name: &'static str, text: impl Into<String>) -> Self {
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, Field::Text(text.into())));
        self
    }

    /// Adds a text if it is wanted; it is not made otherwise.
    pub(crate) fn with_wanted(
        mut self,
        wanted: &Wanted,
        name: &'static str,
        text: impl FnOnce() -> String,
    ) -> Self {
        if wanted.has(name) {
            self.0.push((name, Field::Text(text())));
        }
        self
    }

    /// Adds any value.
    pub(crate) fn with_value(mut self, name: &'static str, value: Value) -> Self {
        self.0.push((name, Field::Value(value)));
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

    fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find_map(|(known, field)| match field {
            Field::Text(text) if *known == name => Some(text.as_str()),
            _ => None,
        })
    }

    fn into_value(self) -> Value {
        let fields = self.0.into_iter().map(|(name, field)| {
            let value = match field {
                Field::Text(text) => Value::String(Arc::from(text)),
                Field::Value(value) => value,
            };
            (Arc::from(name), value)
        });
        Value::Map(Arc::new(fields.collect()))
    }
}

/// Which fields a template names: with a thousand rows, making those that nobody sees is most of the work.
pub(crate) struct Wanted(Option<Vec<&'static str>>);

impl Wanted {
    /// All of them.
    pub(crate) fn all() -> Self {
        Self(None)
    }

    /// Those that `format` names.
    pub(crate) fn of(kind: &Kind, format: &str, quiet: bool) -> Self {
        let (_, source) = source(kind, format, quiet);
        // A dot that no name follows is the whole row.
        let whole = source.contains('$')
            || source.match_indices('.').any(|(at, _)| {
                !source
                    .get(at + 1..)
                    .is_some_and(|rest| rest.starts_with(|letter: char| letter.is_alphabetic()))
            });
        if whole {
            return Self::all();
        }
        let named = |name: &str| source.contains(&format!(".{name}"));
        Self(Some(kind.headers.iter().map(|(name, _)| *name).filter(|name| named(name)).collect()))
    }

    /// True if the field is wanted. Labels always come with their function.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.as_ref().is_none_or(|names| names.contains(&name))
    }
}

/// A template of nothing but texts and fields, which needs no engine.
struct Simple<'a>(Vec<(&'a str, Option<&'a str>)>);

impl<'a> Simple<'a> {
    /// Each text with the field that follows it, if the template is that simple.
    fn parse(source: &'a str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = source;
        while let Some((text, action)) = rest.split_once("{{") {
            let (field, after) = action.split_once("}}")?;
            let name = field.strip_prefix('.')?;
            if name.is_empty() || !name.chars().all(|letter| letter.is_ascii_alphanumeric()) {
                return None;
            }
            parts.push((text, Some(name)));
            rest = after;
        }
        parts.push((rest, None));
        Some(Self(parts))
    }

    /// Adds the row, unless it lacks a field.
    fn write(&self, row: &Row, out: &mut String) -> Option<()> {
        let length = out.len();
        for (text, field) in &self.0 {
            out.push_str(text);
            let Some(name) = field else { continue };
            match row.text(name) {
                Some(text) => out.push_str(text),
                None => {
                    out.truncate(length);
                    return None;
                }
            }
        }
        Some(())
    }
}

/// What is known of a kind of row beforehand.
pub(crate) struct Kind {
    /// The table that is printed when no format is asked for.
    pub(crate) table: &'static str,
    /// What is printed with `--quiet`.
    pub(crate) quiet: &'static str,
    /// The heads of columns by field; empty for one that has none.
    pub(crate) headers: &'static [(&'static str, &'static str)],
    /// What Go calls the type of a row, for errors.
    pub(crate) type_name: &'static str,
}

/// The format to use: `--format`, else the configured one, else none; `--quiet` goes before the configured one.
pub(crate) fn choose(cli: &Cli, format: &str, setting: &str, quiet: bool) -> String {
    if format.is_empty() && !quiet { cli.config().text(setting).to_owned() } else { format.to_owned() }
}

/// Whether `format` is a table, and its template.
fn source<'a>(kind: &Kind, format: &'a str, quiet: bool) -> (bool, &'a str) {
    let format = format.trim_matches(' ');
    match format {
        _ if quiet && (format.is_empty() || format == "table") => (false, kind.quiet),
        "" | "table" => (true, kind.table),
        "json" => (false, "{{json .}}"),
        _ => match format.strip_prefix("table") {
            Some(rest) => (true, rest.trim_start_matches(' ')),
            None => (false, format),
        },
    }
}

/// The text of `rows` in `format`.
pub(crate) fn render(kind: &Kind, format: &str, quiet: bool, rows: Vec<Row>) -> Outcome<String> {
    let (is_table, source) = source(kind, format, quiet);
    let source = source.replace("\\t", "\t").replace("\\n", "\n");
    let compiled = template::compile(&source).map_err(parsing)?;
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
    let simple = Simple::parse(&source);
    let is_json = source == "{{json .}}";
    for row in rows {
        if simple.as_ref().and_then(|simple| simple.write(&row, &mut text)).is_some() {
            text.push('\n');
            continue;
        }
        let data = row.into_value();
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

/// With `--quiet` a template is ignored; `raw` has a quiet form of its own.
pub(crate) fn quieted(format: String, quiet: bool) -> String {
    if quiet && format != "raw" { String::new() } else { format }
}

/// The template that `raw` stands for: one field a line.
pub(crate) fn spelled_out(format: String, quiet: bool, short: &str, long: &str) -> String {
    match format.as_str() {
        "raw" if quiet => short.to_owned(),
        "raw" => long.to_owned(),
        _ => format,
    }
}

/// Rows as one value, for templates that see all of them at once.
pub(crate) fn list(rows: Vec<Row>) -> Value {
    Value::List(Arc::from(rows.into_iter().map(Row::into_value).collect::<Vec<_>>()))
}

/// Refuses a format before the engine is asked for anything, as `ps` does. Its words differ from those of other lists,
/// and places in the text are counted from the word `table`.
pub(crate) fn check(kind: &Kind, format: &str) -> Outcome {
    if matches!(format, "" | "table" | "json" | "raw") {
        return Ok(());
    }
    // Judged by a container of which nothing is known.
    let empty = kind.headers.iter().fold(Row::new(), |row, (name, _)| row.with(name, ""));
    let empty = empty.with_labels(&api::StringMap::new());
    template::compile(format)?.execute(&empty.into_value()).map(drop).map_err(|error| {
        let text = failed(kind, &error).text;
        let step = if text.contains("not defined") { "failed to parse" } else { "failed to execute" };
        Failure::new(text.replacen("template parsing error", &format!("{step} template"), 1))
    })
}

/// A failure of parsing in the words that lists use.
fn parsing(failure: Failure) -> Failure {
    Failure::new(failure.text.replacen("failed to parse template", "template parsing error", 1))
}

fn failed(kind: &Kind, error: &str) -> Failure {
    if error.contains("not defined") {
        return Failure::new(format!("template parsing error: {error}"));
    }
    let text = match error.split_once(": map has no entry for key ") {
        Some((place, key)) => {
            format!("{place}: can't evaluate field {} in type *{}", key.trim_matches('"'), kind.type_name)
        }
        None => error.to_owned(),
    };
    Failure::new(format!("template parsing error: {text}"))
}

fn header(kind: &Kind, source: &str) -> Outcome<String> {
    let mut fields: BTreeMap<Arc<str>, Value> = kind
        .headers
        .iter()
        .map(|(field, head)| {
            // A field without a head is no value, as a key that a Go map lacks.
            (Arc::from(*field), if head.is_empty() { Value::Nil } else { Value::String(Arc::from(*head)) })
        })
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
    template::compile_for_headers(source)
        .map_err(parsing)?
        .execute(&Value::Map(Arc::new(fields)))
        .map(|text| text.replace("<nil>", "<no value>"))
        .map_err(|error| failed(kind, &error))
}

/// `<`, `>` and `&` in JSON as Go's marshaller writes them.
pub(crate) fn html_escaped(json: &str) -> String {
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
    fn only_what_a_template_names_is_wanted() {
        for (format, id, names) in [
            ("{{.ID}}", true, false),
            ("table {{.Names}} and {{ upper .ID }}", true, true),
            ("json", true, true),
            ("{{range .}}{{end}}", true, true),
            ("{{$x := .ID}}{{$x}}", true, true),
        ] {
            let wanted = Wanted::of(&KIND, format, false);
            assert_eq!((wanted.has("ID"), wanted.has("Names")), (id, names), "{format}");
        }
    }

    #[test]
    fn unknown_fields_are_named_as_go_names_them() {
        assert_eq!(
            render(&KIND, "{{.Foo}}", false, rows()).unwrap_err().text,
            "template parsing error: template: :1:2: executing \"\" at <.Foo>: can't evaluate field Foo in type \
             *formatter.ContainerContext"
        );
    }
}
