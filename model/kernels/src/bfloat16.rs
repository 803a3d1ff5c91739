//! Elementwise steps in bfloat16: numbers stay float32 and are rounded after every step, as a compiler leaves them that
//! computes each step in float32 and stores bfloat16.
//!
//! Products are those of float32, on rounded operands; what follows them is here.

use crate::functions::{exp, tanh};
use crate::linear::{Epilogue, Residual};
use crate::norm::Affine;
use crate::parallel::{for_pieces, vectorised};
use crate::round::{round_all, to_bfloat16 as r};

/// A form of gelu, with constants that are bfloat16 too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gelu {
    /// `x * sigmoid(1.703125 x)`.
    Sigmoid,
    /// `x / 2 * (1 + tanh(0.796875 (x + 0.044677734 x^3)))`.
    Tanh,
}

/// `x * sigmoid(1.703125 x)`, rounded after every step.
#[inline(always)]
fn gelu_sigmoid(x: f32) -> f32 {
    let power = r(exp(-r(1.703_125 * x)));
    r(r(1.0 / r(power + 1.0)) * x)
}

/// The tanh form, rounded after every step.
#[inline(always)]
fn gelu_tanh(x: f32) -> f32 {
    let cubed = r(r(x * x) * x);
    let inner = r(0.796_875 * r(x + r(0.044_677_734 * cubed)));
    // Halving is exact.
    r(x * (0.5 * r(r(tanh(inner)) + 1.0)))
}

/// Rounds in place.
pub fn round(values: &mut [f32]) {
    for_pieces(values, 1, |_, values| {
        vectorised(
            #[inline(always)]
            || round_all(values),
        );
    });
}

/// `destination = gelu(r(r(x * scale) + offset))`, without gelu if it is `None`; both `[rows, C]`.
///
/// # Panics
/// If the lengths contradict one another.
pub fn affine(destination: &mut [f32], x: &[f32], norm: Affine<'_>, gelu: Option<Gelu>) {
    let channels = norm.channels();
    assert_eq!(destination.len(), x.len(), "as many results as arguments");
    assert!(x.len().is_multiple_of(channels), "whole rows of {channels}");
    macro_rules! run {
        ($f:expr) => {
            for_pieces(destination, channels, |first, rows| {
                let x = &x[first * channels..][..rows.len()];
                vectorised(
                    #[inline(always)]
                    || {
                        let (scale, offset) = (norm.scale, norm.offset);
                        for (row, x) in rows
                            .chunks_exact_mut(channels)
                            .zip(x.chunks_exact(channels))
                        {
                            for (((y, &x), &a), &b) in row.iter_mut().zip(x).zip(scale).zip(offset)
                            {
                                *y = $f(r(r(x * a) + b));
                            }
                        }
                    },
                )
            })
        };
    }
    match gelu {
        None => run!(std::convert::identity),
        Some(Gelu::Sigmoid) => run!(gelu_sigmoid),
        Some(Gelu::Tanh) => run!(gelu_tanh),
    }
}

/// Where an epilogue rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sums {
    /// The product, and its sum with the bias if a residual follows.
    pub steps: bool,
    /// What comes out.
    pub result: bool,
}

/// Applies an epilogue to products `[rows, O]` in place.
///
/// # Panics
/// If the lengths contradict one another.
pub fn finish(rows: &mut [f32], outputs: usize, epilogue: Epilogue<'_>, sums: Sums) {
    if outputs == 0 {
        return;
    }
    let Epilogue {
        bias,
        residual,
        relu,
    } = epilogue;
    assert!(
        bias.is_none_or(|bias| bias.len() == outputs),
        "a bias of {outputs} channels"
    );
    if let Some(Residual { values, channels }) = residual {
        let given = values.len() * outputs;
        assert_eq!(given, rows.len() * channels, "rows of the residual");
    }
    let step = |x: &mut [f32]| {
        if sums.steps {
            round_all(x);
        }
    };
    for_pieces(rows, outputs, |first, rows| {
        vectorised(
            #[inline(always)]
            || {
                for (i, row) in rows.chunks_exact_mut(outputs).enumerate() {
                    if let Some(bias) = bias {
                        step(row);
                        for (y, &bias) in row.iter_mut().zip(bias) {
                            *y += bias;
                        }
                    }
                    if let Some(Residual { values, channels }) = residual {
                        step(row);
                        let residual = &values[(first + i) * channels..][..channels];
                        for (y, &x) in row.iter_mut().zip(residual) {
                            *y += x;
                        }
                    }
                    if relu {
                        for y in row.iter_mut() {
                            *y = if *y < 0.0 { 0.0 } else { *y };
                        }
                    }
                    if sums.result {
                        round_all(row);
                    }
                }
            },
        );
    });
}

