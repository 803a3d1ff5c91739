//! Pages for people who look: one a variant, and a list of them.
//!
//! | module | what it does |
//! |---|---|
//! | [`variant`] | the page of a variant: genes, tracks, scores, settings |
//! | [`view`] | which bases are drawn, and where they stand |
//! | [`values`] | a track's values of both alleles, at REF's positions, in as many parts as a drawing is wide |
//! | [`panel`], [`arcs`], [`genes`] | the drawings |
//! | [`best`] | the strongest rows of a table of scores |
//! | [`index`] | the list of pages |
//!
//! A page loads nothing and reads without its script; its bytes depend on the results alone. What stands in it is escaped
//! twice over: `maud` writes markup, and [`terminal::line`] what would turn the order of a text.

pub mod arcs;
pub mod best;
pub mod genes;
pub mod index;
pub mod panel;
pub mod values;
pub mod variant;
pub mod view;

use std::sync::Arc;

use genome::Annotation;
use genome::fasta::Fasta;
use maud::{Markup, html};
use parity::report::html::shell;
use scorers::{OutputType, Tracks};
use serde::{Deserialize, Serialize};
use terminal::line;

pub use variant::Subject;

const STYLE: &str = include_str!("page/page.css");

/// What all pages of a run share.
pub struct Scene<'a> {
    /// The genome.
    pub genome: &'a Fasta,
    /// Genes; nothing without a GTF.
    pub annotation: Option<&'a Annotation>,
    /// The tracks of an output.
    pub tracks: &'a dyn Fn(OutputType) -> Option<&'a Arc<Tracks>>,
    /// The tracks of an output that may be drawn where no score chooses; without, all.
    pub wanted: &'a dyn Fn(OutputType) -> Option<&'a [usize]>,
    /// Whether there are scores.
    pub scored: bool,
    /// What results depend on, by name.
    pub settings: &'a [(String, String)],
    /// Base pairs that are drawn.
    pub width: i64,
    /// Where a page leads back to, and what that is called.
    pub home: (&'a str, &'a str),
}

/// The list of a run's pages.
pub const LIST: (&str, &str) = ("index.html", "All variants");

/// A page in the list of pages.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Entry {
    /// Name of the file.
    pub file: String,
    /// The variant, as the table has it.
    pub variant: String,
    /// Its first base, counted from 1.
    pub position: i64,
    /// The record's ID.
    pub id: Option<String>,
    /// Substitution, insertion or deletion.
    pub kind: String,
    /// The nearest gene.
    pub gene: Option<String>,
    /// Scorer, track and score of the strongest change.
    pub change: Option<(String, String, f32)>,
    /// Its quantile.
    pub quantile: Option<f32>,
}

impl Entry {
    fn new(
        subject: &Subject<'_>,
        file: &str,
        gene: Option<&str>,
        change: Option<best::Row<'_>>,
    ) -> Self {
        let variant = subject.variant;
        let length = variant.alternate_length() - variant.reference_length();
        let text = |row: best::Row<'_>| row.text("variant_scorer").to_owned();
        Self {
            file: file.to_owned(),
            variant: variant.to_string(),
            position: variant.position(),
            id: subject.id.map(str::to_owned),
            kind: match length {
                0 if variant.reference_length() == 1 => "substitution".into(),
                0 => format!("substitution of {} bp", variant.reference_length()),
                1.. => format!("insertion of {length} bp"),
                _ => format!("deletion of {} bp", -length),
            },
            gene: gene.map(str::to_owned),
            change: change.and_then(|row| {
                Some((text(row), variant::track_name(row), row.real("raw_score")?))
            }),
            quantile: change.and_then(|row| row.real("quantile_score")),
        }
    }

    /// As [`best::size`].
    pub fn size(&self) -> (f32, f32) {
        let score = self.change.as_ref().map_or(-1.0, |change| change.2.abs());
        (self.quantile.map_or(0.0, f32::abs), score)
    }
}

/// A whole page.
pub fn document(title: &str, body: Markup) -> String {
    shell::page(title, STYLE, &body.into_string())
}

/// The top of a page, with links.
pub fn bar(links: &[(&str, &str)]) -> Markup {
    html! {
        div.bar {
            p.brand { "alphagenome" }
            nav aria-label="Sections" { @for (to, name) in links { a href=(to) { (name) } } }
            button #theme type="button" hidden { "Theme" }
        }
    }
}

/// Whether a page, or its beginning, is one of this program: the mark of [`bar`] stands in it.
pub fn is_own(page: &[u8]) -> bool {
    const MARK: &[u8] = b"<p class=\"brand\">alphagenome</p>";
    page.windows(MARK.len()).any(|bytes| bytes == MARK)
}

/// A scorer's name, which may break where its parts end.
pub fn breaking(name: &str) -> Markup {
    html! { @for part in name.split_inclusive(['(', ',', '=', '_']) { (line(part)) wbr; } }
}

/// What a page depends on.
pub fn settings(settings: &[(String, String)]) -> Markup {
    html! {
        section #settings {
            h2 { "Settings" }
            div.scroll role="region" tabindex="0" aria-label="Settings" {
                table.sides {
                    caption { "What the results depend on" }
                    tbody { @for (name, value) in settings {
                        tr { th scope="row" { (name) } td { (line(value)) } }
                    } }
                }
            }
        }
    }
}
