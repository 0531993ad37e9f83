//! The table as it is printed: a Markdown row a piece of work, the ratio to each peer beside the peer's figure.

use std::fmt;

use super::engine::Engine;

/// Name, goal, and one figure (or the reason why there is none) an engine.
type Line = (&'static str, &'static str, Vec<Result<f64, String>>);

/// Rows of medians, Hythe's first.
pub(crate) struct Table {
    engines: Vec<&'static str>,
    rows: Vec<Line>,
}

impl Table {
    /// An empty table with one column an engine.
    pub(crate) fn new(engines: &[Engine]) -> Self {
        Self { engines: engines.iter().map(|engine| engine.name).collect(), rows: Vec::new() }
    }

    /// Adds a row; `values` are in the order of the engines.
    pub(crate) fn add(&mut self, name: &'static str, goal: &'static str, values: Vec<Result<f64, String>>) {
        self.rows.push((name, goal, values));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| work | goal | {} |", self.engines.join(" | "))?;
        writeln!(f, "|---|---|{}", "---|".repeat(self.engines.len()))?;
        for (name, goal, values) in &self.rows {
            write!(f, "| {name} | {goal} |")?;
            let ours = values.first().and_then(|value| value.as_ref().ok());
            for (index, value) in values.iter().enumerate() {
                match (value, ours) {
                    (Ok(value), Some(ours)) if index > 0 => {
                        write!(f, " {} ({:.1}×) |", figure(*value), value / ours)?;
                    }
                    (Ok(value), _) => write!(f, " {} |", figure(*value))?,
                    (Err(reason), _) => write!(f, " {reason} |")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

fn figure(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}