/// `x = gelu(r(r(r(r(x + skip) * scale) + offset) + organism))` in place, `gelu` the sigmoid form.
///
/// `x` `[S, C]`; `skip` `[S / n, C]`, each of its positions repeated `n` times; `organism` `[C]`.
///
/// # Panics
/// If the lengths contradict one another.
pub fn embed(x: &mut [f32], skip: Option<&[f32]>, norm: Affine<'_>, organism: &[f32]) {
    let channels = norm.channels();
    assert_eq!(organism.len(), channels, "the organism's embedding");
    assert!(x.len().is_multiple_of(channels), "whole rows of {channels}");
    let repeat = skip.map_or(1, |skip| x.len() / skip.len().max(1));
    let whole = skip
        .is_none_or(|skip| skip.len() * repeat == x.len() && skip.len().is_multiple_of(channels));
    assert!(
        whole,
        "a skip whose positions repeat a whole number of times"
    );
    for_pieces(x, channels, |first, rows| {
        vectorised(
            #[inline(always)]
            || {
                let (scale, offset) = (norm.scale, norm.offset);
                for (i, row) in rows.chunks_exact_mut(channels).enumerate() {
                    if let Some(skip) = skip {
                        let skip = &skip[(first + i) / repeat * channels..][..channels];
                        for (x, &skip) in row.iter_mut().zip(skip) {
                            *x = r(*x + skip);
                        }
                    }
                    for (((x, &a), &b), &e) in row.iter_mut().zip(scale).zip(offset).zip(organism) {
                        *x = gelu_sigmoid(r(r(r(*x * a) + b) + e));
                    }
                }
            },
        );
    });
}

