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

/// Aligns `text` with another minimal width and padding.
pub(crate) fn align_with(text: &str, width_min: usize, padding: usize) -> String {
    let lines: Vec<Vec<&str>> = text.split('\n').map(|line| line.split('\t').collect()).collect();
    let mut widths: Vec<Vec<usize>> = lines.iter().map(|cells| vec![0; cells.len() - 1]).collect();
    let columns = widths.iter().map(Vec::len).max().unwrap_or_default();
    for column in 0..columns {
        let mut start = 0;
        while start < lines.len() {
            // A run of lines that have a cell in this column.
            let length = widths.iter().skip(start).take_while(|cells| cells.len() > column).count();
            let run = start..start + length;
            let widest = lines
                .iter()
                .skip(start)
                .take(length)
                .filter_map(|cells| cells.get(column))
                .map(|cell| cell.width() + padding)
                .max()
                .unwrap_or_default()
                .max(width_min);
            for cells in widths.get_mut(run).into_iter().flatten() {
                if let Some(width) = cells.get_mut(column) {
                    *width = widest;
                }
            }
            start += length.max(1);
        }
    }
    let mut out = String::with_capacity(text.len() * 2);
    for (at, (cells, widths)) in lines.iter().zip(&widths).enumerate() {
        if at > 0 {
            out.push('\n');
        }
        for (column, cell) in cells.iter().enumerate() {
            out.push_str(cell);
            if let Some(width) = widths.get(column) {
                out.extend(std::iter::repeat_n(' ', width - cell.width()));
            }
        }
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
