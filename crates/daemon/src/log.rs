//! The daemon's own log, on stderr: one line an event, text or JSON, with a level that a reload can change.

use std::collections::BTreeMap;

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Changes the level while running.
pub(crate) struct Level(reload::Handle<LevelFilter, tracing_subscriber::Registry>);

impl Level {
    /// Takes another level; one that does not exist changes nothing.
    pub(crate) fn set(&self, name: &str) {
        if let Some(filter) = level(name) {
            // Only fails when the log is gone, and then nobody reads levels.
            let _ = self.0.modify(|current| *current = filter);
        }
    }
}

/// dockerd's names of levels.
pub(crate) fn level(name: &str) -> Option<LevelFilter> {
    Some(match name {
        "trace" => LevelFilter::TRACE,
        "debug" => LevelFilter::DEBUG,
        "info" => LevelFilter::INFO,
        "warn" | "warning" => LevelFilter::WARN,
        "error" | "fatal" | "panic" => LevelFilter::ERROR,
        _ => return None,
    })
}

/// One object a line with dockerd's members: `level`, `msg`, `time` and the event's own, sorted.
struct DockerJson;

impl<S, N> FormatEvent<S, N> for DockerJson
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &tracing::Event<'_>,
    ) -> std::fmt::Result {
        let mut fields = Fields(BTreeMap::new());
        event.record(&mut fields);
        let level = match *event.metadata().level() {
            tracing::Level::ERROR => "error",
            tracing::Level::WARN => "warning",
            tracing::Level::INFO => "info",
            tracing::Level::DEBUG => "debug",
            tracing::Level::TRACE => "trace",
        };
        fields.0.insert("level".to_owned(), level.into());
        let mut time = String::new();
        logs::Time::now().write_trimmed(&mut time);
        fields.0.insert("time".to_owned(), time.into());
        let line = serde_json::to_string(&fields.0).map_err(|_| std::fmt::Error)?;
        writeln!(writer, "{line}")
    }
}

/// The fields of an event.
struct Fields(BTreeMap<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        let name = if field.name() == "message" { "msg" } else { field.name() };
        self.0.insert(name.to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
}

/// Starts logging; panics of any thread go there too.
pub(crate) fn start(name: &str, json: bool) -> Level {
    let (filter, handle) = reload::Layer::new(level(name).unwrap_or(LevelFilter::INFO));
    let registry = tracing_subscriber::registry().with(filter);
    let layer =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false).with_ansi(false);
    if json {
        registry.with(layer.event_format(DockerJson)).init();
    } else {
        registry.with(layer).init();
    }
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    Level(handle)
}
