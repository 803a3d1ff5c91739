//! Genes as browsers draw them: exons as boxes, introns as lines with the strand's arrows, the name beside.

use std::fmt::Write;

use genome::annotation::Gene;
use genome::{Annotation, Strand};
use maud::{Markup, html};
use terminal::line;

use super::view::{LEFT, View, number, region};

/// Rows of genes at most; more stand in a sentence.
const ROWS: usize = 10;
const ROW: f64 = 27.0;
/// Width of a letter of a name.
const LETTER: f64 = 7.9;
/// Base pairs of a distance that a person reads in kilobases.
const FAR: i64 = 10_000;

/// A gene at its place.
struct Drawn<'a> {
    gene: &'a Gene,
    /// `[start, end)` of the union of its transcripts' exons.
    exons: Vec<(i64, i64)>,
    row: usize,
    name: String,
    name_x: f64,
}

/// The genes of the view, and how many of them have no place.
pub fn draw(annotation: &Annotation, view: &View) -> Markup {
    let (drawn, left_out) = arranged(annotation, view);
    let rows = drawn.iter().map(|drawn| drawn.row + 1).max().unwrap_or(0);
    let height = rows.max(1) as f64 * ROW + 6.0;
    let names: Vec<_> = drawn.iter().map(|drawn| described(drawn.gene)).collect();
    html! {
        svg viewBox={ "0 0 " (view.width) " " (height) } role="img" {
            title { "Genes" }
            desc { @if names.is_empty() { "none here" } @else { (line(&names.join("; "))) } }
            (view.backdrop(0.0, height))
            text.tick x="0" y="17" { "genes" }
            @if drawn.is_empty() {
                text.tick x=(LEFT + 8.0) y="17" { "no gene of the annotation lies here" }
            }
            @for drawn in &drawn { (one(drawn, view)) }
        }
        @if left_out > 0 {
            p.about { (left_out) " more genes lie here than there is room for." }
        }
    }
}

/// Rows from the top, each gene in the first where it and its name have room.
fn arranged<'a>(annotation: &'a Annotation, view: &View) -> (Vec<Drawn<'a>>, usize) {
    let genes = annotation.genes().iter().enumerate();
    let mut here: Vec<_> = genes
        .filter(|(_, gene)| gene.interval.overlaps(&view.bases))
        .collect();
    // Where room is short, what lies near the variant has it.
    let place = (view.variant(), view.variant() + 1);
    here.sort_by_key(|(at, gene)| (distance(gene, place), *at));
    let mut exons = std::collections::HashMap::<usize, Vec<(i64, i64)>>::new();
    let wanted: std::collections::HashSet<usize> = here.iter().map(|(at, _)| *at).collect();
    for transcript in annotation.transcripts() {
        if wanted.contains(&transcript.gene) {
            exons
                .entry(transcript.gene)
                .or_default()
                .extend(&transcript.exons);
        }
    }
    let mut rows: Vec<Vec<(f64, f64)>> = vec![Vec::new(); ROWS];
    let (mut drawn, mut left_out) = (Vec::new(), 0);
    for (at, gene) in here {
        let (from, to) = (view.x(gene.interval.start), view.x(gene.interval.end));
        let name = named(gene);
        let width = LETTER * name.chars().count() as f64;
        let name_x = from.min(view.right() - width).max(LEFT);
        let (left, right) = (from.min(name_x) - 10.0, to.max(name_x + width));
        let is_free =
            |row: &Vec<(f64, f64)>| row.iter().all(|taken| taken.1 < left || right < taken.0);
        let Some(row) = rows.iter().position(is_free) else {
            left_out += 1;
            continue;
        };
        rows[row].push((left, right));
        let exons = union(exons.remove(&at).unwrap_or_default());
        drawn.push(Drawn {
            gene,
            exons,
            row,
            name,
            name_x,
        });
    }
    (drawn, left_out)
}

