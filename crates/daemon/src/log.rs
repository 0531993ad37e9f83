//! The daemon's own log, on stderr: one line an event, text or JSON, with a level that a reload can change.

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
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

/// Starts logging; panics of any thread go there too.
pub(crate) fn start(name: &str, json: bool) -> Level {
    let (filter, handle) = reload::Layer::new(level(name).unwrap_or(LevelFilter::INFO));
    let registry = tracing_subscriber::registry().with(filter);
    let layer =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false).with_ansi(false);
    if json {
        registry.with(layer.json()).init();
    } else {
        registry.with(layer).init();
    }
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    Level(handle)
}
