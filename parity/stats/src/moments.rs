//! Means, variances and co-moments of a reference, a candidate and their difference.
//!
//! A block is reduced in two sweeps (means, then centred sums) and blocks are merged by the
//! pairwise update of Chan, Golub & LeVeque (1983), "Algorithms for computing the sample variance",
//! The American Statistician 37(3), equations 2.1; the co-moments by its bivariate form.

use crate::stat::{Reason, Stat};

/// Independent accumulators in a block: fixed, so that every machine adds in the same order.
const LANES: usize = 8;

/// Count, means, extremes and centred sums of pairs `(a, b)` with `d = b - a`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moments {
    pub count: u64,
    pub mean_a: f64,
    pub mean_b: f64,
    pub mean_d: f64,
    /// Sum of `(a - mean_a)^2`; likewise `bb`, `dd`, and `ad` for the product.
    pub aa: f64,
    pub bb: f64,
    pub dd: f64,
    pub ad: f64,
    /// Sum of `|d|`.
    pub abs_d: f64,
    pub min_a: f64,
    pub max_a: f64,
    pub min_b: f64,
    pub max_b: f64,
    pub min_d: f64,
    pub max_d: f64,
}

impl Default for Moments {
    fn default() -> Self {
        let (low, high) = (f64::INFINITY, f64::NEG_INFINITY);
        Self {
            count: 0,
            mean_a: 0.0,
            mean_b: 0.0,
            mean_d: 0.0,
            aa: 0.0,
            bb: 0.0,
            dd: 0.0,
            ad: 0.0,
            abs_d: 0.0,
            min_a: low,
            max_a: high,
            min_b: low,
            max_b: high,
            min_d: low,
            max_d: high,
        }
    }
}

impl Moments {
    /// Reduces one block of finite pairs; `d[i] = b[i] - a[i]`.
    #[inline(always)]
    pub(crate) fn of_block(a: &[f64], b: &[f64], d: &[f64]) -> Self {
        let mut moments = Self {
            count: a.len() as u64,
            ..Self::default()
        };
        if a.is_empty() {
            return moments;
        }
        let n = a.len() as f64;
        let sum_a = sum(a, a, |a, _| a);
        let sum_b = sum(b, b, |b, _| b);
        let sum_d = sum(d, d, |d, _| d);
        let abs_d = sum(d, d, |d, _| d.abs());
        (moments.mean_a, moments.mean_b, moments.mean_d) = (sum_a / n, sum_b / n, sum_d / n);
        moments.abs_d = abs_d;
        (moments.min_a, moments.max_a) = range(a);
        (moments.min_b, moments.max_b) = range(b);
        (moments.min_d, moments.max_d) = range(d);
        let (mean_a, mean_b, mean_d) = (moments.mean_a, moments.mean_b, moments.mean_d);
        let square = |x: f64| x * x;
        moments.aa = sum(a, a, |a, _| square(a - mean_a));
        moments.bb = sum(b, b, |b, _| square(b - mean_b));
        moments.dd = sum(d, d, |d, _| square(d - mean_d));
        moments.ad = sum(a, d, |a, d| (a - mean_a) * (d - mean_d));
        moments
    }

    /// Reduces any number of finite pairs `(a, b)`.
    pub(crate) fn of_pairs(pairs: &[(f64, f64)]) -> Self {
        let mut moments = Self::default();
        let (mut a, mut b, mut d) = ([0.0; 512], [0.0; 512], [0.0; 512]);
        for block in pairs.chunks(512) {
            for (i, &(x, y)) in block.iter().enumerate() {
                (a[i], b[i], d[i]) = (x, y, y - x);
            }
            let len = block.len();
            moments.merge(&Self::of_block(&a[..len], &b[..len], &d[..len]));
        }
        moments
    }

