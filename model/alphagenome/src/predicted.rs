//! Predictions as files: a bigWig a track, arrays, or a long table.
//!
//! What no bigWig and no long table has a place for, contacts and junctions, goes into an archive of arrays beside.

mod bigwig;
mod run;
mod share;
mod steady;
mod target;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;
use results::archive::{Archive, key};
use results::kept::is_paired;
use results::parquet::Parquet;
use results::spool::{Piece, Spool};
use results::{ALLELES, Kept, Passed, Selected, Selection, Subject, table};
use scorers::OutputType;

use self::bigwig::{Segment, Sizes, size};
use self::steady::{Fault, Steady};
use crate::failures::{self, Failure};
use crate::regions::Names;

pub use bigwig::{check_bigwig, longest};
pub use run::{Drawn, Item, Pass, Run, failure};
pub use share::{Counts, Header, Kind, keep, merge};
pub use target::Target;

/// The table of tracks.
const TRACKS: &str = "tracks.tsv";
/// A table or archive that has not got the output's name yet.
const PREDICTIONS: &str = "predictions";
/// Contacts and junctions, where the rest is no archive.
const PAIRS: &str = "contacts_and_junctions.npz";
/// Characters of a name that go into a file's.
const NAME: usize = 80;

/// How predictions are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// A folder of bigWig files, one a track
    Bigwig,
    /// Arrays, one an output and region: .npz
    Npz,
    /// A long table: .parquet
    Parquet,
}

/// Files in the making, in a folder of their own.
pub struct Files {
    folder: PathBuf,
    selection: Selection,
    alleles: &'static [&'static str],
    /// Of chromosomes that have predictions, and of the longest, which says how many zoom levels a bigWig has.
    sizes: Sizes,
    /// Names that are taken.
    names: Names,
    spool: Spool,
    body: Body,
    /// Contacts and junctions.
    pairs: Option<Arrays>,
    /// The region at hand, not all windows of which are taken.
    open: Option<Subject>,
    /// Its pieces.
    pieces: Vec<Piece>,
}

/// An archive in the making, and where its fault is found.
type Arrays = (Archive<BufWriter<Steady>>, Fault);

enum Body {
    /// Of regions, which share files: all pieces before.
    Bigwig(Vec<Segment>),
    Npz,
    Parquet(Box<Parquet<File>>),
}

impl Files {
    /// The files of a target, with nothing in them.
    ///
    /// # Errors
    /// Where they cannot be made, or a chromosome is too long for a bigWig.
    pub fn create(target: &Target, header: &Header) -> Result<Self> {
        let folder = target.made();
        let alleles: &[&str] = match header.kind {
            Kind::Variants => &ALLELES,
            Kind::Regions => &[],
        };
        let (mut pairs, mut sizes) = (None, Sizes::new());
        let body = match target.form {
            Form::Bigwig => {
                let (name, bases) = &header.longest;
                sizes.insert(name.clone(), size(name, *bases)?);
                Body::Bigwig(Vec::new())
            }
            Form::Npz => {
                pairs = Some(archive(&folder.join(PREDICTIONS))?);
                Body::Npz
            }
            Form::Parquet => {
                let path = folder.join(PREDICTIONS);
                let named = || path.display().to_string();
                let file = File::create(&path).with_context(named)?;
                let table = table::create(file, alleles).with_context(named)?;
                Body::Parquet(Box::new(table))
            }
        };
        Ok(Self {
            spool: Spool::create(&target.spool())?,
            open: None,
            pieces: Vec::new(),
            names: Names::default(),
            folder,
            selection: header.selection.clone(),
            alleles,
            sizes,
            body,
            pairs,
        })
    }

