//! The terms of the training loss.

use super::{number, plain};
use crate::report::html::table::{Cell, Table, numbers, words};
use crate::result::OutputResult;

/// The table.
pub(super) fn table(output: &OutputResult) -> Option<Table> {
    let loss = output.loss.as_ref()?;
    let rows = [
        ("candidate against reference", &loss.candidate),
        ("reference against itself", &loss.reference),
        ("excess", &loss.excess),
    ];
    plain(
        "Terms of the training loss, the reference as the target",
        vec![
            words("", ""),
            numbers("Poisson", ""),
            numbers("multinomial", ""),
            numbers("loss", ""),
        ],
        rows.into_iter()
            .map(|(name, terms)| {
                vec![
                    Cell::text(name),
                    number(terms.poisson),
                    number(terms.multinomial),
                    number(terms.loss),
                ]
            })
            .collect(),
    )
}