    /// Takes in the moments of further pairs.
    #[inline(always)]
    pub(crate) fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *other;
            return;
        }
        let (n, m) = (self.count as f64, other.count as f64);
        let share = m / (n + m);
        let weight = n * share;
        let a = other.mean_a - self.mean_a;
        let b = other.mean_b - self.mean_b;
        let d = other.mean_d - self.mean_d;
        self.aa += other.aa + a * a * weight;
        self.bb += other.bb + b * b * weight;
        self.dd += other.dd + d * d * weight;
        self.ad += other.ad + a * d * weight;
        self.mean_a += a * share;
        self.mean_b += b * share;
        self.mean_d += d * share;
        self.abs_d += other.abs_d;
        self.min_a = self.min_a.min(other.min_a);
        self.max_a = self.max_a.max(other.max_a);
        self.min_b = self.min_b.min(other.min_b);
        self.max_b = self.max_b.max(other.max_b);
        self.min_d = self.min_d.min(other.min_d);
        self.max_d = self.max_d.max(other.max_d);
        self.count += other.count;
    }

    fn n(&self) -> f64 {
        self.count as f64
    }

    /// Sum of `a^2`.
    pub(crate) fn square_a(&self) -> f64 {
        self.aa + self.n() * self.mean_a * self.mean_a
    }

    fn square_b(&self) -> f64 {
        self.bb + self.n() * self.mean_b * self.mean_b
    }

    /// Sum of `d^2`.
    pub(crate) fn square_d(&self) -> f64 {
        self.dd + self.n() * self.mean_d * self.mean_d
    }

    /// Largest `|d|`, zero without values.
    pub(crate) fn max_abs_d(&self) -> f64 {
        if self.count == 0 {
            0.0
        } else {
            self.max_d.max(-self.min_d)
        }
    }

    /// Whether every pair is equal.
    pub(crate) fn all_equal(&self) -> bool {
        self.max_abs_d() == 0.0
    }

    /// `||b - a|| / ||a||`; zero for equal arrays, whatever their norm.
    pub(crate) fn relative_l2(&self) -> Stat {
        self.relative_l2_above(0.0)
    }

    /// `||b - a|| / sqrt(||a||^2 + n floor^2)`.
    pub(crate) fn relative_l2_above(&self, floor: f64) -> Stat {
        match self.count {
            0 => Stat::Undefined(Reason::Empty),
            _ if self.all_equal() => Stat::Defined(0.0),
            _ if self.min_a == 0.0 && self.max_a == 0.0 && floor == 0.0 => {
                Stat::Undefined(Reason::ZeroNorm)
            }
            _ => {
                let norm = self.square_a() + self.count as f64 * floor * floor;
                positive_ratio(self.square_d(), norm).map(f64::sqrt)
            }
        }
    }

    /// Root mean square of `d`.
    pub(crate) fn rms(&self) -> Stat {
        Stat::mean(self.square_d(), self.count).map(f64::sqrt)
    }

    /// Population standard deviation of a centred sum of squares.
    pub(crate) fn std(&self, squares: f64) -> Stat {
        Stat::mean(squares, self.count).map(f64::sqrt)
    }

    /// Pearson's r and `1 - r`.
    pub(crate) fn pearson(&self) -> (Stat, Stat) {
        let undefined = |reason| (Stat::Undefined(reason), Stat::Undefined(reason));
        if self.count == 0 {
            return undefined(Reason::Empty);
        }
        if self.count < 2 {
            return undefined(Reason::TooFew);
        }
        if self.min_a == self.max_a || self.min_b == self.max_b {
            return undefined(Reason::Constant);
        }
        similarity(self.aa, self.bb, self.dd, self.ad)
    }

    /// Cosine similarity and `1 - cosine`.
    pub(crate) fn cosine(&self) -> (Stat, Stat) {
        let undefined = |reason| (Stat::Undefined(reason), Stat::Undefined(reason));
        if self.count == 0 {
            return undefined(Reason::Empty);
        }
        if (self.min_a == 0.0 && self.max_a == 0.0) || (self.min_b == 0.0 && self.max_b == 0.0) {
            return undefined(Reason::ZeroNorm);
        }
        let product = self.ad + self.n() * self.mean_a * self.mean_d;
        similarity(self.square_a(), self.square_b(), self.square_d(), product)
    }
}

/// `numerator / denominator` of non-negative sums where the true denominator is not zero: a zero
/// or infinite one has left the range of a float64.
fn positive_ratio(numerator: f64, denominator: f64) -> Stat {
    Stat::ratio(numerator, denominator, Reason::NotFinite)
}

/// The cosine `c` of two vectors and `1 - c` from sums of squares and products, with `b = a + d`.
///
/// `1 - c` is not computed by subtraction, which leaves no digits near 1: by Lagrange's identity
/// `|a|^2 |b|^2 - (a.b)^2 = |a|^2 |d|^2 - (a.d)^2`, so
/// `1 - c = (|a|^2 |d|^2 - (a.d)^2) / (|a|^2 |b|^2 (1 + c))`.
fn similarity(aa: f64, bb: f64, dd: f64, ad: f64) -> (Stat, Stat) {
    if aa == 0.0 || bb == 0.0 {
        let underflow = Stat::Undefined(Reason::NotFinite);
        return (underflow, underflow);
    }
    let cosine = Stat::of((aa + ad) / (aa.sqrt() * bb.sqrt())).map(|c| c.clamp(-1.0, 1.0));
    let Some(c) = cosine.value() else {
        return (cosine, cosine);
    };
    if c <= 0.0 {
        return (cosine, Stat::of(1.0 - c));
    }
    let sine_squared = dd / bb - (ad / aa) * (ad / bb);
    let complement = (sine_squared / (1.0 + c)).max(0.0);
    (Stat::of(1.0 - complement), Stat::of(complement))
}

/// Sum of `f` over two slices of equal length, in lanes.
///
/// One sum at a time: of two in one loop the compiler makes vectors that it then has to shuffle.
#[inline(always)]
fn sum(x: &[f64], y: &[f64], f: impl Fn(f64, f64) -> f64) -> f64 {
    let (xs, x_rest) = x.as_chunks::<LANES>();
    let (ys, y_rest) = y.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (x, y) in xs.iter().zip(ys) {
        for lane in 0..LANES {
            sums[lane] += f(x[lane], y[lane]);
        }
    }
    for (lane, (&x, &y)) in x_rest.iter().zip(y_rest).enumerate() {
        sums[lane] += f(x, y);
    }
    tree(sums)
}

#[inline(always)]
fn tree(p: [f64; LANES]) -> f64 {
    ((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7]))
}

/// Least and greatest value; `x` is finite and not empty.
#[inline(always)]
fn range(x: &[f64]) -> (f64, f64) {
    // Comparisons, unlike `f64::min`, are one vector instruction.
    let low = extreme(x, |x, low| if x < low { x } else { low });
    let high = extreme(x, |x, high| if x > high { x } else { high });
    (low, high)
}

#[inline(always)]
fn extreme(x: &[f64], further: impl Fn(f64, f64) -> f64) -> f64 {
    let (xs, rest) = x.as_chunks::<LANES>();
    let mut ends = [x[0]; LANES];
    for x in xs {
        for lane in 0..LANES {
            ends[lane] = further(x[lane], ends[lane]);
        }
    }
    ends.iter()
        .chain(rest)
        .fold(x[0], |end, &x| further(x, end))
}
