//! `parity bench --scores`: how long the scores of a variant take, REF and ALT together, from the genome to the numbers.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use genome::Variant;
use genome::fasta::Fasta;
use genome::variants::Variants;
use inference::predictor::Predictor;
use inference::scorer_list;
use inference::scoring::Scoring;
use inference::tables::TableArguments;
use scorers::{Behaviour, Organism, Scorer};
use serde::Serialize;

use super::bench_forms;
use super::write::print;
use crate::cli::Bench;
use crate::exit::Exit;
use crate::progress;
use crate::report::grid::{Grid, terminal_width};

/// Variants that are scored before any is timed: a pass is planned in the first and becomes a graph in the second, and those with
/// other windows may do so once more.
const WARM: usize = 3;

/// What the bench found.
#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    schema_version: u32,
    model: String,
    device: String,
    arithmetic: String,
    load_s: f64,
    work: Vec<Timed>,
}

/// The times of some variants with some scorers.
#[derive(Debug, Serialize)]
struct Timed {
    length: usize,
    variants: &'static str,
    scorers: &'static str,
    scorer_count: usize,
    /// Timed variants, after the first.
    count: usize,
    /// The first variant, for which passes are planned.
    first_s: f64,
    median_ms: f64,
    least_ms: f64,
    most_ms: f64,
    variants_a_second: f64,
    /// Most device memory that was in use up to here; nothing on the CPU.
    device_bytes: Option<u64>,
}

/// Measures the variants in a folder.
///
/// # Errors
/// Where the model or a file cannot be opened, or a variant cannot be scored.
pub(super) fn run(args: &Bench, inputs: &Path) -> Result<Exit> {
    let organism = match args.organism {
        0 => Organism::Human,
        1 => Organism::Mouse,
        other => bail!("--organism {other}: scores are made for human (0) and mouse (1)"),
    };
    let file = |name: &str| inputs.join(name);
    let started = Instant::now();
    let arithmetic = bench_forms::arithmetic(args, args.device);
    let predictor = Predictor::open(&args.model, arithmetic, args.device, organism)?;
    let genome = Fasta::open(&file("genome.fa"))?;
    let tables = TableArguments {
        gtf: Some(file("annotation.gtf")),
        splice_starts: Some(file("splice_sites_starts.tsv")),
        splice_ends: Some(file("splice_sites_ends.tsv")),
        polya: None,
    };
    let tables = tables.open(&genome, organism)?;
    let recommended =
        scorer_list::choose(None, predictor.organism(), predictor.channels(), &tables)?;
    let load_s = started.elapsed().as_secs_f64();
    let (substitutions, indels) = variants(&file("variants.vcf"))?;
    let is_mask = |scorer: &Scorer| matches!(scorer, Scorer::CenterMask { .. });
    let masks: Vec<_> = recommended.iter().copied().filter(is_mask).collect();
    let sets = [
        ("substitutions", &substitutions, "recommended", &recommended),
        ("substitutions", &substitutions, "centre masks", &masks),
        ("indels", &indels, "recommended", &recommended),
    ];
    let mut scoring = Scoring {
        predictor,
        genome: genome.into(),
        tables: tables.into(),
        scorers: Vec::new(),
        behaviour: Behaviour::V0_3_0,
        stitching: true,
        check_reference: true,
    };
    let total: usize = sets.iter().map(|(_, variants, ..)| variants.len()).sum();
    let bar = progress::bar(total * args.lengths.len());
    let mut work = Vec::new();
    for &length in &args.lengths {
        for (kind, variants, name, scorers) in sets {
            scoring.scorers.clone_from(scorers);
            progress::step(&bar, &format!("{length} bp, {kind}, {name}"));
            let mut times = Vec::with_capacity(variants.len());
            for variant in variants {
                let started = Instant::now();
                let interval = variant.reference_interval().resize(length as i64);
                scoring
                    .score(&interval, variant)
                    .with_context(|| format!("{variant} in {interval}"))?;
                times.push(started.elapsed().as_secs_f64() * 1e3);
                bar.inc(1);
            }
            work.extend(timed(length, (kind, name, scorers.len()), times, &scoring));
        }
    }
    bar.finish_and_clear();
    let document = Document {
        schema: "parity-bench-scores",
        schema_version: 1,
        model: args.model.display().to_string(),
        device: format!(
            "{} ({})",
            scoring.predictor.machine().place().1,
            args.device
        ),
        arithmetic: arithmetic.to_string(),
        load_s,
        work,
    };
    match args.json {
        true => print(&format!("{}\n", serde_json::to_string_pretty(&document)?))?,
        false => print(&table(&document))?,
    }
    Ok(Exit::of(true))
}

/// Substitutions and indels of a file.
fn variants(path: &Path) -> Result<(Vec<Variant>, Vec<Variant>)> {
    let (mut substitutions, mut indels) = (Vec::new(), Vec::new());
    for allele in Variants::open(path)? {
        let variant = allele?.variant;
        match variant.is_insertion() || variant.is_deletion() {
            true => indels.push(variant),
            false => substitutions.push(variant),
        }
    }
    if substitutions.len().max(indels.len()) <= WARM {
        bail!(
            "{}: expected more than {WARM} variants of a kind",
            path.display()
        );
    }
    Ok((substitutions, indels))
}

fn timed(
    length: usize,
    (variants, scorers, scorer_count): (&'static str, &'static str, usize),
    times: Vec<f64>,
    scoring: &Scoring,
) -> Option<Timed> {
    let first_s = times.first()? / 1e3;
    let mut times = times.into_iter().skip(WARM).collect::<Vec<_>>();
    times.sort_by(f64::total_cmp);
    let count = times.len();
    Some(Timed {
        length,
        variants,
        scorers,
        scorer_count,
        count,
        first_s,
        median_ms: *times.get(count / 2)?,
        least_ms: *times.first()?,
        most_ms: *times.last()?,
        variants_a_second: 1e3 * count as f64 / times.iter().sum::<f64>(),
        device_bytes: scoring.predictor.machine().peak_memory(),
    })
}

fn table(document: &Document) -> String {
    let titles = [
        "variants",
        "bp",
        "timed",
        "first s",
        "median ms",
        "least",
        "most",
        "a second",
        "memory GB",
        "scorers",
    ];
    let rows = document.work.iter().map(|timed| {
        let memory = timed
            .device_bytes
            .map_or("-".into(), |bytes| format!("{:.2}", bytes as f64 / 1e9));
        vec![
            timed.variants.into(),
            timed.length.to_string(),
            timed.count.to_string(),
            format!("{:.2}", timed.first_s),
            format!("{:.1}", timed.median_ms),
            format!("{:.1}", timed.least_ms),
            format!("{:.1}", timed.most_ms),
            format!("{:.1}", timed.variants_a_second),
            memory,
            format!("{} ({})", timed.scorers, timed.scorer_count),
        ]
    });
    let mut text = format!(
        "scores in {} on {}, loaded in {:.1} s\n",
        document.arithmetic, document.device, document.load_s
    );
    Grid {
        rows: std::iter::once(titles.map(Into::into).into())
            .chain(rows)
            .collect(),
        droppable: &["first s", "timed", "a second"],
    }
    .write(&mut text, terminal_width());
    text
}
