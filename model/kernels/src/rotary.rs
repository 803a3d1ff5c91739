//! Rotary position embeddings, interleaved pairs.

use crate::parallel::{for_pieces, vectorised};

/// Cosines and sines, one angle a position and channel pair.
#[derive(Clone, Copy, Debug)]
pub struct Angles<'a> {
    /// `[S, C / 2]`.
    pub cosine: &'a [f32],
    /// `[S, C / 2]`.
    pub sine: &'a [f32],
}

/// Rotates a row's pairs `(2 i, 2 i + 1)` by the angles of its position.
#[inline(always)]
pub(crate) fn rotate_row(row: &mut [f32], x: &[f32], cosine: &[f32], sine: &[f32]) {
    let pairs = x.as_chunks::<2>().0;
    for (((y, &[a, b]), &c), &s) in row
        .as_chunks_mut::<2>()
        .0
        .iter_mut()
        .zip(pairs)
        .zip(cosine)
        .zip(sine)
    {
        *y = [a * c - b * s, b * c + a * s];
    }
}

/// Rotates the channel pairs `(2 i, 2 i + 1)` of `x` `[S, H, C]` by the angles of their position.
///
/// # Panics
/// If `C` is odd or the lengths contradict `S`, `H` and `C`.
pub fn rotate(
    destination: &mut [f32],
    x: &[f32],
    angles: Angles<'_>,
    [length, heads, channels]: [usize; 3],
) {
    assert!(
        channels.is_multiple_of(2) && channels > 0,
        "pairs of channels, not {channels}"
    );
    assert_eq!(x.len(), length * heads * channels, "what is rotated");
    assert_eq!(destination.len(), x.len(), "as many results as arguments");
    let half = channels / 2;
    assert_eq!(
        (angles.cosine.len(), angles.sine.len()),
        (length * half, length * half),
        "angles"
    );
    for_pieces(destination, channels, |first, rows| {
        let x = &x[first * channels..][..rows.len()];
        vectorised(
            #[inline(always)]
            || {
                for (i, (row, x)) in rows
                    .chunks_exact_mut(channels)
                    .zip(x.chunks_exact(channels))
                    .enumerate()
                {
                    let position = (first + i) / heads * half;
                    let cosine = &angles.cosine[position..position + half];
                    let sine = &angles.sine[position..position + half];
                    rotate_row(row, x, cosine, sine);
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
        fn pairs_turn_by_their_angle(length in 0usize..9, heads in 1usize..5, half in 1usize..40, seed: u64) {
            let c = 2 * half;
            let x = numbers(seed, length * heads * c);
            let theta: Vec<f64> = numbers(seed ^ 1, length * half).iter().map(|&t| 9.0 * t as f64).collect();
            let cosine: Vec<f32> = theta.iter().map(|t| t.cos() as f32).collect();
            let sine: Vec<f32> = theta.iter().map(|t| t.sin() as f32).collect();
            let mut y = vec![f32::NAN; x.len()];
            rotate(&mut y, &x, Angles { cosine: &cosine, sine: &sine }, [length, heads, c]);
            let truth: Vec<f64> = (0..x.len())
                .map(|i| {
                    let t = theta[i / (heads * c) * half + i % c / 2];
                    let (a, b) = (x[i & !1] as f64, x[i | 1] as f64);
                    if i % 2 == 0 { a * t.cos() - b * t.sin() } else { b * t.cos() + a * t.sin() }
                })
                .collect();
            assert_close(&y, &truth, 3e-7);
        }
    }
}
