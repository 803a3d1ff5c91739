//! Splice junctions: every donor with every acceptor in every tissue.

use rayon::prelude::*;

use crate::functions::softplus;
use crate::operands::{Operands, scratch_of};
use crate::parallel::vectorised;
use crate::product::{Matrix, MatrixMut, Threads, multiply};
use crate::rotary::{Angles, rotate_row};
use crate::round::round_all;

/// Tissues whose products are made before they are written: their results of one junction fill a cache line.
const TISSUES: usize = 16;
/// Floats between the products of one tissue and the next: without them, sites that are a power of two in number would
/// put the same junction of all tissues into the same set of the cache.
const LINE: usize = 16;

/// Donors or acceptors, and what makes a tissue's channels of them.
#[derive(Clone, Copy, Debug)]
pub struct Sites<'a> {
    /// `[N, C]`.
    pub x: &'a [f32],
    /// `[T, C]`.
    pub scale: &'a [f32],
    /// `[T, C]`.
    pub offset: &'a [f32],
    /// The angles of the sites' positions, `[N, C / 2]`.
    pub angles: Angles<'a>,
}

/// Where the counts `[D, A, T]` stand in a larger `[D', A', T']`: at its first donors and acceptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// `A'`.
    pub partners: usize,
    /// `T'`.
    pub tracks: usize,
    /// The track that the first tissue becomes.
    pub first: usize,
}

/// Counts of every junction in every tissue: `softplus(d . a)` with `d` and `a` `rotate(scale * x + offset)`.
///
/// The result is `[D, A, T]`, written to its place in `destination`, the rest of which stays. The two sides' channels
/// exist for no more tissues at a time than there are threads.
///
/// # Panics
/// If `C` is odd or the lengths contradict `D`, `A`, `T` and `C`.
pub fn junctions(
    destination: &mut [f32],
    place: Place,
    donors: Sites<'_>,
    acceptors: Sites<'_>,
    operands: Operands,
    [count, partners, tissues, channels]: [usize; 4],
) {
    assert!(
        channels > 0 && channels.is_multiple_of(2),
        "pairs of channels, not {channels}"
    );
    for (sites, number) in [(donors, count), (acceptors, partners)] {
        assert_eq!(sites.x.len(), number * channels, "channels of the sites");
        assert_eq!(
            sites.scale.len(),
            tissues * channels,
            "scales of the tissues"
        );
        assert_eq!(
            sites.offset.len(),
            tissues * channels,
            "offsets of the tissues"
        );
        let angles = number * channels / 2;
        assert_eq!(
            (sites.angles.cosine.len(), sites.angles.sine.len()),
            (angles, angles),
            "angles"
        );
    }
    let Place {
        partners: row,
        tracks,
        first: from,
    } = place;
    assert!(
        partners <= row && from + tissues <= tracks,
        "{partners} x {tissues} in {row} x {tracks} from {from}"
    );
    assert!(
        destination.len() >= count * row * tracks,
        "{count} donors of {row} x {tracks}"
    );
    if count * partners * tissues == 0 {
        return;
    }
    let group = rayon::current_num_threads()
        .next_multiple_of(TISSUES)
        .min(tissues);
    let stride = count * partners + LINE;
    let mut tiles = vec![0.0; group * stride];
    for first in (0..tissues).step_by(group) {
        let present = group.min(tissues - first);
        let tiles = &mut tiles[..present * stride];
        let all = tiles.par_chunks_mut(stride).enumerate();
        all.for_each_init(
            Default::default,
            |scratch: &mut [Vec<f32>; 2], (tissue, tile)| {
                let [of_donors, of_acceptors] = scratch;
                let tile = &mut tile[..count * partners];
                let donors = channels_of(of_donors, donors, first + tissue, operands, channels);
                let acceptors =
                    channels_of(of_acceptors, acceptors, first + tissue, operands, channels);
                multiply(
                    MatrixMut::new(tile, count, partners),
                    Matrix::new(donors, count, channels),
                    Matrix::new(acceptors, partners, channels).transposed(),
                    Threads::One,
                );
                vectorised(
                    #[inline(always)]
                    || {
                        for x in tile {
                            *x = softplus(*x);
                        }
                    },
                );
            },
        );
        let rows = destination
            .par_chunks_mut(row * tracks)
            .take(count)
            .enumerate();
        rows.for_each(|(donor, row)| {
            for (acceptor, cell) in row.chunks_exact_mut(tracks).take(partners).enumerate() {
                let column = tiles[donor * partners + acceptor..].iter().step_by(stride);
                let cell = &mut cell[from + first..][..present];
                for (y, &x) in cell.iter_mut().zip(column) {
                    *y = x;
                }
            }
        });
    }
}

