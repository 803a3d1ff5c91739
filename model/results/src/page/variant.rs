//! The page of one variant.

use anyhow::Result;
use genome::{Annotation, Interval, Variant};
use maud::{Markup, html};
use parity::report::html::text::count;
use scorers::{OutputType, Predictions, Table, Tracks};
use terminal::line;

use super::best::{Row, by_scorer, real, size, strongest_change};
use super::values::{Both, COLUMNS};
use super::view::{View, bases_text, region};
use super::{Entry, Scene, arcs, bar, breaking, document, genes, panel, settings};

/// A variant with what was found for it.
pub struct Subject<'a> {
    /// The variant.
    pub variant: &'a Variant,
    /// Its record's ID.
    pub id: Option<&'a str>,
    /// What the model saw.
    pub interval: &'a Interval,
    /// REF's and ALT's.
    pub predictions: &'a [Predictions; 2],
    /// Its scores; nothing where it has none.
    pub table: Option<&'a Table>,
}

impl Subject<'_> {
    /// What variants are ordered by.
    pub fn size(&self) -> (f32, f32) {
        let best = self.table.map(by_scorer).unwrap_or_default();
        size(strongest_change(&best))
    }

    /// The page, and the variant's line in the list of pages.
    ///
    /// # Errors
    /// Where the chromosome is not the genome's, or an indel cannot be aligned.
    pub fn page(&self, scene: &Scene<'_>, file: &str) -> Result<(Entry, String)> {
        let variant = self.variant;
        let best = self.table.map(by_scorer).unwrap_or_default();
        let change = strongest_change(&best);
        let length = scene.genome.length(variant.chromosome())?;
        let view = View::new(variant, self.interval, scene.width, length);
        let none = Annotation::default();
        let annotation = scene.annotation.unwrap_or(&none);
        let place = (variant.start(), variant.end());
        let nearest = genes::nearest(annotation, variant.chromosome(), place);
        let entry = Entry::new(self, file, nearest.as_ref().map(|gene| &*gene.0), change);
        let body = html! {
            (self.header(&entry, nearest.as_ref(), (change, scene)))
            main {
                section #tracks {
                    h2 { "Around the variant" }
                    (legend(variant, &view, scene.scored))
                    div.scroll.browser role="region" tabindex="0" aria-label="Genes and tracks around the variant" {
                        div.stack {
                            div.pair { @for view in views(&view) { div {
                                (view.axis())
                                @if scene.annotation.is_some() { (genes::draw(annotation, &view)) }
                            } } }
                            (self.panels(scene, &view, &best)?)
                        }
                    }
                }
                @if scene.scored { (table(&best)) }
                (settings(scene.settings))
            }
        };
        Ok((entry, document(&variant.to_string(), body)))
    }

    fn header(
        &self,
        entry: &Entry,
        nearest: Option<&(String, String)>,
        (change, scene): (Option<Row<'_>>, &Scene<'_>),
    ) -> Markup {
        let mut links = vec![scene.home, ("#tracks", "Tracks")];
        links.extend(scene.scored.then_some(("#scores", "Scores")));
        links.push(("#settings", "Settings"));
        let variant = self.variant;
        html! {
            header {
                (bar(&links))
                h1 {
                    (line(variant.chromosome())) ":" (count(variant.position().unsigned_abs())) " "
                    span.alleles {
                        (bases_text(variant.reference())) span.to role="img" aria-label="becomes" { "\u{2192}" } (bases_text(variant.alternate()))
                    }
                }
                @if let Some(id) = self.id { p.line { (line(id)) } }
                dl.facts {
                    div { dt { "Kind" } dd { b { (entry.kind) } } }
                    @if let Some((gene, place)) = nearest {
                        div { dt { "Nearest gene" } dd { b { (line(gene)) } span { (place) } } }
                    }
                    @if let Some(row) = change {
                        div { dt { "Strongest change" } dd {
                            b { (real(row.real("raw_score"))) }
                            span { (breaking(row.text("variant_scorer"))) }
                            span { (line(&track_name(row))) }
                        } }
                        @if let Some(quantile) = row.real("quantile_score") {
                            div { dt { "Its quantile" } dd { b { (real(Some(quantile))) } span { "among common variants" } } }
                        }
                    }
                    div { dt { "The model sees" } dd {
                        b { (count(self.interval.width().unsigned_abs())) " bp" }
                        span { (line(&region(self.interval))) }
                    } }
                }
            }
        }
    }

    /// The strongest track of every output that was predicted.
    fn panels(&self, scene: &Scene<'_>, view: &View, best: &[Row<'_>]) -> Result<Markup> {
        let both = Both::new(self.predictions, self.interval, self.variant)?;
        let mut panels = Vec::new();
        for output in OutputType::ALL.iter().copied() {
            let row = best
                .iter()
                .find(|row| row.is_change() && row.text("output_type") == output.name());
            let tracks = (scene.tracks)(output);
            let track = tracks.and_then(|tracks| match row {
                Some(row) => position(output, tracks, *row),
                // Without a score, the difference decides.
                None => both.most_different(output, (scene.wanted)(output), view),
            });
            let (Some(tracks), Some(track)) = (tracks, track) else {
                continue;
            };
            let name = format!("{output}: {}", tracks.names()[track]);
            let draw = |view: &View| {
                let profile = both.profile(output, track, view);
                panel::draw(&profile, view, &line(&name))
            };
            let drawings = match output {
                OutputType::SpliceJunctions => {
                    let scored = row.and_then(|row| row.junction());
                    vec![arcs::draw(
                        self.predictions,
                        self.interval,
                        track,
                        scored,
                        view,
                    )]
                }
                // A bin of contacts is wider than the close view.
                OutputType::ContactMaps => vec![draw(view)],
                _ => views(view).iter().map(draw).collect(),
            };
            panels.push(framed(output, tracks, track, row, &drawings));
        }
        Ok(html! { @for panel in panels { (panel) } })
    }
}

