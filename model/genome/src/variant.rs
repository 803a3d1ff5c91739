use std::fmt;
use std::str::FromStr;

use crate::{Error, Interval, Strand};

/// A change of the genome: `reference` at `position` becomes `alternate`.
///
/// Semantics of `alphagenome.data.genome.Variant` (SDK 0.10.0): alleles are taken as they are, nothing is trimmed, normalised
/// or compared with the genome, and either may be empty.
///
/// ```
/// let variant: genome::Variant = "chr1:100:A>AT".parse()?;
/// assert!(variant.is_insertion());
/// assert_eq!((variant.start(), variant.end()), (99, 100));
/// # Ok::<_, genome::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Variant {
    chromosome: String,
    position: i64,
    reference: String,
    alternate: String,
}

impl Variant {
    /// A variant whose first base is `position`, counted from one. Alleles consist of `ACGTN`.
    pub fn new(
        chromosome: impl Into<String>,
        position: i64,
        reference: impl Into<String>,
        alternate: impl Into<String>,
    ) -> Result<Self, Error> {
        let variant = Self {
            chromosome: chromosome.into(),
            position,
            reference: reference.into(),
            alternate: alternate.into(),
        };
        if !(1..1 << 60).contains(&position) {
            return Err(Error::Position {
                chromosome: variant.chromosome,
                position,
            });
        }
        for (allele, bases) in [("REF", &variant.reference), ("ALT", &variant.alternate)] {
            if !bases.bytes().all(|base| b"ACGTN".contains(&base)) {
                return Err(Error::Bases {
                    allele,
                    bases: bases.clone(),
                    hint: hint(bases),
                    chromosome: variant.chromosome,
                    position,
                });
            }
        }
        Ok(variant)
    }

    /// Name of the chromosome.
    pub fn chromosome(&self) -> &str {
        &self.chromosome
    }

    /// First base, from one.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// REF.
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// ALT.
    pub fn alternate(&self) -> &str {
        &self.alternate
    }

    /// First base, from zero.
    pub fn start(&self) -> i64 {
        self.position - 1
    }

    /// One after REF's last base, from zero.
    pub fn end(&self) -> i64 {
        self.start() + self.reference_length()
    }

    /// Bases of REF.
    pub fn reference_length(&self) -> i64 {
        self.reference.len() as i64
    }

    /// Bases of ALT.
    pub fn alternate_length(&self) -> i64 {
        self.alternate.len() as i64
    }

    /// Whether ALT is the longer allele.
    pub fn is_insertion(&self) -> bool {
        self.alternate.len() > self.reference.len()
    }

    /// Whether REF is the longer allele.
    pub fn is_deletion(&self) -> bool {
        self.reference.len() > self.alternate.len()
    }

    /// The bases of REF as an interval.
    pub fn reference_interval(&self) -> Interval {
        Interval {
            chromosome: self.chromosome.clone(),
            start: self.start(),
            end: self.end(),
            strand: Strand::Unstranded,
        }
    }

    /// Whether the variant changes bases of `interval`: REF overlaps it, or ALT does where REF is empty.
    pub fn changes(&self, interval: &Interval) -> bool {
        let length = if self.reference.is_empty() {
            self.alternate_length()
        } else {
            self.reference_length()
        };
        interval.overlaps(&Interval {
            end: self.start() + length,
            ..self.reference_interval()
        })
    }

    /// The parts before and after base `anchor` (from zero); both alleles are cut at the same offset.
    pub fn split(&self, anchor: i64) -> (Option<Self>, Option<Self>) {
        if anchor <= self.start() {
            return (None, Some(self.clone()));
        }
        if anchor >= self.end() {
            return (Some(self.clone()), None);
        }
        let middle = (anchor - self.start()) as usize;
        let cut = |bases: &str| {
            let (upstream, downstream) = bases.split_at(middle.min(bases.len()));
            (upstream.to_owned(), downstream.to_owned())
        };
        let ((reference, later_reference), (alternate, later_alternate)) =
            (cut(&self.reference), cut(&self.alternate));
        let upstream = Self {
            reference,
            alternate,
            ..self.clone()
        };
        let downstream = Self {
            position: anchor + 1,
            reference: later_reference,
            alternate: later_alternate,
            ..self.clone()
        };
        (Some(upstream), Some(downstream))
    }

    /// The part of the variant that lies in `interval`, cut with [`Variant::split`]; `None` where it changes nothing there.
    ///
    /// An empty REF cannot be cut: an insertion before the interval's start that reaches into it gives `None`, where
    /// 0.3.0 fails.
    pub fn clip(&self, interval: &Interval) -> Option<Self> {
        if !self.changes(interval) {
            return None;
        }
        let mut variant = self.clone();
        if variant.end() > interval.end {
            variant = variant.split(interval.end).0?;
        }
        if variant.start() < interval.start {
            variant = variant.split(interval.start).1?;
        }
        Some(variant)
    }
}

fn hint(bases: &str) -> &'static str {
    if bases == "*" {
        ": '*' says that a deletion spans the position, which is a record of its own; leave this allele out"
    } else if bases.starts_with('<') || bases.contains(['[', ']']) {
        ": a symbolic allele or breakend has no sequence; write the bases out or leave it out"
    } else if bases.contains(',') {
        ": write one variant for each allele"
    } else if bases.bytes().any(|base| b"acgtn".contains(&base)) {
        ": write bases in upper case"
    } else {
        ""
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}>{}",
            self.chromosome, self.position, self.reference, self.alternate
        )
    }
}

impl FromStr for Variant {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parse = || {
            let (chromosome, rest) = text.split_once(':')?;
            let (position, alleles) = rest.split_once(':')?;
            let (reference, alternate) = alleles.split_once('>')?;
            let name = chromosome.strip_prefix("chr")?;
            let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            let named = matches!(name, "X" | "Y" | "M") || digits(name);
            let bases = |text: &str| text.bytes().all(|b| b"ACGTN".contains(&b));
            let whole = named && digits(position) && bases(reference) && bases(alternate);
            whole.then_some((chromosome, position.parse().ok()?, reference, alternate))
        };
        let fail = || Error::VariantText {
            text: text.to_owned(),
        };
        let (chromosome, position, reference, alternate) = parse().ok_or_else(fail)?;
        Self::new(chromosome, position, reference, alternate)
    }
}
