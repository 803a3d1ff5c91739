use std::io;
use std::path::PathBuf;

/// Why a coordinate or a file cannot be used. A message says where, what was expected, and what can be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A text that names no interval.
    #[error(
        "interval {text:?}: {reason}; write chromosome:start-end, or chromosome:start-end:strand with strand '+', '-' or '.'"
    )]
    Interval {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A text that names no variant.
    #[error(
        "variant {text:?}: write it as chr1:12345:A>C: position from 1, bases of ACGTN in upper case, chromosome chr1, chrX, chrY or chrM{}",
        unquoted(text)
    )]
    VariantText {
        /// What was given.
        text: String,
    },
    /// A position before the first base.
    #[error("variant at position {position} of {chromosome}: positions count from 1")]
    Position {
        /// Where.
        chromosome: String,
        /// What was given.
        position: i64,
    },
    /// An allele that is no sequence of bases.
    #[error(
        "variant at {chromosome}:{position}: {allele} is {bases:?}, and only the letters ACGTN in upper case can be scored{hint}"
    )]
    Bases {
        /// Where.
        chromosome: String,
        /// Position from 1.
        position: i64,
        /// `REF` or `ALT`.
        allele: &'static str,
        /// What was given.
        bases: String,
        /// What the letters mean, and what to do.
        hint: &'static str,
    },
    /// A chromosome that a file does not have.
    #[error("{}: no sequence is named {name:?}{hint}", path.display())]
    Chromosome {
        /// The FASTA file.
        path: PathBuf,
        /// What was asked for.
        name: String,
        /// A name that was perhaps meant.
        hint: String,
    },
    /// An interval without a single base of its chromosome.
    #[error("interval {interval} lies outside of {chromosome}, which has {length} bases", chromosome = interval.chromosome)]
    Outside {
        /// What was asked for.
        interval: crate::Interval,
        /// Bases of the chromosome.
        length: i64,
    },
    /// A REF that differs from the genome.
    #[error(
        "variant {variant}: REF is {reference:?}, and the genome has {genome:?} there; is this the assembly that the variants were called on?"
    )]
    Reference {
        /// The variant.
        variant: Box<crate::Variant>,
        /// Its REF.
        reference: String,
        /// What the genome has.
        genome: String,
    },
    /// A file that cannot be read or written.
    #[error("{}: {action}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A compressed file that ends too early.
    #[error("{}: the compressed data ends too early, after line {line}: the file is truncated; copy or download it again", path.display())]
    Truncated {
        /// Which file.
        path: PathBuf,
        /// The last whole line.
        line: u64,
    },
    /// A line that does not say what it should.
    #[error("{}, line {line}: {reason}", path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Line from 1.
        line: u64,
        /// What is wrong, and what was expected.
        reason: String,
    },
    /// A file without what it is read for.
    #[error("{}: {reason}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is missing, and what to give instead.
        reason: String,
    },
}

/// What to say of a variant without what follows its `>`: a shell left it.
fn unquoted(text: &str) -> &'static str {
    let fields: Vec<_> = text.split(':').collect();
    let is_cut =
        matches!(fields[..], [_, _, bases] if bases.bytes().all(|base| b"ACGTN".contains(&base)));
    match is_cut {
        true => "; a shell takes what follows > for a file, so quote the variant",
        false => "",
    }
}

impl Error {
    pub(crate) fn io(
        path: &std::path::Path,
        action: &'static str,
    ) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            path: path.to_owned(),
            action,
            source,
        }
    }

    pub(crate) fn line(path: &std::path::Path, line: u64, reason: impl Into<String>) -> Self {
        Self::Line {
            path: path.to_owned(),
            line,
            reason: reason.into(),
        }
    }

    pub(crate) fn content(path: &std::path::Path, reason: impl Into<String>) -> Self {
        Self::Content {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }
}
