//! The list of a run's pages.

use maud::html;
use parity::report::html::text::count;
use terminal::line;

use super::best::real;
use super::{Entry, bar, breaking, document, settings};

/// The page that lists `entries`, the strongest of `items` variants, in the order of the input.
pub fn page(entries: &[Entry], items: u64, made: &[(String, String)]) -> String {
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_by(|a, b| a.file.cmp(&b.file));
    let scored = entries.iter().any(|entry| entry.change.is_some());
    let quantiles = entries.iter().any(|entry| entry.quantile.is_some());
    let missing = items - entries.len() as u64;
    let body = html! {
        header {
            (bar(&[("#variants", "Variants"), ("#settings", "Settings")]))
            h1 { (count(entries.len() as u64)) @if entries.len() == 1 { " variant" } @else { " variants" } }
            @if missing > 0 {
                p.line {
                    "Of " (count(items)) " in the input: "
                    @if scored { "those with the strongest changes. " } @else { "the first. " }
                    "The others have no page, or failed."
                }
            }
        }
        main {
            section #variants {
                h2 { "Variants" }
                div.scroll role="region" tabindex="0" aria-label="Variants" {
                    table.sortable {
                        caption { @if scored { "Each with its strongest change; a" } @else { "A" } " heading sorts by its column" }
                        thead { tr {
                            th scope="col" { "variant" }
                            th scope="col" { "ID" }
                            th.n scope="col" { "position" }
                            th scope="col" { "kind" }
                            th scope="col" { "nearest gene" }
                            @if scored { th.n scope="col" { "score" } }
                            @if quantiles { th.n scope="col" { "quantile" } }
                            @if scored { th scope="col" { "scorer" } th scope="col" { "track" } }
                        } }
                        tbody { @for entry in &entries { tr {
                            th scope="row" { a href=(entry.file) { (line(&short(&entry.variant))) } }
                            td { (line(entry.id.as_deref().unwrap_or(""))) }
                            td.n { (count(entry.position.unsigned_abs())) }
                            td { (entry.kind) }
                            td { (line(entry.gene.as_deref().unwrap_or(""))) }
                            @if scored { td.n { (real(entry.change.as_ref().map(|change| change.2))) } }
                            @if quantiles { td.n { (real(entry.quantile)) } }
                            @if let Some((scorer, track, _)) = &entry.change {
                                td.long { (breaking(scorer)) }
                                td.long { (line(track)) }
                            }
                            @if scored && entry.change.is_none() { td {} td { "no scorer has a row" } }
                        } } }
                    }
                }
            }
            (settings(made))
        }
    };
    document("Variants", body)
}

/// A variant with long alleles, shortened.
fn short(variant: &str) -> String {
    const MOST: usize = 48;
    match variant.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}\u{2026}", &variant[..at]),
        None => variant.to_owned(),
    }
}
