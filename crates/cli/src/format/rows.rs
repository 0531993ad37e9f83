//! Lists of objects: one row each, printed as a table, as JSON lines, or by a template.

use std::collections::BTreeMap;
use std::sync::Arc;

use template::{Field, List, Map, Method, Named, Struct, Template, Value, Want};

use super::table;
use crate::cli::Cli;
use crate::failure::{Failure, Outcome};

/// A row: the names of Go's formatter methods, and what they give.
pub(crate) struct Row {
    fields: Vec<(&'static str, Value)>,
    labels: Option<api::StringMap>,
}

impl Row {
    /// A row without fields.
    pub(crate) fn new() -> Self {
        Self { fields: Vec::new(), labels: None }
    }

    /// Adds a text, in the place of one of the same name.
    pub(crate) fn with(mut self, name: &'static str, text: impl AsRef<str>) -> Self {
        self.fields.retain(|(known, _)| *known != name);
        self.with_value(name, Value::text(text))
    }

    /// Adds a text if it is wanted; it is not made otherwise.
    pub(crate) fn with_wanted(
        self,
        wanted: &Wanted,
        name: &'static str,
        text: impl FnOnce() -> String,
    ) -> Self {
        if wanted.has(name) { self.with_value(name, Value::text(text())) } else { self }
    }

    /// Adds any value.
    pub(crate) fn with_value(mut self, name: &'static str, value: Value) -> Self {
        self.fields.push((name, value));
        self
    }

    /// Adds `.Labels`, and `.Label "key"`.
    pub(crate) fn with_labels(self, labels: &api::StringMap) -> Self {
        let text: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        Self { labels: Some(labels.clone()), ..self.with("Labels", text.join(",")) }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.fields.iter().find_map(|(known, value)| match value {
            Value::Text(text) if *known == name => Some(&**text),
            _ => None,
        })
    }

    /// The row as a pointer to one of Go's formatters: its fields are methods there, and in JSON in order of their names.
    fn into_value(self, kind: &Kind) -> Value {
        let name: Arc<str> = Arc::from(kind.type_name);
        let mut fields: Vec<Field> = self
            .fields
            .into_iter()
            .map(|(name, value)| Field { name: Arc::from(name), value, embedded: false })
            .collect();
        fields.sort_by(|one, other| one.name.cmp(&other.name));
        let mut methods: Vec<(Arc<str>, Method)> = fields
            .iter()
            .map(|field| (Arc::clone(&field.name), Method::constant(field.value.clone())))
            .collect();
        methods
            .extend(self.labels.map(|labels| label(move |key| labels.get(key).cloned().unwrap_or_default())));
        let mut row = Struct { name: Arc::clone(&name), fields, methods, ..Struct::default() };
        // Formatters write their own JSON, in which Go escapes what HTML would read.
        let json = html_escaped(&Value::Struct(Arc::new(row.clone())).json());
        row.json = Some(Arc::from(json));
        Value::Pointer(Some(Arc::new(Value::Struct(Arc::new(row)))), name)
    }
}

/// The method that gives something for a label.
fn label(of: impl Fn(&str) -> String + Send + Sync + 'static) -> (Arc<str>, Method) {
    let call =
        move |args: &[Value]| Ok(Value::text(of(&args.first().map(ToString::to_string).unwrap_or_default())));
    (Arc::from("Label"), Method { wants: &[Want::Text], call: Arc::new(call) })
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
    match format {
        "" | "table" if quiet => (false, kind.quiet),
        "" | "table" => (true, kind.table),
        "json" => (false, "{{json .}}"),
        _ => match format.strip_prefix("table") {
            Some(rest) => (true, rest.trim_matches(' ')),
            None => (false, format.trim_matches(' ')),
        },
    }
}

/// A format without the word `table` and with its escapes in their place.
pub(crate) fn written_out(format: &str) -> String {
    let source = format.strip_prefix("table").unwrap_or(format).trim_matches(' ');
    source.replace("\\t", "\t").replace("\\n", "\n")
}

/// The text of `rows` in `format`.
pub(crate) fn render(kind: &Kind, format: &str, quiet: bool, rows: Vec<Row>) -> Outcome<String> {
    let (is_table, source) = source(kind, format, quiet);
    let source = source.replace("\\t", "\t").replace("\\n", "\n");
    let failed = |error: String| Failure::new(format!("template parsing error: {error}"));
    let compiled = Template::parse("", &source).map_err(failed)?;
    let mut text = String::new();
    if is_table {
        text.push_str(&header(kind, &source));
        text.push('\n');
    }
    let simple = Simple::parse(&source);
    for row in rows {
        if simple.as_ref().and_then(|simple| simple.write(&row, &mut text)).is_some() {
            text.push('\n');
            continue;
        }
        let data = row.into_value(kind);
        text.push_str(&compiled.execute(&data).map_err(failed)?);
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
pub(crate) fn list(kind: &Kind, rows: Vec<Row>) -> Value {
    Value::List(Arc::new(List {
        items: rows.into_iter().map(|row| row.into_value(kind)).collect(),
        of: Arc::from(format!("*{}", kind.type_name)),
        nil: false,
    }))
}

/// Refuses a format before the engine is asked for anything, as `ps` does. Its words differ from those of other lists,
/// and places in the text are counted from the word `table`.
pub(crate) fn check(kind: &Kind, format: &str) -> Outcome {
    if matches!(format, "" | "table" | "json" | "raw") {
        return Ok(());
    }
    // Judged by a container of which nothing is known.
    let names = kind.headers.iter().map(|(name, _)| *name).filter(|name| *name != "Label");
    let empty = names.fold(Row::new(), |row, name| row.with(name, ""));
    let empty = empty.with_labels(&api::StringMap::new());
    super::template::compile(format)?
        .execute(&empty.into_value(kind))
        .map(drop)
        .map_err(|error| Failure::new(format!("failed to execute template: {error}")))
}

/// The heads of the columns. A template that does not fit them is no mistake: what it made so far is printed.
fn header(kind: &Kind, source: &str) -> String {
    let heads = kind.headers.iter().filter(|(_, head)| !head.is_empty());
    let heads: BTreeMap<Arc<str>, Value> =
        heads.map(|(field, head)| (Arc::from(*field), Value::text(head))).collect();
    let map = Map { entries: heads, of: Arc::from("string"), zero: Value::text(""), nil: false };
    let heads = Value::Named(Arc::new(Named {
        name: Arc::from("formatter.SubHeaderContext"),
        value: Value::Map(Arc::new(map)),
        printed: None,
        // The last part of a label's dotted name, in words.
        methods: vec![label(|key| key.rsplit('.').next().unwrap_or_default().replace(['-', '_'], " "))],
    }));
    Template::parse_for_heads("", source)
        .map(|template| template.execute_as_far_as_possible(&heads).0)
        .unwrap_or_default()
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
