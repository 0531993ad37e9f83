//! Questions that want a yes.

use std::io::{BufRead as _, Write as _};

use crate::failure::Outcome;
use crate::terminal;

/// Asks `question`; anything but a `y` is a no, and so is the end of the input.
pub(crate) fn confirm(question: &str) -> Outcome<bool> {
    let mut output = std::io::stdout().lock();
    write!(output, "{question} [y/N] ")?;
    output.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}

/// Asks for a line on the terminal.
pub(crate) fn line(question: &str) -> Outcome<String> {
    let mut output = std::io::stdout().lock();
    write!(output, "{question}")?;
    output.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim_end_matches(['\r', '\n']).to_owned())
}

/// Asks for a line that is not shown.
pub(crate) fn secret(question: &str) -> Outcome<String> {
    terminal::hide_input()?;
    let answer = line(question);
    terminal::restore();
    let _ = writeln!(std::io::stdout());
    answer
}