fn one(drawn: &Drawn<'_>, view: &View) -> Markup {
    let gene = drawn.gene;
    let top = drawn.row as f64 * ROW;
    let middle = top + 20.0;
    let (from, to) = (view.x(gene.interval.start), view.x(gene.interval.end));
    let mut boxes = String::new();
    for (start, end) in &drawn.exons {
        let (x, right) = (view.x(*start), view.x(*end));
        if right > x {
            let width = (right - x).max(1.2);
            let _ = write!(
                boxes,
                "M{} {}h{w}v8h-{w}z",
                number(x),
                number(middle - 4.0),
                w = number(width)
            );
        }
    }
    let class = if gene.biotype == "protein_coding" {
        "gene coding"
    } else {
        "gene"
    };
    html! {
        g class=(class) {
            title { (line(&described(gene))) }
            path.intron d={ "M" (number(from)) " " (number(middle)) "H" (number(to.max(from + 1.2))) } {}
            path.arrows d=(arrows(gene.interval.strand, from, to, middle)) {}
            path.exons d=(boxes) {}
            text.gene-name x=(number(drawn.name_x)) y=(number(top + 12.0)) { (drawn.name) }
        }
    }
}

/// Arrow heads along the gene, in the direction of transcription.
fn arrows(strand: Strand, from: f64, to: f64, y: f64) -> String {
    const EVERY: f64 = 26.0;
    let step = match strand {
        Strand::Positive => 3.0,
        Strand::Negative => -3.0,
        Strand::Unstranded => return String::new(),
    };
    let count = ((to - from) / EVERY).floor() as usize;
    let mut path = String::new();
    for at in 0..count {
        let x = from + (at as f64 + 0.5) * EVERY - step / 2.0;
        let _ = write!(
            path,
            "M{} {}l{step} 3l-{step} 3",
            number(x),
            number(y - 3.0)
        );
    }
    path.replace("l--", "l")
}

/// The symbol, or the identifier where there is none, shortened, with an arrow for the strand.
fn named(gene: &Gene) -> String {
    const MOST: usize = 24;
    let name = symbol(gene);
    let clean = line(name);
    let mut text: String = clean.chars().take(MOST).collect();
    if clean.chars().count() > MOST {
        text.push('\u{2026}');
    }
    match gene.interval.strand {
        Strand::Positive => text + " \u{2192}",
        Strand::Negative => format!("\u{2190} {text}"),
        Strand::Unstranded => text,
    }
}

/// What a gene is called.
pub fn symbol(gene: &Gene) -> &str {
    if gene.name.is_empty() {
        &gene.id
    } else {
        &gene.name
    }
}

fn described(gene: &Gene) -> String {
    format!(
        "{}: {}, {}, {}",
        symbol(gene),
        gene.id,
        gene.biotype,
        region(&gene.interval)
    )
}

/// Runs that hold the same bases without overlap.
fn union(mut exons: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    exons.sort_unstable();
    let mut merged: Vec<(i64, i64)> = Vec::with_capacity(exons.len());
    for (start, end) in exons {
        match merged.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => merged.push((start, end)),
        }
    }
    merged
}

/// How many bases a gene is away from `[start, end)`; 0 where it shares one, or holds the place of an empty REF.
fn distance(gene: &Gene, (start, end): (i64, i64)) -> i64 {
    let before = start - gene.interval.end + 1;
    let after = gene.interval.start - end.max(start + 1) + 1;
    before.max(after).max(0)
}

/// The gene that lies nearest to `[start, end)`, and where: the first of the file that overlaps, or else by distance.
pub fn nearest(
    annotation: &Annotation,
    chromosome: &str,
    (start, end): (i64, i64),
) -> Option<(String, String)> {
    let genes = annotation.genes().iter();
    let gene = genes
        .filter(|gene| gene.interval.chromosome == chromosome)
        .min_by_key(|gene| distance(gene, (start, end)))?;
    let name = format!("{} ({})", symbol(gene), gene.interval.strand);
    let far = distance(gene, (start, end));
    if far == 0 {
        return Some((name, "the variant lies in it".into()));
    }
    let size = if far < FAR {
        format!("{far} bp")
    } else {
        format!("{:.1} kb", far as f64 / 1000.0)
    };
    let after = gene.interval.end <= start;
    let side = match (after, gene.interval.strand) {
        (true, Strand::Positive) | (false, Strand::Negative) => "downstream of it",
        (true, Strand::Negative) | (false, Strand::Positive) => "upstream of it",
        (true, Strand::Unstranded) => "right of it",
        (false, Strand::Unstranded) => "left of it",
    };
    Some((name, format!("{size} {side}")))
}
