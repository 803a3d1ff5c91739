//! The operation by itself, on random numbers.

use std::time::Instant;

use burn::backend::Flex;
use burn::tensor::{Tensor, TensorData};
use model::AttentionForm;
use model::precision::Roundings;
use model::{Config, Operations, plain};

use super::memory::peak;
use super::{Cost, Pair};
use crate::closeness::Closeness;

/// Base pairs of a position of the trunk.
const BIN: usize = 128;

/// Both forms on the same numbers: widths and bias as the model has them at this length.
pub fn alone(config: &Config, roundings: Roundings, length: usize, repeats: usize) -> Pair {
    let (tower, positions) = (&config.tower, length / BIN);
    let rows = positions / config.pair.pool;
    let queries = random(1, [1, positions, tower.heads, tower.head_width]);
    let keys = random(2, [1, positions, tower.head_width]);
    let values = random(3, [1, positions, tower.value_width]);
    let bias = random(4, [1, tower.heads, rows, rows]);
    let cap = tower.soft_cap;
    let run = |form: Form| {
        let given = (queries.clone(), keys.clone(), values.clone(), bias.clone());
        let y = form(given.0, given.1, given.2, given.3, cap, roundings);
        y.into_data()
            .convert::<f32>()
            .into_vec::<f32>()
            .unwrap_or_default()
    };
    let fused = || {
        run(|q, k, v, bias, cap, r| {
            Flex::sequence_attention(q, k, v, bias, cap, AttentionForm::Fused, r)
        })
    };
    let plain = || run(plain::sequence_attention);
    let ((a, fused_bytes), (b, plain_bytes)) = (peak(fused), peak(plain));
    Pair {
        name: "sequence_attention".into(),
        closeness: Closeness::of(a.into_iter().zip(b)),
        cost: Cost {
            fused_milliseconds: median(repeats, || drop(fused())),
            plain_milliseconds: median(repeats, || drop(plain())),
            fused_bytes,
            plain_bytes,
        },
    }
}

type Form = fn(
    Tensor<Flex, 4>,
    Tensor<Flex, 3>,
    Tensor<Flex, 3>,
    Tensor<Flex, 4>,
    f32,
    Roundings,
) -> Tensor<Flex, 3>;

/// Numbers between -2 and 2 from a seed.
fn random<const D: usize>(seed: u64, shape: [usize; D]) -> Tensor<Flex, D> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let values = (0..shape.iter().product()).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 22) as f32 - 2.0
    });
    let data = TensorData::new(values.collect::<Vec<f32>>(), shape);
    Tensor::from_data(data, &Default::default())
}

/// The median of some milliseconds.
pub(super) fn median(repeats: usize, mut run: impl FnMut()) -> Option<f64> {
    let times = (0..repeats).map(|_| {
        let started = Instant::now();
        run();
        started.elapsed().as_secs_f64() * 1e3
    });
    middle(times.collect())
}

/// The median.
pub(super) fn middle(mut times: Vec<f64>) -> Option<f64> {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied()
}
