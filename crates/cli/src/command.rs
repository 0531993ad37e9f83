//! The commands: what each is called, and where it stands in the tree. One file a command, as data and a function.

pub(crate) mod container;
pub(crate) mod context;
pub(crate) mod image;
pub(crate) mod network;
pub(crate) mod system;
pub(crate) mod volume;

mod checkpoint;
pub(crate) mod completion;
mod inspect;
mod login;
mod logout;
mod man;
mod missing;
mod version;

use crate::cli::Cli;
use crate::failure::{Failures, Outcome};
use crate::flag::{Flag, Parsed};

/// How many arguments a command takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Args {
    Any,
    None,
    Exactly(usize),
    /// As many, but told of without the usage, as Docker does of a few commands.
    Terse(usize),
    AtLeast(usize),
    AtMost(usize),
    Between(usize, usize),
}

impl Args {
    /// The rule that `count` arguments break, in words.
    pub(crate) fn broken_rule(self, count: usize) -> Option<String> {
        let noun = |number: usize| if number == 1 { "argument" } else { "arguments" };
        match self {
            Self::None if count > 0 => Some("accepts no arguments".to_owned()),
            Self::Exactly(wanted) if count != wanted => Some(format!("requires {wanted} {}", noun(wanted))),
            Self::Terse(wanted) if count != wanted => {
                Some(format!("accepts {wanted} arg(s), received {count}"))
            }
            Self::AtLeast(least) if count < least => {
                Some(format!("requires at least {least} {}", noun(least)))
            }
            Self::AtMost(most) if count > most => Some(format!("requires at most {most} {}", noun(most))),
            Self::Between(least, most) if count < least || count > most => {
                Some(format!("requires at least {least} and at most {most} {}", noun(most)))
            }
            _ => None,
        }
    }
}

/// A command as data.
pub(crate) struct Command {
    /// What follows the command's name on its usage line; one line a form.
    pub(crate) usage: &'static str,
    /// What it does; its first line is shown in lists.
    pub(crate) about: &'static str,
    /// Its names, as help shows them; empty if it has but one.
    pub(crate) aliases: &'static str,
    pub(crate) args: Args,
    /// Whether flags may follow arguments.
    pub(crate) interspersed: bool,
    pub(crate) flags: &'static [Flag],
    pub(crate) run: fn(&Cli, &Parsed) -> Outcome,
}

/// Commands on one kind of object.
pub(crate) struct Group {
    pub(crate) about: &'static str,
    pub(crate) entries: &'static [Entry],
}

/// What a name stands for.
#[derive(Clone, Copy)]
pub(crate) enum Node {
    Command(&'static Command),
    Group(&'static Group),
}

/// Under which heading top-level help shows a command.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shelf {
    Common,
    Management,
    Other,
    /// Nowhere: it only says that it is not there yet, and gives way to a plugin of its name.
    Absent,
}

/// A name in a list of commands.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) aliases: &'static [&'static str],
    pub(crate) node: Node,
    pub(crate) shelf: Shelf,
    pub(crate) hidden: bool,
}

/// A command.
pub(crate) const fn leaf(name: &'static str, command: &'static Command) -> Entry {
    Entry { name, aliases: &[], node: Node::Command(command), shelf: Shelf::Other, hidden: false }
}

/// A command that is not there yet.
const fn absent(name: &'static str, command: &'static Command) -> Entry {
    Entry { name, aliases: &[], node: Node::Command(command), shelf: Shelf::Absent, hidden: true }
}

/// A group.
const fn group(name: &'static str, group: &'static Group) -> Entry {
    Entry { name, aliases: &[], node: Node::Group(group), shelf: Shelf::Management, hidden: false }
}

