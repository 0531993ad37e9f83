//! `cargo xtask bench`: Hythe, Docker and Podman at the same work, interleaved, as a table of medians and ratios.
//!
//! Absolute times drift on shared machines, so every row runs its engines in turn, A B C A B C, and what is reported is
//! the ratio of their medians. Every engine does the same work with its own defaults for seccomp, capabilities and log
//! driver; where Hythe wins by doing less, the row says so.

mod bulk;
mod engine;
mod memory;
mod report;
mod rows;

use std::path::PathBuf;

use engine::Engine;
use report::Table;

/// How many times each engine does each row, unless `--runs` says otherwise. Odd, so that the median is a real run.
const RUNS: usize = 15;

struct Settings {
    runs: usize,
    full: bool,
    only: Vec<String>,
    /// Where built programs are; they are built if this is not given.
    programs: Option<PathBuf>,
}

/// Runs the rows and prints the table.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let settings = parse(args)?;
    let dist = settings.programs.clone().map_or_else(crate::dist::build, Ok)?;
    let engines = engine::present(&dist)?;
    let table = Table::new(&engines);
    print!("{}", table.head());
    for row in rows::all() {
        let wanted =
            settings.only.is_empty() || settings.only.iter().any(|name| row.name.contains(name.as_str()));
        if !wanted || (row.long && !settings.full) {
            continue;
        }
        eprintln!("{} ...", row.name);
        // A line at a time: a long run that is cut short has still measured something.
        print!("{}", table.line(row.name, row.goal, &measure(&row, &engines, settings.runs)));
    }
    Ok(())
}

/// The medians of one row, one an engine; `Err` holds why there is none.
fn measure(row: &rows::Row, engines: &[Engine], runs: usize) -> Vec<Result<f64, String>> {
    if let Some(reason) = row.missing {
        return engines.iter().map(|_| Err(reason.to_owned())).collect();
    }
    let runs = if row.once { 1.max(runs / 5) } else { runs };
    let mut samples: Vec<Result<Vec<f64>, String>> = engines.iter().map(|_| Ok(Vec::new())).collect();
    // One round to warm caches on every side, then the counted ones.
    for round in 0..=runs {
        for (engine, samples) in engines.iter().zip(&mut samples) {
            let Ok(values) = samples else { continue };
            match (row.work)(engine) {
                Ok(value) if round > 0 => values.push(value),
                Ok(_) => {}
                Err(reason) => *samples = Err(reason),
            }
        }
    }
    if let Some(cleanup) = row.cleanup {
        for (engine, samples) in engines.iter().zip(&mut samples) {
            if let Err(reason) = cleanup(engine) {
                *samples = Err(reason);
            }
        }
    }
    samples.into_iter().map(|samples| samples.map(median)).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn parse(args: &[String]) -> Result<Settings, String> {
    let mut settings = Settings { runs: RUNS, full: false, only: Vec::new(), programs: None };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--full" => settings.full = true,
            "--programs" => {
                let dir = args.next().ok_or("--programs takes a directory")?;
                // The engine is started from another directory.
                settings.programs =
                    Some(std::fs::canonicalize(dir).map_err(|error| format!("{dir}: {error}"))?);
            }
            "--runs" => {
                let value = args.next().and_then(|value| value.parse().ok()).filter(|runs| *runs > 0);
                settings.runs = value.ok_or("--runs takes a number above 0")?;
            }
            flag if flag.starts_with('-') => return Err(format!("unknown flag {flag}")),
            name => settings.only.push(name.to_owned()),
        }
    }
    Ok(settings)
}
