//! One call of the program: global flags, finding the command, parsing its flags, running it.

use std::cell::OnceCell;
use std::io::Write as _;
use std::sync::Arc;

use client::Client;

use crate::command::{Command, Entry, Node, ROOT, Shelf, find};
use crate::config::Config;
use crate::failure::{EXIT_FAILURE, Failure, Outcome};
use crate::flag::{Flag, NONE, Parsed, boolean, many, parse, single, text};
use crate::plugin::{self, Plugin};
use crate::{connect, help, needs, terminal};

/// The flags before the command.
pub(crate) static GLOBAL: &[Flag] = &[
    text("config", NONE, "Location of client config files (default \"CONFIG\")"),
    text(
        "context",
        'c',
        "Name of the context to use to connect to the daemon (overrides DOCKER_HOST env var and default context \
         set with \"docker context use\")",
    ),
    boolean("debug", 'D', "Enable debug mode"),
    many("host", 'H', "string", None, "Daemon socket to connect to"),
    single(
        "log-level",
        'l',
        "string",
        None,
        "Set the logging level (\"debug\", \"info\", \"warn\", \"error\", \"fatal\") (default \"info\")",
    )
    .default("info"),
    boolean("tls", NONE, "Use TLS; implied by --tlsverify"),
    text("tlscacert", NONE, "Trust certs signed only by this CA (default \"CONFIG/ca.pem\")"),
    text("tlscert", NONE, "Path to TLS certificate file (default \"CONFIG/cert.pem\")"),
    text("tlskey", NONE, "Path to TLS key file (default \"CONFIG/key.pem\")"),
    boolean("tlsverify", NONE, "Use TLS and verify the remote"),
    boolean("version", 'v', "Print version information and quit"),
];

/// The version of Docker's client that this one does the work of when it is called so.
const DOCKER_VERSION: &str = "28.5.2";

/// What every command has at hand. Each part is made when it is first asked for.
pub(crate) struct Cli {
    /// The name to show: `hythe`, or `docker` when called so.
    pub(crate) prog: &'static str,
    /// The global flags.
    pub(crate) globals: Parsed,
    /// The program as it was called, path included.
    pub(crate) called: String,
    /// The command as it was called: `docker container kill`.
    pub(crate) path: String,
    config: OnceCell<Config>,
    client: OnceCell<Arc<Client>>,
}

impl Cli {
    /// The client's configuration file.
    pub(crate) fn config(&self) -> &Config {
        self.config.get_or_init(|| Config::load(self.globals.text("config")))
    }

    /// The connection to the engine.
    pub(crate) fn client(&self) -> Outcome<&Arc<Client>> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = Arc::new(connect::client(self)?);
        Ok(self.client.get_or_init(|| client))
    }

    /// The client's version, as version texts show it.
    pub(crate) fn version(&self) -> &'static str {
        if self.prog == "docker" { DOCKER_VERSION } else { env!("CARGO_PKG_VERSION") }
    }

    /// Writes a line to standard output.
    pub(crate) fn print(&self, line: impl AsRef<str>) -> Outcome {
        let mut output = std::io::stdout().lock();
        output.write_all(line.as_ref().as_bytes())?;
        output.write_all(b"\n")?;
        Ok(())
    }

    /// Writes a text to standard output as it is.
    pub(crate) fn write(&self, text: impl AsRef<[u8]>) -> Outcome {
        let mut output = std::io::stdout().lock();
        output.write_all(text.as_ref())?;
        output.flush()?;
        Ok(())
    }

    /// Writes a line to standard error; that nobody reads it is no failure.
    pub(crate) fn warn(&self, line: impl AsRef<str>) {
        let _ = writeln!(std::io::stderr(), "{}", line.as_ref());
    }
}

