//! Regions to predict, and the windows that the model sees for them.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail};
use genome::alleles::Bases;
use genome::fasta::Fasta;
use genome::{Interval, Strand};
use model::sequence::{LENGTH_STEP, LONGEST, SequenceError};
use results::Window;

/// Bases that are wanted, and what they are called.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// The name: that of the file, or the interval as the SDK writes it.
    pub name: String,
    /// The bases.
    pub interval: Interval,
}

impl Region {
    /// A region called by its interval.
    pub fn new(interval: Interval) -> Self {
        let name = interval.to_string();
        Self { name, interval }
    }
}

/// The windows of `length` base pairs for a region: one around its centre (`Interval.resize`) where it is not longer.
///
/// A longer region is tiled. Near the ends of a window the model lacks what lies beyond, so that a quarter of the window is
/// dropped at either end, rounded down to whole bins of 2,048 bp, and the middle is kept; the first tile begins with the
/// region. Tiles lie whole bins of every resolution apart.
pub fn windows(region: &Interval, length: i64) -> Vec<Window> {
    if region.width() <= length {
        return vec![Window {
            seen: region.resize(length),
            kept: region.clone(),
        }];
    }
    let margin = margin(length);
    let step = length - 2 * margin;
    let starts = (region.start..region.end).step_by(step as usize);
    let tiles = starts.map(|start| Window {
        seen: Interval {
            start: start - margin,
            end: start - margin + length,
            ..region.clone()
        },
        kept: Interval {
            start,
            end: (start + step).min(region.end),
            ..region.clone()
        },
    });
    tiles.collect()
}

/// What is dropped at either end of a tile.
pub fn margin(length: i64) -> i64 {
    let bin = LENGTH_STEP as i64;
    length / 4 / bin * bin
}

/// Fails where the genome has none of the bases of a window of `length` base pairs, or tiles would have no margin.
///
/// # Errors
/// Names the region, and how long the chromosome is.
pub fn check(region: &Region, length: i64, genome: &Fasta) -> Result<()> {
    let bases = genome.length(&region.interval.chromosome)?;
    let kept = &region.interval;
    if kept.width() == 0 {
        bail!("{}: the region has no base", region.name);
    }
    let apart = |interval: &Interval| interval.start >= bases || interval.end <= 0;
    let beyond = kept.start <= -length || kept.end >= bases + length;
    // Only then are there not too many windows to look at.
    if apart(kept)
        || beyond
        || windows(kept, length)
            .iter()
            .any(|window| apart(&window.seen))
    {
        bail!(
            "{}: {kept} reaches too far beyond {}, which has {bases} bp",
            region.name,
            kept.chromosome
        );
    }
    if kept.width() > length && margin(length) == 0 {
        bail!(
            "{}: windows of {length} bp are too short to tile a region of {} bp: --length 8k at least",
            region.name,
            kept.width()
        );
    }
    Ok(())
}

/// The regions of a BED file, plain or compressed: chromosome, start from 0, end; a name in the fourth column and a strand in
/// the sixth.
///
/// # Errors
/// Where it cannot be read, a line has no interval, or there is none.
pub fn bed(path: &Path) -> Result<Vec<Region>> {
    let text = genome::read_text(path)?;
    let mut regions = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let skipped = ["#", "track", "browser"]
            .iter()
            .any(|start| line.starts_with(start));
        if skipped || line.trim().is_empty() {
            continue;
        }
        let fields: Vec<_> = match line.contains('\t') {
            true => line.split('\t').map(str::trim).collect(),
            false => line.split_whitespace().collect(),
        };
        let interval = || -> Option<Interval> {
            let strand = fields
                .get(5)
                .map_or(Some(Strand::Unstranded), |text| Strand::parse(text))?;
            let number = |at: usize| fields.get(at)?.parse().ok();
            Interval::new(*fields.first()?, number(1)?, number(2)?, strand).ok()
        };
        let line = number + 1;
        let interval = interval().with_context(|| {
            format!(
                "{}, line {line}: expected a chromosome, a start from 0, an end, and perhaps a name, a score and a strand",
                path.display()
            )
        })?;
        let mut region = Region::new(interval);
        if let Some(name) = fields.get(3).filter(|name| !["", "."].contains(*name)) {
            (*name).clone_into(&mut region.name);
        }
        regions.push(region);
    }
    if regions.is_empty() {
        bail!("{}: has no interval", path.display());
    }
    Ok(regions)
}

