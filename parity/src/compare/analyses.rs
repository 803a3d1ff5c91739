//! What a kind of output is further asked: bias, classes, loss.

use parity_stats::bias::{BiasOptions, Clusters, bias, track_bias};
use parity_stats::bootstrap::{BootstrapOptions, Statistic, bootstrap};
use parity_stats::classes::{ClassOptions, Scores, class_parity};
use parity_stats::groups::Grouping;
use parity_stats::loss::{LossOptions, track_loss};

use super::tables::LEAST_POSITIONS;
use crate::levels::BiasRule;
use crate::outputs::Kind;
use crate::result::{BiasResult, OutputResult};
use crate::sample::{Layout, Pair};

/// Blocks of neighbouring positions that count as one observation.
const BLOCKS: usize = 32;
/// Base pairs over which AlphaGenome's loss normalises the multinomial (heads.py, `_compute_loss`).
const LOSS_SEGMENT: usize = 1 << 17;
/// Weight of the multinomial term (heads.py, `_compute_loss`).
const POSITIONAL_WEIGHT: f64 = 5.0;

/// Fills what a grid of positions and channels can be asked.
pub(super) fn fill(output: &mut OutputResult, pair: &Pair<'_>, rule: &BiasRule) {
    let Layout::Grid { full_shape, kept } = &pair.layout else {
        return;
    };
    let shape = pair.layout.shape();
    if shape.len() < 3 || output.summary.finite == 0 {
        return;
    }
    if output.kind != Kind::Tap {
        test_bias(output, pair, &shape, rule);
    }
    let positions = kept.get(&1).map(Vec::as_slice);
    match output.kind {
        Kind::ClassLogits => classes(
            output,
            pair,
            &shape,
            full_shape[1],
            positions,
            Scores::Logits,
        ),
        Kind::ClassProbabilities => {
            classes(
                output,
                pair,
                &shape,
                full_shape[1],
                positions,
                Scores::Probabilities,
            );
        }
        Kind::ScaledTracks => loss(output, pair, &shape, positions.is_some()),
        _ => {}
    }
}

fn test_bias(output: &mut OutputResult, pair: &Pair<'_>, shape: &[usize], rule: &BiasRule) {
    let (a, b) = (pair.reference.view(), pair.candidate.view());
    let Some(std) = output.summary.reference.std.value() else {
        return;
    };
    let window = shape[1].div_ceil(BLOCKS).max(1);
    let Ok(blocks) = Grouping::windows(shape, 1, window) else {
        return;
    };
    let clusters = Clusters {
        blocks,
        tracks: Grouping::tracks(shape),
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
        bootstrap: bootstrap(
            a,
            b,
            blocks,
            &[
                Statistic::RelativeL2,
                Statistic::MeanDifference,
                Statistic::Pearson,
            ],
            BootstrapOptions::default(),
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
    if result.test.plain_disagrees {
        output.notes.push(
            "bias: the plain t-test and the one by blocks and tracks disagree; values that share a position or a track are not independent, so the plain one is not to be believed".into(),
        );
    }
    output.bias = Some(result);
}

fn classes(
    output: &mut OutputResult,
    pair: &Pair<'_>,
    shape: &[usize],
    length: usize,
    positions: Option<&[usize]>,
    scores: Scores,
) {
    let mut options = ClassOptions::new(shape[shape.len() - 1], scores, length as u64);
    options.positions = positions.map(|kept| {
        let row = kept.iter().map(|&i| i as u64);
        std::iter::repeat_n(row, shape[0]).flatten().collect()
    });
    match class_parity(pair.reference.view(), pair.candidate.view(), &options) {
        Ok(classes) => output.classes = Some(classes),
        Err(error) => output.notes.push(format!("no golden values: {error}")),
    }
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