/// Runs the command line `words`.
pub(crate) fn run(prog: &'static str, called: &str, words: &[String]) -> Outcome {
    let globals = parse(GLOBAL, false, words)
        .map_err(|misuse| help::misuse(prog, &format!("{prog} [OPTIONS] COMMAND [ARG...]"), &misuse.0))?;
    if let Some(host) = globals.all("host").nth(1) {
        let text = format!("invalid argument {host:?} for \"-H, --host\" flag: specify only one -H");
        return Err(help::misuse(prog, &format!("{prog} [OPTIONS] COMMAND [ARG...]"), &text));
    }
    let rest = globals.args.clone();
    let (asked_for_help, by_letter) = (globals.help, globals.help_by_letter);
    let mut cli = Cli {
        prog,
        globals,
        called: called.to_owned(),
        path: prog.to_owned(),
        config: OnceCell::new(),
        client: OnceCell::new(),
    };
    let level = cli.globals.text("log-level");
    if !["", "debug", "info", "warn", "error", "fatal", "panic", "trace", "warning"].contains(&level) {
        return Err(Failure::new(format!("Unable to parse logging level: {level}")));
    }
    // Asked of a command it is the command that is wanted.
    if cli.globals.on("version") && rest.is_empty() {
        return cli.print(version_line(prog));
    }
    connect::check_globals(&cli)?;
    check_aliases(&cli)?;
    match rest.split_first() {
        // Asked for by its letter, even alone, the help is one that was asked for.
        _ if by_letter => {
            cli.warn("Flag shorthand -h has been deprecated, use --help");
            cli.write(root_help(&cli))
        }
        None if asked_for_help => cli.write(root_help(&cli)),
        // Without a command the help is an answer to a mistake.
        None => {
            // Nobody is left to tell when standard error is closed.
            let _ = write!(std::io::stderr(), "{}", root_help(&cli));
            Ok(())
        }
        Some(_) if asked_for_help => cli.write(root_help(&cli)),
        Some((word, rest)) if word == "help" => {
            match rest.first().and_then(|topic| plugin_for(&cli, topic)) {
                Some(found) => Err(plugin::run(&cli, &found, words)),
                None => help_command(&mut cli, rest),
            }
        }
        Some((word, rest)) if word == "__complete" => {
            // The engine that the line to be completed is about.
            let before = rest.split_last().map_or(&[][..], |(_, before)| before);
            if let Ok(globals) = parse(GLOBAL, false, before) {
                cli.globals = globals;
            }
            crate::command::completion::complete(&cli, rest)
        }
        Some((word, rest)) => {
            if let Some(found) = plugin_for(&cli, word) {
                let flags = words.get(..words.len() - rest.len() - 1).unwrap_or_default();
                return Err(plugin::run(&cli, &found, &plugin_words(&found, flags, word, rest)));
            }
            match find(ROOT, word) {
                Some(entry) => dispatch(&mut cli, entry, rest),
                None => Err(unknown(&cli, word, ROOT, "")),
            }
        }
    }
}

/// Refuses aliases of the configuration but for the one that there is.
fn check_aliases(cli: &Cli) -> Outcome {
    match cli.config().texts("aliases").into_iter().find(|(alias, _)| alias != "builder") {
        Some((alias, _)) => Err(Failure::new(format!(
            "not allowed to alias {alias:?} (allowed: map[string]struct {{}}{{\"builder\":struct {{}}{{}}}})"
        ))),
        None => Ok(()),
    }
}

/// The plugin that does the work of the command `word`, if it is none of ours.
pub(crate) fn plugin_for(cli: &Cli, word: &str) -> Option<Plugin> {
    if find(ROOT, word).is_some_and(|entry| !entry.is_absent()) {
        return None;
    }
    plugin::find(cli, word).or_else(|| {
        // Building is the work of one plugin, whatever it is called.
        let builds = BUILDING.contains(&word);
        let builder = cli.config().at(&["aliases", "builder"]).and_then(|name| name.as_str());
        if builds { plugin::find(cli, builder.unwrap_or("buildx")) } else { None }
    })
}

/// The commands of the plugin that builds.
const BUILDING: [&str; 3] = ["bake", "build", "builder"];

/// The command line for a plugin: as it was given, but for commands that only stand for the plugin's.
fn plugin_words(found: &Plugin, flags: &[String], word: &str, rest: &[String]) -> Vec<String> {
    let mut words = flags.to_vec();
    if found.name != word {
        words.push(found.name.clone());
    }
    if found.name == word || word != "builder" {
        words.push(word.to_owned());
    }
    words.extend_from_slice(rest);
    words
}

/// What `--version` prints.
fn version_line(prog: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    if prog == "docker" {
        // Programs parse this line to learn what the client can do.
        format!("Docker version {DOCKER_VERSION}, build hythe-{version}")
    } else {
        format!("hythe version {version}")
    }
}

fn dispatch(cli: &mut Cli, entry: &Entry, words: &[String]) -> Outcome {
    cli.path = format!("{} {}", cli.path, entry.name);
    let group = match entry.node {
        Node::Command(command) => return execute(cli, command, words),
        Node::Group(group) => group,
    };
    match words.split_first() {
        // Without a command the help is an answer to a mistake.
        None => {
            // Nobody is left to tell when standard error is closed.
            let _ = write!(std::io::stderr(), "{}", help::group(&cli.path, group));
            Ok(())
        }
        Some((word, _)) if word == "--help" || word == "-h" => cli.write(help::group(&cli.path, group)),
        Some((word, _)) if word.starts_with('-') => {
            Err(help::misuse(&cli.path, &cli.path, &format!("unknown flag: {word}")))
        }
        Some((word, rest)) => match find(group.entries, word) {
            Some(entry) => dispatch(cli, entry, rest),
            None => Err(unknown(cli, word, group.entries, &format!("Usage:  {}\n\n", cli.path))),
        },
    }
}

fn execute(cli: &mut Cli, command: &'static Command, words: &[String]) -> Outcome {
    let parsed = parse(command.flags, command.interspersed, words)
        .map_err(|misuse| help::misuse(&cli.path, &help::usage(&cli.path, command), &misuse.0))?;
    if parsed.help {
        if parsed.help_by_letter {
            cli.print("Flag shorthand -h has been deprecated, use --help")?;
        }
        return cli.write(help::command(cli.prog, &cli.path, command, terminal::help_columns()));
    }
    if let Some(failure) = help::wrong_arguments(cli.prog, &cli.path, command, parsed.args.len()) {
        return Err(failure);
    }
    needs::check(cli, command, &parsed)?;
    for flag in WINDOWS_ONLY.iter().filter(|flag| command.flags.iter().any(|have| have.long == **flag)) {
        if parsed.given(flag) {
            return Err(Failure::new(format!(
                "\"--{flag}\" is only supported on a Docker daemon running on windows, but the Docker daemon is running \
                 on linux"
            )));
        }
    }
    (command.run)(cli, &parsed)
}

