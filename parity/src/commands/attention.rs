//! `parity attention`: the fused attention against its definition.

use std::time::Instant;

use anyhow::{Result, bail};
use inference::machine::Machine;
use model::sequence::{LENGTH_STEP, LONGEST};
use model::{Arithmetic, AttentionForm, Batch};
use terminal::Device;

use super::write::print;
use crate::attention::{Blocks, Length, Report, SCHEMA, SCHEMA_VERSION, alone, blocks, write};
use crate::cli::Attention;
use crate::exit::Exit;
use crate::invariance::sequences;
use crate::progress::{self, note};
use crate::report::grid::terminal_width;

/// Runs both forms, and prints what they differ in; disagrees where a block is beyond the limit.
///
/// # Errors
/// Where the arguments do not fit the model, it cannot be loaded, or the device fails.
pub fn run(args: &Attention) -> Result<Exit> {
    let fits =
        |length: &usize| (1..=LONGEST).contains(length) && length.is_multiple_of(LENGTH_STEP);
    if let Some(length) = args.lengths.iter().find(|length| !fits(length)) {
        bail!("--length {length}: expected multiples of {LENGTH_STEP} up to {LONGEST}");
    }
    if let Some(limit) = args.limit.filter(|limit| !(0.0..=f64::MAX).contains(limit)) {
        bail!("--limit {limit}: expected a distance of 0 or more");
    }
    if args.repeats == 0 {
        bail!("--repeats 0: expected at least 1");
    }
    let arithmetic: Arithmetic = match (args.arithmetic, args.device) {
        (Some(named), _) => named.into(),
        (None, Device::Cpu) => Arithmetic::XlaCpuF32,
        (None, _) => Arithmetic::XlaGpuBf16,
    };
    let limit = args.limit.unwrap_or(match arithmetic {
        Arithmetic::XlaCpuF32 => 1e-5,
        // Float32 noise tips weights and operands over a rounding edge.
        _ => 1e-2,
    });
    let mut machine = Machine::load(&args.model, arithmetic, args.device)?;
    let (config, _) = machine.describe();
    if args.organism >= config.num_organisms {
        bail!(
            "--organism {}: the model has {}",
            args.organism,
            config.num_organisms
        );
    }
    let fused = machine.set_attention(AttentionForm::Fused);
    let plain = machine.set_attention(AttentionForm::Plain);
    let one_form = (fused == plain).then(|| {
        let form = if plain == AttentionForm::Plain {
            "plain"
        } else {
            "fused"
        };
        format!(
            "{} has one form of attention only in {arithmetic}, the {form} one",
            args.device
        )
    });
    let bar = progress::bar(0);
    let (mut lengths, mut found): (_, Vec<Length>) = (args.lengths.clone(), Vec::new());
    lengths.sort_unstable();
    lengths.dedup();
    if one_form.is_some() {
        lengths.clear();
    }
    let started = Instant::now();
    for (index, &length) in lengths.iter().enumerate() {
        let operation = (args.device == Device::Cpu)
            .then(|| alone(&config, arithmetic.roundings(), length, args.repeats));
        let given = Blocks {
            batch: Batch::new(vec![sequences::random(length, 0)?], vec![args.organism])?,
            repeats: args.repeats,
            progress: &|what| {
                progress::step(&bar, &format!("{length} bp: {what}"));
                bar.inc(1);
            },
        };
        found.push(blocks(&mut machine, &given, operation)?);
        if index == 0 && lengths.len() > 1 {
            let all: usize = lengths.iter().sum();
            let left = started.elapsed().as_secs_f64() * (all - length) as f64 / length as f64;
            note(&format!(
                "{} more: about {}",
                progress::counted(lengths.len() - 1, "length"),
                progress::duration(left)
            ));
        }
    }
    bar.finish_and_clear();
    let within = |length: &Length| length.distance() <= limit;
    let agree = (!found.is_empty()).then(|| found.iter().all(within));
    let report = Report {
        schema: SCHEMA,
        schema_version: SCHEMA_VERSION,
        model: args.model.display().to_string(),
        device: machine.place().1,
        arithmetic: arithmetic.to_string(),
        command: command(args, arithmetic, limit),
        limit,
        one_form,
        lengths: found,
        agree,
    };
    match args.json {
        true => print(&format!("{}\n", serde_json::to_string_pretty(&report)?))?,
        false => print(&write(&report, terminal_width()))?,
    }
    if let (Some(why), true) = (&report.one_form, args.json) {
        note(&format!("nothing to compare: {why}"));
    }
    Ok(report.exit())
}

fn command(args: &Attention, arithmetic: Arithmetic, limit: f64) -> String {
    let lengths: Vec<String> = args.lengths.iter().map(usize::to_string).collect();
    format!(
        "parity attention --model {} --device {} --arithmetic {arithmetic} --organism {} --length {} --repeats {} --limit {limit}",
        args.model.display(),
        args.device,
        args.organism,
        lengths.join(","),
        args.repeats
    )
}
