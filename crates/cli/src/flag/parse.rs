//! Parsing a command line against a flag table, by the rules of POSIX and GNU as Go's `pflag` reads them: bundled
//! short switches, `-n5`, `-n=5`, `--name=value`, `--`, and flags after arguments unless the command's own command
//! line starts with the first argument.
//!
//! Not clap: which mistake is met first, and its text, are part of what scripts see.

use super::{Flag, Takes};

/// Flags and arguments of a command line.
pub(crate) struct Parsed {
    flags: &'static [Flag],
    given: Vec<(&'static str, String)>,
    /// What is not a flag.
    pub(crate) args: Vec<String>,
    /// Whether help was asked for.
    pub(crate) help: bool,
    /// Whether help was asked for by `-h`, which is on its way out.
    pub(crate) help_by_letter: bool,
}

/// A command line that does not fit its table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Misuse(pub(crate) String);

struct Line<'a> {
    words: std::slice::Iter<'a, String>,
    parsed: Parsed,
}

/// Parses `words`. With `interspersed` false everything from the first argument on is an argument.
pub(crate) fn parse(flags: &'static [Flag], interspersed: bool, words: &[String]) -> Result<Parsed, Misuse> {
    let parsed = Parsed { flags, given: Vec::new(), args: Vec::new(), help: false, help_by_letter: false };
    let mut line = Line { words: words.iter(), parsed };
    while let Some(word) = line.words.next() {
        if word == "--" {
            line.parsed.args.extend(line.words.by_ref().cloned());
        } else if let Some(long) = word.strip_prefix("--") {
            line.long(long)?;
        } else if word.len() > 1 && word.starts_with('-') {
            line.short(word)?;
        } else {
            line.parsed.args.push(word.clone());
            if !interspersed {
                line.parsed.args.extend(line.words.by_ref().cloned());
            }
        }
        if line.parsed.help {
            break;
        }
    }
    Ok(line.parsed)
}

impl Line<'_> {
    fn long(&mut self, word: &str) -> Result<(), Misuse> {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        if name.is_empty() || name.starts_with('-') {
            return Err(Misuse(format!("bad flag syntax: --{word}")));
        }
        if name == "help" {
            self.parsed.help = value.is_none_or(|value| parse_bool(value) == Ok(true));
            return Ok(());
        }
        let unknown = || Misuse(format!("unknown flag: --{name}"));
        let flag = self.parsed.flags.iter().find(|flag| flag.long == name).ok_or_else(unknown)?;
        let value = match (value, flag.is_switch()) {
            (Some(value), _) => value.to_owned(),
            (None, true) => "true".to_owned(),
            (None, false) => self
                .words
                .next()
                .cloned()
                .ok_or_else(|| Misuse(format!("flag needs an argument: --{name}")))?,
        };
        self.set(flag, value)
    }

    fn short(&mut self, word: &str) -> Result<(), Misuse> {
        let mut rest = word.strip_prefix('-').unwrap_or_default();
        while let Some(letter) = rest.chars().next() {
            rest = rest.get(letter.len_utf8()..).unwrap_or_default();
            let Some(flag) = self.parsed.flags.iter().find(|flag| flag.short == letter) else {
                if letter == 'h' {
                    self.parsed.help = true;
                    self.parsed.help_by_letter = true;
                    return Ok(());
                }
                return Err(Misuse(format!("unknown shorthand flag: '{letter}' in {word}")));
            };
            if let Some(value) = rest.strip_prefix('=')
                && !rest.is_empty()
            {
                return self.set(flag, value.to_owned());
            }
            if flag.is_switch() {
                self.set(flag, "true".to_owned())?;
                continue;
            }
            let value = if rest.is_empty() {
                let missing = || Misuse(format!("flag needs an argument: '{letter}' in {word}"));
                self.words.next().cloned().ok_or_else(missing)?
            } else {
                rest.to_owned()
            };
            return self.set(flag, value);
        }
        Ok(())
    }

    fn set(&mut self, flag: &'static Flag, value: String) -> Result<(), Misuse> {
        let judged = match (flag.takes, flag.check) {
            (Takes::Switch, _) => parse_bool(&value).map(drop),
            (_, Some(check)) => check(&value),
            _ => Ok(()),
        };
        if let Err(reason) = judged {
            return Err(Misuse(format!("invalid argument {value:?} for {:?} flag: {reason}", flag.name())));
        }
        if matches!(flag.takes, Takes::CommaSeparated) {
            for part in comma_separated(&value) {
                self.parsed.given.push((flag.long, part));
            }
        } else {
            self.parsed.given.push((flag.long, value));
        }
        Ok(())
    }
}

/// Go's reading of a boolean.
pub(crate) fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {text:?}: invalid syntax")),
    }
}

