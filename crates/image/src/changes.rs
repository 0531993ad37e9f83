//! The Dockerfile instructions of `commit --change` and `import --change`: those that only change the config.
//!
//! Small on purpose: the builder's parser, when there is one, takes its place.

use errdefs::Result;
use oci::image::{ContainerConfig, Healthcheck};

/// What Docker puts in front of a command in shell form.
const SHELL: [&str; 2] = ["/bin/sh", "-c"];

/// Applies instructions in order.
pub(crate) fn apply(config: &mut ContainerConfig, changes: &[String]) -> Result<()> {
    let mut commands = 0;
    let lines = |change: &'_ String| {
        change.lines().any(|line| !matches!(line.trim().bytes().next(), None | Some(b'#')))
    };
    if !changes.is_empty() && !changes.iter().any(lines) {
        return Err(errdefs::invalid("file with no instructions"));
    }
    for change in changes {
        // One text may have several lines.
        for line in change.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let name = line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
            commands += u32::from(name == "CMD");
            // Arguments that were meant for another program do not go with a new one.
            if name == "ENTRYPOINT" && commands == 0 {
                config.cmd = None;
            }
            apply_one(config, line)?;
        }
    }
    Ok(())
}

/// What a change can be.
const COMMANDS: [&str; 11] = [
    "CMD",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "HEALTHCHECK",
    "LABEL",
    "ONBUILD",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

fn apply_one(config: &mut ContainerConfig, line: &str) -> Result<()> {
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let (name, rest) = (name.to_ascii_uppercase(), rest.trim());
    if !COMMANDS.contains(&name.as_str()) {
        return Err(errdefs::invalid(format!("{name} is not a valid change command")));
    }
    if rest.is_empty() && name != "CMD" && name != "ENTRYPOINT" {
        let some =
            if matches!(name.as_str(), "USER" | "STOPSIGNAL" | "WORKDIR") { "exactly" } else { "at least" };
        return Err(errdefs::invalid(format!("{name} requires {some} one argument")));
    }
    match name.as_str() {
        "CMD" => config.cmd = Some(command(config, rest)),
        "ENTRYPOINT" => config.entrypoint = Some(command(config, rest)),
        "ENV" => env(config, rest)?,
        "EXPOSE" => {
            for port in words(rest)? {
                expose(config, &port)?;
            }
        }
        "LABEL" => config.labels.extend(pairs("LABEL", rest)?),
        "ONBUILD" => onbuild(config, rest)?,
        "STOPSIGNAL" => config.stop_signal = rest.to_owned(),
        "USER" => config.user = rest.to_owned(),
        "VOLUME" => {
            for path in json_words(rest).map_or_else(|| words(rest), Ok)? {
                if path.trim().is_empty() {
                    return Err(errdefs::invalid("VOLUME specified can not be an empty string"));
                }
                config.volumes.insert(path);
            }
        }
        "WORKDIR" => config.working_dir = join(&config.working_dir, rest),
        "HEALTHCHECK" => config.healthcheck = Some(healthcheck(config, rest)?),
        // Nothing else is in the list.
        _ => {}
    }
    Ok(())
}

/// A command: a JSON list as it is, anything else for the shell.
fn command(config: &ContainerConfig, text: &str) -> Vec<String> {
    json_words(text).unwrap_or_else(|| {
        let shell = config.shell.clone().unwrap_or_else(|| SHELL.map(str::to_owned).into());
        if text.is_empty() { Vec::new() } else { shell.into_iter().chain([text.to_owned()]).collect() }
    })
}

fn json_words(text: &str) -> Option<Vec<String>> {
    if text.starts_with('[') { serde_json::from_str(text).ok() } else { None }
}

/// Splits at blanks; quotes keep words together, a backslash keeps a character.
fn words(text: &str) -> Result<Vec<String>> {
    let mut all = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (None, ' ' | '\t') => all.extend(word.take()),
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (Some(open), character) if character == open => quote = None,
            (Some('\''), character) => word.get_or_insert_default().push(character),
            (_, '\\') => word.get_or_insert_default().extend(characters.next()),
            (_, character) => word.get_or_insert_default().push(character),
        }
    }
    if quote.is_some() {
        return Err(errdefs::invalid("unexpected end of statement while looking for matching quote"));
    }
    all.extend(word);
    Ok(all)
}

