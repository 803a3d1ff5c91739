//! `parity invariance`: what may change without a prediction changing.

use std::time::Instant;

use anyhow::{Result, bail};
use clap::ValueEnum;
use inference::machine::Machine;
use model::sequence::{LENGTH_STEP, LONGEST};
use terminal::Device;

use super::write::print;
use crate::cli::Invariance;
use crate::exit::Exit;
use crate::invariance::{
    Condition, Limits, Report, Runner, SCHEMA, SCHEMA_VERSION, Verdict, write,
};
use crate::progress::{self, counted, note};
use crate::report::grid::terminal_width;

/// Tries the conditions; disagrees where one fails.
///
/// # Errors
/// Where the arguments do not fit one another, the model cannot be loaded, or the device fails.
pub fn run(args: &Invariance) -> Result<Exit> {
    check(args)?;
    let arithmetic = args.arithmetic.map_or_else(
        || match args.device {
            Device::Cpu => model::Arithmetic::XlaCpuF32,
            _ => model::Arithmetic::XlaGpuBf16,
        },
        Into::into,
    );
    let machine = Machine::load(&args.model, arithmetic, args.device)?;
    let mut conditions = args.only.clone();
    if conditions.is_empty() {
        conditions = Condition::value_variants().to_vec();
    }
    let cpu = match args.device {
        Device::Cpu => None,
        _ if !conditions.contains(&Condition::Device) => None,
        _ => Some(Machine::load(&args.model, arithmetic, Device::Cpu)?),
    };
    let noise = noise(arithmetic);
    let bar = progress::bar(0);
    let runner = Runner {
        described: machine.describe(),
        device: args.device,
        dir: args.model.clone(),
        organism: args.organism,
        batch: args.batch,
        limits: Limits {
            repeat: 0.0,
            batch: args.batch_limit.unwrap_or(match args.device {
                Device::Cpu => 0.0,
                _ => noise,
            }),
            device: args.device_limit.unwrap_or(noise),
            padding: args.padding_limit,
            reverse_complement: args.reverse_complement_limit,
        },
        progress: &|what| {
            progress::step(&bar, what);
            bar.inc(1);
        },
        machine,
        cpu,
    };
    if args.organism >= runner.described.0.num_organisms {
        bail!(
            "--organism {}: the model has {}",
            args.organism,
            runner.described.0.num_organisms
        );
    }
    let obstacle = |condition: &Condition| {
        let why = runner.obstacle(*condition)?;
        Some(format!("{}: {why}", condition.name()))
    };
    let mut skipped: Vec<String> = conditions.iter().filter_map(obstacle).collect();
    conditions.retain(|condition| runner.obstacle(*condition).is_none());
    let mut lengths = args.lengths.clone();
    lengths.sort_unstable();
    lengths.dedup();
    let mut plan = Vec::new();
    for length in lengths {
        let (fit, others): (Vec<_>, Vec<_>) = conditions
            .iter()
            .partition(|condition| condition.fits(length));
        skipped.extend(others.into_iter().map(|condition: Condition| {
            let name = condition.name();
            format!("{name} at {length} bp: the model takes up to {LONGEST} bp")
        }));
        if !fit.is_empty() {
            plan.push((length, fit));
        }
    }
    if plan.is_empty() {
        bail!("nothing to try: {}", skipped.join("; "));
    }
    let (started, mut rows) = (Instant::now(), Vec::new());
    for (index, (length, conditions)) in plan.iter().enumerate() {
        let length = *length;
        let (reference, seconds) = runner.reference(length)?;
        if index == 0 {
            let left = estimate(&plan, args.batch) * seconds / length as f64;
            note(&format!(
                "{} at {}: about {}, judged by the first pass",
                counted(conditions.len(), "condition"),
                counted(plan.len(), "length"),
                progress::duration(left)
            ));
        }
        for &condition in conditions {
            rows.extend(runner.rows(condition, length, &reference)?);
        }
    }
    bar.finish_and_clear();
    let first_failure = rows.iter().position(|row| row.verdict == Verdict::Fail);
    let report = Report {
        schema: SCHEMA,
        schema_version: SCHEMA_VERSION,
        model: args.model.display().to_string(),
        device: runner.machine.place().1,
        arithmetic: arithmetic.to_string(),
        batch: args.batch,
        command: command(args, arithmetic),
        seconds: started.elapsed().as_secs_f64(),
        rows,
        skipped,
        agree: first_failure.is_none(),
        first_failure,
    };
    match args.json {
        true => print(&format!("{}\n", serde_json::to_string_pretty(&report)?))?,
        false => print(&write(&report, terminal_width()))?,
    }
    Ok(Exit::of(report.agree))
}

/// Sequences of a batch at most: passes grow with its square.
const MOST_SEQUENCES: usize = 64;

fn check(args: &Invariance) -> Result<()> {
    let fits =
        |length: &usize| (1..=LONGEST).contains(length) && length.is_multiple_of(LENGTH_STEP);
    if let Some(length) = args.lengths.iter().find(|length| !fits(length)) {
        bail!("--length {length}: expected multiples of {LENGTH_STEP} up to {LONGEST}");
    }
    if args.batch == 0 {
        bail!("--batch 0: expected at least 1");
    }
    if args.batch > MOST_SEQUENCES {
        bail!("--batch {}: expected up to {MOST_SEQUENCES}", args.batch);
    }
    for (name, limit) in limits(args) {
        if let Some(limit) = limit.filter(|limit| !(0.0..=f64::MAX).contains(limit)) {
            bail!("{name} {limit}: expected a distance of 0 or more");
        }
    }
    Ok(())
}

fn limits(args: &Invariance) -> [(&'static str, Option<f64>); 4] {
    [
        ("--batch-limit", args.batch_limit),
        ("--device-limit", args.device_limit),
        ("--padding-limit", args.padding_limit),
        ("--reverse-complement-limit", args.reverse_complement_limit),
    ]
}

fn command(args: &Invariance, arithmetic: model::Arithmetic) -> String {
    let lengths: Vec<String> = args.lengths.iter().map(usize::to_string).collect();
    let mut text = format!(
        "parity invariance --model {} --device {} --arithmetic {arithmetic} --organism {} --batch {} --length {}",
        args.model.display(),
        args.device,
        args.organism,
        args.batch,
        lengths.join(",")
    );
    if !args.only.is_empty() {
        let names: Vec<&str> = args.only.iter().map(|condition| condition.name()).collect();
        text.push_str(&format!(" --only {}", names.join(",")));
    }
    for (name, limit) in limits(args) {
        if let Some(limit) = limit {
            text.push_str(&format!(" {name} {limit}"));
        }
    }
    text
}

/// Base pairs of all passes, the first of every length included.
fn estimate(plan: &[(usize, Vec<Condition>)], batch: usize) -> f64 {
    let of = |(length, conditions): &(usize, Vec<Condition>)| {
        let passes = conditions
            .iter()
            .map(|condition| condition.passes(*length, batch));
        *length as f64 * (1.0 + passes.sum::<f64>())
    };
    plan.iter().map(of).sum()
}

/// How far sums in another order move an output, where that is all that differs.
fn noise(arithmetic: model::Arithmetic) -> f64 {
    use model::Arithmetic::{SplitF32, XlaCpuF32, XlaGpuF32, XlaGpuTf32};
    match arithmetic {
        XlaCpuF32 => 1e-5,
        // Float32 noise tips operands over a rounding edge of bfloat16, or of TF32 too.
        XlaGpuF32 | SplitF32 => 5e-4,
        XlaGpuTf32 => 2e-3,
        _ => 5e-2,
    }
}
