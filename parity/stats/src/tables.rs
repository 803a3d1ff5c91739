//! The tables that a comparison fills, from which histograms are made.

use crate::histogram::{
    DifferenceBin, DifferenceHistogram, MAX_EXPONENT, MIN_EXPONENT, MagnitudeBin, UlpBin,
    UlpHistogram,
};
use crate::stat::Stat;
use crate::values::FloatType;

const BINS: usize = (MAX_EXPONENT - MIN_EXPONENT + 1) as usize;
/// Index of zero, after the bins of the exponents.
const ZERO: usize = BINS;
/// Bins of differences of either sign; a power of two, so that masking an index bounds it.
const SIGNED: usize = 512;
const NEGATIVE: usize = 256;
/// Bit lengths 0 to 32 of a distance in steps.
const STEPS: usize = 64;
/// Copies of a table that fills at random: neighbours fall into the same bin, and an addition to a
/// cell that was just written waits for that write.
const COPIES: usize = 2;

/// Tables that a chunk fills.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    difference: [[u32; SIGNED]; COPIES],
    magnitude: [[Cell; NEGATIVE]; COPIES],
    steps: [[u32; STEPS]; COPIES],
    max_steps: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    count: f64,
    sum: f64,
    squares: f64,
    max: f64,
}

/// Room for one block's bin numbers.
pub(crate) struct Scratch<const N: usize> {
    bins: [u32; N],
    other: [u32; N],
}

impl<const N: usize> Scratch<N> {
    pub(crate) fn new() -> Self {
        Self {
            bins: [0; N],
            other: [0; N],
        }
    }
}

impl Tables {
    pub(crate) fn new() -> Box<Self> {
        Box::new(Self {
            difference: [[0; SIGNED]; COPIES],
            magnitude: [[Cell::default(); NEGATIVE]; COPIES],
            steps: [[0; STEPS]; COPIES],
            max_steps: 0,
        })
    }

    /// Counts a block's differences, and by the magnitude of `a`.
    #[inline(always)]
    pub(crate) fn add_differences<const N: usize>(
        &mut self,
        a: &[f64],
        d: &[f64],
        scratch: &mut Scratch<N>,
    ) {
        for (bin, &d) in scratch.bins.iter_mut().zip(d) {
            *bin = exponent_bin(d) + if d < 0.0 { NEGATIVE as u32 } else { 0 };
        }
        for (bin, &a) in scratch.other.iter_mut().zip(a) {
            *bin = exponent_bin(a);
        }
        tally(&mut self.difference, &scratch.bins[..d.len()]);
        let (bins, rest) = scratch.other[..d.len()].as_chunks::<COPIES>();
        let (ds, d_rest) = d.as_chunks::<COPIES>();
        for (bins, d) in bins.iter().zip(ds) {
            for copy in 0..COPIES {
                self.magnitude[copy][bins[copy] as usize % NEGATIVE].add(d[copy]);
            }
        }
        for (copy, (&bin, &d)) in rest.iter().zip(d_rest).enumerate() {
            self.magnitude[copy][bin as usize % NEGATIVE].add(d);
        }
    }

    /// Counts a block's distances in steps of `float_type`.
    #[inline(always)]
    pub(crate) fn add_steps<const N: usize>(
        &mut self,
        a: &[f64],
        b: &[f64],
        float_type: FloatType,
        scratch: &mut Scratch<N>,
    ) {
        match float_type {
            FloatType::F32 => steps(a, b, &mut scratch.bins, |x| ordered(x.to_bits()), 0),
            FloatType::Bf16 => steps(a, b, &mut scratch.bins, |x| ordered(round_bf16(x)), 16),
            FloatType::F16 => steps(
                a,
                b,
                &mut scratch.bins,
                |x| ordered(u32::from(half::f16::from_f32(x).to_bits()) << 16),
                16,
            ),
        }
        let mut max = self.max_steps;
        let (bins, steps) = (&mut scratch.other[..a.len()], &scratch.bins[..a.len()]);
        for (bin, &steps) in bins.iter_mut().zip(steps) {
            max = max.max(steps);
            // The exponent field of a float64 is 1022 plus the bit length.
            let exponent = (f64::from(steps).to_bits() >> 52) as u32;
            *bin = exponent.saturating_sub(1022);
        }
        self.max_steps = max;
        tally(&mut self.steps, bins);
    }
}

impl Cell {
    #[inline(always)]
    fn add(&mut self, d: f64) {
        let d = d.abs();
        self.count += 1.0;
        self.sum += d;
        self.squares += d * d;
        // A branch that is rarely taken costs less than a store.
        if d > self.max {
            self.raise(d);
        }
    }

    #[cold]
    #[inline(never)]
    fn raise(&mut self, d: f64) {
        self.max = d;
    }
}

