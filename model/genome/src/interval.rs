use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// The strand of an interval, a gene or a track.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize,
)]
pub enum Strand {
    /// `+`
    Positive,
    /// `-`
    Negative,
    /// `.`
    #[default]
    Unstranded,
}

impl Strand {
    /// The strand written as `+`, `-` or `.`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "+" => Some(Self::Positive),
            "-" => Some(Self::Negative),
            "." => Some(Self::Unstranded),
            _ => None,
        }
    }

    /// `+`, `-` or `.`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Positive => "+",
            Self::Negative => "-",
            Self::Unstranded => ".",
        }
    }
}

impl fmt::Display for Strand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Bases `start..end` of a chromosome, counted from zero; `start` may lie before the first base and `end` after the last.
///
/// Semantics of `alphagenome.data.genome.Interval` (SDK 0.10.0).
///
/// ```
/// let interval: genome::Interval = "chr1:100-200:-".parse()?;
/// assert_eq!(interval.width(), 100);
/// assert_eq!(interval.resize(50).to_string(), "chr1:125-175:-");
/// # Ok::<_, genome::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub struct Interval {
    /// Name of the chromosome.
    pub chromosome: String,
    /// First base, from zero.
    pub start: i64,
    /// One after the last base.
    pub end: i64,
    /// The strand that the model reads.
    pub strand: Strand,
}

impl Interval {
    /// Bases `start..end`. Fails where `end < start`.
    pub fn new(
        chromosome: impl Into<String>,
        start: i64,
        end: i64,
        strand: Strand,
    ) -> Result<Self, Error> {
        let interval = Self {
            chromosome: chromosome.into(),
            start,
            end,
            strand,
        };
        // Leaves room for what is added to coordinates later.
        let far = |x: i64| x.unsigned_abs() > 1 << 60;
        if end < start || far(start) || far(end) {
            return Err(Error::Interval {
                text: interval.to_string(),
                reason: "the end lies before the start, or out of reach",
            });
        }
        Ok(interval)
    }

    /// A region as samtools writes it: first and last base counted from one, both included, commas allowed.
    ///
    /// ```
    /// let region = genome::Interval::from_region("chr1:1,001-2,000")?;
    /// assert_eq!((region.start, region.end), (1000, 2000));
    /// # Ok::<_, genome::Error>(())
    /// ```
    pub fn from_region(text: &str) -> Result<Self, Error> {
        let plain = text.replace(',', "");
        let interval: Self = plain.parse()?;
        if interval.start < 1 {
            return Err(Error::Interval {
                text: text.to_owned(),
                reason: "regions count bases from 1",
            });
        }
        Self::new(
            interval.chromosome,
            interval.start - 1,
            interval.end,
            interval.strand,
        )
    }

    /// Number of bases.
    pub fn width(&self) -> i64 {
        self.end - self.start
    }

    /// Whether the model reads the reverse complement.
    pub fn negative_strand(&self) -> bool {
        self.strand == Strand::Negative
    }

    /// The same bases without a strand.
    pub fn as_unstranded(&self) -> Self {
        Self {
            strand: Strand::Unstranded,
            ..self.clone()
        }
    }

    /// The base in the middle: of an odd width the one after it on `+` and `.`, the one before it on `-`.
    pub fn center(&self) -> i64 {
        let center = (self.start + self.end).div_euclid(2);
        if self.negative_strand() {
            center
        } else {
            center + self.width() % 2
        }
    }

    /// `width` bases around the centre.
    pub fn resize(&self, width: i64) -> Self {
        if width == self.width() {
            return self.clone();
        }
        let (center, width) = (self.center(), width.max(0));
        let start = if self.negative_strand() {
            center - width / 2
        } else {
            center - (width + 1) / 2
        };
        Self {
            start,
            end: start + width,
            ..self.clone()
        }
    }

    /// The interval moved to the right by `offset` bases of the positive strand.
    pub fn shift(&self, offset: i64) -> Self {
        Self {
            start: self.start + offset,
            end: self.end + offset,
            ..self.clone()
        }
    }

    /// Whether a base is shared.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.chromosome == other.chromosome && self.start < other.end && other.start < self.end
    }

    /// Whether every base of `other` is in here.
    pub fn contains(&self, other: &Self) -> bool {
        self.chromosome == other.chromosome && self.start <= other.start && self.end >= other.end
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}-{}:{}",
            self.chromosome, self.start, self.end, self.strand
        )
    }
}

impl FromStr for Interval {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let fail = |reason| Error::Interval {
            text: text.to_owned(),
            reason,
        };
        let mut parts = text.splitn(3, ':');
        let chromosome = parts
            .next()
            .filter(|name| !name.is_empty())
            .ok_or_else(|| fail("a chromosome is missing"))?;
        let range = parts
            .next()
            .ok_or_else(|| fail("a start and an end are missing"))?;
        let strand = match parts.next() {
            Some(strand) => Strand::parse(strand)
                .ok_or_else(|| fail("the strand is none of '+', '-' and '.'"))?,
            None => Strand::Unstranded,
        };
        // A start may be negative, so the dash that parts the numbers is the first one after the first character.
        let dash = range
            .char_indices()
            .skip(1)
            .find(|(_, c)| *c == '-')
            .map(|(at, _)| at);
        let (start, end) = dash
            .map(|at| (&range[..at], &range[at + 1..]))
            .ok_or_else(|| fail("start and end are not numbers"))?;
        let number = |part: &str| {
            let digits = part.strip_prefix('-').unwrap_or(part);
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(fail("start and end are not numbers"));
            }
            part.parse::<i64>()
                .map_err(|_| fail("start or end is out of reach"))
        };
        Self::new(chromosome, number(start)?, number(end)?, strand)
    }
}
