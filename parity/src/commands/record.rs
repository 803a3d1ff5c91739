//! `parity record`: a recording of the Burn model.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use model::{Arithmetic, Sequence};
use terminal::Device;

use crate::cli::{Record, TapChoice};
use crate::compare::GIVEN;
use crate::exit::Exit;
use crate::fasta;
use crate::progress::{self, note};
use crate::recording::{CaseEntry, FORMAT, Manifest, Recording, RecordingWriter, Variant};
use crate::run::{Candidate, compute_dtype};
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
    let mut writer = RecordingWriter::create(&args.out, manifest)?;
    let candidate = Candidate::load(&args.model, arithmetic, args.device)?;
    let cases = match (&args.like, &args.sequences) {
        (Some(like), _) => like_recording(&candidate, &mut writer, &Recording::open(like)?, args)?,
        (None, Some(path)) => sequences(&candidate, &mut writer, args, path)?,
        (None, None) => bail!("name what to record: --sequences FASTA, or --like RECORDING"),
    };
    let path = writer.finish()?;
    note(&format!("{cases} cases recorded, {}", path.display()));
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

/// The cases of another recording, at the places that it kept.
fn like_recording(
    candidate: &Candidate,
    writer: &mut RecordingWriter,
    like: &Recording,
    args: &Record,
) -> Result<usize> {
    let bar = progress::bar(like.manifest.cases.len());
    for entry in &like.manifest.cases {
        progress::step(&bar, &entry.name);
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
        writer.case(entry, &sequence, &arrays)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(like.manifest.cases.len())
}

fn sequences(
    candidate: &Candidate,
    writer: &mut RecordingWriter,
    args: &Record,
    path: &Path,
) -> Result<usize> {
    let records = fasta::read(path)?;
    // All of them first: the last one's fault is not to cost the passes before it.
    let sequences = records
        .iter()
        .map(|record| {
            Sequence::parse(&record.letters)
                .with_context(|| format!("{}: record {}", path.display(), record.name))
        })
        .collect::<Result<Vec<_>>>()?;
    let bar = progress::bar(records.len());
    for (record, sequence) in records.iter().zip(&sequences) {
        progress::step(&bar, &record.name);
        let arrays = candidate.record(sequence.indices(), args.organism, args.taps, args.budget)?;
        let name = file_name(&record.name);
        let entry = CaseEntry {
            file: format!("{name}.npz"),
            variant: Variant::of_name(&name),
            name,
            sequence_length: sequence.len(),
            organism_index: args.organism,
            outputs: BTreeMap::new(),
            more: BTreeMap::new(),
        };
        writer.case(entry, sequence.indices(), &arrays)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(records.len())
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