/// The whole view, and what lies closest to the variant.
fn views(view: &View) -> Vec<View> {
    [Some(view.clone()), view.close()]
        .into_iter()
        .flatten()
        .collect()
}

/// A track of an output that a row of scores names.
fn position(output: OutputType, tracks: &Tracks, row: Row<'_>) -> Option<usize> {
    let (name, strand) = (row.text("track_name"), row.text("track_strand"));
    // Tracks of junctions have strands of their own, and their scores none.
    let any = output == OutputType::SpliceJunctions;
    let same = |at: &usize| {
        tracks.names()[*at] == name && (any || tracks.strands()[*at].as_str() == strand)
    };
    (0..tracks.len()).find(same)
}

/// A drawing with what it is of above it.
fn framed(
    output: OutputType,
    tracks: &Tracks,
    track: usize,
    row: Option<&Row<'_>>,
    drawings: &[Markup],
) -> Markup {
    let column = |name| {
        tracks
            .column(name)
            .and_then(|values| values[track].as_deref())
    };
    let details = ["biosample_name", "transcription_factor", "histone_mark"];
    let details: Vec<_> = details
        .into_iter()
        .filter_map(column)
        .filter(|text| !text.is_empty())
        .collect();
    let what = match output {
        OutputType::ContactMaps => "contacts of the variant's bin with every bin",
        OutputType::SpliceJunctions => "counts of junctions: REF above, ALT below",
        _ => "",
    };
    html! {
        figure {
            figcaption {
                b { (output.name()) }
                span { (line(&tracks.names()[track])) " (" (tracks.strands()[track].as_str()) ")" }
                @if !details.is_empty() { span { (line(&details.join(", "))) } }
                @if !what.is_empty() { span { (what) } }
                @match row {
                    Some(row) => span.score {
                        (line(row.text("variant_scorer"))) ": " b { (real(row.real("raw_score"))) }
                        @if !row.text("gene_name").is_empty() { " (" (line(row.text("gene_name"))) ")" }
                    },
                    None => span.score { "the track that differs most here" },
                }
            }
            div.pair { @for drawing in drawings { div { (drawing) } } }
        }
    }
}

