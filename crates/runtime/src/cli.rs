//! The OCI runtime's command line: `create start state kill delete`, with runc's options, and `run exec list pause resume
//! features` beside.
//!
//! Any engine that can use runc can use this. State of a container is one small file below `--root`, written before the
//! container exists; what changes (running or not) is asked of the kernel, never stored.

use std::ffi::OsString;
use std::path::PathBuf;

use errdefs::{Result, invalid};

mod command;
mod console;
mod record;

/// What is given before the verb.
#[derive(Debug, Clone)]
struct Global {
    root: PathBuf,
    log: Option<PathBuf>,
    json: bool,
}

/// A verb with its options and operands.
#[derive(Debug, Default)]
struct Call {
    verb: String,
    options: Vec<(String, String)>,
    operands: Vec<String>,
}

/// Options that take a value; all others are switches.
const VALUED: [&str; 19] = [
    "root",
    "log",
    "log-format",
    "rootless",
    "criu",
    "bundle",
    "b",
    "console-socket",
    "pid-file",
    "preserve-fds",
    "process",
    "p",
    "cwd",
    "env",
    "e",
    "user",
    "u",
    "format",
    "f",
];

/// Verbs this command line knows; the shim's program dispatches to [`main`] on them.
pub const VERBS: [&str; 11] =
    ["create", "start", "state", "kill", "delete", "run", "exec", "list", "pause", "resume", "features"];

/// Whether these arguments (without the program's name) are for this command line.
pub fn is_call(args: &[OsString]) -> bool {
    parse(args).is_ok_and(|(_, call)| VERBS.contains(&call.verb.as_str()) || call.verb == "--version")
}

/// Carries out a command line (without the program's name); returns the exit code.
///
/// The process must have one thread.
pub fn main(args: &[OsString]) -> i32 {
    let (global, call) = match parse(args) {
        Ok(parsed) => parsed,
        Err(error) => {
            eprintln!("{error}");
            return 1;
        }
    };
    // Those that become a container's process, if only until it executes its own program.
    if matches!(call.verb.as_str(), "create" | "run" | "exec")
        && let Err(error) = crate::seal::go_on_in_copy(args)
    {
        report(&global, &format!("cannot seal the runtime's own program: {error}"));
        return 1;
    }
    match command::dispatch(&global, &call) {
        Ok(code) => code,
        Err(error) => {
            report(&global, &error.to_string());
            1
        }
    }
}

/// Tells a failure where the caller looks for it: the log, and standard error.
fn report(global: &Global, text: &str) {
    eprintln!("{text}");
    let Some(path) = &global.log else { return };
    let line = if global.json {
        format!("{}\n", serde_json::json!({ "level": "error", "msg": text }))
    } else {
        format!("level=error msg={text:?}\n")
    };
    let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
    if let Ok(mut file) = file {
        // There is nowhere else to complain.
        let _ = std::io::Write::write_all(&mut file, line.as_bytes());
    }
}

fn parse(args: &[OsString]) -> Result<(Global, Call)> {
    let mut global = Global { root: PathBuf::from("/run/hythe/oci"), log: None, json: false };
    let mut call = Call::default();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let text = arg.to_str().ok_or_else(|| invalid(format!("argument is not UTF-8: {arg:?}")))?;
        // Operands of `exec` are another program's: its own options stay its own.
        let done = !call.operands.is_empty() && call.verb == "exec";
        let Some(name) = text.strip_prefix('-').filter(|name| !name.is_empty() && !done) else {
            if call.verb.is_empty() {
                call.verb = text.to_owned();
            } else {
                call.operands.push(text.to_owned());
            }
            continue;
        };
        let name = name.strip_prefix('-').unwrap_or(name);
        let (name, inline) =
            name.split_once('=').map_or((name, None), |(name, value)| (name, Some(value.to_owned())));
        if matches!(name, "version" | "v") && call.verb.is_empty() {
            call.verb = "--version".to_owned();
            continue;
        }
        let value = match inline {
            Some(value) => value,
            None if VALUED.contains(&name) => args
                .next()
                .and_then(|value| value.to_str())
                .ok_or_else(|| invalid(format!("option --{name} needs a value")))?
                .to_owned(),
            None => String::new(),
        };
        match (call.verb.is_empty(), name) {
            (true, "root") => global.root = PathBuf::from(value),
            (true, "log") => global.log = Some(PathBuf::from(value)),
            (true, "log-format") => global.json = value == "json",
            (true, "debug" | "rootless" | "systemd-cgroup" | "criu") => {}
            (true, other) => return Err(invalid(format!("unknown option --{other}"))),
            (false, _) => call.options.push((name.to_owned(), value)),
        }
    }
    if call.verb.is_empty() {
        return Err(invalid(format!("no command given; there are: {}", VERBS.join(", "))));
    }
    Ok((global, call))
}

impl Call {
    /// The value of an option by any of its names; the last one given.
    fn option(&self, names: &[&str]) -> Option<&str> {
        self.options
            .iter()
            .rev()
            .find(|(name, _)| names.contains(&name.as_str()))
            .map(|(_, value)| value.as_str())
    }

    /// All values of an option.
    fn values(&self, names: &[&str]) -> Vec<String> {
        self.options
            .iter()
            .filter(|(name, _)| names.contains(&name.as_str()))
            .map(|(_, v)| v.clone())
            .collect()
    }

    fn has(&self, names: &[&str]) -> bool {
        self.option(names).is_some()
    }

    /// The container's id, checked: it becomes a file name.
    fn id(&self) -> Result<&str> {
        let id =
            self.operands.first().ok_or_else(|| invalid(format!("{}: container id required", self.verb)))?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-.".contains(&byte);
        if id.is_empty() || id.len() > 1024 || !id.bytes().all(plain) || id == "." || id == ".." {
            return Err(invalid(format!("invalid container id: {id:?}")));
        }
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> (Global, Call) {
        let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        parse(&args).unwrap()
    }

    #[test]
    fn options_before_and_after_the_verb() {
        let (global, call) =
            parsed("--root /r --log=/l --log-format json create --bundle /b --pid-file=/p c1");
        assert_eq!(
            (global.root, global.log, global.json),
            (PathBuf::from("/r"), Some(PathBuf::from("/l")), true)
        );
        assert_eq!((call.verb.as_str(), call.id().unwrap()), ("create", "c1"));
        assert_eq!((call.option(&["bundle", "b"]), call.option(&["pid-file"])), (Some("/b"), Some("/p")));
    }

    #[test]
    fn options_of_another_program_are_its_own() {
        let (_, call) = parsed("exec -t --cwd /x c1 ls -l --color=auto");
        assert_eq!(call.operands, ["c1", "ls", "-l", "--color=auto"]);
        assert!(call.has(&["t", "tty"]) && !call.has(&["color"]));
    }

    #[test]
    fn ids_are_file_names() {
        for bad in ["..", ".", "a/b", "a\n", "ä"] {
            let args = [OsString::from("state"), OsString::from(bad)];
            assert!(parse(&args).unwrap().1.id().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn other_programs_are_not_ours() {
        assert!(is_call(&["--root".into(), "/x".into(), "state".into(), "c".into()]));
        assert!(!is_call(&["docker-init".into()]) && !is_call(&[]) && !is_call(&["supervise".into()]));
    }
}
