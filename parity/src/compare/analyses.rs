//! What a kind of output is further asked: bias, classes, loss.

use parity_stats::bias::{BiasOptions, bias, track_bias};
use parity_stats::classes::{ClassOptions, Scores, class_parity};
use parity_stats::dependence::{Dependence, dependence};
use parity_stats::effective::effective;
use parity_stats::intervals::{Statistic, intervals};
use parity_stats::loss::{LossOptions, track_loss};
use parity_stats::{Reason, Stat};

use super::Settings;
use super::tables::LEAST_POSITIONS;
use crate::levels::BiasRule;
use crate::outputs::Kind;
use crate::result::{BiasResult, OutputResult};
use crate::sample::{Layout, Pair};

/// What intervals leave out.
const INTERVAL: f64 = 0.05;
/// Base pairs over which AlphaGenome's loss normalises the multinomial (heads.py, `_compute_loss`).
const LOSS_SEGMENT: usize = 1 << 17;
/// Weight of the multinomial term (heads.py, `_compute_loss`).
const POSITIONAL_WEIGHT: f64 = 5.0;

/// Fills what a grid of positions and channels can be asked, and for every output how many values it is worth.
pub(super) fn fill(output: &mut OutputResult, pair: &Pair<'_>, settings: &Settings) {
    let grid = match &pair.layout {
        Layout::Grid { full_shape, kept } if pair.layout.shape().len() >= 3 => {
            Some((full_shape, kept))
        }
        _ => None,
    };
    let (a, b) = (pair.reference.view(), pair.candidate.view());
    // Junctions and the like are a line of values, of which neighbours share a site.
    let shape = match grid {
        Some(_) => pair.layout.shape(),
        None => vec![1, a.len(), 1],
    };
    let Ok(depends) = dependence(a, b, &shape, 1) else {
        return;
    };
    output.effective = effective(a, b, &shape, 1, &depends)
        .ok()
        .and_then(Stat::value);
    let Some((_, kept)) = grid else { return };
    if output.summary.finite == 0 {
        return;
    }
    if output.kind != Kind::Tap {
        test_bias(output, pair, &shape, &depends, &settings.thresholds.bias);
    }
    if output.kind == Kind::ScaledTracks {
        loss(output, pair, &shape, kept.contains_key(&1));
    }
}

/// Compares classes, where an output holds their scores.
pub(super) fn classes(output: &mut OutputResult, pair: &Pair<'_>, settings: &Settings) {
    let scores = match output.kind {
        Kind::ClassLogits => Scores::Logits,
        Kind::ClassProbabilities => Scores::Probabilities,
        _ => return,
    };
    let Layout::Grid { full_shape, kept } = &pair.layout else {
        return;
    };
    let shape = pair.layout.shape();
    if shape.len() < 3 || output.summary.finite == 0 {
        return;
    }
    let mut options = ClassOptions::new(shape[shape.len() - 1], scores, full_shape[1] as u64);
    options.positions = kept.get(&1).map(|kept| {
        let row = kept.iter().map(|&i| i as u64);
        std::iter::repeat_n(row, shape[0]).flatten().collect()
    });
    options.tie = Some(settings.class_tie(&output.name));
    match class_parity(pair.reference.view(), pair.candidate.view(), &options) {
        Ok(classes) => {
            if let Some(near) = classes.near_ties.filter(|near| near.disagreements > 0) {
                output.notes.push(format!(
                    "classes: {} of {} positions predict another class where the reference's two are within {:.2e} of each other: near-ties, which JAX turns against JAX and the verdict does not count",
                    near.disagreements, classes.count, near.margin
                ));
            }
            output.classes = Some(classes);
        }
        Err(error) => output.notes.push(format!("no golden values: {error}")),
    }
}

fn test_bias(
    output: &mut OutputResult,
    pair: &Pair<'_>,
    shape: &[usize],
    depends: &Dependence,
    rule: &BiasRule,
) {
    let (a, b) = (pair.reference.view(), pair.candidate.view());
    let Some(std) = output.summary.reference.std.value() else {
        return;
    };
    let Ok(clusters) = depends.clusters(shape, 1) else {
        return;
    };
    let options = BiasOptions {
        margin: rule.margin * std,
        alpha: rule.alpha,
    };
    let Ok(all) = bias(a, b, clusters, options) else {
        return;
    };
    let mut result = BiasResult {
        margin_of_std: rule.margin,
        alpha: rule.alpha,
        tracks_rejected: None,
        tracks_tested: None,
        intervals: intervals(
            a,
            b,
            clusters,
            &[
                Statistic::RelativeL2,
                Statistic::MeanDifference,
                Statistic::Pearson,
            ],
            INTERVAL,
        )
        .unwrap_or_default(),
        test: all,
    };
    let channels = shape.last().copied().unwrap_or(1).max(1);
    if output.kind.has_tracks()
        && a.len() / channels >= LEAST_POSITIONS
        && let Ok(tracks) = track_bias(a, b, clusters)
    {
        let adjusted = tracks.iter().filter_map(|track| track.adjusted_p.value());
        result.tracks_tested = Some(adjusted.clone().count());
        result.tracks_rejected = Some(adjusted.filter(|&p| p < rule.alpha).count());
    }
    if result.test.two_way.standard_error.reason() == Some(Reason::TooFewBlocks) {
        output.notes.push(format!(
            "bias: not judged: neighbouring positions correlate by {:.2}, so {} of them count as one, and fewer than 6 blocks promise nothing",
            depends.correlation, depends.window
        ));
    }
    if result.test.plain_disagrees {
        output.notes.push(
            "bias: the plain t-test and the one by blocks and tracks disagree; values that share a position or a track are not independent, so the plain one is not to be believed".into(),
        );
    }
    output.bias = Some(result);
}

fn loss(output: &mut OutputResult, pair: &Pair<'_>, shape: &[usize], sampled: bool) {
    let rows = shape[1];
    let segment = (LOSS_SEGMENT / output.resolution.unwrap_or(1).max(1) as usize).max(1);
    let whole = sampled || !rows.is_multiple_of(segment);
    let options = LossOptions {
        tracks: shape[2],
        resolution: if whole { rows } else { segment },
        positional_weight: POSITIONAL_WEIGHT,
    };
    if whole {
        let kept = if sampled {
            "kept positions"
        } else {
            "positions"
        };
        output
            .notes
            .push(format!("loss: the {rows} {kept} count as one segment"));
    }
    match track_loss(pair.reference.view(), pair.candidate.view(), options) {
        Ok(loss) => output.loss = Some(loss),
        Err(error) => output.notes.push(format!("no loss: {error}")),
    }
}
