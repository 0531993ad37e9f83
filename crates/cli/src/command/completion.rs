//! `completion`: scripts for the shells, and the candidates they ask for, from the tables of commands and flags.

mod objects;
mod scripts;
mod values;

use super::{Args, Command, Entry, Group, Node, ROOT, find, leaf};
use crate::cli::{Cli, GLOBAL, plugin_for};
use crate::failure::Outcome;
use crate::flag::{Flag, NONE, Parsed};

/// The group.
pub(crate) static GROUP: Group = Group {
    about: "Generate the autocompletion script for the specified shell",
    entries: &[leaf("bash", &BASH), leaf("fish", &FISH), leaf("powershell", &POWERSHELL), leaf("zsh", &ZSH)],
};

macro_rules! shell {
    ($name:ident $run:ident $about:literal $script:path) => {
        static $name: Command = Command {
            usage: "",
            about: $about,
            aliases: "",
            args: Args::None,
            interspersed: true,
            flags: &[],
            run: $run,
        };
        fn $run(cli: &Cli, _: &Parsed) -> Outcome {
            cli.write($script.replace("PROG", cli.prog))
        }
    };
}

shell!(BASH bash "Generate the autocompletion script for bash" scripts::BASH);
shell!(FISH fish "Generate the autocompletion script for fish" scripts::FISH);
shell!(POWERSHELL powershell "Generate the autocompletion script for powershell" scripts::POWERSHELL);
shell!(ZSH zsh "Generate the autocompletion script for zsh" scripts::ZSH);

/// Prints the candidates for the last of `words`, one a line, each with a tab and what it is.
pub(crate) fn complete(cli: &Cli, words: &[String]) -> Outcome {
    let words_given = words;
    let (partial, before) =
        words.split_last().map_or(("", &[][..]), |(last, before)| (last.as_str(), before));
    let mut entries = ROOT;
    let mut path: Vec<&str> = Vec::new();
    let mut words = before.iter().enumerate();
    while let Some((at, word)) = words.next() {
        if word.starts_with('-') {
            if let Some(flag) = value_of(GLOBAL, word)
                && words.next().is_none()
            {
                return print(values::of(cli, &[], flag, partial)?, partial);
            }
            continue;
        }
        if path.is_empty()
            && let Some(plugin) = plugin_for(cli, word)
        {
            return cli.write(crate::plugin::complete(cli, &plugin, words_given)?);
        }
        match find(entries, word).map(|entry| (entry.name, entry.node)) {
            Some((name, Node::Group(group))) => {
                path.push(name);
                entries = group.entries;
            }
            Some((name, Node::Command(found))) => {
                path.push(name);
                let rest = before.get(at + 1..).unwrap_or_default();
                return arguments(cli, &path, found, rest, partial);
            }
            None => return Ok(()),
        }
    }
    if partial.starts_with('-') {
        return if path.is_empty() { cli.write(flags(GLOBAL, partial)) } else { Ok(()) };
    }
    let mut candidates = names(entries, partial);
    if path.is_empty() {
        for plugin in crate::plugin::all(cli) {
            if plugin.error.is_none() && plugin.name.starts_with(partial) {
                candidates.push_str(&format!("{}\t{}\n", plugin.name, plugin.metadata.short_description));
            }
        }
    }
    cli.write(candidates)
}

fn names(entries: &[Entry], partial: &str) -> String {
    entries
        .iter()
        .filter(|entry| !entry.hidden && entry.name.starts_with(partial))
        .map(|entry| {
            let about = match entry.node {
                Node::Command(command) => crate::help::brief(command),
                Node::Group(group) => group.about,
            };
            format!("{}\t{about}\n", entry.name)
        })
        .collect()
}

fn flags(table: &[Flag], partial: &str) -> String {
    let mut out = String::new();
    for flag in table.iter().filter(|flag| !flag.hidden) {
        let help = flag.help.split('\n').next().unwrap_or_default();
        let long = format!("--{}", flag.long);
        if long.starts_with(partial) {
            out.push_str(&format!("{long}\t{help}\n"));
        }
        let short = format!("-{}", flag.short);
        if flag.short != NONE && partial.len() < 2 && short.starts_with(partial) {
            out.push_str(&format!("{short}\t{help}\n"));
        }
    }
    out
}

/// Prints those of `found` that begin as what was typed.
fn print(found: Vec<Candidate>, partial: &str) -> Outcome {
    use std::io::Write as _;
    let mut output = std::io::stdout().lock();
    for (value, about) in found.iter().filter(|(value, _)| value.starts_with(partial)) {
        writeln!(output, "{value}\t{about}")?;
    }
    Ok(())
}

/// A value, and what it is.
type Candidate = (String, String);

fn arguments(cli: &Cli, path: &[&str], command: &Command, before: &[String], partial: &str) -> Outcome {
    if let Some(flag) = before.last().and_then(|previous| value_of(command.flags, previous)) {
        return print(values::of(cli, path, flag, partial)?, partial);
    }
    let mut count = 0;
    let mut skip = false;
    for word in before {
        if std::mem::take(&mut skip) {
            continue;
        }
        skip = value_of(command.flags, word).is_some();
        count += usize::from(!word.starts_with('-') || word == "-");
    }
    if partial.starts_with('-') && (command.interspersed || count == 0) {
        // `--flag=value`, in one word.
        if let Some((name, value)) = partial.split_once('=')
            && let Some(flag) = value_of(command.flags, name)
        {
            let found = values::of(cli, path, flag, value)?;
            return print(
                found.into_iter().map(|(value, about)| (format!("{name}={value}"), about)).collect(),
                partial,
            );
        }
        return cli.write(flags(command.flags, partial));
    }
    let forced = before.iter().any(|word| matches!(word.as_str(), "-f" | "--force"));
    match objects::named(path, count) {
        // Force removes what runs, too.
        Some(objects::Object::StoppedContainer) if forced => {
            print(objects::all(cli, objects::Object::Container)?, partial)
        }
        Some(object) => print(objects::all(cli, object)?, partial),
        None => Ok(()),
    }
}

/// The flag whose value follows `word`, if one's does.
fn value_of(table: &'static [Flag], word: &str) -> Option<&'static str> {
    let name = word.strip_prefix('-')?;
    let found = match name.strip_prefix('-') {
        Some(long) => table.iter().find(|flag| flag.long == long),
        None => table.iter().find(|flag| name.ends_with(flag.short)),
    };
    found.filter(|flag| !flag.is_switch()).map(|flag| flag.long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_whose_value_follows() {
        let run = &super::super::container::run::COMMAND;
        for (word, flag) in [
            ("--network", Some("network")),
            ("-v", Some("volume")),
            ("-itv", Some("volume")),
            ("-it", None),
            ("--rm", None),
            ("--network=x", None),
            ("image", None),
        ] {
            assert_eq!(value_of(run.flags, word), flag, "{word}");
        }
    }
}
