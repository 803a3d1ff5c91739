//! Columns of text, as wide as the terminal allows.

use std::fmt::Write;
use std::io::IsTerminal;

use terminal::line;

/// The least that is left of the first column.
const FIRST: usize = 24;

/// How wide lines may be: `COLUMNS` where it is set, else the terminal's width; nothing where stdout is no terminal.
pub fn terminal_width() -> Option<usize> {
    let asked = std::env::var("COLUMNS").ok();
    if let Some(columns) = asked.and_then(|text| text.parse().ok()).filter(|&n| n > 0) {
        return Some(columns);
    }
    if !std::io::stdout().is_terminal() {
        return None;
    }
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
}

/// A table: titles, rows, and the columns that are left out first where the line is too short.
pub(crate) struct Grid<'a> {
    pub(crate) rows: Vec<Vec<String>>,
    /// Titles of columns that may go, the least important first.
    pub(crate) droppable: &'a [&'a str],
}

impl Grid<'_> {
    /// Writes it: the first column left-aligned, figures right-aligned, the last left-aligned. True where columns were left
    /// out or names shortened.
    pub(crate) fn write(&self, out: &mut String, width: Option<usize>) -> bool {
        let clean = |row: &Vec<String>| row.iter().map(|cell| line(cell).into_owned()).collect();
        let rows: Vec<Vec<String>> = self.rows.iter().map(clean).collect();
        let Some(titles) = rows.first() else {
            return false;
        };
        let widths: Vec<usize> = (0..titles.len())
            .map(|column| width_of(&rows, column))
            .collect();
        let mut columns: Vec<usize> = (0..titles.len()).collect();
        let mut first = widths[0];
        if let Some(width) = width {
            let total =
                |columns: &[usize]| columns.iter().map(|&c| widths[c] + 2).sum::<usize>() + 1;
            for title in self.droppable {
                if total(&columns) <= width {
                    break;
                }
                columns.retain(|&c| titles[c] != *title);
            }
            let over = total(&columns).saturating_sub(width);
            first = first.saturating_sub(over).max(FIRST.min(first));
        }
        for row in &rows {
            let mut text = String::new();
            for (i, &column) in columns.iter().enumerate() {
                let cell = row.get(column).map_or("", String::as_str);
                let width = widths[column];
                let _ = match i {
                    0 => write!(text, "  {:<first$}", shortened(cell, first)),
                    _ if i + 1 == columns.len() => write!(text, "  {cell:<width$}"),
                    _ => write!(text, "  {cell:>width$}"),
                };
            }
            let _ = writeln!(out, "{}", text.trim_end());
        }
        columns.len() < titles.len() || first < widths[0]
    }
}

fn width_of(rows: &[Vec<String>], column: usize) -> usize {
    let cells = rows.iter().filter_map(|row| row.get(column));
    cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
}

/// The end of a name tells more than its beginning.
fn shortened(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.into();
    }
    let tail: String = text.chars().skip(length + 1 - width).collect();
    format!("…{tail}")
}

/// Breaks a line at spaces where it is too long; lines after the first are indented by `indent`.
pub(crate) fn wrapped(text: &str, indent: usize, width: Option<usize>) -> String {
    let line = line(text);
    let Some(width) = width else {
        return line.into_owned();
    };
    let mut text = String::new();
    // Spaces that wait for the next word: several stay several, unless the line breaks there.
    let (mut used, mut gap, mut empty) = (0, 0, true);
    for (index, word) in line.split(' ').enumerate() {
        gap += usize::from(index > 0);
        if word.is_empty() {
            continue;
        }
        let length = word.chars().count();
        if !empty && used + gap + length > width {
            text.push('\n');
            (used, gap) = (0, indent);
        }
        text.push_str(&" ".repeat(gap));
        text.push_str(word);
        used += gap + length;
        (gap, empty) = (0, false);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid<'static> {
        let row = |cells: [&str; 4]| cells.map(String::from).to_vec();
        Grid {
            rows: vec![
                row(["output", "n", "rel L2", ""]),
                row([
                    "a/module/with/a/long/name/at/its/end",
                    "60000",
                    "5.5e-7",
                    "pass",
                ]),
            ],
            droppable: &["n"],
        }
    }

    #[test]
    fn columns_go_before_names_are_shortened() {
        let write = |width| {
            let mut text = String::new();
            let less = grid().write(&mut text, width);
            (text, less)
        };
        let (whole, less) = write(None);
        assert!(!less && whole.contains("60000"), "{whole}");
        let (narrow, less) = write(Some(55));
        assert!(
            less && !narrow.contains("60000") && narrow.contains("a/module"),
            "{narrow}"
        );
        let (narrower, _) = write(Some(45));
        assert!(
            narrower.contains("…") && narrower.contains("at/its/end"),
            "{narrower}"
        );
        for (text, width) in [(narrow, 55), (narrower, 45)] {
            assert!(
                text.lines().all(|line| line.chars().count() <= width),
                "{text}"
            );
        }
    }

    #[test]
    fn lines_break_at_spaces() {
        assert_eq!(wrapped("  fails: a b", 4, Some(10)), "  fails: a\n    b");
        assert_eq!(wrapped("  fails: a b", 4, None), "  fails: a b");
        assert_eq!(wrapped("a   b", 4, Some(10)), "a   b");
    }
}
