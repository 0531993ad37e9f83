//! Columns aligned by tabs, as Go's `text/tabwriter` aligns them with a minimal width of 10 and a padding of 3.
//!
//! A cell ends with a tab; what follows the last tab of a line belongs to no column. A column is a run of lines that
//! all have a cell there, so two lines apart from each other may have columns of different widths.

use unicode_width::UnicodeWidthStr as _;

/// The narrowest column, padding included.
const WIDTH_MIN: usize = 10;
/// Spaces after the widest cell.
const PADDING: usize = 3;

/// Aligns `text`.
pub(crate) fn align(text: &str) -> String {
    align_with(text, WIDTH_MIN, PADDING)
}

/// A cell that is followed by a tab.
struct Cell<'a> {
    text: &'a str,
    width: usize,
    /// How wide its column is here.
    column: usize,
}

/// A line: its cells, and what follows the last tab.
struct Line<'a> {
    cells: Vec<Cell<'a>>,
    rest: &'a str,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Self {
        let (cells, rest) = line.rsplit_once('\t').map_or((None, line), |(cells, rest)| (Some(cells), rest));
        let cell = |text| Cell { text, width: width(text), column: 0 };
        Self { cells: cells.into_iter().flat_map(|cells| cells.split('\t')).map(cell).collect(), rest }
    }
}

/// How many columns of a terminal the text takes. Most of a long list is ASCII, which needs no tables.
fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.width() }
}

/// Aligns `text` with another minimal width and padding.
pub(crate) fn align_with(text: &str, width_min: usize, padding: usize) -> String {
    let mut lines: Vec<Line<'_>> = text.split('\n').map(Line::parse).collect();
    let columns = lines.iter().map(|line| line.cells.len()).max().unwrap_or_default();
    for column in 0..columns {
        // A run of lines that have a cell in this column.
        for run in lines.chunk_by_mut(|a, b| (a.cells.len() > column) == (b.cells.len() > column)) {
            let cells = run.iter().filter_map(|line| line.cells.get(column));
            let widest = cells.map(|cell| cell.width + padding).max().unwrap_or_default().max(width_min);
            run.iter_mut()
                .filter_map(|line| line.cells.get_mut(column))
                .for_each(|cell| cell.column = widest);
        }
    }
    let mut out = String::with_capacity(text.len() * 2);
    for (at, line) in lines.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        for cell in &line.cells {
            out.push_str(cell.text);
            out.extend(std::iter::repeat_n(' ', cell.column - cell.width));
        }
        out.push_str(line.rest);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        assert_eq!(
            align("ID\tNAME\tX\n0123456789ab\tc\ty\n"),
            "ID             NAME      X\n0123456789ab   c         y\n"
        );
    }

    #[test]
    fn a_column_ends_where_a_line_has_no_cell() {
        assert_eq!(align("a\tb\nplain\nlonger than ten\tc\n"), "a         b\nplain\nlonger than ten   c\n");
    }

    #[test]
    fn the_last_cell_is_not_padded_and_letters_count_once() {
        assert_eq!(align("é\tx"), "é         x");
    }
}
