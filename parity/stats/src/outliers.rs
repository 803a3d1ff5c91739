//! Outliers: differences far from the mean difference. They need its mean and standard deviation,
//! hence a second pass.

use pulp::{Arch, NullaryFnOnce};
use serde::{Deserialize, Serialize};

use crate::block::{BLOCK, Block};
use crate::options::Options;
use crate::stat::Stat;
use crate::stream::{Pass, Stream};
use crate::summary::{Place, Summary};
use crate::values::{LengthMismatch, Values};

/// Pairs with `|d - mean(d)| > sigmas * std(d)`, over the finite pairs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outliers {
    /// The number of standard deviations.
    pub sigmas: f64,
    /// Number of outliers.
    pub count: u64,
    /// Their share of the finite pairs.
    pub share: Stat,
    /// The outliers farthest from the mean, farthest first (the lower index first among equals),
    /// as many as were asked for.
    pub worst: Vec<Place>,
}

/// The second pass of a comparison. Takes the same parts as the first.
#[derive(Debug)]
pub struct OutlierScan {
    stream: Stream,
    totals: SecondPass,
}

#[derive(Debug)]
struct SecondPass {
    sigmas: f64,
    mean: f64,
    limit: f64,
    listed: usize,
    finite: u64,
    found: Found,
}

#[derive(Debug, Default)]
struct Found {
    count: u64,
    /// Distance from the mean, and the place.
    worst: Vec<(f64, Place)>,
}

impl OutlierScan {
    /// A scan for the outliers of the array pair that `summary` describes, or `None` where
    /// `options` asks for none. Equal differences, and no differences, have no outliers.
    #[must_use]
    pub fn after(summary: &Summary, options: &Options) -> Option<Self> {
        let sigmas = options.outlier_sigmas?;
        let difference = summary.difference;
        let (mean, limit) = match (difference.mean, difference.std) {
            (Stat::Defined(mean), Stat::Defined(std)) if std > 0.0 => (mean, sigmas * std),
            _ => (0.0, f64::INFINITY),
        };
        let totals = SecondPass {
            sigmas,
            mean,
            limit,
            listed: options.listed,
            finite: summary.finite,
            found: Found::default(),
        };
        Some(Self {
            stream: Stream::default(),
            totals,
        })
    }

    /// Takes in the next values of both arrays.
    ///
    /// # Errors
    /// [`LengthMismatch`] where the parts differ in length.
    pub fn push(
        &mut self,
        reference: Values<'_>,
        candidate: Values<'_>,
    ) -> Result<(), LengthMismatch> {
        if self.totals.limit == f64::INFINITY {
            return crate::values::same_length(reference, candidate).map(|_| ());
        }
        self.stream.push(&mut self.totals, reference, candidate)
    }

    /// The outliers of everything taken in.
    #[must_use]
    pub fn finish(mut self) -> Outliers {
        self.stream.finish(&mut self.totals);
        let SecondPass {
            sigmas,
            finite,
            found,
            ..
        } = self.totals;
        Outliers {
            sigmas,
            count: found.count,
            share: Stat::mean(found.count as f64, finite),
            worst: found.worst.into_iter().map(|(_, place)| place).collect(),
        }
    }
}

impl Found {
    fn insert(&mut self, distance: f64, place: Place, listed: usize) {
        let at = self.worst.partition_point(|(other, _)| *other >= distance);
        if at < listed {
            self.worst.insert(at, (distance, place));
            self.worst.truncate(listed);
        }
    }
}

/// Reads a block and counts its outliers; no closure, for the reason that the first pass states.
struct Beyond<'a> {
    block: &'a mut Block,
    reference: Values<'a>,
    candidate: Values<'a>,
    start: usize,
    mean: f64,
    limit: f64,
}

impl NullaryFnOnce for Beyond<'_> {
    type Output = u32;

    #[inline(always)]
    fn call(self) -> u32 {
        let Self { mean, limit, .. } = self;
        self.block
            .read(self.reference, self.candidate, self.start, |_, _, _| {});
        let beyond = |&d: &f64| u32::from((d - mean).abs() > limit);
        self.block.d().iter().map(beyond).sum()
    }
}

impl Pass for SecondPass {
    type Part = Found;

    fn reduce(&self, reference: Values<'_>, candidate: Values<'_>, base: u64) -> Found {
        let mut found = Found::default();
        let mut block = Block::new();
        let arch = Arch::new();
        for start in (0..reference.len()).step_by(BLOCK) {
            let beyond = arch.dispatch(Beyond {
                block: &mut block,
                reference,
                candidate,
                start,
                mean: self.mean,
                limit: self.limit,
            });
            if beyond == 0 {
                continue;
            }
            found.count += u64::from(beyond);
            for (i, d) in block.d().iter().enumerate() {
                let distance = (d - self.mean).abs();
                if distance > self.limit {
                    found.insert(distance, block.place(i, base + start as u64), self.listed);
                }
            }
        }
        found
    }

    fn merge(&mut self, part: Found) {
        self.found.count += part.count;
        for (distance, place) in part.worst {
            self.found.insert(distance, place, self.listed);
        }
    }
}