    /// Takes what is kept of a pass. Those of a region follow each other.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn take(
        &mut self,
        passed: &Passed,
        kept: impl IntoIterator<Item = Result<Kept>>,
    ) -> Result<()> {
        let subject = match self.open.take() {
            Some(subject) => subject,
            None => self.begin(passed)?,
        };
        for kept in kept {
            let kept = kept.with_context(|| passed.subject.name.clone())?;
            if !is_paired(kept.output) {
                self.pieces.push(self.spool.add(&kept)?);
                continue;
            }
            let (archive, fault) = match &mut self.pairs {
                Some(pairs) => pairs,
                None => self.pairs.insert(archive(&self.folder.join(PAIRS))?),
            };
            let key = key(&subject.name, self.alleles, kept.allele, kept.output);
            archive.pair(&key, &kept)?;
            fault.check()?;
        }
        if passed.last {
            return self.end(&subject);
        }
        self.open = Some(subject);
        Ok(())
    }

    /// What a region or variant is called in the files.
    fn begin(&mut self, passed: &Passed) -> Result<Subject> {
        let Subject { name, interval } = &passed.subject;
        if matches!(self.body, Body::Bigwig(_)) {
            let chromosome = &interval.chromosome;
            let size = size(chromosome, passed.bases)?;
            self.sizes.insert(chromosome.clone(), size);
        }
        let name = match (self.alleles, &self.body) {
            // A key of an archive is the name of a file to whoever unpacks it.
            ([], _) => match name.trim_matches('.') {
                "" => "_".to_owned(),
                _ => name.replace(['/', '\\'], "_"),
            },
            (_, Body::Bigwig(_)) => safe_name(name),
            _ => name.clone(),
        };
        Ok(Subject {
            name: self.names.take(&name),
            interval: interval.clone(),
        })
    }

    /// Ends `subject`, all windows of which are taken.
    fn end(&mut self, subject: &Subject) -> Result<()> {
        let pieces = std::mem::take(&mut self.pieces);
        match &mut self.body {
            Body::Bigwig(all) => {
                let own = pieces.into_iter();
                let own = own.map(|piece| Segment::new(piece, &subject.interval, &self.sizes));
                if self.alleles.is_empty() {
                    all.extend(own);
                    return Ok(());
                }
                let folder = self.folder.join(&subject.name);
                fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
                let own: Vec<_> = own.collect();
                self.bigwigs(&folder, &own)?;
            }
            Body::Npz => {
                if let Some((archive, fault)) = &mut self.pairs {
                    let all: BTreeSet<_> =
                        pieces.iter().map(|own| (own.allele, own.output)).collect();
                    for (allele, output) in all {
                        let own = pieces.iter();
                        let own = own.filter(|own| (own.allele, own.output) == (allele, output));
                        let key = key(&subject.name, self.alleles, allele, output);
                        archive.track(&key, &self.spool, &own.collect::<Vec<_>>())?;
                        fault.check()?;
                    }
                }
            }
            Body::Parquet(table) => {
                let path = self.folder.join(PREDICTIONS);
                table::append(table, subject, &pieces, &self.selection, &self.spool)
                    .with_context(|| path.display().to_string())?;
            }
        }
        self.spool.clear();
        Ok(())
    }

    /// Writes a file for each track and allele.
    fn bigwigs(&self, folder: &Path, segments: &[Segment]) -> Result<()> {
        for (output, selected) in &self.selection.0 {
            if is_paired(*output) {
                continue;
            }
            for (place, at) in selected.kept.iter().enumerate() {
                for allele in 0..self.alleles.len().max(1) {
                    let name = file_name(*output, selected, *at, self.alleles.get(allele));
                    let track = (*output, allele, place);
                    bigwig::write(
                        &folder.join(name),
                        &self.sizes,
                        &self.spool,
                        segments,
                        track,
                    )?;
                }
            }
        }
        Ok(())
    }

    /// Writes what is left, and gives everything its name.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn publish(self, failures: &[Failure], target: &Target) -> Result<()> {
        self.finish()?;
        if !failures.is_empty() {
            let path = target.failures();
            let named = || path.display().to_string();
            let mut out = failures::begin(&path)?;
            for failure in failures {
                failure.write(&mut out).with_context(named)?;
            }
            let file = out.into_inner().with_context(named)?;
            file.sync_data().with_context(named)?;
        }
        target.publish()
    }

    fn finish(mut self) -> Result<()> {
        let mut columns = Vec::new();
        match std::mem::replace(&mut self.body, Body::Npz) {
            Body::Bigwig(mut all) => {
                let place = |segment: &Segment| {
                    let bases = &segment.bases;
                    (bases.chromosome.clone(), bases.start, segment.piece.start)
                };
                all.sort_by_cached_key(place);
                if self.alleles.is_empty() {
                    self.bigwigs(&self.folder, &all)?;
                }
                columns = self.file_columns();
            }
            Body::Npz => {}
            Body::Parquet(table) => {
                let path = self.folder.join(PREDICTIONS);
                let named = || path.display().to_string();
                let file = table.finish().with_context(named)?;
                file.sync_data().with_context(named)?;
            }
        }
        if let Some((archive, _)) = self.pairs.take() {
            archive.finish()?.into_inner()?.finish()?;
        }
        let path = self.folder.join(TRACKS);
        let named = || path.display().to_string();
        let mut out = BufWriter::new(File::create(&path).with_context(named)?);
        self.selection
            .write(&columns, &mut out)
            .with_context(named)?;
        let file = out.into_inner().with_context(named)?;
        file.sync_data().with_context(named)
    }

    /// Names of files as columns of the table of tracks.
    fn file_columns(&self) -> Vec<(&'static str, Vec<String>)> {
        let files = |allele: Option<&&'static str>| {
            let rows = self.selection.0.iter().flat_map(move |(output, selected)| {
                selected
                    .kept
                    .iter()
                    .map(move |at| match is_paired(*output) {
                        true => PAIRS.to_owned(),
                        false => file_name(*output, selected, *at, allele),
                    })
            });
            rows.collect()
        };
        match self.alleles {
            [own, other] => vec![
                ("file_ref", files(Some(own))),
                ("file_alt", files(Some(other))),
            ],
            _ => vec![("file", files(None))],
        }
    }
}

/// An archive in the making, as a file.
fn archive(path: &Path) -> Result<Arrays> {
    let (file, fault) = Steady::create(path)?;
    Ok((Archive::new(BufWriter::new(file)), fault))
}

/// The name of a track's file: `rna_seq.3.UBERON_0001114_polyA_plus_RNA-seq.plus.bw`.
fn file_name(output: OutputType, selected: &Selected, at: usize, allele: Option<&&str>) -> String {
    let (name, strand) = (&selected.tracks.names()[at], selected.tracks.strands()[at]);
    let strand = match strand {
        genome::Strand::Positive => ".plus",
        genome::Strand::Negative => ".minus",
        genome::Strand::Unstranded => "",
    };
    let allele = allele
        .map(|allele| format!(".{allele}"))
        .unwrap_or_default();
    let (output, name) = (output.name().to_lowercase(), safe_name(name));
    format!("{output}.{at}.{name}{strand}{allele}.bw")
}

/// A name that every file system takes.
#[must_use]
pub fn safe_name(name: &str) -> String {
    let safe = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '+' => c,
        _ => '_',
    };
    name.chars().take(NAME).map(safe).collect()
}