/// `key=value ...`, or the old `key value`.
fn pairs(name: &str, text: &str) -> Result<Vec<(String, String)>> {
    let first = text.split_whitespace().next().unwrap_or_default();
    if !first.contains('=') {
        let (key, value) = text
            .split_once(char::is_whitespace)
            .ok_or_else(|| errdefs::invalid(format!("{name} must have two arguments")))?;
        return Ok(vec![(key.to_owned(), value.trim().to_owned())]);
    }
    let pair = |word: String| match word.split_once('=') {
        Some(("", _)) => Err(errdefs::invalid(format!("{name} names can not be blank"))),
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err(errdefs::invalid(format!("can't find = in {word:?}. Must be of the form: name=value"))),
    };
    words(text)?.into_iter().map(pair).collect()
}

fn env(config: &mut ContainerConfig, text: &str) -> Result<()> {
    for (key, value) in pairs("ENV", text)? {
        let entry = format!("{key}={value}");
        match config.env.iter_mut().find(|known| known.split('=').next() == Some(&key)) {
            Some(known) => *known = entry,
            None => config.env.push(entry),
        }
    }
    Ok(())
}

/// `80`, `80/udp`, `8000-8010`.
fn expose(config: &mut ContainerConfig, text: &str) -> Result<()> {
    let bad = || errdefs::invalid(format!("Invalid containerPort: {text}"));
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = protocol.to_ascii_lowercase();
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(errdefs::invalid(format!("invalid proto: {protocol}")));
    }
    let (low, high) = ports.split_once('-').unwrap_or((ports, ports));
    let (low, high): (u16, u16) = (low.parse().map_err(|_| bad())?, high.parse().map_err(|_| bad())?);
    if low > high {
        return Err(bad());
    }
    config.exposed_ports.extend((low..=high).map(|port| format!("{port}/{protocol}")));
    Ok(())
}

fn onbuild(config: &mut ContainerConfig, text: &str) -> Result<()> {
    let trigger = text.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    match trigger.as_str() {
        "ONBUILD" => Err(errdefs::invalid("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")),
        "MAINTAINER" | "FROM" => {
            Err(errdefs::invalid(format!("{trigger} isn't allowed as an ONBUILD trigger")))
        }
        _ => {
            config.on_build.push(text.to_owned());
            Ok(())
        }
    }
}

