//! Bias: tests with several standard errors, equivalence, intervals.

use parity_stats::bias::ClusterError;
use parity_stats::intervals::Statistic;

use super::{number, plain};
use crate::report::html::table::{Cell, Table, numbers, words};
use crate::report::html::text::{scientific, short};
use crate::result::BiasResult;

/// The tables.
pub(super) fn tables(bias: &BiasResult) -> Vec<Table> {
    let test = &bias.test;
    let errors: [(&str, &ClusterError); 3] = [
        ("by block of positions", &test.by_block),
        ("by track", &test.by_track),
        ("by both", &test.two_way),
    ];
    let mut rows = vec![vec![
        Cell::text("every value by itself (plain t-test)"),
        Cell::none(),
        Cell::none(),
        number(test.plain.t),
        number(test.plain.p),
    ]];
    rows.extend(errors.map(|(name, error)| {
        vec![
            Cell::text(name),
            Cell::count(error.clusters as u64),
            number(error.standard_error),
            number(error.t_test.t),
            number(error.t_test.p),
        ]
    }));
    let errors = plain(
        "Bias: the mean difference against zero",
        vec![
            words("independent are", ""),
            numbers("clusters", ""),
            numbers("standard error", ""),
            numbers("t", ""),
            numbers("p", ""),
        ],
        rows,
    );
    let intervals = bias.intervals.iter().map(|interval| {
        let figure = |stat| match interval.statistic {
            // With three digits every correlation is 1.
            Statistic::Pearson => Cell::stat(stat, |r| format!("{r:.7}")),
            _ => number(stat),
        };
        vec![
            Cell::text(statistic(interval.statistic)),
            figure(interval.estimate),
            figure(interval.low),
            figure(interval.high),
            number(interval.freedom),
        ]
    });
    let intervals = plain(
        "Intervals of 95 %, for errors shared along positions and by tracks",
        vec![
            words("statistic", ""),
            numbers("estimate", ""),
            numbers("low", ""),
            numbers("high", ""),
            numbers("degrees of freedom", ""),
        ],
        intervals.collect(),
    );
    errors.into_iter().chain(intervals).collect()
}

fn statistic(statistic: Statistic) -> &'static str {
    match statistic {
        Statistic::RelativeL2 => "relative L2",
        Statistic::Mad => "mean absolute difference",
        Statistic::Rms => "root mean square difference",
        Statistic::MeanDifference => "mean difference",
        Statistic::Pearson => "Pearson r",
        Statistic::OneMinusPearson => "1 \u{2212} Pearson r",
        Statistic::Cosine => "cosine",
    }
}

/// The equivalence test in words.
pub(super) fn words_of(bias: &BiasResult) -> Option<String> {
    let equivalence = &bias.test.equivalence;
    let verdict = match equivalence.equivalent {
        true => "the mean difference is shown to lie within the margin",
        false => "the mean difference is not shown to lie within the margin",
    };
    let tracks = match (bias.tracks_tested, bias.tracks_rejected) {
        (Some(tested), Some(rejected)) => {
            format!("; {rejected} of {tested} tracks are rejected after Benjamini-Hochberg")
        }
        _ => String::new(),
    };
    let (low, high) = (equivalence.low.value()?, equivalence.high.value()?);
    Some(format!(
        "Equivalence: {verdict} of \u{b1}{} ({} of the reference's standard deviation): interval {} to {}, alpha {}{tracks}.",
        scientific(equivalence.margin, 2),
        short(bias.margin_of_std),
        scientific(low, 2),
        scientific(high, 2),
        short(bias.alpha)
    ))
}