/// `skip = r(r(x * scale) + skip)` in place, every position of `x` twice: `x` `[S, C]`, `skip` `[2 S, C]`.
///
/// # Panics
/// If the lengths contradict `C` or one another.
pub fn upsample_add(skip: &mut [f32], x: &[f32], channels: usize, scale: f32) {
    assert!(
        channels > 0 && x.len().is_multiple_of(channels),
        "whole rows of {channels}"
    );
    assert_eq!(skip.len(), 2 * x.len(), "twice as many positions");
    for_pieces(skip, 2 * channels, |first, rows| {
        vectorised(
            #[inline(always)]
            || {
                let x = x[first * channels..].chunks_exact(channels);
                for (both, x) in rows.chunks_exact_mut(2 * channels).zip(x) {
                    for row in both.chunks_exact_mut(channels) {
                        for (y, &x) in row.iter_mut().zip(x) {
                            *y = r(r(x * scale) + *y);
                        }
                    }
                }
            },
        );
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::numbers;
    use proptest::prelude::*;

    /// Rounds by hand: the nearest of the two neighbours, the even one in the middle.
    fn nearest(x: f64) -> f32 {
        let below = f32::from_bits((x as f32).to_bits() & 0xffff_0000);
        let next = f32::from_bits(below.to_bits().wrapping_add(0x1_0000));
        let (low, high) = ((x - below as f64).abs(), (next as f64 - x).abs());
        let even = (below.to_bits() >> 16).is_multiple_of(2);
        if low < high || (low == high && even) {
            below
        } else {
            next
        }
    }

    fn rounded(seed: u64, count: usize) -> Vec<f32> {
        numbers(seed, count)
            .iter()
            .map(|&x| nearest(x as f64))
            .collect()
    }

    #[test]
    fn gelus_round_after_every_step() {
        let sigmoid = |x: f32| {
            let power = nearest((-nearest(1.703_125 * x as f64) as f64).exp());
            let half = nearest(1.0 / nearest(power as f64 + 1.0) as f64);
            nearest(half as f64 * x as f64)
        };
        let tanh = |x: f32| {
            let x = x as f64;
            let cubed = nearest(nearest(x * x) as f64 * x) as f64;
            let sum = nearest(x + nearest(0.044_677_734_375 * cubed) as f64) as f64;
            let one = nearest(nearest((nearest(0.796_875 * sum) as f64).tanh()) as f64 + 1.0);
            nearest(x * 0.5 * one as f64)
        };
        for x in rounded(3, 4000).iter().map(|x| x * 8.0) {
            assert_eq!(gelu_sigmoid(x), sigmoid(x), "{x}");
            assert_eq!(gelu_tanh(x), tanh(x), "{x}");
        }
    }

    proptest! {
        #[test]
        fn an_affine_rounds_product_and_sum(rows in 0usize..9, channels in 1usize..70, seed: u64) {
            let x = rounded(seed, rows * channels);
            let (scale, offset) = (rounded(seed ^ 1, channels), rounded(seed ^ 2, channels));
            let norm = Affine { scale: &scale, offset: &offset };
            let truth: Vec<f32> = (0..x.len())
                .map(|i| {
                    let (a, b) = (scale[i % channels] as f64, offset[i % channels] as f64);
                    nearest(nearest(x[i] as f64 * a) as f64 + b)
                })
                .collect();
            let mut y = vec![f32::NAN; x.len()];
            affine(&mut y, &x, norm, None);
            prop_assert_eq!(&y, &truth);
            affine(&mut y, &x, norm, Some(Gelu::Sigmoid));
            prop_assert_eq!(&y, &truth.iter().map(|&x| gelu_sigmoid(x)).collect::<Vec<_>>());
            affine(&mut y, &x, norm, Some(Gelu::Tanh));
            prop_assert_eq!(&y, &truth.iter().map(|&x| gelu_tanh(x)).collect::<Vec<_>>());
        }

        #[test]
        fn an_epilogue_rounds_where_it_is_told(
            rows in 0usize..9, o in 1usize..40, channels in 1usize..50, seed: u64, steps: bool, result: bool,
            biased: bool, residual: bool, relu: bool,
        ) {
            let products = numbers(seed, rows * o);
            let (bias, addend) = (rounded(seed ^ 1, o), rounded(seed ^ 2, rows * channels));
            let epilogue = Epilogue {
                bias: biased.then_some(&bias),
                residual: residual.then_some(Residual { values: &addend, channels }),
                relu,
            };
            let step = |x: f32| if steps { nearest(x as f64) } else { x };
            let truth: Vec<f32> = (0..rows * o)
                .map(|cell| {
                    let (row, c) = (cell / o, cell % o);
                    let mut y = products[cell];
                    if biased { y = step(y) + bias[c]; }
                    if residual { y = step(y) + if c < channels { addend[row * channels + c] } else { 0.0 }; }
                    if relu { y = y.max(0.0); }
                    if result { nearest(y as f64) } else { y }
                })
                .collect();
            let mut y = products;
            finish(&mut y, o, epilogue, Sums { steps, result });
            prop_assert_eq!(y, truth);
        }

        #[test]
        fn an_embedding_rounds_after_every_step(coarse in 1usize..5, repeat in 1usize..9, c in 1usize..40, seed: u64) {
            let x = rounded(seed, coarse * repeat * c);
            let skip = rounded(seed ^ 1, coarse * c);
            let [scale, offset, organism] = [2, 3, 4].map(|i| rounded(seed ^ i, c));
            let norm = Affine { scale: &scale, offset: &offset };
            for skip in [None, Some(&skip[..])] {
                let truth: Vec<f32> = (0..x.len())
                    .map(|i| {
                        let k = i % c;
                        let from = skip.map_or(0.0, |skip| skip[i / (repeat * c) * c + k] as f64);
                        let sum = nearest(x[i] as f64 + from) as f64;
                        let norm = nearest(nearest(sum * scale[k] as f64) as f64 + offset[k] as f64);
                        gelu_sigmoid(nearest(norm as f64 + organism[k] as f64))
                    })
                    .collect();
                let mut y = x.clone();
                embed(&mut y, skip, norm, &organism);
                prop_assert_eq!(y, truth);
            }
        }

        #[test]
        fn upsampling_rounds_product_and_sum(length in 0usize..9, c in 1usize..40, seed: u64) {
            let (x, skip) = (rounded(seed, length * c), rounded(seed ^ 1, 2 * length * c));
            let truth: Vec<f32> = (0..skip.len())
                .map(|i| {
                    let from = x[i / c / 2 * c + i % c] as f64;
                    nearest(nearest(0.898_437_5 * from) as f64 + skip[i] as f64)
                })
                .collect();
            let mut y = skip;
            upsample_add(&mut y, &x, c, 0.898_437_5);
            prop_assert_eq!(y, truth);
        }
    }

    #[test]
    fn rounding_reaches_every_element() {
        let x: Vec<f32> = numbers(1, 40_001);
        let mut y = x.clone();
        round(&mut y);
        assert!(x.iter().zip(&y).all(|(&x, &y)| y == nearest(x as f64)));
    }
}
