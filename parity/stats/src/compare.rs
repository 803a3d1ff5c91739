//! The comparison of two arrays: one pass for everything but the outliers, a second for those.

use crate::block::Chunk;
use crate::moments::Moments;
use crate::nonfinite::NonFinite;
use crate::options::Options;
use crate::outliers::OutlierScan;
use crate::stat::{Reason, Stat};
use crate::stream::{Pass, Stream};
use crate::summary::{BelowLimit, Place, SignAgreement, Spread, Summary, WithinTolerance};
use crate::tables::Totals;
use crate::ttest::paired;
use crate::values::{LengthMismatch, Values};

/// Compares `candidate` with `reference`, which both lie in memory (or are mapped).
///
/// Reads the arrays once, and once more where outliers are asked for. The result does not depend
/// on the number of threads.
///
/// # Errors
/// [`LengthMismatch`] where the arrays differ in length.
///
/// ```
/// use parity_stats::{Options, Values, compare};
///
/// let reference = [1.0f32, 2.0, 4.0];
/// let candidate = [1.0f32, 2.0, 4.5];
/// let summary =
///     compare(Values::F32(&reference), Values::F32(&candidate), &Options::default()).unwrap();
/// assert_eq!(summary.max.unwrap().index, 2);
/// assert_eq!(summary.mad.value(), Some(0.5 / 3.0));
/// ```
pub fn compare(
    reference: Values<'_>,
    candidate: Values<'_>,
    options: &Options,
) -> Result<Summary, LengthMismatch> {
    let mut comparison = Comparison::new(options.clone());
    comparison.push(reference, candidate)?;
    let mut summary = comparison.finish();
    if let Some(mut scan) = OutlierScan::after(&summary, options) {
        scan.push(reference, candidate)?;
        summary.outliers = Some(scan.finish());
    }
    Ok(summary)
}

/// Accumulates a comparison from consecutive parts of two arrays.
///
/// The result does not depend on where the arrays are cut. Outliers need a second pass over the
/// same parts: see [`OutlierScan`].
#[derive(Debug)]
pub struct Comparison {
    stream: Stream,
    totals: FirstPass,
}

#[derive(Debug)]
struct FirstPass {
    options: Options,
    count: u64,
    moments: Moments,
    non_finite: NonFinite,
    equal: u64,
    same_sign: u64,
    within: Vec<u64>,
    below: Vec<u64>,
    max: Option<Place>,
    tables: Totals,
}

impl Comparison {
    /// An empty comparison.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let totals = FirstPass {
            count: 0,
            moments: Moments::default(),
            non_finite: NonFinite::default(),
            equal: 0,
            same_sign: 0,
            within: vec![0; options.tolerances.len()],
            below: vec![0; options.limits.len()],
            max: None,
            tables: Totals::default(),
            options,
        };
        Self {
            stream: Stream::default(),
            totals,
        }
    }

    /// Takes in the next values of both arrays.
    ///
    /// # Errors
    /// [`LengthMismatch`] where the parts differ in length; nothing is taken in then.
    pub fn push(
        &mut self,
        reference: Values<'_>,
        candidate: Values<'_>,
    ) -> Result<(), LengthMismatch> {
        self.stream.push(&mut self.totals, reference, candidate)
    }

    /// The comparison of everything taken in, without outliers.
    #[must_use]
    pub fn finish(mut self) -> Summary {
        self.stream.finish(&mut self.totals);
        self.totals.summary()
    }
}

impl Pass for FirstPass {
    type Part = Chunk;

    fn reduce(&self, reference: Values<'_>, candidate: Values<'_>, base: u64) -> Chunk {
        Chunk::reduce(reference, candidate, base, &self.options)
    }

    fn merge(&mut self, chunk: Chunk) {
        self.count += chunk.count;
        if chunk.moments.max_abs_d() > self.moments.max_abs_d() || self.max.is_none() {
            self.max = chunk.max.or(self.max);
        }
        self.moments.merge(&chunk.moments);
        self.non_finite.merge(chunk.non_finite, self.options.listed);
        self.equal += chunk.equal;
        self.same_sign += chunk.same_sign;
        for (total, count) in self.within.iter_mut().zip(chunk.within) {
            *total += count;
        }
        for (total, count) in self.below.iter_mut().zip(chunk.below) {
            *total += count;
        }
        self.tables.merge(&chunk.tables);
    }
}

impl FirstPass {
    fn summary(self) -> Summary {
        let moments = &self.moments;
        let finite = moments.count;
        let share = |count: u64| Stat::mean(count as f64, finite);
        let spread = |mean, squares, min, max| {
            let some = |x| {
                if finite == 0 {
                    Stat::Undefined(Reason::Empty)
                } else {
                    Stat::of(x)
                }
            };
            let std = if min == max {
                some(0.0)
            } else {
                moments.std(squares)
            };
            Spread {
                mean: some(mean),
                std,
                min: some(min),
                max: some(max),
            }
        };
        let (pearson, one_minus_pearson) = moments.pearson();
        let (cosine, one_minus_cosine) = moments.cosine();
        let difference = spread(moments.mean_d, moments.dd, moments.min_d, moments.max_d);
        Summary {
            count: self.count,
            finite,
            identical: self.non_finite.mismatches == 0 && moments.all_equal(),
            non_finite: self.non_finite,
            equal: self.equal,
            reference: spread(moments.mean_a, moments.aa, moments.min_a, moments.max_a),
            candidate: spread(moments.mean_b, moments.bb, moments.min_b, moments.max_b),
            difference,
            relative_l2: moments.relative_l2(),
            mad: Stat::mean(moments.abs_d, finite),
            rms: moments.rms(),
            max: self.max,
            pearson,
            one_minus_pearson,
            cosine,
            one_minus_cosine,
            sign: SignAgreement {
                count: self.same_sign,
                share: share(self.same_sign),
            },
            within: (self.options.tolerances.iter().zip(self.within))
                .map(|(&tolerance, count)| WithinTolerance {
                    tolerance,
                    count,
                    share: share(count),
                })
                .collect(),
            below: (self.options.limits.iter().zip(self.below))
                .map(|(&limit, count)| BelowLimit {
                    limit,
                    count,
                    share: share(count),
                })
                .collect(),
            t_test: paired(finite, difference.mean, difference.std),
            ulp: self
                .options
                .ulp
                .map(|float_type| self.tables.ulps(float_type)),
            histogram: self.options.histograms.then(|| self.tables.differences()),
            by_magnitude: self.options.histograms.then(|| self.tables.magnitudes()),
            outliers: None,
        }
    }
}
