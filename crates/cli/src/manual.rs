//! Manual pages from the tables of commands and flags: one page a command, `hythe-container-run.1`.
//!
//! Made by the program itself, so that they cannot say anything else than its help. A command with two names (`run`,
//! `container run`) has its text under the longer one; the other page only points there.

use std::fmt::Write as _;

use crate::cli::GLOBAL;
use crate::command::{Command, Entry, Group, Node, ROOT};
use crate::flag::{Flag, NONE};
use crate::help;

/// A page: the name of its file, and its text.
pub(crate) type Page = (String, String);

/// All pages of the program called `prog`.
pub(crate) fn pages(prog: &str) -> Vec<Page> {
    let mut pages = vec![(format!("{prog}.1"), root(prog))];
    for entry in ROOT.iter().filter(|entry| !entry.is_absent()) {
        match entry.node {
            Node::Command(command) => {
                let name = format!("{prog}-{}", entry.name);
                let text = match canonical(command) {
                    Some((group, verb)) => format!(".so man1/{prog}-{group}-{verb}.1\n"),
                    None => of_command(&format!("{prog} {}", entry.name), command),
                };
                pages.push((format!("{name}.1"), text));
            }
            Node::Group(group) => {
                let path = format!("{prog} {}", entry.name);
                pages.push((format!("{prog}-{}.1", entry.name), of_group(&path, group)));
                for inner in group.entries {
                    if let Node::Command(command) = inner.node {
                        let path = format!("{path} {}", inner.name);
                        pages.push((format!("{}.1", path.replace(' ', "-")), of_command(&path, command)));
                    }
                }
            }
        }
    }
    pages
}

/// Group and verb of a command that is also one of the first level.
fn canonical(command: &'static Command) -> Option<(&'static str, &'static str)> {
    ROOT.iter().find_map(|entry| match entry.node {
        Node::Group(group) => group.entries.iter().find_map(|inner| match inner.node {
            Node::Command(found) if std::ptr::eq(found, command) => Some((entry.name, inner.name)),
            _ => None,
        }),
        Node::Command(_) => None,
    })
}

/// The text as roff reads it back: nothing in it is a request.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            out.push('\n');
        }
        if line.starts_with(['.', '\'']) {
            out.push_str("\\&");
        }
        for letter in line.chars() {
            match letter {
                '\\' => out.push_str("\\e"),
                '-' => out.push_str("\\-"),
                other => out.push(other),
            }
        }
    }
    out
}

fn head(path: &str, about: &str) -> String {
    let page = path.replace(' ', "-");
    format!(
        ".TH \"{}\" \"1\" \"\" \"Hythe {}\" \"Hythe\"\n.SH NAME\n{} \\- {}\n",
        escaped(&page.to_uppercase()),
        env!("CARGO_PKG_VERSION"),
        escaped(&page),
        escaped(about)
    )
}

fn options(out: &mut String, title: &str, flags: &[Flag]) {
    let mut shown: Vec<&Flag> = flags.iter().filter(|flag| !flag.hidden).collect();
    if shown.is_empty() {
        return;
    }
    shown.sort_by_key(|flag| flag.long);
    let _ = writeln!(out, ".SH {title}");
    for flag in shown {
        let short = if flag.short == NONE { String::new() } else { format!("\\fB\\-{}\\fR, ", flag.short) };
        let word =
            if flag.word.is_empty() { String::new() } else { format!(" \\fI{}\\fR", escaped(flag.word)) };
        let text = flag.help.replace("CONFIG", "~/.docker");
        let _ = writeln!(out, ".TP\n{short}\\fB\\-\\-{}\\fR{word}\n{}", escaped(flag.long), lines(&text));
    }
}

/// The text with its own line ends kept.
fn lines(text: &str) -> String {
    escaped(text).replace('\n', "\n.br\n")
}