/// Counts bins; each chunk's bins go to the copies in turn.
#[inline(always)]
fn tally<const N: usize>(tables: &mut [[u32; N]; COPIES], bins: &[u32]) {
    let (chunks, rest) = bins.as_chunks::<COPIES>();
    for bins in chunks {
        for copy in 0..COPIES {
            tables[copy][bins[copy] as usize % N] += 1;
        }
    }
    for (copy, &bin) in rest.iter().enumerate() {
        tables[copy][bin as usize % N] += 1;
    }
}

#[inline(always)]
fn exponent_bin(x: f64) -> u32 {
    let exponent = ((x.to_bits() >> 52) & 0x7ff) as i32 - (1023 + MIN_EXPONENT);
    let bin = exponent.clamp(0, BINS as i32 - 1) as u32;
    if x == 0.0 { ZERO as u32 } else { bin }
}

#[inline(always)]
fn steps(a: &[f64], b: &[f64], out: &mut [u32], key: impl Fn(f32) -> i32, shift: u32) {
    for (out, (&a, &b)) in out.iter_mut().zip(a.iter().zip(b)) {
        let (a, b) = (key(a as f32), key(b as f32));
        let distance = if a > b {
            a.wrapping_sub(b)
        } else {
            b.wrapping_sub(a)
        };
        *out = distance as u32 >> shift;
    }
}

/// Maps the bits of a float to an integer that rises with it and is 0 for both zeros.
#[inline(always)]
fn ordered(bits: u32) -> i32 {
    let bits = bits as i32;
    if bits < 0 {
        i32::MIN.wrapping_sub(bits)
    } else {
        bits
    }
}

/// The bits of the nearest bfloat16, as a binary32.
#[inline(always)]
fn round_bf16(x: f32) -> u32 {
    let bits = x.to_bits();
    (bits.wrapping_add(0x7fff + ((bits >> 16) & 1))) & 0xffff_0000
}

/// Tables of all chunks so far.
#[derive(Clone, Debug)]
pub(crate) struct Totals {
    difference: Vec<u64>,
    magnitude: Vec<Cell>,
    steps: Vec<u64>,
    max_steps: u64,
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            difference: vec![0; SIGNED],
            magnitude: vec![Cell::default(); NEGATIVE],
            steps: vec![0; STEPS],
            max_steps: 0,
        }
    }
}

impl Totals {
    pub(crate) fn merge(&mut self, tables: &Tables) {
        for copy in 0..COPIES {
            for (total, &count) in self.difference.iter_mut().zip(&tables.difference[copy]) {
                *total += u64::from(count);
            }
            for (total, &count) in self.steps.iter_mut().zip(&tables.steps[copy]) {
                *total += u64::from(count);
            }
            for (total, cell) in self.magnitude.iter_mut().zip(&tables.magnitude[copy]) {
                total.count += cell.count;
                total.sum += cell.sum;
                total.squares += cell.squares;
                total.max = total.max.max(cell.max);
            }
        }
        self.max_steps = self.max_steps.max(u64::from(tables.max_steps));
    }

    pub(crate) fn differences(&self) -> DifferenceHistogram {
        let bins = (MIN_EXPONENT..=MAX_EXPONENT)
            .enumerate()
            .map(|(bin, exponent)| DifferenceBin {
                exponent,
                negative: self.difference[NEGATIVE + bin],
                positive: self.difference[bin],
            })
            .filter(|bin| bin.negative + bin.positive > 0)
            .collect();
        DifferenceHistogram {
            zero: self.difference[ZERO],
            bins,
        }
    }

    pub(crate) fn magnitudes(&self) -> Vec<MagnitudeBin> {
        let exponents = (MIN_EXPONENT..=MAX_EXPONENT).map(Some);
        let zero_first = std::iter::once((ZERO, None)).chain((0..BINS).zip(exponents));
        zero_first
            .map(|(bin, exponent)| (self.magnitude[bin], exponent))
            .filter(|(cell, _)| cell.count > 0.0)
            .map(|(cell, exponent)| MagnitudeBin {
                exponent,
                count: cell.count as u64,
                mad: Stat::of(cell.sum / cell.count),
                rms: Stat::of((cell.squares / cell.count).sqrt()),
                max: Stat::of(cell.max),
            })
            .collect()
    }

    pub(crate) fn ulps(&self, float_type: FloatType) -> UlpHistogram {
        let bins = (0..=32usize)
            .map(|length| UlpBin {
                low: if length == 0 { 0 } else { 1 << (length - 1) },
                high: (1 << length) - 1,
                count: self.steps[length],
            })
            .filter(|bin| bin.count > 0)
            .collect();
        UlpHistogram {
            float_type,
            max: self.max_steps,
            bins,
        }
    }
}