impl Entry {
    /// The same entry under further names.
    pub(crate) const fn aliased(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// Whether the command only says that it is not there yet.
    pub(crate) fn is_absent(&self) -> bool {
        self.shelf == Shelf::Absent
    }

    const fn common(mut self) -> Self {
        self.shelf = Shelf::Common;
        self
    }

    /// The same entry, not shown in help.
    pub(crate) const fn hide(mut self) -> Self {
        self.hidden = true;
        self
    }
}

/// Does `operation` to one object after the other, and prints the name of each that went well.
fn one_by_one<T>(cli: &Cli, names: &[String], operation: impl Fn(&str) -> errdefs::Result<T>) -> Outcome {
    let mut failures = Failures::default();
    for name in names {
        if failures.note(operation(name)).is_some() {
            cli.print(name)?;
        }
    }
    failures.finish()
}

/// Finds a name among entries.
pub(crate) fn find<'a>(entries: &'a [Entry], name: &str) -> Option<&'a Entry> {
    entries.iter().find(|entry| entry.name == name || entry.aliases.contains(&name))
}

/// The commands of the first level, in the order of help.
pub(crate) static ROOT: &[Entry] = &[
    leaf("run", &container::run::COMMAND).common(),
    leaf("exec", &container::exec::COMMAND).common(),
    leaf("ps", &container::ls::COMMAND).common(),
    leaf("pull", &image::pull::COMMAND).common(),
    leaf("push", &image::push::COMMAND).common(),
    leaf("images", &image::ls::COMMAND).common(),
    leaf("login", &login::COMMAND).common(),
    leaf("logout", &logout::COMMAND).common(),
    leaf("search", &image::search::COMMAND).common(),
    leaf("version", &version::COMMAND).common(),
    leaf("info", &system::info::COMMAND).common(),
    group("checkpoint", &checkpoint::GROUP).hide(),
    group("container", &container::GROUP),
    group("context", &context::GROUP),
    group("image", &image::GROUP),
    group("network", &network::GROUP),
    group("system", &system::GROUP),
    group("volume", &volume::GROUP),
    leaf("attach", &container::attach::COMMAND),
    leaf("commit", &container::commit::COMMAND),
    leaf("cp", &container::cp::COMMAND),
    leaf("create", &container::create::COMMAND),
    leaf("diff", &container::diff::COMMAND),
    leaf("events", &system::events::COMMAND),
    leaf("export", &container::export::COMMAND),
    leaf("history", &image::history::COMMAND),
    leaf("import", &image::import::COMMAND),
    leaf("inspect", &inspect::COMMAND),
    leaf("kill", &container::kill::COMMAND),
    leaf("load", &image::load::COMMAND),
    leaf("logs", &container::logs::COMMAND),
    leaf("pause", &container::pause::COMMAND),
    leaf("port", &container::port::COMMAND),
    leaf("rename", &container::rename::COMMAND),
    leaf("restart", &container::restart::COMMAND),
    leaf("rm", &container::rm::COMMAND),
    leaf("rmi", &image::rm::COMMAND),
    leaf("save", &image::save::COMMAND),
    leaf("start", &container::start::COMMAND),
    leaf("stats", &container::stats::COMMAND),
    leaf("stop", &container::stop::COMMAND),
    leaf("tag", &image::tag::COMMAND),
    leaf("top", &container::top::COMMAND),
    leaf("unpause", &container::unpause::COMMAND),
    leaf("update", &container::update::COMMAND),
    leaf("wait", &container::wait::COMMAND),
    group("completion", &completion::GROUP).hide(),
    leaf("man", &man::COMMAND).hide(),
    absent("build", &missing::BUILD),
    absent("buildx", &missing::BUILD),
    absent("builder", &missing::BUILD),
    absent("bake", &missing::BUILD),
    absent("compose", &missing::COMPOSE),
    absent("manifest", &missing::MANIFEST),
    absent("plugin", &missing::PLUGIN),
    absent("trust", &missing::TRUST),
    absent("swarm", &missing::SWARM),
    absent("node", &missing::SWARM),
    absent("service", &missing::SWARM),
    absent("stack", &missing::SWARM),
    absent("secret", &missing::SWARM),
    absent("config", &missing::SWARM),
];
