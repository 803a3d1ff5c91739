//! Holds a model's outputs against a recording, value by value.

use std::collections::BTreeMap;

use libtest_mimic::{Completion, Failed};
use model::array::Array;
use tests::golden::{Case, Kept, distance, half_steps};

use crate::gate::Full;

/// Splice-site usage is float16 in JAX.
pub const HALF_BOUND: f64 = 5e-5;
/// Against the GPU nothing but the embeddings has a bound of its own: the rest is held to what JAX on the CPU reaches with
/// the same operands rounded.
pub const OF_ROUNDED_JAX: f64 = 1.2;
/// Where junctions are predicted.
pub const POSITIONS: &str = "splice_sites_junction/splice_site_positions";
/// Rounded to float16 on its way, whatever type it has in the end.
pub const USAGE: &str = "splice_sites_usage/predictions";
const PROBABILITIES: &str = "splice_sites_classification/predictions";
/// Two probabilities closer than this are a tie: either position may be chosen.
const TIE: f32 = 1e-6;

/// Outputs and taps by name.
pub type Arrays = BTreeMap<String, Array>;

/// Whether an output can be compared: unscaled predictions need metadata.
fn comparable(full: &Full, name: &str) -> bool {
    let unscaled = name.contains("/predictions_1bp") || name.contains("/predictions_128bp");
    full.metadata.is_some() || !unscaled
}

/// Names, shapes and every value of a case; `bound` gives an output's largest relative L2 distance.
pub fn compare(
    full: &Full,
    case: &Case,
    arrays: &Arrays,
    bound: impl Fn(&str, &Kept) -> Option<f64>,
) -> Result<Completion, Failed> {
    let mut faults = Vec::new();
    let mut worst = (0.0, "");
    let mut compared = 0;
    for (name, kept) in case
        .outputs
        .iter()
        .filter(|(name, _)| comparable(full, name))
    {
        let Some(array) = arrays.get(name) else {
            faults.push(format!("{name}: the model does not give it"));
            continue;
        };
        if array.shape != kept.full_shape {
            faults.push(format!(
                "{name}: shape {:?}, JAX has {:?}",
                array.shape, kept.full_shape
            ));
            continue;
        }
        let Some(bound) = bound(name, kept) else {
            continue;
        };
        let values = kept.select(&array.values.to_f32());
        let far = distance(&kept.values, &values);
        compared += 1;
        if far.relative_l2 / bound > worst.0 {
            worst = (far.relative_l2 / bound, name);
        }
        if far.exceeds(bound) {
            faults.push(format!("{name}: {far:?}, at most {bound:.1e}"));
        }
        if name == USAGE && bound <= HALF_BOUND {
            let steps = kept
                .values
                .iter()
                .zip(&values)
                .map(|(&a, &b)| half_steps(a, b))
                .max();
            if steps > Some(1) {
                faults.push(format!("{name}: {steps:?} steps of float16, at most 1"));
            }
        }
    }
    eprintln!(
        "{}: {compared} outputs, the nearest to its bound is {} at {:.2} of it",
        case.name, worst.1, worst.0
    );
    if faults.is_empty() && compared > 0 {
        Ok(Completion::Completed)
    } else {
        Err(faults.join("\n").into())
    }
}

/// The positions of splice sites must be JAX's, but for ties at the cut.
pub fn same_positions(case: &Case, arrays: &Arrays) -> Result<(), Failed> {
    let reference = &case.outputs[POSITIONS];
    let count = reference.full_shape[2];
    let ours = arrays[POSITIONS].values.to_f32();
    let probabilities = &arrays[PROBABILITIES];
    let classes = probabilities.shape[2];
    let values = probabilities.values.to_f32();
    for kind in 0..4 {
        let row = kind * count..(kind + 1) * count;
        let theirs: Vec<i64> = reference.values[row.clone()]
            .iter()
            .map(|&p| p as i64)
            .collect();
        let ours: Vec<i64> = ours[row].iter().map(|&p| p as i64).collect();
        let probability = |place: i64| values[place as usize * classes + kind];
        let cut = ours
            .iter()
            .filter(|&&place| place >= 0)
            .map(|&place| probability(place))
            .fold(1.0, f32::min);
        let odd = |a: &[i64], b: &[i64]| {
            a.iter()
                .copied()
                .filter(|p| !b.contains(p))
                .collect::<Vec<_>>()
        };
        for place in [odd(&ours, &theirs), odd(&theirs, &ours)].concat() {
            if place < 0 || (probability(place) - cut).abs() > TIE {
                return Err(format!(
                    "splice sites of kind {kind}: position {place} is chosen by one alone"
                )
                .into());
            }
        }
    }
    Ok(())
}

/// Junctions between positions that both of JAX's runs chose, at the same place of their lists.
pub fn junctions_agree(reference: &Case, rounded: &Case, arrays: &Arrays) -> Result<(), Failed> {
    let name = "splice_sites_junction/predictions";
    let (kept, other) = (&reference.outputs[name], &rounded.outputs[name]);
    let (count, channels) = (kept.full_shape[1], kept.full_shape[3]);
    let all: Vec<usize> = (0..count).collect();
    let [rows, columns] = [1, 2].map(|axis| kept.axes[axis].as_ref().unwrap_or(&all));
    let chosen = [reference, rounded].map(|case| &case.outputs[POSITIONS].values);
    let shared = |kind: usize, place: usize| {
        chosen[0][kind * count + place] == chosen[1][kind * count + place]
    };
    let ours = kept.select(&arrays[name].values.to_f32());
    let (mut jax, mut floor, mut candidate) = (Vec::new(), Vec::new(), Vec::new());
    let mut index = 0;
    for &donor in rows {
        for &acceptor in columns {
            for channel in 0..channels {
                let strand = 2 * (channel * 2 / channels);
                if shared(strand, donor) && shared(strand + 1, acceptor) {
                    jax.push(kept.values[index]);
                    floor.push(other.values[index]);
                    candidate.push(ours[index]);
                }
                index += 1;
            }
        }
    }
    let bound = OF_ROUNDED_JAX * distance(&jax, &floor).relative_l2;
    let far = distance(&jax, &candidate);
    eprintln!(
        "{}: {} junctions at shared positions, {:.2e} of at most {bound:.2e}",
        reference.name,
        jax.len(),
        far.relative_l2
    );
    if jax.is_empty() || far.exceeds(bound) {
        return Err(format!(
            "{name}: {far:?} over {} values, at most {bound:.1e}",
            jax.len()
        )
        .into());
    }
    Ok(())
}
