//! The picture of saturation mutagenesis: of one scorer and track, read from the rows of finished batches.

mod logo;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use genome::{Interval, Variant};
use maud::html;
use parity::report::html::text::count;
use results::page::best::{is_change, is_larger, is_signed, real};
use results::page::view::region;
use results::page::{bar, breaking, document, settings};
use terminal::{Speech, line, note};

use self::logo::{BASES, Matrix};
use crate::output::Output;
use crate::setup::Setup;
use crate::work::{Work, replace};

/// What is drawn.
#[derive(Args, Clone, Debug)]
pub struct PictureArguments {
    /// Draw a sequence logo and a heat map: a page, complete in itself
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// The scorer that is drawn, as the table names it [default: that of the strongest change]
    #[arg(long, value_name = "NAME", requires = "html")]
    pub html_scorer: Option<String>,
    /// The track that is drawn, as the table names it, or NAME:STRAND [default: that of the strongest change]
    #[arg(long, value_name = "TRACK", requires = "html")]
    pub html_track: Option<String>,
}

/// The columns that a row of scores is told by.
const KEY: [&str; 4] = ["variant_scorer", "track_name", "track_strand", "gene_id"];

/// A row of the table.
struct Row {
    variant: String,
    key: [String; 4],
    gene: String,
    score: f32,
    /// As [`results::page::best::size`].
    size: (f32, f32),
}

impl PictureArguments {
    /// Fails where the name is no page's, or something stands there and `force` is not given.
    ///
    /// # Errors
    /// Also where its folder is not there.
    pub fn check(&self, force: bool) -> Result<()> {
        let Some(path) = &self.html else {
            return Ok(());
        };
        if path.extension().is_none_or(|ending| ending != "html") {
            bail!("--html {}: end the name with .html", path.display());
        }
        Output::vacant(path, force)
    }

    /// Fails where a name that was given is none of those that are scored.
    ///
    /// # Errors
    /// Then, with the names that there are.
    pub fn check_names(&self, setup: &Setup) -> Result<()> {
        let scorers = || {
            let names = setup.scorers.iter();
            let names = names.map(|scorer| (scorer.to_string(), *scorer));
            names.filter(|(name, _)| self.html_scorer.as_ref().is_none_or(|wish| wish == name))
        };
        if let (Some(wish), None) = (&self.html_scorer, scorers().next()) {
            let names: Vec<_> = setup.scorers.iter().map(ToString::to_string).collect();
            bail!("--html-scorer {wish}: the scorers are {}", names.join("; "));
        }
        let Some(wish) = &self.html_track else {
            return Ok(());
        };
        let known = scorers().any(|(_, scorer)| {
            let tracks = setup.tracks(scorer.output());
            tracks.is_some_and(|tracks| {
                let mut all = tracks.names().iter().zip(tracks.strands());
                all.any(|(name, strand)| is_track(wish, name, strand.as_str()))
            })
        });
        if !known {
            bail!(
                "--html-track {wish}: no scorer has such a track; the column track_name of a table of scores has their names"
            );
        }
        Ok(())
    }

    /// Draws the scores of the changes of `region` to other bases. `variants` are all of these.
    ///
    /// # Errors
    /// Where no row is of the scorer or track, or something cannot be read or written.
    pub fn draw(
        &self,
        work: &Work,
        bases: &Interval,
        variants: &[Variant],
        made: &[(String, String)],
    ) -> Result<()> {
        let Some(path) = &self.html else {
            return Ok(());
        };
        let mut best: Option<Row> = None;
        rows(work, |row| {
            let larger = best
                .as_ref()
                .is_none_or(|best| is_larger(row.size, best.size));
            if larger && self.takes(&row) {
                best = Some(row);
            }
        })?;
        let Some(best) = best else {
            let text = format!(
                "note: {} is not written: no change has a score",
                path.display()
            );
            note(Speech::Normal, &text);
            return Ok(());
        };
        let mut matrix = empty(bases, variants);
        rows(work, |row| {
            if row.key == best.key {
                put(&mut matrix, &row);
            }
        })?;
        replace(path, page(&matrix, &best, bases, made).as_bytes())
    }

    fn takes(&self, row: &Row) -> bool {
        let [scorer, track, strand, _] = &row.key;
        let is_scorer = match &self.html_scorer {
            Some(name) => name == scorer,
            None => is_change(scorer),
        };
        is_scorer
            && self
                .html_track
                .as_ref()
                .is_none_or(|wish| is_track(wish, track, strand))
    }
}

/// Whether a track is meant: by its name, or by name and strand.
fn is_track(wish: &str, name: &str, strand: &str) -> bool {
    wish == name
        || wish
            .strip_suffix(strand)
            .and_then(|wish| wish.strip_suffix(':'))
            == Some(name)
}

