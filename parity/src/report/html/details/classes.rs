//! Golden values of a classification head.

use parity_stats::classes::ClassParity;

use super::{number, plain};
use crate::report::html::table::{Cell, Table, numbers, words};
use crate::report::html::text::{percent, scientific, short};

/// Disagreements of classes that are listed; the JSON result has all.
const DISAGREEMENTS: usize = 30;

/// The tables.
pub(super) fn tables(classes: &ClassParity) -> Vec<Table> {
    let spread = &classes.log_probability;
    let rows: Vec<(&str, Cell)> = vec![
        ("positions", Cell::count(classes.count)),
        (
            "positions left out (not finite)",
            Cell::count(classes.skipped),
        ),
        (
            "agreement of the predicted class",
            Cell::stat(classes.agreement, percent),
        ),
        (
            "|d log p| of the reference's class: mean",
            number(spread.mean),
        ),
        ("smallest", number(spread.min)),
        ("median", number(spread.median)),
        ("largest", number(spread.max)),
        ("standard deviation", number(spread.std)),
        (
            "confidence, reference",
            Cell::stat(classes.confidence.reference, short),
        ),
        (
            "confidence, candidate",
            Cell::stat(classes.confidence.candidate, short),
        ),
        (
            "confidence, largest difference",
            number(classes.confidence.max),
        ),
        (
            "cross entropy minus entropy (nats)",
            number(classes.cross_entropy.difference),
        ),
        (
            "the same for the predicted class",
            number(classes.cross_entropy.difference_of_class),
        ),
    ];
    let golden = plain(
        "Golden values of the classes",
        vec![words("figure", ""), numbers("value", "")],
        rows.into_iter()
            .map(|(name, cell)| vec![Cell::text(name), cell])
            .collect(),
    );
    let edge = plain(
        "Agreement by distance from the sequence's edge",
        vec![
            numbers("from (bp)", ""),
            numbers("positions", ""),
            numbers("agreement", ""),
            numbers("MAD of log p", ""),
        ],
        classes
            .by_edge
            .iter()
            .map(|bin| {
                vec![
                    Cell::count(bin.from),
                    Cell::count(bin.count),
                    Cell::stat(bin.agreement, percent),
                    number(bin.mad),
                ]
            })
            .collect(),
    );
    let all = classes.disagreements.len();
    let caption = match all.saturating_sub(DISAGREEMENTS) {
        0 => format!("Positions of unequal class ({all})"),
        _ => format!("Positions of unequal class: the first {DISAGREEMENTS} of {all}"),
    };
    let unequal = plain(
        &caption,
        vec![
            numbers("position", ""),
            numbers("reference", "The reference's class"),
            numbers("candidate", "The candidate's class"),
            numbers("margin, reference", "By how much its class leads there"),
            numbers("margin, candidate", ""),
        ],
        classes
            .disagreements
            .iter()
            .take(DISAGREEMENTS)
            .map(|d| {
                vec![
                    Cell::count(d.position),
                    Cell::count(d.reference_class as u64),
                    Cell::count(d.candidate_class as u64),
                    Cell::number(scientific(d.reference_margin, 1), d.reference_margin),
                    Cell::number(scientific(d.candidate_margin, 1), d.candidate_margin),
                ]
            })
            .collect(),
    );
    golden.into_iter().chain(edge).chain(unequal).collect()
}
