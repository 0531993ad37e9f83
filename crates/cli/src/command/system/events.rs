//! `system events`: get real time events from the server.

use crate::command::{Args, Command};
use crate::flag::{NONE, OBJECT_FORMAT, many, text};
use crate::opts::filter;
use std::io::{BufRead as _, Write as _};
use template::Template;

use api::event::Message;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::Cli;
use crate::failure::{Failure, Outcome};
use crate::flag::Parsed;
use crate::format::json::Json;
use crate::format::typed;
use crate::opts::timestamp;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS]",
    about: "Get real time events from the server",
    aliases: "docker system events, docker events",
    args: Args::None,
    interspersed: true,
    flags: &[
        many("filter", 'f', "filter", Some(filter::check), "Filter output based on conditions provided"),
        text("format", NONE, OBJECT_FORMAT),
        text("since", NONE, "Show all events created since timestamp"),
        text("until", NONE, "Stream events until this timestamp"),
    ],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let format = match parsed.text("format") {
        "json" => "{{json .}}",
        format => format,
    };
    let compiled = if format.is_empty() { None } else { Some(compile(format)?) };
    let now = Timestamp::now();
    let moment = |flag: &str| timestamp::parse(parsed.text(flag), now).map_err(Failure::new);
    let filters = filter::collect(parsed.all("filter"));
    let mut body = cli.client()?.events(&moment("since")?, &moment("until")?, &filters)?;
    let mut output = std::io::stdout().lock();
    let mut line = Vec::new();
    loop {
        line.clear();
        if body.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let text = match &compiled {
            None => plain(&line)?,
            Some(compiled) => {
                let event = Json::parse(&line).map_err(|error| Failure::new(error.to_string()))?;
                compiled.execute(&typed::value("*events.Message", &event)).map_err(Failure::new)?
            }
        };
        writeln!(output, "{text}")?;
        output.flush()?;
    }
}

fn compile(format: &str) -> Outcome<Template> {
    const EXIT_FORMAT: i32 = 64;
    let refuse = |text: String| Failure::with_code(EXIT_FORMAT, format!("Error parsing format: {text}"));
    let compiled = Template::parse("", format).map_err(refuse)?;
    // Judged by an event of which nothing is known, before the engine is asked for any.
    let empty = serde_json::to_vec(&Message::default()).unwrap_or_default();
    let empty = Json::parse(&empty).map_err(|error| Failure::new(error.to_string()))?;
    match compiled.execute(&typed::value("*events.Message", &empty)) {
        Err(error) => Err(refuse(error)),
        Ok(_) => Ok(compiled),
    }
}

/// One line: when, what to which object, and what is known of it in parentheses.
fn plain(line: &[u8]) -> Outcome<String> {
    let event: Message = serde_json::from_slice(line).map_err(|error| Failure::new(error.to_string()))?;
    let moment = if event.time_nano != 0 {
        Timestamp::from_nanosecond(event.time_nano.into())
    } else {
        Timestamp::from_second(event.time)
    };
    let moment = moment.map_or_else(
        |_| String::new(),
        |moment| {
            let text = moment.to_zoned(TimeZone::system()).strftime("%Y-%m-%dT%H:%M:%S.%9f%:z").to_string();
            text.strip_suffix("+00:00").map_or(text.clone(), |utc| format!("{utc}Z"))
        },
    );
    let attributes: Vec<String> =
        event.actor.attributes.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let known = if attributes.is_empty() { String::new() } else { format!(" ({})", attributes.join(", ")) };
    Ok(format!("{moment} {} {} {}{known}", event.r#type, event.action, event.actor.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let event = br#"{"Type":"container","Action":"start","Actor":{"ID":"abc","Attributes":{"b":"2","a":"1"}},"timeNano":1000000001}"#;
        let line = plain(event).unwrap();
        assert!(line.ends_with(" container start abc (a=1, b=2)"), "{line}");
        assert!(line.contains(".000000001"), "{line}");
    }
}