/// Every row of the batches that has a score.
fn rows(work: &Work, mut take: impl FnMut(Row)) -> Result<()> {
    for part in work.batches().parts()? {
        let part = part?;
        let place = |name: &str| part.columns.iter().position(|column| column == name);
        let [variant, gene, score, quantile] =
            ["variant_id", "gene_name", "raw_score", "quantile_score"].map(place);
        let key = KEY.map(place);
        let mut reader = BufReader::new(work.batches().rows(&part)?);
        let mut text = String::new();
        while reader.read_line(&mut text)? > 0 {
            let fields: Vec<_> = text.trim_end_matches('\n').split('\t').collect();
            let field =
                |place: Option<usize>| place.and_then(|at| fields.get(at).copied()).unwrap_or("");
            if let Ok(score) = field(score).parse::<f32>() {
                let quantile = field(quantile).parse::<f32>().map_or(0.0, f32::abs);
                take(Row {
                    variant: field(variant).to_owned(),
                    key: key.map(|place| field(place).to_owned()),
                    gene: field(gene).to_owned(),
                    score,
                    size: (quantile, score.abs()),
                });
            }
            text.clear();
        }
    }
    Ok(())
}

/// The region's bases as the variants have them, without scores.
fn empty(bases: &Interval, variants: &[Variant]) -> Matrix {
    let mut matrix = Matrix {
        chromosome: bases.chromosome.clone(),
        first: bases.start + 1,
        reference: vec![b'N'; bases.width() as usize],
        scores: vec![[None; 4]; bases.width() as usize],
    };
    for variant in variants {
        let at = (variant.start() - bases.start) as usize;
        if let (Some(base), Some(own)) = (
            matrix.reference.get_mut(at),
            variant.reference().bytes().next(),
        ) {
            *base = own;
        }
    }
    matrix
}

/// Of several junctions of a gene the largest score stands.
fn put(matrix: &mut Matrix, row: &Row) {
    let mut parts = row.variant.rsplitn(3, ':');
    let base = parts.next().and_then(|change| change.bytes().last());
    let position = parts
        .next()
        .and_then(|position| position.parse::<i64>().ok());
    let (Some(base), Some(position)) = (base, position) else {
        return;
    };
    let kind = BASES.iter().position(|known| *known == base);
    let at = usize::try_from(position - matrix.first).ok();
    if let (Some(kind), Some(scores)) = (kind, at.and_then(|at| matrix.scores.get_mut(at))) {
        let score = &mut scores[kind];
        if score.is_none_or(|known| row.score.abs() > known.abs()) {
            *score = Some(row.score);
        }
    }
}

fn page(matrix: &Matrix, best: &Row, bases: &Interval, made: &[(String, String)]) -> String {
    let [scorer, track, strand, _] = &best.key;
    let heights = || (0..matrix.reference.len()).map(|at| (at, matrix.height(at)));
    let body = html! {
        header {
            (bar(&[("#picture", "Picture"), ("#values", "Values"), ("#settings", "Settings")]))
            h1 { (line(&region(bases))) }
            p.line { "What every change of a single base does" }
            dl.facts {
                div { dt { "Track" } dd { b { (line(track)) " (" (strand) ")" } span { (breaking(scorer)) } } }
                @if !best.gene.is_empty() { div { dt { "Gene" } dd { b { (line(&best.gene)) } } } }
                div { dt { "Strongest change" } dd { b { (real(Some(best.score))) } span { (line(&best.variant)) } } }
            }
        }
        main {
            section #picture {
                h2 { "Logo and heat map" }
                p.about {
                    "The heat map has the score of every change. The letter is REF's base, and its height minus the mean of the three \
                     scores (the SDK's ism_matrix): upward where changes lower the score, downward where they raise it. A frame marks REF."
                    @if !is_signed(scorer) { " This score has no sign: the longer a letter, the more its changes do." }
                }
                div.scroll.browser role="region" tabindex="0" aria-label="Logo and heat map" { div.stack { (logo::draw(matrix)) } }
                p.legend { span { "score" (logo::bar(matrix)) } }
            }
            section #values {
                h2 { "Values" }
                div.scroll role="region" tabindex="0" aria-label="Values" {
                    table.sortable {
                        caption { "Scores of the changes to each base, as in the table, and the height of REF's letter" }
                        thead { tr {
                            th.n scope="col" { "position" }
                            th scope="col" { "REF" }
                            @for base in BASES { th.n scope="col" { (char::from(base)) } }
                            th.n scope="col" { "height" }
                        } }
                        tbody { @for (at, height) in heights() { tr {
                            th.n scope="row" { (count((matrix.first + at as i64).unsigned_abs())) }
                            td { (char::from(matrix.reference[at])) }
                            @for score in matrix.scores[at] { td.n { (real(score)) } }
                            td.n { (real(height)) }
                        } } }
                    }
                }
            }
            (settings(made))
        }
    };
    document(&format!("Mutagenesis of {}", region(bases)), body)
}