/// A working directory relative to the one before.
fn join(before: &str, path: &str) -> String {
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("/{before}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn healthcheck(config: &ContainerConfig, text: &str) -> Result<Healthcheck> {
    let mut check = Healthcheck::default();
    let mut rest = text;
    while let Some(option) = rest.strip_prefix("--") {
        let (option, after) = option.split_once(char::is_whitespace).unwrap_or((option, ""));
        let (key, value) = option
            .split_once('=')
            .ok_or_else(|| errdefs::invalid(format!("missing a value on flag: --{option}")))?;
        match key {
            "interval" => check.interval = duration(key, value)?,
            "timeout" => check.timeout = duration(key, value)?,
            "start-period" => check.start_period = duration(key, value)?,
            "start-interval" => check.start_interval = duration(key, value)?,
            "retries" => {
                let retries: i64 = value
                    .parse()
                    .map_err(|_| errdefs::invalid(format!("--retries must be at least 1 (not {value})")))?;
                check.retries = retries;
            }
            _ => return Err(errdefs::invalid(format!("unknown flag: --{key}"))),
        }
        rest = after.trim_start();
    }
    let (kind, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let rest = rest.trim();
    check.test = match kind.to_ascii_uppercase().as_str() {
        "NONE" if rest.is_empty() => vec!["NONE".to_owned()],
        "NONE" => return Err(errdefs::invalid("HEALTHCHECK NONE takes no arguments")),
        "CMD" if rest.is_empty() => return Err(errdefs::invalid("Missing command after HEALTHCHECK CMD")),
        "CMD" => match json_words(rest) {
            Some(words) => std::iter::once("CMD".to_owned()).chain(words).collect(),
            None => vec!["CMD-SHELL".to_owned(), rest.to_owned()],
        },
        other => {
            return Err(errdefs::invalid(format!("Unknown type \"{other}\" in HEALTHCHECK (try CMD)")));
        }
    };
    let _ = config;
    Ok(check)
}

/// Go's durations, in nanoseconds.
fn duration(name: &str, text: &str) -> Result<i64> {
    let bad = || errdefs::invalid(format!("time: invalid duration {text:?} of --{name}"));
    let mut rest = text;
    let mut total = 0f64;
    if rest == "0" {
        return Ok(0);
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).ok_or_else(bad)?;
        let number: f64 = rest[..digits].parse().map_err(|_| bad())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        total += number
            * match &rest[..letters] {
                "ns" => 1.0,
                "us" | "µs" => 1e3,
                "ms" => 1e6,
                "s" => 1e9,
                "m" => 60e9,
                "h" => 3600e9,
                _ => return Err(bad()),
            };
        rest = &rest[letters..];
    }
    if text.is_empty() || !(total >= 1e6 && total < i64::MAX as f64) {
        return Err(errdefs::invalid(format!("Interval \"{name}\" cannot be less than 1ms")));
    }
    Ok(total as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(changes: &[&str]) -> Result<ContainerConfig> {
        let mut config = ContainerConfig { env: vec!["PATH=/bin".into()], ..ContainerConfig::default() };
        apply(&mut config, &changes.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        Ok(config)
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_applied_or_refused(
            text in "(CMD|ENV|LABEL|EXPOSE|VOLUME|WORKDIR|HEALTHCHECK|ONBUILD) [ -~é\n]{0,40}"
        ) {
            let _ = changed(&[&text]);
        }

        #[test]
        fn labels_come_back(key in "[a-z.]{1,10}", value in "[ -!#-\\[\\]-~é]{0,20}") {
            let config = changed(&[&format!("LABEL {key}=\"{value}\"")]).unwrap();
            proptest::prop_assert_eq!(&config.labels[&key], &value);
        }
    }

    #[test]
    fn each_instruction_changes_its_field() {
        let config = changed(&[
            "CMD [\"a\", \"b\"]",
            "ENTRYPOINT x y",
            "ENV PATH=/usr/bin NEW=\"a b\"",
            "env old style value",
            "EXPOSE 80 53/udp 8000-8002/TCP",
            "LABEL a=b c='d e'",
            "ONBUILD RUN x",
            "STOPSIGNAL SIGINT",
            "USER 1000:1000",
            "VOLUME [\"/data\"]",
            "VOLUME /a /b",
            "WORKDIR /app",
            "WORKDIR ../lib/./x",
            "HEALTHCHECK --interval=5s --retries=3 CMD curl localhost",
        ])
        .unwrap();
        assert_eq!(config.cmd.unwrap(), ["a", "b"]);
        assert_eq!(config.entrypoint.unwrap(), ["/bin/sh", "-c", "x y"]);
        assert_eq!(config.env, ["PATH=/usr/bin", "NEW=a b", "old=style value"]);
        let ports: Vec<&str> = config.exposed_ports.iter().map(String::as_str).collect();
        assert_eq!(ports, ["53/udp", "80/tcp", "8000/tcp", "8001/tcp", "8002/tcp"]);
        assert_eq!((config.labels["a"].as_str(), config.labels["c"].as_str()), ("b", "d e"));
        assert_eq!(config.on_build, ["RUN x"]);
        assert_eq!((config.stop_signal.as_str(), config.user.as_str()), ("SIGINT", "1000:1000"));
        assert_eq!(config.volumes.len(), 3);
        assert_eq!(config.working_dir, "/lib/x");
        let check = config.healthcheck.unwrap();
        assert_eq!(check.test, ["CMD-SHELL", "curl localhost"]);
        assert_eq!((check.interval, check.retries), (5_000_000_000, 3));
    }

    #[test]
    fn what_is_not_a_change_is_refused() {
        for (change, text) in [
            ("FROM x", "FROM is not a valid change command"),
            ("RUN x", "RUN is not a valid change command"),
            ("ENV", "ENV requires at least one argument"),
            ("ENV a", "ENV must have two arguments"),
            ("EXPOSE 99999", "Invalid containerPort: 99999"),
            ("EXPOSE 1/icmp", "invalid proto: icmp"),
            ("ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"),
            ("HEALTHCHECK FOO", "Unknown type \"FOO\" in HEALTHCHECK (try CMD)"),
            ("HEALTHCHECK --interval=1us CMD x", "Interval \"interval\" cannot be less than 1ms"),
            ("LABEL a='b", "unexpected end of statement while looking for matching quote"),
        ] {
            let error = changed(&[change]).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.class()), (text, errdefs::Class::InvalidParameter));
        }
    }
}
