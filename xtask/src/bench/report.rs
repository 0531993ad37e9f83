//! The table as it is printed: a Markdown row a piece of work, the ratio to each peer beside the peer's figure.

use super::engine::Engine;

/// A table of medians with one column an engine, Hythe's first.
pub(crate) struct Table {
    engines: Vec<&'static str>,
}

impl Table {
    /// A table of these engines.
    pub(crate) fn new(engines: &[Engine]) -> Self {
        Self { engines: engines.iter().map(|engine| engine.name).collect() }
    }

    /// The two lines above the rows.
    pub(crate) fn head(&self) -> String {
        format!(
            "| work | goal | {} |\n|---|---|{}\n",
            self.engines.join(" | "),
            "---|".repeat(self.engines.len())
        )
    }

    /// One row; `values` (or the reasons why there are none) are in the order of the engines.
    pub(crate) fn line(&self, name: &str, goal: &str, values: &[Result<f64, String>]) -> String {
        let ours = values.first().and_then(|value| value.as_ref().ok());
        let cells = values.iter().enumerate().map(|(index, value)| match (value, ours) {
            (Ok(value), Some(ours)) if index > 0 => format!(" {} ({:.1}×) |", figure(*value), value / ours),
            (Ok(value), _) => format!(" {} |", figure(*value)),
            (Err(reason), _) => format!(" {reason} |"),
        });
        format!("| {name} | {goal} |{}\n", cells.collect::<String>())
    }
}

fn figure(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}
