//! The table of variants' effects.

use super::table::{Cell, Table, numbers, words};
use super::text::{count, percent, place, scientific, short};
use crate::result::Report;

/// Effects of variants; nothing where no variant was compared.
pub(super) fn variants(reports: &[Report]) -> String {
    let variants: Vec<_> = reports
        .iter()
        .flat_map(|report| &report.runs)
        .flat_map(|run| &run.variants)
        .collect();
    if variants.is_empty() {
        return String::new();
    }
    let rows = variants.iter().flat_map(|variant| {
        variant.outputs.iter().map(|output| {
            let effects = &output.effects;
            vec![
                Cell::text(&variant.id),
                Cell::text(&output.name),
                Cell::count(effects.count),
                Cell::count(effects.changed),
                Cell::stat(effects.sign_agreement, percent),
                Cell::stat(effects.sign_agreement_changed, percent),
                Cell::stat(effects.spearman, |x| format!("{x:.5}")),
                Cell::stat(effects.relative_l2, |x| scientific(x, 2)),
                effects
                    .largest_reference
                    .as_ref()
                    .map_or_else(Cell::none, |e| {
                        Cell::number(short(e.reference), e.reference)
                    }),
                effects
                    .largest_reference
                    .as_ref()
                    .map_or_else(Cell::none, |e| {
                        Cell::number(short(e.candidate), e.candidate)
                    }),
                Cell::text(&place(output.largest_place.as_deref())),
            ]
        })
    });
    let table = Table {
        caption: "Effects of variants: ALT minus REF of both sides".into(),
        sortable: true,
        columns: vec![
            words("variant", ""),
            words("output", ""),
            numbers("places", "Places where all four values are finite"),
            numbers("changed", "Places where the reference's effect is not zero"),
            numbers(
                "same sign",
                "Share of places where both effects have one sign",
            ),
            numbers(
                "of changed",
                "The same share where the reference's effect is not zero",
            ),
            numbers("Spearman", "Rank correlation of the effects"),
            numbers("rel. L2", "Relative L2 distance of the effects"),
            numbers("largest, reference", "The reference's largest effect"),
            numbers("there, candidate", "The candidate's effect at that place"),
            words("at", "Indices of that place in the full array"),
        ],
        rows: rows.collect(),
    };
    let left_out: usize = variants.iter().map(|variant| variant.left_out.len()).sum();
    let about = match left_out {
        0 => String::new(),
        n => format!(
            "<p class=\"about\">{} predictions were left out: their four arrays kept no places in common.</p>",
            count(n as u64)
        ),
    };
    format!(
        "<section id=\"variants\"><h2>Variants</h2>\n{}{about}</section>\n",
        table.finish()
    )
}
