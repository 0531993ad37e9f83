//! `completion`: scripts for the shells, and the candidates they ask for, from the tables of commands and flags.

use super::{Args, Command, Entry, Group, Node, ROOT, find, leaf};
use crate::cli::{Cli, GLOBAL};
use crate::context::DEFAULT;
use crate::failure::Outcome;
use crate::flag::{Flag, NONE, Parsed};
use crate::format::human;

/// The group.
pub(crate) static GROUP: Group = Group {
    about: "Generate the autocompletion script for the specified shell",
    entries: &[leaf("bash", &BASH), leaf("fish", &FISH), leaf("zsh", &ZSH)],
};

macro_rules! shell {
    ($name:ident $run:ident $about:literal $script:ident) => {
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

shell!(BASH bash "Generate the autocompletion script for bash" BASH_SCRIPT);
shell!(FISH fish "Generate the autocompletion script for fish" FISH_SCRIPT);
shell!(ZSH zsh "Generate the autocompletion script for zsh" ZSH_SCRIPT);

const BASH_SCRIPT: &str = r#"# bash completion for PROG
# Image names have colons, which bash would take for the end of a word.
COMP_WORDBREAKS=${COMP_WORDBREAKS//:}
_PROG_complete() {
    local line words=("${COMP_WORDS[@]:1:COMP_CWORD}")
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("${line%%$'\t'*}")
    done < <("${COMP_WORDS[0]}" __complete "${words[@]}" 2>/dev/null)
    if [ ${#COMPREPLY[@]} -eq 0 ]; then
        compopt -o default 2>/dev/null
    elif [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -F _PROG_complete PROG
"#;

const ZSH_SCRIPT: &str = r#"#compdef PROG
_PROG() {
    local -a candidates
    local line
    for line in ${(f)"$(${words[1]} __complete "${(@)words[2,CURRENT]}" 2>/dev/null)"}; do
        candidates+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    done
    if (( ${#candidates} )); then
        _describe 'PROG' candidates
    else
        _files
    fi
}
if [ "$funcstack[1]" = "_PROG" ]; then _PROG "$@"; else compdef _PROG PROG; fi
"#;

const FISH_SCRIPT: &str = r"# fish completion for PROG
function __PROG_complete
    set -l words (commandline -opc) (commandline -ct)
    $words[1] __complete $words[2..-1] 2>/dev/null
end
complete -c PROG -e
complete -c PROG -a '(__PROG_complete)'
";

/// What an argument of a command names.
#[derive(Clone, Copy)]
enum Object {
    Container,
    RunningContainer,
    Image,
    Network,
    Volume,
    Context,
}

/// Prints the candidates for the last of `words`, one a line, each with a tab and what it is.
pub(crate) fn complete(cli: &Cli, words: &[String]) -> Outcome {
    let (partial, before) =
        words.split_last().map_or(("", &[][..]), |(last, before)| (last.as_str(), before));
    let mut entries = ROOT;
    let mut path: Vec<&str> = Vec::new();
    let mut words = before.iter().enumerate();
    while let Some((at, word)) = words.next() {
        if let Some(flag) = word.strip_prefix('-') {
            let takes = GLOBAL
                .iter()
                .find(|known| flag.strip_prefix('-') == Some(known.long) || flag == known.short.to_string());
            if takes.is_some_and(|flag| !flag.is_switch()) && !word.contains('=') {
                words.next();
            }
            continue;
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
    cli.write(names(entries, partial))
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

fn arguments(cli: &Cli, path: &[&str], command: &Command, before: &[String], partial: &str) -> Outcome {
    if let Some(previous) = before.last()
        && let Some(flag) = value_of(command, previous)
    {
        return match flag {
            "network" | "net" => objects(cli, Object::Network, partial),
            "volumes-from" | "link" => objects(cli, Object::Container, partial),
            "pull" => cli.write(given(&["always", "missing", "never"], partial)),
            "restart" => cli.write(given(&["always", "no", "on-failure", "unless-stopped"], partial)),
            _ => Ok(()),
        };
    }
    let mut count = 0;
    let mut skip = false;
    for word in before {
        if std::mem::take(&mut skip) {
            continue;
        }
        skip = value_of(command, word).is_some();
        count += usize::from(!word.starts_with('-') || word == "-");
    }
    if partial.starts_with('-') && (command.interspersed || count == 0) {
        return cli.write(flags(command.flags, partial));
    }
    match object(path, count) {
        Some(object) => objects(cli, object, partial),
        None => Ok(()),
    }
}

fn given(values: &[&str], partial: &str) -> String {
    values.iter().filter(|value| value.starts_with(partial)).map(|value| format!("{value}\t\n")).collect()
}

/// The flag whose value follows `word`, if one's does.
fn value_of(command: &Command, word: &str) -> Option<&'static str> {
    let name = word.strip_prefix('-')?;
    let found = match name.strip_prefix('-') {
        Some(long) => command.flags.iter().find(|flag| flag.long == long),
        None => command.flags.iter().find(|flag| name.ends_with(flag.short)),
    };
    found.filter(|flag| !flag.is_switch()).map(|flag| flag.long)
}

/// What the argument number `count` of the command names.
fn object(path: &[&str], count: usize) -> Option<Object> {
    let path = match path {
        ["container", rest @ ..] => rest,
        other => other,
    };
    match (path, count) {
        (["attach" | "exec" | "top" | "port"], 0) | (["kill" | "stop" | "pause" | "stats"], _) => {
            Some(Object::RunningContainer)
        }
        (["commit" | "diff" | "export" | "logs" | "rename"], 0)
        | (["inspect" | "restart" | "rm" | "start" | "unpause" | "update" | "wait"], _) => {
            Some(Object::Container)
        }
        (["run" | "create" | "history" | "push" | "tag"], 0)
        | (["rmi" | "save"], _)
        | (["image", "history" | "inspect" | "push" | "rm" | "save" | "tag"], _) => Some(Object::Image),
        (["network", "inspect" | "rm"], _) | (["network", "connect" | "disconnect"], 0) => {
            Some(Object::Network)
        }
        (["network", "connect" | "disconnect"], _) => Some(Object::Container),
        (["volume", "inspect" | "rm"], _) => Some(Object::Volume),
        (["context", "export" | "update" | "use"], 0) | (["context", "inspect" | "rm"], _) => {
            Some(Object::Context)
        }
        _ => None,
    }
}

fn objects(cli: &Cli, object: Object, partial: &str) -> Outcome {
    let none = client::Filters::new();
    let mut found: Vec<(String, String)> = Vec::new();
    match object {
        Object::Context => {
            found.push((DEFAULT.to_owned(), "Current DOCKER_HOST based configuration".to_owned()));
            let known = crate::connect::contexts(cli).list();
            found.extend(known.into_iter().map(|meta| (meta.name.clone(), meta.description().to_owned())));
        }
        Object::Container | Object::RunningContainer => {
            let all = matches!(object, Object::Container);
            let options = client::container::List { all, ..Default::default() };
            for container in cli.client()?.container_list(&options)? {
                let names = container.names.iter().map(|name| name.trim_start_matches('/').to_owned());
                found.extend(names.map(|name| (name, container.image.clone())));
            }
        }
        Object::Image => {
            for image in cli.client()?.image_list(false, &none)? {
                let size = human::size_with_precision(image.size as f64, 3);
                found.extend(image.repo_tags.into_iter().map(|name| (name, size.clone())));
            }
        }
        Object::Network => {
            found.extend(
                cli.client()?.network_list(&none)?.into_iter().map(|network| (network.name, network.driver)),
            );
        }
        Object::Volume => {
            found.extend(
                cli.client()?
                    .volume_list(&none)?
                    .volumes
                    .into_iter()
                    .map(|volume| (volume.name, volume.driver)),
            );
        }
    }
    let lines = found
        .iter()
        .filter(|(name, _)| name.starts_with(partial))
        .map(|(name, about)| format!("{name}\t{about}\n"));
    cli.write(lines.collect::<String>())
}
