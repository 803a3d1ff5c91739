//! A file of variants, read through once before any is scored.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Result, bail};
use clap::ValueEnum;
use genome::alleles::check_reference;
use genome::fasta::Fasta;
use genome::variants::Variants;
use genome::{Error, Variant, chromosomes};
use terminal::{Speech, note};

use crate::shards;

/// What becomes of a variant whose REF is not what the genome has there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RefMismatch {
    /// It is scored as written: REF is put over the genome, as 0.3.0 does
    Keep,
    /// It is not scored
    Skip,
    /// Nothing is scored
    Fail,
}

impl RefMismatch {
    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Skip => "skip",
            Self::Fail => "fail",
        }
    }
}

/// Mismatches that are named.
const NAMED: usize = 10;

/// How many variants a file has, those included that cannot be scored, and what they cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Variants.
    pub items: u64,
    /// As [`crate::shards::cost`].
    pub cost: u64,
}

/// Reads all variants and counts them. Says on stderr what a user should know: other REFs, records that are not sorted.
///
/// # Errors
/// Where the file cannot be read to its end, has no chromosome of the genome, or a REF differs and that is to fail.
pub fn survey(path: &Path, genome: &Fasta, mismatch: RefMismatch) -> Result<Counted> {
    let (mut count, mut cost, mut others, mut named) = (0, 0, 0_u64, Vec::new());
    let mut order = Order::default();
    let mut names = BTreeSet::new();
    for allele in Variants::open(path)? {
        count += 1;
        let allele = match allele {
            Ok(allele) => allele,
            // It fails by itself later.
            Err(Error::Line { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        cost += shards::cost(&allele.variant);
        order.take(&allele.variant, allele.line);
        if !names.contains(allele.variant.chromosome()) {
            names.insert(allele.variant.chromosome().to_owned());
        }
        if let Some(genome) = other_reference(genome, &allele.variant) {
            others += 1;
            if named.len() < NAMED {
                named.push(format!("{} (the genome has {genome})", allele.variant));
            }
        }
    }
    if count == 0 {
        bail!("{}: has no variant", path.display());
    }
    chromosomes::check(path, names.iter().map(String::as_str), genome.names())?;
    if let Some(line) = order.fault {
        let text = format!(
            "note: {}, line {line}: the records are not sorted; scores do not depend on their order",
            path.display()
        );
        note(Speech::Normal, &text);
    }
    if others > 0 {
        let some = match others > NAMED as u64 {
            true => format!("the first {NAMED} are "),
            false => String::new(),
        };
        let text = format!(
            "{}: REF of {others} of {count} variants is not what the genome has: {some}{}",
            path.display(),
            named.join(", ")
        );
        match mismatch {
            RefMismatch::Fail => bail!(
                "{text}; is this the assembly that the variants were called on? --ref-mismatch skip leaves them out, keep scores \
                 them as written"
            ),
            RefMismatch::Skip => note(
                Speech::Normal,
                &format!("note: {text}; they are not scored"),
            ),
            RefMismatch::Keep => {
                note(
                    Speech::Normal,
                    &format!("note: {text}; they are scored as written"),
                );
            }
        }
    }
    Ok(Counted { items: count, cost })
}

/// The variants of a file by themselves; a record that is none is `None`.
///
/// # Errors
/// Where the file cannot be read.
pub fn bare(path: &Path) -> Result<impl Iterator<Item = Result<Option<Variant>, Error>>, Error> {
    Ok(Variants::open(path)?.map(|allele| match allele {
        Ok(allele) => Ok(Some(allele.variant)),
        Err(Error::Line { .. }) => Ok(None),
        Err(error) => Err(error),
    }))
}

/// What the genome has where REF differs from it.
fn other_reference(genome: &Fasta, variant: &Variant) -> Option<String> {
    match check_reference(genome, variant) {
        Err(Error::Reference { genome, .. }) => Some(genome),
        _ => None,
    }
}

/// Whether records are sorted: each chromosome in one piece, positions ascending.
#[derive(Default)]
struct Order {
    last: BTreeMap<String, i64>,
    current: String,
    /// Line of the first that is out of order.
    fault: Option<u64>,
}

impl Order {
    fn take(&mut self, variant: &Variant, line: u64) {
        let (name, position) = (variant.chromosome(), variant.position());
        let before = match self.last.get_mut(name) {
            None => self.last.insert(name.to_owned(), position),
            Some(last) => Some(std::mem::replace(last, position)),
        };
        let sorted = before.is_none_or(|before| name == self.current && before <= position);
        if !sorted && self.fault.is_none() {
            self.fault = Some(line);
        }
        if name != self.current {
            name.clone_into(&mut self.current);
        }
    }
}
