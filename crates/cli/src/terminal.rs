//! The terminal: is there one, how large is it, and raw mode that is always undone.
//!
//! Invariant: the settings from before raw mode are kept in one place and put back by [`restore`], which every way out
//! of the program calls: the ordinary end, a signal, and a panic.

use std::io::IsTerminal as _;
use std::sync::{Mutex, Once, PoisonError};

use crate::environment;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// The width when there is no terminal to ask.
const COLUMNS_DEFAULT: usize = 80;

static SAVED: Mutex<Option<Termios>> = Mutex::new(None);

/// Is standard input a terminal?
pub(crate) fn is_input() -> bool {
    std::io::stdin().is_terminal()
}

/// Is standard output a terminal?
pub(crate) fn is_output() -> bool {
    std::io::stdout().is_terminal()
}

/// Is standard error a terminal?
pub(crate) fn is_error() -> bool {
    std::io::stderr().is_terminal()
}

/// Are colours wanted on standard output? Only on a terminal that knows them, unless `NO_COLOR` says otherwise.
pub(crate) fn is_coloured() -> bool {
    is_output()
        && environment::get("NO_COLOR").is_none()
        && environment::get("TERM").is_none_or(|term| term != "dumb")
}

/// The width of standard output's terminal.
pub(crate) fn columns() -> usize {
    size().map_or(COLUMNS_DEFAULT, |(_, columns)| usize::from(columns))
}

/// The width that help is wrapped to: that of the terminal one types on, so that a pager shows it well.
pub(crate) fn help_columns() -> usize {
    let typed_on = tcgetwinsize(std::io::stdin()).ok().map(|size| usize::from(size.ws_col));
    typed_on.filter(|columns| *columns > 0).unwrap_or(COLUMNS_DEFAULT) - 1
}

/// Rows and columns of standard output's terminal, if there is one with a size.
pub(crate) fn size() -> Option<(u16, u16)> {
    let size = tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_row > 0 || size.ws_col > 0).then_some((size.ws_row, size.ws_col))
}

/// Puts standard input's terminal into raw mode until [`restore`].
pub(crate) fn make_raw() -> std::io::Result<()> {
    let saved = tcgetattr(std::io::stdin())?;
    let mut raw = saved.clone();
    raw.make_raw();
    restore_on_panic();
    *SAVED.lock().unwrap_or_else(PoisonError::into_inner) = Some(saved);
    tcsetattr(std::io::stdin(), OptionalActions::Now, &raw)?;
    Ok(())
}

/// Reads passwords without showing them: echo off until [`restore`].
pub(crate) fn hide_input() -> std::io::Result<()> {
    let saved = tcgetattr(std::io::stdin())?;
    let mut hidden = saved.clone();
    hidden.local_modes.remove(rustix::termios::LocalModes::ECHO);
    restore_on_panic();
    *SAVED.lock().unwrap_or_else(PoisonError::into_inner) = Some(saved);
    tcsetattr(std::io::stdin(), OptionalActions::Now, &hidden)?;
    Ok(())
}

/// Puts the terminal back as it was, if it was changed.
pub(crate) fn restore() {
    if let Some(saved) = SAVED.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // A terminal that has gone away needs no restoring.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &saved);
    }
}

fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            restore();
            previous(info);
        }));
    });
}
