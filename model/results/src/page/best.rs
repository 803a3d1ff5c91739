//! The strongest scores of a variant's table, which stand on its page as they do in the table.

use scorers::tidy::{Values, write_real};
use scorers::{Scorer, Table};

/// A row of the table, by its columns' names.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    table: &'a Table,
    at: usize,
    /// What scores are ordered by: the size of the quantile where there are quantiles, and then of the score.
    size: (f32, f32),
}

impl<'a> Row<'a> {
    /// A text, as it stands in the table: nothing where it is missing.
    pub fn text(self, column: &str) -> &'a str {
        match self.table.column(column) {
            Some(Values::Text(values)) => values[self.at].as_deref().unwrap_or(""),
            _ => "",
        }
    }

    /// A real number.
    pub fn real(self, column: &str) -> Option<f32> {
        match self.table.column(column) {
            Some(Values::Real(values)) => Some(values[self.at]).filter(|value| !value.is_nan()),
            _ => None,
        }
    }

    /// The intron of a junction, from zero, end exclusive.
    pub fn junction(self) -> Option<(i64, i64)> {
        let whole = |column| match self.table.column(column) {
            Some(Values::Integer(values)) => values[self.at],
            _ => None,
        };
        Some((whole("junction_Start")?, whole("junction_End")?))
    }

    /// Whether the score says what changes, and not how much there is.
    pub fn is_change(self) -> bool {
        is_change(self.text("variant_scorer"))
    }
}

/// Whether scores of the scorer of this name say what changes, and not how much there is.
pub fn is_change(scorer: &str) -> bool {
    scorer.parse().is_ok_and(Scorer::is_change)
}

/// Whether scores of the scorer of this name may be negative.
pub fn is_signed(scorer: &str) -> bool {
    scorer.parse().is_ok_and(Scorer::is_signed)
}

/// The size that variants are ordered by, of their strongest change: that of its quantile where there are quantiles, and then
/// of the score.
pub fn size(change: Option<Row<'_>>) -> (f32, f32) {
    change.map_or((0.0, -1.0), |row| row.size)
}

/// Whether a size is larger than another.
pub fn is_larger(size: (f32, f32), than: (f32, f32)) -> bool {
    size.0
        .total_cmp(&than.0)
        .then(size.1.total_cmp(&than.1))
        .is_gt()
}

/// A number as the table has it; an en dash where it is missing.
pub fn real(value: Option<f32>) -> String {
    let Some(value) = value else {
        return "\u{2013}".into();
    };
    let mut text = Vec::new();
    // A vector takes everything.
    let _ = write_real(&mut text, value);
    String::from_utf8_lossy(&text).into_owned()
}

/// The strongest row of each scorer in the table's order, the first of equal ones.
pub fn by_scorer(table: &Table) -> Vec<Row<'_>> {
    let (Some(Values::Text(scorers)), Some(Values::Real(scores))) =
        (table.column("variant_scorer"), table.column("raw_score"))
    else {
        return Vec::new();
    };
    let quantiles = match table.column("quantile_score") {
        Some(Values::Real(values)) => Some(values),
        _ => None,
    };
    let mut best: Vec<(&str, Row<'_>)> = Vec::new();
    for (at, score) in scores
        .iter()
        .enumerate()
        .filter(|(_, score)| !score.is_nan())
    {
        let quantile = quantiles
            .map(|values| values[at])
            .filter(|value| !value.is_nan());
        let size = (quantile.map_or(0.0, f32::abs), score.abs());
        let row = Row { table, at, size };
        let scorer = scorers[at].as_deref().unwrap_or("");
        // Rows of a scorer stand together.
        match best.iter_mut().rev().find(|(name, _)| *name == scorer) {
            Some((_, known)) if is_larger(size, known.size) => *known = row,
            Some(_) => {}
            None => best.push((scorer, row)),
        }
    }
    best.into_iter().map(|(_, row)| row).collect()
}

/// The strongest of the rows that say what changes.
pub fn strongest_change<'a>(best: &[Row<'a>]) -> Option<Row<'a>> {
    let changes = best.iter().copied().filter(|row| row.is_change());
    changes.reduce(|best, next| {
        if is_larger(next.size, best.size) {
            next
        } else {
            best
        }
    })
}
