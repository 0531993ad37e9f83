//! A table that is drawn again and again in the same place of a terminal.

use unicode_width::UnicodeWidthChar as _;

/// Empties the screen before the first picture.
pub(super) const CLEAR: &str = "\x1b[2J";

/// The bytes that draw `table` from the top of a terminal with so many rows and columns: nothing wraps or scrolls, for
/// then the next picture would not cover this one. The head is bold where colours are wanted.
pub(super) fn picture(table: &str, rows: usize, columns: usize, coloured: bool) -> String {
    let mut out = String::from("\x1b[H");
    let lines: Vec<&str> = table.lines().collect();
    // The cursor stands on a row of its own.
    let room = rows.saturating_sub(1).max(2);
    let shown = if lines.len() > room { room - 1 } else { lines.len() };
    for (at, line) in lines.iter().take(shown).enumerate() {
        let line = cut(line, columns);
        match at {
            0 if coloured => out.push_str(&format!("\x1b[1m{line}\x1b[0m")),
            _ => out.push_str(line),
        }
        out.push_str("\x1b[K\n");
    }
    if lines.len() > shown {
        out.push_str(&format!("... and {} more\x1b[K\n", lines.len() - shown));
    }
    out.push_str("\x1b[J");
    out
}

/// As much of a line as fits.
fn cut(line: &str, columns: usize) -> &str {
    let mut width = 0;
    for (at, letter) in line.char_indices() {
        width += letter.width().unwrap_or_default();
        if width > columns {
            return line.get(..at).unwrap_or_default();
        }
    }
    line.trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_wraps_or_scrolls() {
        let table = "HEAD\tX\none two\nthree\nfour\n";
        assert_eq!(picture("A   \nbcd\n", 24, 80, false), "\x1b[HA\x1b[K\nbcd\x1b[K\n\x1b[J");
        assert_eq!(picture("A\n", 24, 80, true), "\x1b[H\x1b[1mA\x1b[0m\x1b[K\n\x1b[J");
        assert_eq!(picture(table, 4, 3, false), "\x1b[HHEA\x1b[K\none\x1b[K\n... and 2 more\x1b[K\n\x1b[J");
    }
}
