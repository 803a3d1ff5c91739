//! `parity bench`: how fast the model runs, beside the work that it does.

use std::time::Instant;

use anyhow::{Result, bail};
use model::{Batch, Sequence};
use serde::Serialize;
use terminal::Device;

use crate::cli::Bench;
use crate::exit::Exit;
use crate::progress::{self, note};

use super::bench_forms::Form;
use super::write::both;

/// What a bench found.
#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    schema_version: u32,
    model: String,
    device: String,
    arithmetic: String,
    commit: Option<String>,
    load_s: f64,
    /// Base pairs in the middle that have outputs at 1 bp, where that is not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<usize>,
    lengths: Vec<Measured>,
    /// The form of `--beside`.
    #[serde(skip_serializing_if = "Option::is_none")]
    beside: Option<Beside>,
}

/// A second form, at the same lengths.
#[derive(Debug, Serialize)]
struct Beside {
    device: String,
    arithmetic: String,
    load_s: f64,
    lengths: Vec<Measured>,
}

/// One length.
#[derive(Debug, Serialize)]
pub(super) struct Measured {
    pub(super) length: usize,
    /// From the request to the first result on the device, planning included.
    pub(super) first_s: f64,
    /// Steady state: outputs stay on the device.
    pub(super) median_ms: f64,
    pub(super) least_ms: f64,
    pub(super) most_ms: f64,
    /// Parameters and tensors of a pass; nothing on the CPU.
    pub(super) device_bytes: Option<u64>,
    /// Operations of products and convolutions; nothing on the CPU.
    pub(super) operations: Option<f64>,
    /// NaN and infinity beyond those of tracks without a mean.
    pub(super) non_finite: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) modules: Vec<Module>,
}

