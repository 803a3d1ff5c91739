//! Pooling and upsampling, and rows in another order.

use burn::tensor::{Int, Tensor};
use burn_flex::Flex;
use kernels::pool;
use rayon::prelude::*;

use super::floats::{Floats, filled};
use crate::array::{Array, Values};

/// Rows that one thread copies at once.
const ROWS: usize = 64;

pub(super) fn take_rows(
    from: Vec<Tensor<Flex, 3>>,
    rows: Tensor<Flex, 1, Int>,
    batch: usize,
) -> Tensor<Flex, 3> {
    let channels = from[0].dims()[2];
    let from: Vec<_> = from.into_iter().map(Floats::new).collect();
    let Values::I32(rows) = Array::from_ints(rows).values else {
        unreachable!("integers come to the host as such");
    };
    let row = |row: i32| {
        let mut at = row as usize * channels;
        let mut parts = from.iter().map(Floats::as_slice);
        let part = parts.find(|part| {
            let within = at < part.len();
            at -= if within { 0 } else { part.len() };
            within
        });
        &part.expect("a row of what was given")[at..at + channels]
    };
    filled([batch, rows.len() / batch, channels], |y| {
        let pieces = y.par_chunks_mut(ROWS * channels).zip(rows.par_chunks(ROWS));
        pieces.for_each(|(y, rows)| {
            for (y, &at) in y.chunks_exact_mut(channels).zip(rows) {
                y.copy_from_slice(row(at));
            }
        });
    })
}

pub(super) fn max_pool(x: Tensor<Flex, 3>) -> Tensor<Flex, 3> {
    let [batch, length, channels] = x.dims();
    let x = Floats::new(x);
    filled([batch, length / 2, channels], |y| {
        pool::max_pool(y, x.as_slice(), channels)
    })
}

pub(super) fn mean_pool(x: Tensor<Flex, 3>, by: usize) -> Tensor<Flex, 3> {
    let [batch, length, channels] = x.dims();
    let x = Floats::new(x);
    filled([batch, length / by, channels], |y| {
        pool::mean_pool(y, x.as_slice(), channels, by)
    })
}

pub(super) fn upsample_add(
    x: Tensor<Flex, 3>,
    scale: f32,
    skip: Tensor<Flex, 3>,
) -> Tensor<Flex, 3> {
    let channels = x.dims()[2];
    let (x, mut y) = (Floats::new(x), Floats::new(skip));
    pool::upsample_add(y.as_mut_slice(), x.as_slice(), channels, scale);
    y.into_tensor()
}