/// The sequences of a FASTA, each whole, and its own chromosome.
///
/// # Errors
/// Where two have one name, or a letter is no base.
pub fn sequences(path: &Path, genome: &Fasta) -> Result<Vec<Region>> {
    let mut names = BTreeSet::new();
    if let Some(name) = genome.names().iter().find(|name| !names.insert(*name)) {
        bail!("{}: two sequences are called {name}", path.display());
    }
    let whole = |name: &String| {
        check_letters(path, genome, name)?;
        let interval = Interval::new(name, 0, genome.length(name)?, Strand::default())?;
        let name = name.clone();
        Ok(Region { name, interval })
    };
    genome.names().iter().map(whole).collect()
}

/// Fails where a letter of a sequence is no base.
fn check_letters(path: &Path, genome: &Fasta, name: &str) -> Result<()> {
    let length = genome.length(name)?;
    for start in (0..length).step_by(LONGEST) {
        let end = length.min(start + LONGEST as i64);
        let bases = genome.bases(&Interval::new(name, start, end, Default::default())?)?;
        // Its length is not the model's yet.
        if let Err(SequenceError::Letter { position, letter }) =
            model::Sequence::parse(&String::from_utf8_lossy(&bases))
        {
            bail!(
                "{}: sequence {name}: `{}` at base {} (from 1) is no base: expected A, C, G, T, N or another IUPAC letter",
                path.display(),
                letter.escape_default(),
                start as usize + position + 1
            );
        }
    }
    Ok(())
}

/// Names that no two share: what comes later under a name gets a number.
#[derive(Debug, Default)]
pub struct Names(BTreeSet<String>);

impl Names {
    /// The name, or with `.2`, `.3` and so on.
    pub fn take(&mut self, name: &str) -> String {
        let mut own = name.to_owned();
        let mut number = 2;
        while !self.0.insert(own.clone()) {
            own = format!("{name}.{number}");
            number += 1;
        }
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(start: i64, end: i64) -> Interval {
        Interval::new("chr1", start, end, Strand::Unstranded).unwrap()
    }

    #[test]
    fn a_region_that_fits_has_one_window_around_it() {
        let [window] = &windows(&interval(1000, 1301), 2048)[..] else {
            panic!("one window")
        };
        assert_eq!(window.seen, interval(1000, 1301).resize(2048));
        assert_eq!(window.bins(1).len(), 301);
        // 127 is 1000 - 873 base pairs from the window's start, so that the last base of the first bin is kept.
        assert_eq!(window.seen.start, 127);
        assert_eq!(window.bins(128), 6..10);
        assert_eq!(window.first_base(128, 6), 127 + 6 * 128);
    }

    #[test]
    fn tiles_cover_a_region_once_and_keep_their_middle() {
        let region = interval(500, 40_000);
        let tiles = windows(&region, 16_384);
        assert_eq!(margin(16_384), 4096);
        let mut next = region.start;
        for tile in &tiles {
            assert_eq!(tile.kept.start, next);
            assert_eq!(tile.seen.width(), 16_384);
            assert_eq!((tile.kept.start - tile.seen.start) % 2048, 0);
            assert!(tile.kept.start - tile.seen.start >= 4096);
            assert!(tile.seen.end - tile.kept.end >= 4096);
            next = tile.kept.end;
        }
        assert_eq!((next, tiles.len()), (region.end, 5));
    }

    #[test]
    fn names_stay_apart() {
        let mut names = Names::default();
        let taken = ["a", "b", "a", "a.2", "a"].map(|name| names.take(name));
        assert_eq!(taken, ["a", "b", "a.2", "a.2.2", "a.3"]);
    }
}