/// One module of a pass, run operation by operation.
#[derive(Debug, Serialize)]
pub(super) struct Module {
    pub(super) module: String,
    pub(super) milliseconds: f64,
    /// Floating-point operations of its products and convolutions.
    pub(super) operations: f64,
    /// What it moves at least: weights, and tensors from and for other modules.
    pub(super) bytes: u64,
    /// Its operations, summed by name.
    pub(super) parts: Vec<Part>,
    /// Its operations in order, each with its milliseconds.
    #[serde(skip)]
    pub(super) steps: Vec<(&'static str, f64)>,
}

/// Operations of one name in a module.
#[derive(Debug, Serialize)]
pub(super) struct Part {
    operation: &'static str,
    count: usize,
    milliseconds: f64,
}

/// Operations by name, in the order in which names first come.
pub(super) fn parts(steps: &[(&'static str, f64)]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for &(operation, milliseconds) in steps {
        match parts.iter_mut().find(|part| part.operation == operation) {
            Some(part) => {
                part.count += 1;
                part.milliseconds += milliseconds;
            }
            None => parts.push(Part {
                operation,
                count: 1,
                milliseconds,
            }),
        }
    }
    parts
}

/// Measures.
///
/// # Errors
/// Where the model cannot be loaded or does not run on the device.
pub fn run(args: &Bench) -> Result<Exit> {
    if let Some(length) = args
        .lengths
        .iter()
        .find(|length| !length.is_multiple_of(2048) || **length == 0)
    {
        bail!("a sequence of {length} bp does not run: lengths are multiples of 2,048 bp");
    }
    if args.repeats == 0 {
        bail!("--repeats 0: expected at least 1");
    }
    if args.part == Some(0) {
        bail!("--part 0: expected at least 1");
    }
    let is_cuda = |device| matches!(device, Device::Cuda(_));
    if args.tune && !is_cuda(args.device) && !args.beside.is_some_and(is_cuda) {
        bail!("--tune: expected --device cuda, algorithms are chosen there alone");
    }
    if args.trace.is_some() && !is_cuda(args.device) {
        bail!("--trace: expected --device cuda, operations are timed there alone");
    }
    if let Some(inputs) = &args.scores {
        return super::bench_scores::run(args, inputs);
    }
    // A device that is not there is told before anything is timed.
    let (load_s, form) = load(args, args.device)?;
    let second = match args.beside {
        Some(second) => Some((second, load(args, second)?)),
        None => None,
    };
    let ((arithmetic, device), lengths) = measure(args, form, args.device)?;
    let beside = match second {
        Some((second, (load_s, form))) => {
            let ((arithmetic, device), lengths) = measure(args, form, second)?;
            Some(Beside {
                device: format!("{device} ({second})"),
                arithmetic,
                load_s,
                lengths,
            })
        }
        None => None,
    };
    let document = Document {
        schema: "parity-bench",
        schema_version: 1,
        model: args.model.display().to_string(),
        device,
        arithmetic,
        commit: option_env!("ALPHAGENOME_BURN_COMMIT").map(str::to_owned),
        load_s,
        part: args.part,
        lengths,
        beside,
    };
    let text = match args.json {
        true => format!("{}\n", serde_json::to_string_pretty(&document)?),
        false => table(&document, args.device),
    };
    both(&text, || {
        let Some(path) = &args.trace else {
            return Ok(());
        };
        super::trace_events::write(path, &document.lengths)?;
        note(&format!("trace written to {}", path.display()));
        Ok(())
    })?;
    Ok(Exit::of(document.finite()))
}

impl Document {
    /// Whether every form gave numbers at every length.
    fn finite(&self) -> bool {
        let beside = self.beside.iter().flat_map(|beside| &beside.lengths);
        let mut all = self.lengths.iter().chain(beside);
        all.all(|measured| measured.non_finite == 0)
    }
}

/// Seconds to load a form, and the form.
fn load(args: &Bench, device: Device) -> Result<(f64, Form)> {
    let started = Instant::now();
    let form = super::bench_forms::load(args, device)?;
    Ok((started.elapsed().as_secs_f64(), form))
}

/// A form's arithmetic and device, and what was found at every length.
fn measure(
    args: &Bench,
    mut form: Form,
    device: Device,
) -> Result<((String, String), Vec<Measured>)> {
    let bar = progress::bar(args.lengths.len());
    let mut lengths = Vec::new();
    for &length in &args.lengths {
        progress::step(&bar, &format!("{length} bp on {device}"));
        let batch = Batch::new(vec![sequence(length)?], vec![args.organism])?;
        lengths.push(form.measure(&batch, args)?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok((form.describe(), lengths))
}

/// Bases without a pattern, the same on every machine.
fn sequence(length: usize) -> Result<Sequence> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let bases = (0..length).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as u8 & 3
    });
    Ok(Sequence::from_indices(&bases.collect::<Vec<_>>())?)
}

fn table(document: &Document, device: Device) -> String {
    let mut text = format!(
        "{} on {} ({device}), loaded in {:.1} s\n",
        document.arithmetic, document.device, document.load_s
    );
    if let Some(part) = document.part {
        text.push_str(&format!("at 1 bp only {part} bp in the middle\n"));
    }
    text.push_str(
        "       bp    first s  median ms     (least to most)   memory GB  TFLOP/s  NaN or inf\n",
    );
    for measured in &document.lengths {
        let memory = measured
            .device_bytes
            .map_or("-".into(), |bytes| format!("{:.2}", bytes as f64 / 1e9));
        let rate = measured.operations.map_or("-".into(), |operations| {
            format!("{:.1}", operations / measured.median_ms / 1e9)
        });
        let spread = format!("{:.3} to {:.3}", measured.least_ms, measured.most_ms);
        text.push_str(&format!(
            "{:9} {:10.2} {:10.3} {spread:>20} {memory:>11} {rate:>8} {:11}\n",
            measured.length, measured.first_s, measured.median_ms, measured.non_finite
        ));
    }
    if let Some(beside) = &document.beside {
        text.push_str(&side_by_side(document, beside));
    }
    for measured in document
        .lengths
        .iter()
        .filter(|measured| !measured.modules.is_empty())
    {
        text.push_str(&modules(measured));
    }
    text
}

/// Medians of both forms, and how many times longer the second takes.
fn side_by_side(document: &Document, beside: &Beside) -> String {
    let mut text = format!(
        "\nbeside {} on {}, loaded in {:.1} s\n       bp  median ms     beside   ratio\n",
        beside.arithmetic, beside.device, beside.load_s
    );
    for (measured, second) in document.lengths.iter().zip(&beside.lengths) {
        text.push_str(&format!(
            "{:9} {:10.3} {:10.3} {:7.2}\n",
            measured.length,
            measured.median_ms,
            second.median_ms,
            second.median_ms / measured.median_ms
        ));
    }
    text
}

/// The modules that take longest, each with its work.
fn modules(measured: &Measured) -> String {
    const SHOWN: usize = 12;
    let mut modules: Vec<&Module> = measured.modules.iter().collect();
    modules.sort_by(|a, b| b.milliseconds.total_cmp(&a.milliseconds));
    let total: f64 = modules.iter().map(|module| module.milliseconds).sum();
    let mut text = format!(
        "\n{} bp, operation by operation: {total:.3} ms\n        ms      %  TFLOP  TFLOP/s      GB     GB/s  module\n",
        measured.length
    );
    for module in modules.iter().take(SHOWN) {
        text.push_str(&format!(
            "{:10.3} {:6.1} {:6.2} {:8.1} {:7.3} {:8.1}  {}\n",
            module.milliseconds,
            100.0 * module.milliseconds / total,
            module.operations / 1e12,
            module.operations / module.milliseconds / 1e9,
            module.bytes as f64 / 1e9,
            module.bytes as f64 / module.milliseconds / 1e6,
            module.module
        ));
    }
    text
}
