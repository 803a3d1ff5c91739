//! Tables with headers, captions and numbers in line.

use std::fmt::Write;

use parity_stats::Stat;

use super::text::{count, escape};

/// One cell.
pub(super) struct Cell {
    html: String,
    class: &'static str,
    sort: Option<f64>,
}

impl Cell {
    /// Text, escaped.
    pub(super) fn text(text: &str) -> Self {
        Self::html(escape(text))
    }

    /// Markup.
    pub(super) fn html(html: String) -> Self {
        Self {
            html,
            class: "",
            sort: None,
        }
    }

    /// A number as it is printed.
    pub(super) fn number(text: String, value: f64) -> Self {
        Self {
            html: escape(&text),
            class: "n",
            sort: Some(value),
        }
    }

    /// An integer.
    pub(super) fn count(n: u64) -> Self {
        Self::number(count(n), n as f64)
    }

    /// A statistic; without a value, the reason.
    pub(super) fn stat(stat: Stat, print: impl Fn(f64) -> String) -> Self {
        match stat {
            Stat::Defined(x) => Self::number(print(x), x),
            Stat::Undefined(reason) => Self {
                html: format!("<i>{}</i>", escape(&reason.to_string())),
                class: "n",
                sort: None,
            },
        }
    }

    /// Nothing to say.
    pub(super) fn none() -> Self {
        Self {
            html: "\u{2013}".into(),
            class: "n",
            sort: None,
        }
    }

    /// Of another class.
    pub(super) fn class(mut self, class: &'static str) -> Self {
        self.class = class;
        self
    }
}

/// A column's heading.
pub(super) struct Column {
    name: String,
    about: &'static str,
    number: bool,
}

/// A column of text.
pub(super) fn words(name: impl Into<String>, about: &'static str) -> Column {
    Column {
        name: name.into(),
        about,
        number: false,
    }
}

/// A column of numbers.
pub(super) fn numbers(name: impl Into<String>, about: &'static str) -> Column {
    Column {
        name: name.into(),
        about,
        number: true,
    }
}

/// A table; the first cell of each row heads it.
pub(super) struct Table {
    /// What it shows.
    pub(super) caption: String,
    /// Whether a reader may sort it.
    pub(super) sortable: bool,
    /// The columns.
    pub(super) columns: Vec<Column>,
    /// The rows.
    pub(super) rows: Vec<Vec<Cell>>,
}

impl Table {
    /// The table without columns in which nothing stands.
    pub(super) fn without_empty_columns(mut self) -> Self {
        for column in (0..self.columns.len()).rev() {
            let empty = |row: &Vec<Cell>| row.get(column).is_none_or(|cell| cell.html.is_empty());
            if self.rows.iter().all(empty) {
                self.columns.remove(column);
                for row in self.rows.iter_mut().filter(|row| row.len() > column) {
                    row.remove(column);
                }
            }
        }
        self
    }

    /// The table, in a box that scrolls sideways where it is wider than the page.
    pub(super) fn finish(&self) -> String {
        let caption = escape(&self.caption);
        let class = if self.sortable {
            " class=\"sortable\""
        } else {
            ""
        };
        let mut out = format!(
            "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{caption}\"><table{class}><caption>{caption}</caption><thead><tr>"
        );
        for column in &self.columns {
            let class = if column.number { " class=\"n\"" } else { "" };
            let title = match column.about {
                "" => String::new(),
                about => format!(" title=\"{}\"", escape(about)),
            };
            let _ = write!(
                out,
                "<th scope=\"col\"{class}{title}>{}</th>",
                escape(&column.name)
            );
        }
        out.push_str("</tr></thead><tbody>\n");
        for row in &self.rows {
            out.push_str("<tr>");
            for (i, cell) in row.iter().enumerate() {
                let tag = if i == 0 { "th scope=\"row\"" } else { "td" };
                let class = match cell.class {
                    "" => String::new(),
                    class => format!(" class=\"{class}\""),
                };
                // Sorting needs the value where the text is no plain number.
                let value = match cell.sort {
                    Some(x) if cell.html.parse() != Ok(x) => format!(" data-v=\"{x:e}\""),
                    _ => String::new(),
                };
                let _ = write!(out, "<{tag}{class}{value}>{}</{}>", cell.html, &tag[..2]);
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody></table></div>\n");
        out
    }
}
