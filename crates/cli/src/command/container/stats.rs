//! `container stats`: display a live stream of container(s) resource usage statistics.

use crate::command::{Args, Command};
use crate::flag::{LIST_FORMAT, NONE, boolean, text};
use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use api::container::Stats;
use client::container::List;
use client::{Body, Client};

use crate::cli::Cli;
use crate::failure::{Failure, Outcome};
use crate::flag::Parsed;
use crate::format::rows::{self, Kind};
use crate::terminal;
use sample::row;

mod sample;
mod screen;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] [CONTAINER...]",
    about: "Display a live stream of container(s) resource usage statistics",
    aliases: "docker container stats, docker stats",
    args: Args::Any,
    interspersed: true,
    flags: &[
        boolean("all", 'a', "Show all containers (default shows just running)"),
        text("format", NONE, LIST_FORMAT),
        boolean("no-stream", NONE, "Disable streaming stats and only pull the first result"),
        boolean("no-trunc", NONE, "Do not truncate output"),
    ],
    run,
};

static KIND: Kind = Kind {
    table: "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}",
    quiet: "",
    headers: &[
        ("Container", "CONTAINER"),
        ("Name", "NAME"),
        ("ID", "CONTAINER ID"),
        ("CPUPerc", "CPU %"),
        ("MemUsage", "MEM USAGE / LIMIT"),
        ("MemPerc", "MEM %"),
        ("NetIO", "NET I/O"),
        ("BlockIO", "BLOCK I/O"),
        ("PIDs", "PIDS"),
    ],
    type_name: "container.statsContext",
};

/// How often the screen is drawn anew; samples come once a second.
const REDRAW: Duration = Duration::from_millis(500);

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let client = cli.client()?;
    let names = if parsed.args.is_empty() {
        let options = List { all: parsed.on("all"), ..List::default() };
        client.container_list(&options)?.into_iter().map(|container| container.id).collect()
    } else {
        parsed.args.clone()
    };
    let format = rows::choose(cli, parsed.text("format"), "statsFormat", false);
    let truncate = !parsed.on("no-trunc");
    let table = |samples: &[(String, Option<Stats>)]| {
        let rows = samples.iter().map(|(name, stats)| row(name, stats.as_ref(), truncate)).collect();
        rows::render(&KIND, &format, false, rows)
    };
    if parsed.on("no-stream") {
        return cli.write(table(&once(client, &names)?)?);
    }
    stream(client, names, parsed.args.is_empty(), |samples| {
        let text = table(samples)?;
        let mut output = std::io::stdout().lock();
        if let Some((rows, columns)) = terminal::size() {
            let coloured = terminal::is_coloured();
            let picture = screen::picture(&text, usize::from(rows), usize::from(columns), coloured);
            output.write_all(picture.as_bytes())?;
        } else {
            write!(output, "{text}")?;
        }
        output.flush()?;
        Ok(())
    })
}

/// One sample of each container.
fn once(client: &Client, names: &[String]) -> Outcome<Vec<(String, Option<Stats>)>> {
    let results = super::each_at_once(names, |name| {
        let mut body = client.container_stats(name, false)?;
        let mut line = Vec::new();
        body.read_until(b'\n', &mut line)?;
        serde_json::from_slice::<Stats>(&line).map_err(|error| errdefs::system(error.to_string()))
    });
    let (samples, failures): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    if !failures.is_empty() {
        let texts: Vec<String> =
            failures.into_iter().filter_map(Result::err).map(|error| Failure::from(error).text).collect();
        return Err(Failure::new(texts.join("\n")));
    }
    Ok(names.iter().cloned().zip(samples.into_iter().map(Result::ok)).collect())
}

/// The newest samples, filled by one thread a container.
#[derive(Default)]
struct Board {
    samples: Mutex<BTreeMap<usize, (String, Option<Stats>)>>,
    changed: Condvar,
}

/// Notes each sample of `body` until it ends.
fn watch(body: Body, board: &Arc<Board>, at: usize, name: String) -> std::io::Result<()> {
    board.samples.lock().unwrap_or_else(PoisonError::into_inner).insert(at, (name.clone(), None));
    let board = Arc::clone(board);
    let mut body = body;
    std::thread::Builder::new()
        .name("stats".into())
        .spawn(move || {
            let mut line = Vec::new();
            while body.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                if let Ok(stats) = serde_json::from_slice(&line) {
                    let mut samples = board.samples.lock().unwrap_or_else(PoisonError::into_inner);
                    samples.insert(at, (name.clone(), Some(stats)));
                    board.changed.notify_one();
                }
                line.clear();
            }
            // It has ended or was removed: its row goes with it.
            board.samples.lock().unwrap_or_else(PoisonError::into_inner).remove(&at);
            board.changed.notify_one();
        })
        .map(drop)
}

/// Draws the samples again and again; with `everything` containers that start meanwhile are added.
fn stream(
    client: &Arc<Client>,
    names: Vec<String>,
    everything: bool,
    draw: impl Fn(&[(String, Option<Stats>)]) -> Outcome,
) -> Outcome {
    let board = Arc::new(Board::default());
    let mut next = 0;
    let bodies = super::each_at_once(&names, |name| client.container_stats(name, true));
    for (name, body) in names.into_iter().zip(bodies) {
        watch(body?, &board, next, name)?;
        next += 1;
    }
    if everything {
        let (client, board) = (Arc::clone(client), Arc::clone(&board));
        std::thread::Builder::new().name("events".into()).spawn(move || {
            let mut filters = client::Filters::new();
            filters.add("type", "container");
            filters.add("event", "start");
            let Ok(mut events) = client.events("", "", &filters) else { return };
            let mut line = Vec::new();
            while events.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                if let Ok(event) = serde_json::from_slice::<api::event::Message>(&line) {
                    // A container that cannot be watched has no row.
                    if let Ok(body) = client.container_stats(&event.actor.id, true)
                        && watch(body, &board, next, event.actor.id).is_ok()
                    {
                        next += 1;
                    }
                }
                line.clear();
            }
        })?;
    }
    if terminal::is_output() {
        write!(std::io::stdout().lock(), "{}", screen::CLEAR)?;
    }
    loop {
        let samples = {
            let samples = board.samples.lock().unwrap_or_else(PoisonError::into_inner);
            let (samples, _) =
                board.changed.wait_timeout(samples, REDRAW).unwrap_or_else(PoisonError::into_inner);
            samples.values().cloned().collect::<Vec<_>>()
        };
        draw(&samples)?;
        if samples.is_empty() && !everything {
            return Ok(());
        }
    }
}
