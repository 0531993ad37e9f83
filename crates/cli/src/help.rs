//! Help texts and usage errors, laid out as Docker lays them out.

use std::fmt::Write as _;

use crate::command::{Args, Command, Entry, Group, Node};
use crate::failure::{EXIT_ENGINE, EXIT_FAILURE, Failure};
use crate::flag::{Flag, NONE};

/// The column of a text that does not fit beside its flag.
const BLOCK_INDENT: usize = 16;
/// Less room than this is not worth wrapping into.
const WRAP_MIN: usize = 24;
/// How far the last word of a paragraph may stick out.
const SLOP: usize = 5;

/// Replaces the program's name in the first word of each command in `text`.
fn renamed(text: &str, prog: &str) -> String {
    if prog == "docker" {
        return text.to_owned();
    }
    text.split_inclusive(", ")
        .map(|part| part.strip_prefix("docker ").map_or(part.to_owned(), |rest| format!("{prog} {rest}")))
        .collect()
}

/// The usage line(s) of the command called by `path` (`docker container kill`).
pub(crate) fn usage(path: &str, command: &Command) -> String {
    let prog = path.split(' ').next().unwrap_or_default();
    let (first, others) = command.usage.split_once('\n').map_or((command.usage, None), |(a, b)| (a, Some(b)));
    let first = format!("{path} {first}").trim_end().to_owned();
    // Further forms are whole command lines.
    others.map_or(first.clone(), |others| format!("{first}\n\t{}", renamed(others, prog)))
}

/// The help of a command.
pub(crate) fn command(prog: &str, path: &str, command: &Command, columns: usize) -> String {
    let mut out = format!(
        "Usage:  {}\n\n{}\n",
        usage(path, command),
        command.about.replace("$ docker ", &format!("$ {prog} "))
    );
    if !command.aliases.is_empty() {
        let _ = write!(out, "\nAliases:\n  {}\n", renamed(command.aliases, prog));
    }
    if command.flags.iter().any(|flag| !flag.hidden) {
        let _ = write!(out, "\nOptions:\n{}", flags(command.flags, columns));
    }
    out
}

/// The help of a group of commands.
pub(crate) fn group(path: &str, group: &Group) -> String {
    let mut out = format!("Usage:  {path} COMMAND\n\n{}\n\nCommands:\n", group.about);
    entries(&mut out, group.entries.iter().filter(|entry| !entry.hidden));
    let _ = write!(out, "\nRun '{path} COMMAND --help' for more information on a command.\n");
    out
}

/// One line an entry.
pub(crate) fn entries<'a>(out: &mut String, entries: impl Iterator<Item = &'a Entry>) {
    lines(out, &entries.map(line).collect::<Vec<_>>());
}

/// A name in a list, and what it does.
pub(crate) fn line(entry: &Entry) -> (String, &str) {
    let about = match entry.node {
        Node::Command(command) => brief(command),
        Node::Group(group) => group.about,
    };
    (entry.name.to_owned(), about)
}

/// Names, and what each does.
pub(crate) fn lines(out: &mut String, lines: &[(String, &str)]) {
    const WIDTH_MIN: usize = 11;
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or_default().max(WIDTH_MIN);
    for (name, about) in lines {
        let _ = writeln!(out, "  {name:<width$} {about}");
    }
}

/// The first sentence of what a command does; a full stop only separates it from more.
pub(crate) fn brief(command: &Command) -> &'static str {
    let about = command.about;
    let (line, more) = about.split_once('\n').map_or((about, false), |(line, _)| (line, true));
    match line.split_once(". ") {
        Some((sentence, _)) => sentence,
        None if more => line.trim_end_matches('.'),
        None => line,
    }
}

/// The flags, one line or paragraph each.
pub(crate) fn flags(flags: &[Flag], columns: usize) -> String {
    let mut shown: Vec<&Flag> = flags.iter().filter(|flag| !flag.hidden).collect();
    shown.sort_by_key(|flag| flag.long);
    let left = |flag: &Flag| {
        let short = if flag.short == NONE { "    ".to_owned() } else { format!("-{}, ", flag.short) };
        format!("  {short}--{} {}", flag.long, flag.word).trim_end().to_owned()
    };
    let width = shown.iter().map(|flag| left(flag).len()).max().unwrap_or_default() + 3;
    let mut out = String::new();
    for flag in shown {
        let _ = writeln!(out, "{:<width$}{}", left(flag), wrap(width, columns, flag.help));
    }
    out
}

/// Breaks `text` so that it fits beside `indent` columns in `columns`.
fn wrap(indent: usize, columns: usize, text: &str) -> String {
    let mut indent = indent;
    let mut room = columns.saturating_sub(indent);
    let mut out = String::new();
    if room < WRAP_MIN {
        indent = BLOCK_INDENT;
        room = columns.saturating_sub(indent);
        let _ = write!(out, "\n{:indent$}", "");
    }
    if room < WRAP_MIN {
        return text.replace('\n', &out);
    }
    let room = room - SLOP;
    let mut rest = text;
    loop {
        let (line, more) = break_line(room, rest);
        out.push_str(&line.replace('\n', &format!("\n{:indent$}", "")));
        if more.is_empty() {
            return out;
        }
        rest = more;
        let _ = write!(out, "\n{:indent$}", "");
    }
}

/// The first line of `text`, and the rest.
fn break_line(room: usize, text: &str) -> (&str, &str) {
    if room + SLOP > text.len() {
        return (text, "");
    }
    let mut end = room;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let head = text.get(..end).unwrap_or_default();
    let Some(space) = head.rfind([' ', '\t', '\n']).filter(|&at| at > 0) else { return (text, "") };
    let at = match head.rfind('\n') {
        Some(newline) if newline > 0 && newline < space => newline,
        _ => space,
    };
    (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default())
}

/// What is printed for a command line that does not fit the flag table.
pub(crate) fn misuse(path: &str, usage: &str, text: &str) -> Failure {
    Failure::with_code(
        EXIT_ENGINE,
        format!("{text}\n\nUsage:  {usage}\n\nRun '{path} --help' for more information"),
    )
}

/// What is printed for the wrong number of arguments.
pub(crate) fn wrong_arguments(prog: &str, path: &str, command: &Command, count: usize) -> Option<Failure> {
    let rule = command.args.broken_rule(count)?;
    if matches!(command.args, Args::Terse(_)) {
        return Some(Failure::new(rule));
    }
    let verb = if matches!(command.args, Args::AtLeast(_)) { "See" } else { "Run" };
    Some(Failure::with_code(
        EXIT_FAILURE,
        format!(
            "{prog}: '{path}' {rule}\n\nUsage:  {}\n\n{verb} '{path} --help' for more information",
            usage(path, command)
        ),
    ))
}
