//! Likely causes, from which outputs fail and how.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Failed;
use super::activation::other_output;
use super::weights::weights;
use crate::evidence::Changes;
use crate::outputs::Kind;
use crate::result::{OutputResult, Provenance, Report};

/// A share of failing windows at the ends of the sequence from which padding is suspected.
const MOSTLY: f64 = 0.9;
/// Relative distances that one precision instead of another makes in the whole model: from products of rounded operands in
/// attention alone, over TF32 (2e-4 to 1.3e-3, on tiny and full models), to bfloat16.
const PRECISION: std::ops::Range<f64> = 3e-5..6e-2;
/// The median distance below which float32 with rounded operands is likelier than bfloat16.
const TF32: f64 = 2e-3;
/// The least correlation at which a difference still is noise rather than other values.
const SAME_SIGNAL: f64 = 0.99;

/// A likely cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// The cause in a sentence.
    pub cause: String,
    /// The figures that speak for it.
    pub evidence: String,
}

/// Likely causes, the most specific first.
pub(super) fn causes(
    report: &Report,
    failed: &[Failed<'_>],
    changes: Option<&Changes>,
) -> Vec<Cause> {
    let mut causes = Vec::new();
    let mut add = |cause: String, evidence: String| causes.push(Cause { cause, evidence });
    missing(report, &mut add);
    if failed.is_empty() {
        return causes;
    }
    if let Some(changes) = changes {
        weights(changes, &mut add);
    }
    non_finite(failed, &mut add);
    other_output(failed, &mut add);
    // Where everything is off by as little as roundings make it, no part of the model is to blame.
    let everywhere = failed
        .iter()
        .any(|failed| failed.output.name.starts_with("embeddings_"));
    if everywhere {
        precision(report, failed, &mut add);
    }
    first_tap(report, &mut add);
    organism(report, failed, &mut add);
    unknown_bases(report, failed, &mut add);
    part(report, failed, &mut add);
    units(report, failed, &mut add);
    tracks(failed, &mut add);
    scale(failed, &mut add);
    if !everywhere {
        precision(report, failed, &mut add);
    }
    if causes.is_empty() {
        causes.push(Cause {
            cause: "The result alone does not tell where the difference comes from.".into(),
            evidence:
                "it holds no module outputs (taps), and outputs of several parts of the model fail"
                    .into(),
        });
    }
    causes
}

pub(super) type Add<'a> = dyn FnMut(String, String) + 'a;

fn missing(report: &Report, add: &mut Add<'_>) {
    let cases = report.runs.iter().flat_map(|run| &run.cases);
    let names: BTreeSet<&str> = cases
        .flat_map(|case| case.not_compared.iter().filter(|missing| missing.fails))
        .map(|missing| missing.name.as_str())
        .collect();
    if !names.is_empty() {
        add(
            "Outputs are missing or of another shape: another configuration, other metadata, or a request that left them out."
                .into(),
            list(&names),
        );
    }
}

fn non_finite(failed: &[Failed<'_>], add: &mut Add<'_>) {
    let names: BTreeSet<&str> = failed
        .iter()
        .filter(|failed| failed.output.summary.non_finite.mismatches > 0)
        .map(|failed| failed.output.name.as_str())
        .collect();
    if !names.is_empty() {
        add(
            "NaN or infinity stands in other places than in the reference: an overflow, a division by zero, or other padding \
             tracks in the metadata."
                .into(),
            list(&names),
        );
    }
}

/// The first module, in the order of the data, whose output fails.
fn first_tap(report: &Report, add: &mut Add<'_>) {
    let cases = report.runs.iter().flat_map(|run| &run.cases);
    let order = |output: &OutputResult| crate::order::depth(&output.name);
    let first = cases
        .flat_map(|case| case.outputs.iter().map(move |output| (case, output)))
        .filter(|(_, output)| output.kind == Kind::Tap && !output.pass)
        .min_by_key(|(_, output)| order(output));
    if let Some((case, output)) = first {
        let l2 = output.summary.relative_l2.value().unwrap_or(f64::NAN);
        add(
            format!(
                "{} is the first module, in the order of the data, whose output leaves its bounds: it, or what feeds it.",
                output.name.trim_start_matches("taps/")
            ),
            format!(
                "{} {}: relative L2 {l2:.2e}; the modules before it pass",
                case.name, output.name
            ),
        );
    }
}

fn organism(report: &Report, failed: &[Failed<'_>], add: &mut Add<'_>) {
    let compared: BTreeSet<usize> = report
        .runs
        .iter()
        .flat_map(|run| &run.cases)
        .map(|case| case.organism_index)
        .collect();
    let fail: BTreeSet<usize> = failed
        .iter()
        .map(|failed| failed.case.organism_index)
        .collect();
    if compared.len() > 1 && fail.len() == 1 {
        let organism = fail.first().copied().unwrap_or(0);
        add(
            format!(
                "Only organism {organism} fails: an organism's embedding, its rows of the heads' weights, or its track metadata."
            ),
            format!(
                "{} outputs fail, all of organism {organism}; the others of organisms {compared:?} pass",
                failed.len()
            ),
        );
    }
}

fn unknown_bases(report: &Report, failed: &[Failed<'_>], add: &mut Add<'_>) {
    let with_n = |name: &str| name.contains("nrun");
    let cases = || report.runs.iter().flat_map(|run| &run.cases);
    if cases().any(|case| with_n(&case.name))
        && cases().any(|case| !with_n(&case.name))
        && failed.iter().all(|failed| with_n(&failed.case.name))
    {
        add(
            "Only sequences with runs of N fail: unknown bases are all-zero rows in JAX.".into(),
            format!("{} outputs fail, all in cases with N", failed.len()),
        );
    }
}

/// Which part of the model the failing outputs have in common.
fn part(report: &Report, failed: &[Failed<'_>], add: &mut Add<'_>) {
    let outputs = || {
        report
            .runs
            .iter()
            .flat_map(|run| &run.cases)
            .flat_map(|case| &case.outputs)
    };
    let passes = |name: &str| {
        let mut named = outputs().filter(|output| output.name == name).peekable();
        named.peek().is_some() && named.all(|output| output.pass)
    };
    let heads: BTreeSet<&str> = failed
        .iter()
        .filter_map(|failed| failed.output.head.as_deref())
        .collect();
    let embeddings_pass = ["embeddings_1bp", "embeddings_128bp", "embeddings_pair"].map(passes);
    let embeddings_fail = failed
        .iter()
        .any(|failed| failed.output.name.starts_with("embeddings_"));
    let taps_fail = failed.iter().any(|failed| failed.output.kind == Kind::Tap);
    let evidence = |what: &str| format!("{} outputs fail; {what}", failed.len());
    if !embeddings_fail && !taps_fail && embeddings_pass == [true; 3] {
        add(
            match heads.len() {
                1 => format!("The fault lies in the head {}, or in what it reads beside the embeddings.", list(&heads)),
                _ => "The fault lies in the heads, or in what they share beside the embeddings: track means, the order of tracks."
                    .into(),
            },
            evidence("all three embeddings pass"),
        );
    } else if embeddings_pass == [false, true, true] {
        add(
            "The fault lies between the trunk and the embedding at 1 bp: the decoder, the encoder's skips, or its embedder."
                .into(),
            evidence("the embeddings at 128 bp and of pairs pass, that at 1 bp does not"),
        );
    } else if embeddings_pass == [true, true, false] {
        add(
            "The fault lies in the output pair (symmetrising, norm, organism, activation): the pair inside the tower reaches \
             the other embeddings too."
                .into(),
            evidence("the embeddings at 1 bp and 128 bp pass, that of pairs does not"),
        );
    } else if embeddings_pass == [false, false, true] {
        add(
            "The fault lies after the last update of the pair: the tower's last layers, or the embedders.".into(),
            evidence("the pair embedding passes, the others do not"),
        );
    } else if embeddings_fail && embeddings_pass == [false; 3] {
        add(
            "All embeddings fail, so the fault lies in what they share: the encoder, the organism embedding, or an early layer \
             of the tower."
                .into(),
            evidence("none of the three embeddings passes"),
        );
    }
}

/// Predictions in experimental units fail, those that they are made of pass.
fn units(report: &Report, failed: &[Failed<'_>], add: &mut Add<'_>) {
    let scaled_fail = failed
        .iter()
        .any(|failed| failed.output.kind == Kind::ScaledTracks);
    let has_scaled = report
        .runs
        .iter()
        .flat_map(|run| &run.cases)
        .flat_map(|case| &case.outputs)
        .any(|output| output.kind == Kind::ScaledTracks);
    let units: BTreeSet<&str> = failed
        .iter()
        .filter(|failed| failed.output.kind == Kind::Tracks)
        .map(|failed| failed.output.name.as_str())
        .collect();
    if has_scaled && !scaled_fail && !units.is_empty() {
        add(
            "The fault lies in the way to experimental units: the track means of the metadata, the resolution, or the squashing."
                .into(),
            format!("the scaled predictions pass, and {} does not", list(&units)),
        );
    }
}

/// A few tracks of one output carry the difference.
fn tracks(failed: &[Failed<'_>], add: &mut Add<'_>) {
    for failed in failed {
        let Some(table) = &failed.output.tracks else {
            continue;
        };
        let error = |index: usize| {
            let track = &table.tracks[index];
            track.mad.value().unwrap_or(0.0) * track.count as f64
        };
        let total: f64 = (0..table.tracks.len()).map(error).sum();
        let few = (table.tracks.len() / 10).max(1);
        if table.tracks.len() < 8 || total <= 0.0 {
            continue;
        }
        let mut errors: Vec<(f64, usize)> = (0..table.tracks.len())
            .map(|index| (error(index), table.tracks[index].group))
            .collect();
        errors.sort_by(|a, b| b.0.total_cmp(&a.0));
        let share = errors[..few].iter().map(|(error, _)| error).sum::<f64>() / total;
        if share >= MOSTLY {
            let named: Vec<String> = errors[..few]
                .iter()
                .map(|(_, track)| track.to_string())
                .collect();
            add(
                "A few tracks carry the difference: their weights, means, or places in the order of tracks.".into(),
                format!(
                    "{}: track{} {} hold{} {:.0} % of the absolute difference",
                    failed.output.name,
                    if few == 1 { "" } else { "s" },
                    named.join(", "),
                    if few == 1 { "s" } else { "" },
                    share * 100.0
                ),
            );
            return;
        }
    }
}

/// Everything is larger or smaller by one factor.
fn scale(failed: &[Failed<'_>], add: &mut Add<'_>) {
    for failed in failed {
        let summary = &failed.output.summary;
        let (Some(a), Some(b)) = (summary.reference.std.value(), summary.candidate.std.value())
        else {
            continue;
        };
        let (Some(r), Some(l2)) = (
            summary.one_minus_pearson.value(),
            summary.relative_l2.value(),
        ) else {
            continue;
        };
        if l2 > 0.02 && r < 0.05 * l2 * l2 && a > 0.0 {
            add(
                "The values differ by a factor and an offset, not by noise: a scale or an offset of the last layer.".into(),
                format!(
                    "{}: standard deviations {b:.4e} and {a:.4e} (factor {:.4}), while 1 - r is {r:.1e} at a distance of {l2:.1e}",
                    failed.output.name,
                    b / a
                ),
            );
            return;
        }
    }
}

/// Small differences everywhere.
fn precision(report: &Report, failed: &[Failed<'_>], add: &mut Add<'_>) {
    let mut distances: Vec<f64> = failed
        .iter()
        .filter_map(|failed| failed.output.summary.relative_l2.value())
        .collect();
    let same_signal = failed.iter().all(|failed| {
        failed
            .output
            .summary
            .pearson
            .value()
            .is_none_or(|r| r > SAME_SIGNAL)
    });
    if !distances.is_empty() && same_signal && distances.iter().all(|l2| PRECISION.contains(l2)) {
        let largest = distances.iter().copied().fold(0.0, f64::max);
        let median = parity_stats::quantile::median(&mut distances)
            .value()
            .unwrap_or(largest);
        let sides: BTreeSet<String> = report
            .runs
            .iter()
            .map(|run| {
                format!(
                    "{} against {}",
                    computed(&run.candidate),
                    computed(&run.reference)
                )
            })
            .collect();
        let which = match median < TF32 {
            true => {
                "TF32, or bfloat16 operands in the products of attention, on one side alone (JAX's float32 on a GPU)"
            }
            false => "bfloat16 on one side alone, in the arithmetic or in the weights",
        };
        add(
            format!(
                "The differences are as small as another precision makes them: {which}, or roundings in other places."
            ),
            format!(
                "all failing outputs correlate above {SAME_SIGNAL}, their distances have the median {median:.1e} and are at most \
                 {largest:.1e}; {}",
                list(&sides)
            ),
        );
    }
}

/// How a side computed, as far as it says.
fn computed(side: &Provenance) -> String {
    let more = [&side.platform, &side.matmul_precision];
    let more = more.into_iter().flatten().map(|word| format!(" {word}"));
    side.compute_dtype.to_string() + &more.collect::<String>()
}

pub(super) fn list<T: AsRef<str>>(names: &BTreeSet<T>) -> String {
    const SHOWN: usize = 6;
    let shown: Vec<&str> = names.iter().take(SHOWN).map(AsRef::as_ref).collect();
    let more = names.len().saturating_sub(SHOWN);
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
