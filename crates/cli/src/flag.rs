//! Flags as data: one table a command, from which parsing, help and shell completion come.
//!
//! The help texts are Docker's, the default in parentheses included: scripts and people read them.

mod parse;

pub(crate) use parse::{Parsed, comma_separated as fields, parse, parse_bool};

/// A flag without a short form.
pub(crate) const NONE: char = '\0';

/// What `--format` of a list says.
pub(crate) const LIST_FORMAT: &str = "Format output using a custom template:\n'table':            Print output in table format with column headers (default)\n'table TEMPLATE':   Print output in table format using the given Go template\n'json':             Print in JSON format\n'TEMPLATE':         Print output using the given Go template.\nRefer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates";
/// What `--format` of one object says.
pub(crate) const OBJECT_FORMAT: &str = "Format output using a custom template:\n'json':             Print in JSON format\n'TEMPLATE':         Print output using the given Go template.\nRefer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates";

/// Judges a value when it is met; the text of the error is what follows `invalid argument "x" for "--y" flag: `.
pub(crate) type Check = fn(&str) -> Result<(), String>;

/// What a flag takes.
#[derive(Clone, Copy)]
pub(crate) enum Takes {
    /// Nothing: it is on, or `=false`.
    Switch,
    /// One value, the last one given.
    One,
    /// A value each time.
    Many,
    /// A list separated by commas each time.
    CommaSeparated,
}

/// A flag.
#[derive(Clone, Copy)]
pub(crate) struct Flag {
    pub(crate) long: &'static str,
    pub(crate) short: char,
    pub(crate) takes: Takes,
    /// What help calls the value.
    pub(crate) word: &'static str,
    pub(crate) check: Option<Check>,
    /// The value of a flag that is not given.
    pub(crate) default: &'static str,
    pub(crate) help: &'static str,
    pub(crate) hidden: bool,
}

const fn flag(
    long: &'static str,
    short: char,
    takes: Takes,
    word: &'static str,
    check: Option<Check>,
    help: &'static str,
) -> Flag {
    Flag { long, short, takes, word, check, default: "", help, hidden: false }
}

/// A switch.
pub(crate) const fn boolean(long: &'static str, short: char, help: &'static str) -> Flag {
    flag(long, short, Takes::Switch, "", None, help)
}

/// A text.
pub(crate) const fn text(long: &'static str, short: char, help: &'static str) -> Flag {
    flag(long, short, Takes::One, "string", None, help)
}

/// One value of the kind `word`.
pub(crate) const fn single(
    long: &'static str,
    short: char,
    word: &'static str,
    check: Option<Check>,
    help: &'static str,
) -> Flag {
    flag(long, short, Takes::One, word, check, help)
}

/// Any number of values of the kind `word`.
pub(crate) const fn many(
    long: &'static str,
    short: char,
    word: &'static str,
    check: Option<Check>,
    help: &'static str,
) -> Flag {
    flag(long, short, Takes::Many, word, check, help)
}

/// Any number of texts, also several in one separated by commas.
pub(crate) const fn strings(long: &'static str, short: char, help: &'static str) -> Flag {
    flag(long, short, Takes::CommaSeparated, "strings", None, help)
}

/// Any number of `key=value` pairs, also several in one separated by commas.
pub(crate) const fn pairs(long: &'static str, short: char, check: Check, help: &'static str) -> Flag {
    flag(long, short, Takes::CommaSeparated, "stringToString", Some(check), help)
}

impl Flag {
    /// The same flag with a value when it is not given.
    pub(crate) const fn default(mut self, value: &'static str) -> Self {
        self.default = value;
        self
    }

    /// The same flag, not shown in help.
    pub(crate) const fn hide(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// True for a switch.
    pub(crate) fn is_switch(&self) -> bool {
        matches!(self.takes, Takes::Switch)
    }

    /// `-s, --long`, as errors name it.
    pub(crate) fn name(&self) -> String {
        if self.short == NONE {
            format!("--{}", self.long)
        } else {
            format!("-{}, --{}", self.short, self.long)
        }
    }
}
