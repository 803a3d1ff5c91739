//! `parity record`: a recording of the Burn model.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use model::{Arithmetic, Sequence};
use terminal::Device;

use crate::cli::{Record, TapChoice};
use crate::compare::GIVEN;
use crate::exit::Exit;
use crate::fasta;
use crate::file;
use crate::progress::{self, note};
use crate::recording::{Array, CaseEntry, FORMAT, Manifest, Recording, RecordingWriter, Variant};
use crate::run::{Candidate, compute_dtype};
use crate::shares::{self, Merged, Plan};
use crate::weights::{changed_tensors, checkpoint_digest};

/// Records.
///
/// # Errors
/// Where the model cannot be loaded, a sequence does not fit it, or the folder cannot be written.
pub fn run(args: &Record) -> Result<Exit> {
    let arithmetic = args.arithmetic.into();
    let mut manifest = manifest(args, arithmetic);
    manifest.checkpoint_digest = match changed_tensors(&args.model)?.unwrap_or_default() {
        changed if changed.is_empty() => checkpoint_digest(&args.model)?,
        changed => {
            note(&format!(
                "notice: {} of its tensors, {} first, differ from its conversion: the recording names no checkpoint",
                changed.len(),
                changed[0]
            ));
            None
        }
    };
    let source = Source::open(args)?;
    let place = args.shard.map(|shard| (shard, args.out.as_path()));
    let folder = place.map_or(args.out.clone(), |(shard, all)| shard.folder(all));
    let create = || RecordingWriter::create(&folder, manifest.clone());
    let mut writer = match place {
        None => Some(create()?),
        Some(_) => None,
    };
    let plan = Plan {
        place,
        settings: &|| settings(args),
        costs: &source.lengths(),
        frame: &manifest,
    };
    let mut candidate = None;
    let bar = progress::bar(plan.costs.len());
    let cases = shares::run(&plan, |index| {
        let load = || Candidate::load(&args.model, arithmetic, args.device);
        let candidate = shares::or_make(&mut candidate, load)?;
        let (entry, sequence, arrays) = source.record(index, candidate, args, &bar)?;
        let writer = shares::or_make(&mut writer, create)?;
        let entry = writer.case(entry, &sequence, &arrays)?.clone();
        bar.inc(1);
        let file = entry.file.clone();
        Ok((entry, vec![file]))
    })?;
    bar.finish_and_clear();
    if let (Some(cases), Some(writer)) = (cases, writer) {
        let path = writer.finish()?;
        note(&format!(
            "{} cases recorded, {}",
            cases.len(),
            path.display()
        ));
    }
    Ok(Exit::Agree)
}

/// What a recording depends on.
fn settings(args: &Record) -> Result<shares::Settings> {
    let digest = |path: &Option<PathBuf>| path.as_deref().map_or(Ok(String::new()), shares::digest);
    let own = [
        ("sequences", digest(&args.sequences)?),
        ("like", digest(&args.like)?),
        ("organism", args.organism.to_string()),
        ("arithmetic", args.arithmetic.to_string()),
        ("taps", format!("{:?}", args.taps)),
        ("budget", args.budget.to_string()),
    ];
    shares::settings("record", &args.model, args.device, &own)
}

/// The shares as one recording.
///
/// # Errors
/// Where they do not hold what this command makes, or the folder cannot be written.
pub fn merge(merged: &Merged, out: &Path) -> Result<Exit> {
    let mut writer = RecordingWriter::create(out, merged.frame()?)?;
    let cases = merged.items::<CaseEntry>()?;
    let count = cases.len();
    for (folder, entry) in cases {
        let from = folder.join(&entry.file);
        let mut archive = File::open(&from).with_context(|| from.display().to_string())?;
        file::write(&out.join(&entry.file), |out| {
            std::io::copy(&mut archive, out).map(drop)
        })?;
        writer.add(entry);
    }
    let path = writer.finish()?;
    note(&format!("{count} cases recorded, {}", path.display()));
    Ok(Exit::Agree)
}

