//! Reduction of one chunk, in blocks that stay in the first-level cache.

use pulp::{Arch, NullaryFnOnce};

use crate::moments::Moments;
use crate::nonfinite::NonFinite;
use crate::options::Options;
use crate::summary::Place;
use crate::tables::{Scratch, Tables};
use crate::values::Values;

/// Pairs in a block: three float64 arrays and two of bin numbers take 16 KiB.
pub(crate) const BLOCK: usize = 512;

/// What one chunk reduces to in the first pass.
pub(crate) struct Chunk {
    pub count: u64,
    pub moments: Moments,
    pub non_finite: NonFinite,
    pub equal: u64,
    pub same_sign: u64,
    pub within: Vec<u64>,
    pub below: Vec<u64>,
    pub max: Option<Place>,
    pub tables: Box<Tables>,
}

/// One block's finite pairs as float64, closed up, with their places.
pub(crate) struct Block {
    a: [f64; BLOCK],
    b: [f64; BLOCK],
    d: [f64; BLOCK],
    places: [u16; BLOCK],
    closed_up: bool,
    len: usize,
}

impl Block {
    pub(crate) fn new() -> Self {
        let zeros = [0.0; BLOCK];
        Self {
            a: zeros,
            b: zeros,
            d: zeros,
            places: [0; BLOCK],
            closed_up: false,
            len: 0,
        }
    }

    /// Reads the pairs from `start` on, hands those that are not finite to `odd` with their
    /// place in the block, and keeps the others.
    #[inline(always)]
    pub(crate) fn read(
        &mut self,
        reference: Values<'_>,
        candidate: Values<'_>,
        start: usize,
        mut odd: impl FnMut(usize, f64, f64),
    ) {
        let len = BLOCK.min(reference.len() - start);
        reference.read(start, &mut self.a[..len]);
        candidate.read(start, &mut self.b[..len]);
        self.closed_up = !(all_finite(&self.a[..len]) && all_finite(&self.b[..len]));
        self.len = len;
        if self.closed_up {
            let mut kept = 0;
            for i in 0..len {
                let (a, b) = (self.a[i], self.b[i]);
                if a.is_finite() && b.is_finite() {
                    (self.a[kept], self.b[kept], self.places[kept]) = (a, b, i as u16);
                    kept += 1;
                } else {
                    odd(i, a, b);
                }
            }
            self.len = kept;
        }
        for (d, (a, b)) in self.d[..len].iter_mut().zip(self.a.iter().zip(&self.b)) {
            *d = b - a;
        }
    }

    #[inline(always)]
    pub(crate) fn a(&self) -> &[f64] {
        &self.a[..self.len]
    }

    #[inline(always)]
    pub(crate) fn b(&self) -> &[f64] {
        &self.b[..self.len]
    }

    #[inline(always)]
    pub(crate) fn d(&self) -> &[f64] {
        &self.d[..self.len]
    }

    /// The `i`-th kept pair, where the block's first pair has the flat index `base`.
    pub(crate) fn place(&self, i: usize, base: u64) -> Place {
        let offset = if self.closed_up {
            usize::from(self.places[i])
        } else {
            i
        };
        Place::new(base + offset as u64, self.a[i], self.b[i])
    }
}

/// Whether no value is NaN or infinite, without a branch per value.
#[inline(always)]
fn all_finite(x: &[f64]) -> bool {
    const EXPONENT: u64 = 0x7ff0_0000_0000_0000;
    !x.iter()
        .fold(false, |odd, x| odd | (x.to_bits() & EXPONENT == EXPONENT))
}

/// Number of elements for which `f` holds.
#[inline(always)]
pub(crate) fn count2(x: &[f64], y: &[f64], f: impl Fn(f64, f64) -> bool) -> u64 {
    u64::from(
        x.iter()
            .zip(y)
            .map(|(&x, &y)| u32::from(f(x, y)))
            .sum::<u32>(),
    )
}

/// One block's part in a chunk.
///
/// A closure would not do: it is called through a shim that is not compiled for the processor at hand, and all of this would
/// run on the oldest instructions.
struct Step<'a> {
    chunk: &'a mut Chunk,
    block: &'a mut Block,
    scratch: &'a mut Scratch<BLOCK>,
    reference: Values<'a>,
    candidate: Values<'a>,
    start: usize,
    base: u64,
    options: &'a Options,
}

impl NullaryFnOnce for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let (chunk, base, listed) = (self.chunk, self.base, self.options.listed);
        self.block
            .read(self.reference, self.candidate, self.start, |i, a, b| {
                chunk.non_finite.add(base + i as u64, a, b, listed);
            });
        chunk.add(self.block, base, self.options, self.scratch);
    }
}

impl Chunk {
    /// Reduces the pairs, of which the first has the flat index `base`.
    pub(crate) fn reduce(
        reference: Values<'_>,
        candidate: Values<'_>,
        base: u64,
        options: &Options,
    ) -> Self {
        let mut chunk = Self {
            count: reference.len() as u64,
            moments: Moments::default(),
            non_finite: NonFinite::default(),
            equal: 0,
            same_sign: 0,
            within: vec![0; options.tolerances.len()],
            below: vec![0; options.limits.len()],
            max: None,
            tables: Tables::new(),
        };
        let mut block = Block::new();
        let mut scratch = Scratch::<BLOCK>::new();
        let arch = Arch::new();
        for start in (0..reference.len()).step_by(BLOCK) {
            arch.dispatch(Step {
                chunk: &mut chunk,
                block: &mut block,
                scratch: &mut scratch,
                reference,
                candidate,
                start,
                base: base + start as u64,
                options,
            });
        }
        chunk
    }

    #[inline(always)]
    fn add(&mut self, block: &Block, base: u64, options: &Options, scratch: &mut Scratch<BLOCK>) {
        let (a, b, d) = (block.a(), block.b(), block.d());
        let moments = Moments::of_block(a, b, d);
        let largest = moments.max_abs_d();
        if largest > self.moments.max_abs_d() || self.max.is_none() {
            let first = d.iter().position(|d| d.abs() == largest);
            self.max = first.map(|i| block.place(i, base)).or(self.max);
        }
        self.moments.merge(&moments);
        self.equal += count2(a, b, |a, b| a == b);
        self.same_sign += count2(a, b, |a, b| {
            (a > 0.0) == (b > 0.0) && (a < 0.0) == (b < 0.0)
        });
        for (count, tolerance) in self.within.iter_mut().zip(&options.tolerances) {
            let (absolute, relative) = (tolerance.absolute, tolerance.relative);
            *count += count2(a, d, |a, d| d.abs() <= absolute + relative * a.abs());
        }
        for (count, &limit) in self.below.iter_mut().zip(&options.limits) {
            *count += count2(a, d, |_, d| d.abs() < limit);
        }
        if options.histograms {
            self.tables.add_differences(a, d, scratch);
        }
        if let Some(float_type) = options.ulp {
            self.tables.add_steps(a, b, float_type, scratch);
        }
    }
}
