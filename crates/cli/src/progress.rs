//! Progress of pull, push, load and import: one row an object on a terminal, plain lines elsewhere.
//!
//! On a terminal a row is redrawn where it stands, by moving the cursor up and down again. Elsewhere only messages
//! without a bar are printed, one line each: programs read those.

use std::io::{BufRead, Write};

use api::image::{ProgressDetail, ProgressMessage};

use crate::failure::{Failure, Outcome};
use crate::format::human;
use crate::terminal;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drawn {
    /// As rows that change.
    Rows,
    /// As lines.
    Lines,
    /// Not at all; errors still count.
    Nothing,
}

impl Drawn {
    /// Rows on a terminal, lines elsewhere.
    pub(crate) fn on(is_terminal: bool) -> Self {
        if is_terminal { Self::Rows } else { Self::Lines }
    }
}

/// The narrowest terminal that has room for a bar.
const BAR_COLUMNS_MIN: usize = 110;
/// The length of a full bar.
const BAR_LENGTH: usize = 50;

/// Draws the messages of `source` on `output` until the end. `on_aux` gets the messages that are meant for programs.
///
/// The failure is the engine's, told in the stream.
pub(crate) fn draw(
    mut source: impl BufRead,
    drawn: Drawn,
    output: &mut dyn Write,
    mut on_aux: impl FnMut(&serde_json::Value) -> Outcome,
) -> Outcome {
    let columns = terminal::columns();
    let mut rows: Vec<String> = Vec::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        if source.read_until(b'\n', &mut line)? == 0 {
            output.flush()?;
            return Ok(());
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let message: ProgressMessage = serde_json::from_slice(&line)
            .map_err(|error| Failure::new(format!("malformed progress: {error}")))?;
        if let Some(aux) = &message.aux {
            on_aux(aux)?;
            continue;
        }
        if let Some(error) = &message.error_detail {
            return Err(Failure::new(error.message.clone()));
        }
        if !message.error.is_empty() {
            return Err(Failure::new(message.error));
        }
        match drawn {
            Drawn::Nothing => {}
            Drawn::Lines => plain(&message, output)?,
            Drawn::Rows => {
                row(&message, &mut rows, columns, output)?;
                output.flush()?;
            }
        }
    }
}

fn plain(message: &ProgressMessage, output: &mut dyn Write) -> Outcome {
    if message.progress_detail.as_ref().is_some_and(|detail| !bar(detail, 0).is_empty()) {
        return Ok(());
    }
    write!(output, "{}", prefix(message))?;
    if message.stream.is_empty() {
        writeln!(output, "{}", message.status)?;
    } else {
        write!(output, "{}", message.stream)?;
    }
    Ok(())
}

fn prefix(message: &ProgressMessage) -> String {
    if message.id.is_empty() { String::new() } else { format!("{}: ", message.id) }
}

fn row(message: &ProgressMessage, rows: &mut Vec<String>, columns: usize, output: &mut dyn Write) -> Outcome {
    let Some(detail) = &message.progress_detail else {
        // A message of another kind ends the block of rows.
        if message.id.is_empty() {
            rows.clear();
        }
        let up = climb(message, rows, output, false)?;
        if !message.id.is_empty() && up > 0 {
            write!(output, "\x1b[2K\r")?;
        }
        write!(output, "{}", prefix(message))?;
        if message.stream.is_empty() {
            writeln!(output, "{}", message.status)?;
        } else {
            write!(output, "{}", message.stream)?;
        }
        if up > 1 {
            write!(output, "\x1b[{}B", up - 1)?;
        }
        return Ok(());
    };
    let up = climb(message, rows, output, true)?;
    write!(output, "\x1b[2K\r{}{} {}\r", prefix(message), message.status, bar(detail, columns))?;
    if up > 0 {
        write!(output, "\x1b[{up}B")?;
    }
    Ok(())
}

