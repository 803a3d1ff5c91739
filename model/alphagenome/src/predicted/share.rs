//! Shares of predictions: what one keeps, and the files that are made of all.
//!
//! A share keeps what goes into files and not the files, so that one writer makes them, whatever the number of shares: a batch is a
//! pass, and its rows are arrays one after the other, each compressed by itself.

use std::io::BufReader;

use anyhow::{Context, Result};
use results::{Kept, Passed, Selection};
use serde::{Deserialize, Serialize};
use terminal::Progress;

use super::{Files, Form, Target, check_bigwig};
use crate::regions::Region;
use crate::shards::merging::Shares;
use crate::work::{Part, Rows};

/// What is predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Kind {
    /// Regions, or whole sequences.
    Regions,
    /// Both alleles of variants.
    Variants,
}

impl Kind {
    /// Its name, for a reader and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Regions => "regions",
            Self::Variants => "variants",
        }
    }
}

/// What files need beside arrays.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Header {
    /// What is predicted.
    pub kind: Kind,
    /// The genome's longest chromosome, and how many base pairs it has.
    pub longest: (String, i64),
    /// Outputs and tracks.
    pub selection: Selection,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Regions or variants, failed ones included.
    pub subjects: u64,
    /// Tracks of each.
    pub tracks: usize,
    /// Variants that have no predictions.
    pub failures: u64,
}

impl Counts {
    /// Counts what a pass was of.
    pub fn add(&mut self, part: &Part) {
        let failed = part.failures.len() as u64;
        let ended = part.passed.as_ref().is_some_and(|passed| passed.last);
        self.subjects += failed + u64::from(ended);
        self.failures += failed;
    }
}

/// How much arrays are compressed: the model waits for it.
const LEVEL: i32 = 1;

/// Keeps what is kept of a pass as a batch.
///
/// # Errors
/// Where it cannot be written.
pub fn keep(
    passed: Passed,
    kept: impl IntoIterator<Item = Result<Kept>>,
    (part, rows): (&mut Part, &mut Rows),
) -> Result<()> {
    for kept in kept {
        let mut bytes = Vec::new();
        kept?.write(&mut bytes)?;
        rows.append(&zstd::encode_all(&bytes[..], LEVEL)?)?;
        part.rows += 1;
    }
    part.passed = Some(passed);
    Ok(())
}

/// Makes the files of shares. Memory stays with one array, and with what a run without shares holds for its files.
///
/// # Errors
/// Where arrays are not as they were written, regions overlap that go into a bigWig, or something cannot be written.
pub fn merge(shares: &Shares, target: &Target) -> Result<(Kind, Counts)> {
    let header: Header = serde_json::from_str(&shares.first().header)
        .context("the shares do not say what they hold: make them again")?;
    if (target.form, header.kind) == (Form::Bigwig, Kind::Regions) {
        check_bigwig(&regions(shares)?)?;
    }
    let mut files = Files::create(target, &header)?;
    let mut failures = Vec::new();
    let mut counts = Counts {
        tracks: header.selection.len(),
        ..Counts::default()
    };
    let progress = Progress::items("merging", shares.first().total, 0);
    for batches in shares.batches() {
        for part in batches.parts()? {
            let part = part?;
            if let Some(passed) = &part.passed {
                let mut rows = BufReader::new(batches.rows(&part)?);
                let kept = std::iter::from_fn(|| Kept::read(&mut rows).transpose());
                files.take(passed, kept)?;
            }
            counts.add(&part);
            failures.extend(part.failures);
            progress.add(part.items);
        }
    }
    files.publish(&failures, target)?;
    Ok((header.kind, counts))
}

/// The regions of shares.
fn regions(shares: &Shares) -> Result<Vec<Region>> {
    let mut regions = Vec::new();
    for batches in shares.batches() {
        for part in batches.parts()? {
            let last = part?.passed.filter(|passed| passed.last);
            regions.extend(last.map(|passed| Region {
                name: passed.subject.name,
                interval: passed.subject.interval,
            }));
        }
    }
    Ok(regions)
}