/// How the drawings are to be read.
fn legend(variant: &Variant, view: &View, scored: bool) -> Markup {
    let which = match scored {
        true => "with the strongest change",
        false => "whose alleles differ most here",
    };
    let width = view.bases.width();
    let aligned = match () {
        () if variant.is_insertion() => {
            " ALT stands at REF's positions: an insertion's bases are one, with their largest value. Scores of windows and contacts \
             are of ALT as it is."
        }
        () if variant.is_deletion() => {
            " ALT stands at REF's positions: deleted bases are zero. Scores of windows and contacts are of ALT as it is."
        }
        () => "",
    };
    html! {
        p.about {
            "Of each output the track " (which) ". REF and ALT share one scale; below is ALT \u{2212} REF. "
            (line(&view.text())) ": "
            @if width as usize > COLUMNS {
                "each of " (COLUMNS) " columns shows the largest value of its "
                (format!("{:.1}", width as f64 / COLUMNS as f64)) " bp, and the difference that is largest in size"
            } @else { "every base has its place" }
            @if let Some(close) = view.close() { "; beside it every base of " (line(&close.text())) }
            "."
            (aligned)
        }
        p.legend {
            span { svg.key viewBox="0 0 16 10" aria-hidden="true" { path.ref d="M0 3h16v7h-16z" {} path.edge d="M0 3h16" {} } "REF" }
            span { svg.key viewBox="0 0 16 10" aria-hidden="true" { path.alt d="M0 4h16" {} } "ALT" }
            span { svg.key viewBox="0 0 16 10" aria-hidden="true" { path.gain d="M0 1h16v8h-16z" {} } "ALT is higher" }
            span { svg.key viewBox="0 0 16 10" aria-hidden="true" { path.loss d="M0 1h16v8h-16z" {} } "ALT is lower" }
            span { svg.key viewBox="0 0 16 10" aria-hidden="true" { rect.variant x="6" y="0" width="4" height="10" {} } "the variant" }
        }
    }
}

/// `ATAC track 2 (+), liver, MAIN1`.
pub fn track_name(row: Row<'_>) -> String {
    let mut parts = vec![format!(
        "{} ({})",
        row.text("track_name"),
        row.text("track_strand")
    )];
    let more = ["biosample_name", "gene_name"].map(|column| row.text(column));
    parts.extend(
        more.into_iter()
            .filter(|text| !text.is_empty())
            .map(str::to_owned),
    );
    parts.join(", ")
}

/// The strongest score of every scorer.
fn table(best: &[Row<'_>]) -> Markup {
    let quantiles = best.iter().any(|row| row.real("quantile_score").is_some());
    let junctions = best.iter().any(|row| row.junction().is_some());
    html! {
        section #scores {
            h2 { "Scores" }
            @if best.is_empty() { p.about { "No scorer has a row for this variant." } }
            @else {
                div.scroll role="region" tabindex="0" aria-label="Scores by scorer" {
                    table.sortable {
                        caption { "Of each scorer the score that is largest in size, as it stands in the table" }
                        thead { tr {
                            th scope="col" { "scorer" }
                            th scope="col" title="what changes from REF to ALT, or the activity of the more active allele" { "says" }
                            th.n scope="col" { "score" }
                            @if quantiles { th.n scope="col" title="its place among the scores of common variants" { "quantile" } }
                            th scope="col" { "track" }
                            th scope="col" { "strand" }
                            th scope="col" { "biosample" }
                            th scope="col" { "gene" }
                            @if junctions { th scope="col" title="first and last base of its intron" { "junction" } }
                        } }
                        tbody { @for row in best { tr {
                            th.long scope="row" { (breaking(row.text("variant_scorer"))) }
                            td { @if row.is_change() { "change" } @else { "activity" } }
                            td.n { (real(row.real("raw_score"))) }
                            @if quantiles { td.n { (real(row.real("quantile_score"))) } }
                            td.long { (line(row.text("track_name"))) }
                            td { (row.text("track_strand")) }
                            td { (line(row.text("biosample_name"))) }
                            td { (line(row.text("gene_name"))) }
                            @if junctions { td { @if let Some((start, end)) = row.junction() {
                                (count((start + 1).unsigned_abs())) "\u{2013}" (count(end.unsigned_abs()))
                            } } }
                        } } }
                    }
                }
            }
        }
    }
}