/// Moves to the message's row, making one at the end if it is new; gives how far up that was.
fn climb(
    message: &ProgressMessage,
    rows: &mut Vec<String>,
    output: &mut dyn Write,
    make: bool,
) -> Outcome<usize> {
    if message.id.is_empty() {
        return Ok(0);
    }
    let at = match rows.iter().position(|id| *id == message.id) {
        Some(at) => at,
        None if make => {
            rows.push(message.id.clone());
            writeln!(output)?;
            rows.len() - 1
        }
        None => return Ok(0),
    };
    let up = rows.len() - at;
    write!(output, "\x1b[{up}A")?;
    Ok(up)
}

/// `[====>     ]  1.2MB/3.4MB`, or less where there is less to say or less room.
fn bar(detail: &ProgressDetail, columns: usize) -> String {
    let (current, total) = (detail.current, detail.total);
    if current <= 0 && total <= 0 {
        return String::new();
    }
    let counted = |count: i64| {
        if detail.units.is_empty() { human::size(count as f64) } else { format!("{count}") }
    };
    if total <= 0 {
        let unit = if detail.units.is_empty() { String::new() } else { format!(" {}", detail.units) };
        return format!("{:>8}{unit}", counted(current));
    }
    let mut text = String::new();
    if columns > BAR_COLUMNS_MIN {
        let filled = ((current as f64 / total as f64) * BAR_LENGTH as f64) as usize;
        let filled = filled.min(BAR_LENGTH);
        text = format!("[{}>{}] ", "=".repeat(filled), " ".repeat(BAR_LENGTH - filled));
    }
    if detail.hide_counts {
        return text;
    }
    if !detail.units.is_empty() {
        return format!("{text}{current}/{total} {}", detail.units);
    }
    if current > total {
        return format!("{text}{:>8}", counted(current));
    }
    format!("{text}{:>8}/{}", counted(current), counted(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PULL: &str = concat!(
        r#"{"status":"Pulling from library/x","id":"latest"}"#,
        "\n",
        r#"{"status":"Pulling fs layer","progressDetail":{},"id":"aaa"}"#,
        "\n",
        r#"{"status":"Downloading","progressDetail":{"current":5,"total":10},"id":"aaa"}"#,
        "\n",
        r#"{"status":"Pull complete","progressDetail":{},"id":"aaa"}"#,
        "\n",
        r#"{"status":"Digest: sha256:d"}"#,
        "\n"
    );

    fn drawn(how: Drawn) -> String {
        let mut output = Vec::new();
        draw(PULL.as_bytes(), how, &mut output, |_| Ok(())).unwrap();
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn lines_have_no_bars() {
        assert_eq!(
            drawn(Drawn::Lines),
            "latest: Pulling from library/x\naaa: Pulling fs layer\naaa: Pull complete\nDigest: sha256:d\n"
        );
        assert_eq!(drawn(Drawn::Nothing), "");
    }

    #[test]
    fn rows_are_redrawn_in_place() {
        let text = drawn(Drawn::Rows);
        assert!(
            text.starts_with(
                "latest: Pulling from library/x\n\n\x1b[1A\x1b[2K\raaa: Pulling fs layer \r\x1b[1B"
            ),
            "{text:?}"
        );
        assert!(text.ends_with("\x1b[1A\x1b[2K\raaa: Pull complete \r\x1b[1BDigest: sha256:d\n"), "{text:?}");
    }

    #[test]
    fn bars() {
        let detail = |current, total| ProgressDetail { current, total, ..ProgressDetail::default() };
        assert_eq!(bar(&detail(1_500_000, 3_000_000), 80), "   1.5MB/3MB");
        assert_eq!(bar(&detail(1, 2), 200), format!("[{}>{}]       1B/2B", "=".repeat(25), " ".repeat(25)));
        assert_eq!(bar(&detail(1_000, 0), 80), "     1kB");
        assert_eq!(bar(&detail(0, 0), 80), "");
    }

    #[test]
    fn errors_in_the_stream_are_failures() {
        let stream = br#"{"errorDetail":{"message":"no space"},"error":"no space"}"#;
        let failure = draw(&stream[..], Drawn::Lines, &mut Vec::new(), |_| Ok(())).unwrap_err();
        assert_eq!(failure.text, "no space");
    }
}
