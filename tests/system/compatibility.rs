//! docs/compatibility.md against Docker's own lists (tests/spec, made by `cargo xtask spec`): nothing is left out, and
//! what is said to work is there.

use std::collections::{BTreeMap, BTreeSet};

use testkit::fixture::workspace;
use testkit::{Daemon, Output};

/// What the document says of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Works,
    Differs,
    NotYet,
}

/// The document: operations, the flags of each command, and the commands that are not there.
#[derive(Debug, Default)]
struct Document {
    operations: BTreeMap<String, State>,
    flags: BTreeMap<String, BTreeMap<String, State>>,
    absent: BTreeSet<String>,
}

fn read(path: &str) -> String {
    std::fs::read_to_string(workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A row of a table: what stands in code in its first column, and its state. Differences need their reason.
fn row(line: &str) -> Option<(String, State)> {
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    let name = cells.get(1)?.strip_prefix('`')?.strip_suffix('`')?;
    let state = match cells[2] {
        "works" => State::Works,
        "differs" => State::Differs,
        "not yet" => State::NotYet,
        _ => return None,
    };
    assert!(state == State::Works || cells[3].len() > 3, "no reason: {line}");
    Some((name.to_owned(), state))
}

fn document() -> Document {
    let text = read("docs/compatibility.md");
    let mut document = Document::default();
    let (mut section, mut command) = ("", None);
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            (section, command) = (title, None);
        } else if let Some(title) = line.strip_prefix("### `") {
            command = Some(title.trim_end_matches('`').to_owned());
            document.flags.insert(title.trim_end_matches('`').to_owned(), BTreeMap::new());
        } else if let (Some(command), Some(words)) = (&command, line.strip_prefix("Works: ")) {
            let flags = words.split('`').skip(1).step_by(2).map(|flag| (flag.to_owned(), State::Works));
            document.flags.entry(command.clone()).or_default().extend(flags);
        } else if let Some((name, state)) = row(line) {
            match (section, &command) {
                ("Operations of the API", _) => drop(document.operations.insert(name, state)),
                (_, Some(command)) => {
                    document.flags.entry(command.clone()).or_default().insert(name, state);
                }
                ("Commands that are not there yet", _) => drop(document.absent.insert(name)),
                _ => {}
            }
        }
    }
    document
}

#[test]
fn nothing_is_left_out() {
    let document = document();
    let listed: BTreeSet<String> = read("tests/spec/operations.txt").lines().map(str::to_owned).collect();
    let said: BTreeSet<String> = document.operations.keys().cloned().collect();
    assert!(listed.len() > 100, "only {} operations", listed.len());
    assert_eq!(said, listed);
    let list = read("tests/spec/flags.txt");
    let mut commands = BTreeSet::new();
    for line in list.lines() {
        let (command, flags) = line.split_once(':').expect("command: flags");
        commands.insert(command.to_owned());
        if document.absent.contains(command) {
            continue;
        }
        let said = document.flags.get(command).unwrap_or_else(|| panic!("nothing about `{command}`"));
        let listed: BTreeSet<&str> = flags.split_whitespace().collect();
        assert_eq!(said.keys().map(String::as_str).collect::<BTreeSet<_>>(), listed, "{command}");
    }
    let unknown: Vec<_> =
        document.flags.keys().chain(&document.absent).filter(|name| !commands.contains(*name)).collect();
    assert!(unknown.is_empty(), "Docker has no such commands: {unknown:?}");
}

#[test]
fn operations_that_work_have_a_route() {
    let daemon = Daemon::start();
    for (operation, state) in document().operations {
        let (method, path) = operation.split_once(' ').expect("METHOD /path");
        // `until` ends the stream of events; nothing of these names exists.
        let path = path.replace("{id}", "nobody").replace("{name}", "nothing") + "?until=1";
        let (code, body) = daemon.api(method, &path, "");
        let routed = !(code == 404 && body.contains("page not found"));
        assert!(routed || state == State::NotYet, "{operation}: {code} {body}");
    }
}

#[test]
fn flags_that_work_are_taken() {
    let hythe = testkit::program("hythe");
    let mut wrong = Vec::new();
    let document = document();
    for (command, flags) in &document.flags {
        let words: Vec<&str> = command.split(' ').filter(|word| *word != "docker").collect();
        let ask = |more: &[&str]| {
            Output::of(std::process::Command::new(&hythe).args(&words).args(more).arg("--help"))
        };
        let help = ask(&[]).ok();
        let taken = |flag: &str| {
            let named = help.split([' ', ',', '\n']).any(|word| word == flag);
            named || ask(&[flag]).code == 0
        };
        for (flag, state) in flags {
            if *state == State::Works && !taken(flag) {
                wrong.push(format!("{command} {flag} is not taken"));
            }
        }
    }
    for command in &document.absent {
        let output = Output::of(std::process::Command::new(&hythe).args(command.split(' ')).arg("--help"));
        let last = command.rsplit(' ').next().unwrap_or(command);
        if output.code == 0
            && output.stdout.lines().any(|line| line.contains("Usage") && line.contains(&format!(" {last} ")))
        {
            wrong.push(format!("{command} is there"));
        }
    }
    assert!(wrong.is_empty(), "docs/compatibility.md says otherwise:\n{}", wrong.join("\n"));
}