/// Flags that Docker's client knows, and refuses where the engine is not on Windows.
const WINDOWS_ONLY: [&str; 4] = ["cpu-count", "cpu-percent", "io-maxbandwidth", "io-maxiops"];

fn unknown(cli: &Cli, word: &str, among: &[Entry], usage: &str) -> Failure {
    let mut text = format!("{}: unknown command: {} {word}\n\n{usage}", cli.prog, cli.path);
    // Scripts know Docker's own text; ours helps.
    if cli.prog != "docker"
        && let Some(near) = nearest(word, among)
    {
        text.push_str(&format!("Did you mean '{} {near}'?\n\n", cli.path));
    }
    text.push_str(&format!("Run '{} --help' for more information", cli.path));
    Failure::with_code(EXIT_FAILURE, text)
}

/// The name that `word` was meant to be, if it is one or two slips away.
fn nearest<'a>(word: &str, among: &'a [Entry]) -> Option<&'a str> {
    const SLIPS_MAX: usize = 2;
    among
        .iter()
        .filter(|entry| !entry.hidden)
        .map(|entry| (distance(word, entry.name), entry.name))
        .filter(|(slips, name)| *slips <= SLIPS_MAX && *slips * 3 <= name.len().max(word.len()))
        .min()
        .map(|(_, name)| name)
}

/// How many letters have to be changed, added or removed.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

fn help_command(cli: &mut Cli, words: &[String]) -> Outcome {
    let mut entries = ROOT;
    let mut found = None;
    for word in words {
        let Some(entry) = find(entries, word) else {
            return Err(Failure::new(format!("unknown help topic: {word}")));
        };
        cli.path = format!("{} {}", cli.path, entry.name);
        entries = match entry.node {
            Node::Group(group) => group.entries,
            Node::Command(_) => &[],
        };
        found = Some(entry.node);
    }
    match found {
        None => cli.write(root_help(cli)),
        Some(Node::Group(group)) => cli.write(help::group(&cli.path, group)),
        Some(Node::Command(command)) => {
            cli.write(help::command(cli.prog, &cli.path, command, terminal::help_columns()))
        }
    }
}

fn root_help(cli: &Cli) -> String {
    let mut out =
        format!("Usage:  {} [OPTIONS] COMMAND\n\nA self-sufficient runtime for containers\n", cli.prog);
    let (plugins, broken): (Vec<Plugin>, _) =
        plugin::all(cli).into_iter().partition(|plugin| plugin.error.is_none());
    for (title, shelf) in [
        ("Common Commands", Shelf::Common),
        ("Management Commands", Shelf::Management),
        ("Commands", Shelf::Other),
    ] {
        out.push_str(&format!("\n{title}:\n"));
        let entries = ROOT.iter().filter(|entry| entry.shelf == shelf && !entry.hidden);
        let mut lines: Vec<(String, &str)> = entries.map(help::line).collect();
        if shelf == Shelf::Management {
            lines.extend(
                plugins
                    .iter()
                    .map(|plugin| (format!("{}*", plugin.name), plugin.metadata.short_description.as_str())),
            );
            lines.sort();
        }
        help::lines(&mut out, &lines);
    }
    if !broken.is_empty() {
        out.push_str("\nInvalid Plugins:\n");
        let lines: Vec<(String, &str)> = broken
            .iter()
            .map(|plugin| (plugin.name.clone(), plugin.error.as_deref().unwrap_or_default()))
            .collect();
        help::lines(&mut out, &lines);
    }
    let directory = crate::config::directory(cli.globals.text("config"));
    let columns = terminal::help_columns();
    // The defaults depend on the user's home, so these texts are made here.
    let texts: Vec<Flag> = GLOBAL
        .iter()
        .map(|flag| Flag {
            help: flag.help.replace("CONFIG", &directory.display().to_string()).leak(),
            ..*flag
        })
        .collect();
    out.push_str(&format!("\nGlobal Options:\n{}", help::flags(&texts, columns)));
    out.push_str(&format!("\nRun '{} COMMAND --help' for more information on a command.\n", cli.prog));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_names() {
        for (word, near) in [
            ("runn", Some("run")),
            ("pss", Some("ps")),
            ("imges", Some("images")),
            ("foo", None),
            ("zzzzzz", None),
        ] {
            assert_eq!(nearest(word, ROOT), near, "{word}");
        }
    }

    #[test]
    fn names_are_unique_in_each_list() {
        let mut names: Vec<&str> = ROOT
            .iter()
            .flat_map(|entry| std::iter::once(entry.name).chain(entry.aliases.iter().copied()))
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