/// `rotate(scale * x + offset)` of one tissue, `[N, C]`, as the product takes it.
fn channels_of<'a>(
    buffer: &'a mut Vec<f32>,
    sites: Sites<'_>,
    tissue: usize,
    operands: Operands,
    channels: usize,
) -> &'a [f32] {
    let destination = scratch_of(buffer, sites.x.len());
    let scale = &sites.scale[tissue * channels..][..channels];
    let offset = &sites.offset[tissue * channels..][..channels];
    let half = channels / 2;
    vectorised(
        #[inline(always)]
        || {
            let mut unrotated = vec![0.0; channels];
            let rows = destination
                .chunks_exact_mut(channels)
                .zip(sites.x.chunks_exact(channels));
            for (i, (row, x)) in rows.enumerate() {
                for (((y, &x), &a), &b) in unrotated.iter_mut().zip(x).zip(scale).zip(offset) {
                    *y = x * a + b;
                }
                let angles = i * half..(i + 1) * half;
                rotate_row(
                    row,
                    &unrotated,
                    &sites.angles.cosine[angles.clone()],
                    &sites.angles.sine[angles],
                );
            }
            if operands == Operands::Bfloat16 {
                round_all(destination);
            }
        },
    );
    destination
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, numbers, on_threads};
    use crate::round::to_bfloat16;
    use proptest::prelude::*;

    /// Numbers from which a test makes [`Sites`]: channels, scales, offsets, cosines, sines.
    fn sites_of(seed: u64, count: usize, tissues: usize, channels: usize) -> [Vec<f32>; 5] {
        let theta = numbers(seed ^ 7, count * channels / 2);
        [
            numbers(seed, count * channels),
            numbers(seed ^ 8, tissues * channels),
            numbers(seed ^ 9, tissues * channels),
            theta.iter().map(|t| (9.0 * t).cos()).collect(),
            theta.iter().map(|t| (9.0 * t).sin()).collect(),
        ]
    }

    fn sites([x, scale, offset, cosine, sine]: &[Vec<f32>; 5]) -> Sites<'_> {
        Sites {
            x,
            scale,
            offset,
            angles: Angles { cosine, sine },
        }
    }

    fn exact_channel(
        s: Sites<'_>,
        site: usize,
        tissue: usize,
        c: usize,
        channels: usize,
        round: bool,
    ) -> f64 {
        let plain = |c: usize| {
            s.x[site * channels + c] as f64 * s.scale[tissue * channels + c] as f64
                + s.offset[tissue * channels + c] as f64
        };
        let angle = site * channels / 2 + c / 2;
        let (cosine, sine) = (s.angles.cosine[angle] as f64, s.angles.sine[angle] as f64);
        let sign = if c.is_multiple_of(2) { -1.0 } else { 1.0 };
        let y = plain(c) * cosine + sign * plain(c ^ 1) * sine;
        if round {
            to_bfloat16(y as f32) as f64
        } else {
            y
        }
    }

    proptest! {
        #[test]
        fn any_shape(d in 0usize..6, a in 0usize..6, t in 1usize..40, half in 1usize..6, seed: u64, round: bool) {
            let c = 2 * half;
            let (left, right) = (sites_of(seed, d, t, c), sites_of(!seed, a, t, c));
            let (donors, acceptors) = (sites(&left), sites(&right));
            let cell = |i: usize| {
                let (donor, acceptor, tissue) = (i / t / a, i / t % a, i % t);
                let product: f64 = (0..c)
                    .map(|k| {
                        exact_channel(donors, donor, tissue, k, c, round)
                            * exact_channel(acceptors, acceptor, tissue, k, c, round)
                    })
                    .sum();
                product.max(0.0) + (-product.abs()).exp().ln_1p()
            };
            let truth: Vec<f64> = (0..d * a * t).map(cell).collect();
            let operands = if round { Operands::Bfloat16 } else { Operands::Float32 };
            // One acceptor, two tracks before and one behind that are not to be touched.
            let place = Place { partners: a + 1, tracks: t + 3, first: 2 };
            let mut all = vec![-1.0; d * (a + 1) * (t + 3)];
            junctions(&mut all, place, donors, acceptors, operands, [d, a, t, c]);
            let inside = |i: &usize| (2..t + 2).contains(&(i % (t + 3))) && i / (t + 3) % (a + 1) < a;
            let y: Vec<f32> = (0..all.len()).filter(inside).map(|i| all[i]).collect();
            prop_assert!((0..all.len()).filter(|i| !inside(i)).all(|i| all[i] == -1.0));
            // A channel next to a bfloat16 tie may be rounded the other way: 2^-8 of it.
            assert_close(&y, &truth, if round { 1e-2 } else { 3e-6 });
        }
    }

    #[test]
    fn bits_do_not_depend_on_the_number_of_threads() {
        let (left, right) = (sites_of(1, 70, 20, 64), sites_of(2, 90, 20, 64));
        let run = || {
            let mut y = vec![0.0; 70 * 90 * 20];
            junctions(
                &mut y,
                Place {
                    partners: 90,
                    tracks: 20,
                    first: 0,
                },
                sites(&left),
                sites(&right),
                Operands::Float32,
                [70, 90, 20, 64],
            );
            y
        };
        assert!(on_threads(1, run) == on_threads(2, run));
    }
}