fn see_also(out: &mut String, pages: &[String]) {
    let pages: Vec<String> = pages.iter().map(|page| format!("\\fB{}\\fR(1)", escaped(page))).collect();
    let _ = writeln!(out, ".SH SEE ALSO\n{}", pages.join(", "));
}

fn of_command(path: &str, command: &Command) -> String {
    let prog = path.split(' ').next().unwrap_or_default();
    let mut out = head(path, help::brief(command));
    let _ = writeln!(out, ".SH SYNOPSIS\n\\fB{}\\fR", lines(&help::usage(path, command)));
    let _ = writeln!(out, ".SH DESCRIPTION\n{}", lines(command.about));
    options(&mut out, "OPTIONS", command.flags);
    let parent = path.rsplit_once(' ').map_or(prog, |(parent, _)| parent);
    see_also(&mut out, &[parent.replace(' ', "-")]);
    out
}

fn names(out: &mut String, title: &str, entries: impl Iterator<Item = &'static Entry>) {
    let _ = writeln!(out, ".SH {title}");
    for entry in entries {
        let (name, about) = help::line(entry);
        let _ = writeln!(out, ".TP\n\\fB{}\\fR\n{}", escaped(&name), escaped(about));
    }
}

fn of_group(path: &str, group: &'static Group) -> String {
    let mut out = head(path, group.about);
    let _ = writeln!(out, ".SH SYNOPSIS\n\\fB{} COMMAND\\fR", escaped(path));
    names(&mut out, "COMMANDS", group.entries.iter().filter(|entry| !entry.hidden));
    let page = path.replace(' ', "-");
    let mut pages = vec![path.split(' ').next().unwrap_or_default().to_owned()];
    pages.extend(
        group.entries.iter().filter(|entry| !entry.hidden).map(|entry| format!("{page}-{}", entry.name)),
    );
    see_also(&mut out, &pages);
    out
}

fn root(prog: &str) -> String {
    let mut out = head(prog, "A self-sufficient runtime for containers");
    let _ = writeln!(out, ".SH SYNOPSIS\n\\fB{prog} [OPTIONS] COMMAND [ARG...]\\fR");
    let _ = writeln!(
        out,
        ".SH DESCRIPTION\n\\fB{prog}\\fR is the client of the engine \\fBhythed\\fR. It takes the commands and flags of \
         Docker's client."
    );
    names(&mut out, "COMMANDS", ROOT.iter().filter(|entry| !entry.hidden));
    options(&mut out, "GLOBAL OPTIONS", GLOBAL);
    let _ = writeln!(
        out,
        ".SH FILES\n.TP\n\\fB~/.docker/config.json\\fR\nLogins, formats and the current context, shared with Docker's \
         client.\n.TP\n\\fB/run/hythe.sock\\fR\nThe engine's socket."
    );
    see_also(
        &mut out,
        &ROOT
            .iter()
            .filter(|entry| !entry.hidden)
            .map(|entry| format!("{prog}-{}", entry.name))
            .collect::<Vec<_>>(),
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_and_none_has_requests_of_its_text() {
        let pages = pages("hythe");
        let find = |name: &str| pages.iter().find(|(page, _)| page == name).map(|(_, text)| text.as_str());
        assert_eq!(find("hythe-run.1"), Some(".so man1/hythe-container-run.1\n"));
        let run = find("hythe-container-run.1").unwrap();
        assert!(run.starts_with(".TH \"HYTHE\\-CONTAINER\\-RUN\" \"1\""), "{run}");
        assert!(run.contains("\\fB\\-m\\fR, \\fB\\-\\-memory\\fR \\fIbytes\\fR\n"), "{run}");
        for (page, text) in &pages {
            let requests = text.lines().filter(|line| line.starts_with('.'));
            for request in requests {
                let known =
                    [".TH ", ".SH ", ".TP", ".br", ".so "].iter().any(|known| request.starts_with(known));
                assert!(known, "{page}: {request}");
            }
        }
        assert_eq!(escaped(".x\n-\\"), "\\&.x\n\\-\\e");
    }
}