fn manifest(args: &Record, arithmetic: Arithmetic) -> Manifest {
    let version = |name: &str, version: &str| (name.to_string(), version.to_string());
    let more = [("arithmetic".to_string(), arithmetic.name().into())];
    Manifest {
        format: FORMAT,
        framework: "burn".into(),
        jax: None,
        versions: BTreeMap::from([
            version("alphagenome-burn", env!("CARGO_PKG_VERSION")),
            version("burn", "0.21.0"),
        ]),
        platform: Some(
            if args.device == Device::Cpu {
                "cpu"
            } else {
                "gpu"
            }
            .into(),
        ),
        device: Some(args.device.to_string()),
        compute_dtype: compute_dtype(arithmetic),
        matmul_precision: Some(match arithmetic {
            // The words that tell a reader which operands were rounded.
            Arithmetic::XlaGpuF32 => {
                "operands of BF16_BF16_F32 products rounded to bfloat16".into()
            }
            Arithmetic::XlaGpuTf32 => {
                "operands of BF16_BF16_F32 products rounded to bfloat16, of others to TF32".into()
            }
            Arithmetic::SplitF32 => {
                "operands of BF16_BF16_F32 products rounded to bfloat16, of others split in two"
                    .into()
            }
            _ => "default".into(),
        }),
        xla_flags: None,
        checkpoint: args
            .model
            .file_name()
            .map(|name| name.to_string_lossy().into_owned()),
        checkpoint_digest: None,
        taps: false,
        cases: Vec::new(),
        more: BTreeMap::from(more),
    }
}

/// What is recorded.
enum Source {
    /// The cases of another recording, at the places that it kept.
    Like(Box<Recording>),
    /// Records of a FASTA file.
    Sequences(Vec<(String, Sequence)>),
}

impl Source {
    fn open(args: &Record) -> Result<Self> {
        let path = match (&args.like, &args.sequences) {
            (Some(like), _) => return Ok(Self::Like(Recording::open(like)?.into())),
            (None, Some(path)) => path,
            (None, None) => bail!("name what to record: --sequences FASTA, or --like RECORDING"),
        };
        // All of them first: the last one's fault is not to cost the passes before it.
        let parse = |record: fasta::Record| {
            let sequence = Sequence::parse(&record.letters)
                .with_context(|| format!("{}: record {}", path.display(), record.name))?;
            Ok((record.name, sequence))
        };
        let records = fasta::read(path)?.into_iter().map(parse);
        Ok(Self::Sequences(records.collect::<Result<_>>()?))
    }

    /// Base pairs of each.
    fn lengths(&self) -> Vec<usize> {
        match self {
            Self::Like(like) => {
                let cases = like.manifest.cases.iter();
                cases.map(|case| case.sequence_length).collect()
            }
            Self::Sequences(all) => all.iter().map(|(_, sequence)| sequence.len()).collect(),
        }
    }

    fn record(
        &self,
        index: usize,
        candidate: &Candidate,
        args: &Record,
        bar: &ProgressBar,
    ) -> Result<(CaseEntry, Vec<u8>, BTreeMap<String, Array>)> {
        match self {
            Self::Like(like) => like_recording(like, index, candidate, args, bar),
            Self::Sequences(all) => {
                let (name, sequence) = &all[index];
                progress::step(bar, name);
                let sequence = sequence.indices();
                let arrays = candidate.record(sequence, args.organism, args.taps, args.budget)?;
                let name = file_name(name);
                let entry = CaseEntry {
                    file: format!("{name}.npz"),
                    variant: Variant::of_name(&name),
                    name,
                    sequence_length: sequence.len(),
                    organism_index: args.organism,
                    outputs: BTreeMap::new(),
                    more: BTreeMap::new(),
                };
                Ok((entry, sequence.to_vec(), arrays))
            }
        }
    }
}

fn like_recording(
    like: &Recording,
    index: usize,
    candidate: &Candidate,
    args: &Record,
    bar: &ProgressBar,
) -> Result<(CaseEntry, Vec<u8>, BTreeMap<String, Array>)> {
    let entry = &like.manifest.cases[index];
    progress::step(bar, &entry.name);
    let mut case = like.case(&entry.name)?;
    let sequence = case.sequence()?;
    let arrays = if args.taps == Some(TapChoice::Full) {
        candidate.record(&sequence, entry.organism_index, args.taps, args.budget)?
    } else {
        let (outputs, _) = candidate.run_cases(&mut [&mut case])?;
        let mut outputs = outputs.into_iter().next().unwrap_or_default();
        outputs.arrays.remove(GIVEN);
        outputs.arrays
    };
    let entry = CaseEntry {
        outputs: BTreeMap::new(),
        more: BTreeMap::new(),
        ..entry.clone()
    };
    Ok((entry, sequence, arrays))
}

/// A record's name as a file name: letters, digits, `.`, `-` and `_` stay.
fn file_name(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let name: String = name
        .chars()
        .map(|c| if plain(c) { c } else { '_' })
        .collect();
    name.trim_start_matches('.').to_string()
}