/// The fields of one CSV line, where `"` quotes.
pub(crate) fn comma_separated(text: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let Some(field) = fields.last_mut() else { break };
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' if quoted || field.is_empty() => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => field.push(letter),
        }
    }
    fields
}

impl Parsed {
    fn table(&self, name: &str) -> Option<&'static Flag> {
        let found = self.flags.iter().find(|flag| flag.long == name);
        debug_assert!(found.is_some(), "no flag --{name} in the command's table");
        found
    }

    /// True if the flag was given.
    pub(crate) fn given(&self, name: &str) -> bool {
        self.table(name);
        self.given.iter().any(|(given, _)| *given == name)
    }

    /// The flag's last value, or its default.
    pub(crate) fn text(&self, name: &str) -> &str {
        let default = self.table(name).map_or("", |flag| flag.default);
        self.given.iter().rev().find(|(given, _)| *given == name).map_or(default, |(_, value)| value)
    }

    /// Whether the switch is on.
    pub(crate) fn on(&self, name: &str) -> bool {
        parse_bool(self.text(name)) == Ok(true)
    }

    /// All values of the flag, in order.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.table(name);
        self.given.iter().filter(move |(given, _)| *given == name).map(|(_, value)| value.as_str())
    }

    /// All values of the flag, owned.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        self.all(name).map(ToOwned::to_owned).collect()
    }

    /// The values as `key=value` pairs; a value without `=` is a key with an empty value.
    pub(crate) fn map(&self, name: &str) -> api::StringMap {
        self.all(name)
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    /// The flag's number; its table has checked it.
    pub(crate) fn int(&self, name: &str) -> i64 {
        crate::opts::number::parse_int(self.text(name)).unwrap_or_default()
    }

    /// The flag's number if it was given.
    pub(crate) fn maybe_int(&self, name: &str) -> Option<i64> {
        self.given(name).then(|| self.int(name))
    }

    /// The argument at `index`, empty if there is none.
    pub(crate) fn arg(&self, index: usize) -> &str {
        self.args.get(index).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{NONE, boolean, many, single, strings, text};
    use super::*;
    use crate::opts::number;

    static FLAGS: &[Flag] = &[
        boolean("all", 'a', ""),
        boolean("tty", 't', ""),
        boolean("rm", NONE, ""),
        single("last", 'n', "int", Some(number::check_int), "").default("-1"),
        many("env", 'e', "list", None, ""),
        strings("platform", NONE, ""),
        text("name", NONE, ""),
    ];

    fn of(interspersed: bool, line: &str) -> Result<Parsed, String> {
        let words: Vec<String> = line.split_whitespace().map(ToOwned::to_owned).collect();
        parse(FLAGS, interspersed, &words).map_err(|misuse| misuse.0)
    }

    #[test]
    fn flags_in_all_their_forms() {
        let parsed = of(true, "x -atn5 --env=a=b -e c --platform a,b --name n y --rm=false -- -z").unwrap();
        assert!(parsed.on("all") && parsed.on("tty") && !parsed.on("rm") && parsed.given("rm"));
        assert_eq!((parsed.int("last"), parsed.text("name")), (5, "n"));
        assert_eq!(parsed.list("env"), ["a=b", "c"]);
        assert_eq!(parsed.list("platform"), ["a", "b"]);
        assert_eq!(parsed.args, ["x", "y", "-z"]);
        assert_eq!(of(true, "").unwrap().int("last"), -1);
        assert_eq!(of(true, "-n=7 -").unwrap().args, ["-"]);
    }

    #[test]
    fn the_first_argument_ends_flags_of_run() {
        let parsed = of(false, "-t image -a --x").unwrap();
        assert_eq!(parsed.args, ["image", "-a", "--x"]);
        assert!(!parsed.on("all"));
    }

    #[test]
    fn mistakes_in_dockers_words() {
        for (line, text) in [
            ("--x", "unknown flag: --x"),
            ("-az", "unknown shorthand flag: 'z' in -az"),
            ("--name", "flag needs an argument: --name"),
            ("-an", "flag needs an argument: 'n' in -an"),
            (
                "-n x",
                "invalid argument \"x\" for \"-n, --last\" flag: strconv.ParseInt: parsing \"x\": invalid syntax",
            ),
            (
                "--all=foo",
                "invalid argument \"foo\" for \"-a, --all\" flag: strconv.ParseBool: parsing \"foo\": invalid syntax",
            ),
            ("--=x", "bad flag syntax: --=x"),
        ] {
            assert_eq!(of(true, line).err().as_deref(), Some(text), "{line}");
        }
    }

    #[test]
    fn quoted_commas() {
        assert_eq!(comma_separated(r#"a,"b,c",d""#), ["a", "b,c", "d\""]);
        assert_eq!(comma_separated(r#""a ""b""""#), [r#"a "b""#]);
    }
}
