//! Output embeddings.

use crate::functions::gelu_sigmoid;
use crate::norm::Affine;
use crate::parallel::{for_pieces, vectorised};

/// `x = gelu((x + skip) * scale + offset + organism)` in place, `gelu` the sigmoid form.
///
/// `x` `[S, C]`; `skip` `[S / n, C]`, each of its positions repeated `n` times; `organism` `[C]`.
///
/// # Panics
/// If the lengths contradict one another.
pub fn embed(x: &mut [f32], skip: Option<&[f32]>, norm: Affine<'_>, organism: &[f32]) {
    let channels = norm.channels();
    assert_eq!(organism.len(), channels, "the organism's embedding");
    assert!(x.len().is_multiple_of(channels), "whole rows of {channels}");
    let length = x.len() / channels;
    let coarse = skip.map_or(1, |skip| skip.len() / channels);
    let whole = skip
        .is_none_or(|skip| skip.len() == coarse * channels && length.is_multiple_of(coarse.max(1)));
    assert!(
        whole,
        "a skip whose positions repeat a whole number of times"
    );
    let repeat = length.checked_div(coarse).unwrap_or(1);
    for_pieces(x, channels, |first, rows| {
        vectorised(
            #[inline(always)]
            || {
                let (scale, offset) = (norm.scale, norm.offset);
                for (i, row) in rows.chunks_exact_mut(channels).enumerate() {
                    if let Some(skip) = skip {
                        let skip = &skip[(first + i) / repeat * channels..][..channels];
                        for (x, &skip) in row.iter_mut().zip(skip) {
                            *x += skip;
                        }
                    }
                    for (((x, &a), &b), &e) in row.iter_mut().zip(scale).zip(offset).zip(organism) {
                        *x = gelu_sigmoid(*x * a + b + e);
                    }
                }
            },
        );
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, numbers};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn with_and_without_skip(coarse in 0usize..5, repeat in 1usize..9, c in 1usize..60, seed: u64) {
            let x = numbers(seed, coarse * repeat * c);
            let skip = numbers(seed ^ 1, coarse * c);
            let (scale, offset, organism) = (numbers(seed ^ 2, c), numbers(seed ^ 3, c), numbers(seed ^ 4, c));
            let norm = Affine { scale: &scale, offset: &offset };
            for skip in [None, Some(&skip)] {
                let truth: Vec<f64> = (0..x.len())
                    .map(|i| {
                        let k = i % c;
                        let from = skip.map_or(0.0, |skip| skip[i / (repeat * c) * c + k] as f64);
                        let y = (x[i] as f64 + from) * scale[k] as f64 + offset[k] as f64 + organism[k] as f64;
                        y / (1.0 + (-1.702 * y).exp())
                    })
                    .collect();
                let mut y = x.clone();
                embed(&mut y, skip.map(|skip| &skip[..]), norm, &organism);
                assert_close(&y, &truth, 2e-6);
            }
        }
    }
}
