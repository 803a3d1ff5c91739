//! `parity precision`: where each arithmetic loses precision, and what single blocks in float32 would win.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use indicatif::ProgressBar;
use inference::machine::Machine;
use model::sequence::{LENGTH_STEP, LONGEST};
use model::{Arithmetic, Array, Batch};
use terminal::Device;

use super::write::print;
use crate::cli::Precision;
use crate::exit::Exit;
use crate::invariance::{given_sites, sequences};
use crate::precision::{
    Loss, Mix, Report, SCHEMA, SCHEMA_VERSION, Subject, Switches, Values, locally, loss, values,
    write,
};
use crate::progress::{self, note};
use crate::report::grid::terminal_width;

/// Measures and prints; there is nothing to disagree with.
///
/// # Errors
/// Where the arguments do not fit the model, it cannot be loaded, or the device fails.
pub fn run(args: &Precision) -> Result<Exit> {
    if !(LENGTH_STEP..=LONGEST).contains(&args.length) || !args.length.is_multiple_of(LENGTH_STEP) {
        bail!(
            "--length {}: expected a multiple of {LENGTH_STEP} up to {LONGEST}",
            args.length
        );
    }
    let arithmetics: Vec<Arithmetic> = args.arithmetics.iter().map(|&named| named.into()).collect();
    let Some(&last) = arithmetics.last() else {
        bail!("--arithmetics: expected at least one");
    };
    let bar = progress::bar(0);
    let load = |arithmetic, device| {
        progress::step(&bar, &format!("loading, {arithmetic}"));
        Machine::load(&args.model, arithmetic, device)
    };
    let exact = match args.device {
        Device::Cpu => Arithmetic::XlaCpuF32,
        _ => Arithmetic::XlaGpuF32,
    };
    let reference = load(exact, args.device)?;
    let device = reference.place().1;
    let mut subject = subject(args, &reference)?;
    let started = Instant::now();
    progress::step(&bar, &format!("{exact}: the reference"));
    let mut truth = values(&reference, &subject)?;
    subject.sites = given_sites(&truth.known);
    announce(args, arithmetics.len(), started.elapsed().as_secs_f64());
    if let Some(model) = reference.on_cpu() {
        let (times, _) = locally(model, &subject, &truth.known, &|path| {
            tell(&bar, exact, path)
        })?;
        truth.milliseconds = times;
    }
    let mut losses: Vec<Loss> = Vec::new();
    let mut coarse: Option<(Machine, Values)> = None;
    for &arithmetic in &arithmetics {
        // The one before goes first: two models are enough.
        drop(coarse.take());
        let machine = load(arithmetic, args.device)?;
        progress::step(&bar, &format!("{arithmetic}: a pass"));
        let mut found = values(&machine, &subject)?;
        let mut local = BTreeMap::new();
        if let Some(model) = machine.on_cpu() {
            let told = |path: &str| tell(&bar, arithmetic, path);
            let (times, distances) = locally(model, &subject, &truth.known, &told)?;
            (found.milliseconds, local) = (times, distances);
        }
        losses.push(loss(arithmetic.name(), &subject, (&truth, &found), &local));
        coarse = Some((machine, found));
    }
    let switches = match (args.no_switches, coarse) {
        (false, Some((machine, found))) => {
            let times = [&truth.milliseconds, &found.milliseconds].map(Clone::clone);
            Some(match args.device {
                Device::Cpu => switch(
                    args,
                    (&reference, &machine),
                    &subject,
                    (truth.known, found.known),
                    times,
                    &bar,
                )?,
                _ => {
                    // The GPU's memory is not needed any more, and the modules run one by one on a CPU only.
                    drop((reference, machine));
                    let fine = load(Arithmetic::XlaCpuF32, Device::Cpu)?;
                    let coarse = load(last, Device::Cpu)?;
                    subject.sites = None;
                    let exact = values(&fine, &subject)?;
                    subject.sites = given_sites(&exact.known);
                    let found = values(&coarse, &subject)?;
                    switch(
                        args,
                        (&fine, &coarse),
                        &subject,
                        (exact.known, found.known),
                        times,
                        &bar,
                    )?
                }
            })
        }
        _ => None,
    };
    bar.finish_and_clear();
    let report = Report {
        schema: SCHEMA,
        schema_version: SCHEMA_VERSION,
        model: args.model.display().to_string(),
        device,
        length: args.length,
        organism: args.organism,
        reference: exact.to_string(),
        seconds: started.elapsed().as_secs_f64(),
        command: command(args),
        arithmetics: losses,
        switches,
    };
    match args.json {
        true => print(&format!("{}\n", serde_json::to_string_pretty(&report)?))?,
        false => print(&write(&report, terminal_width()))?,
    }
    Ok(Exit::Agree)
}

fn tell(bar: &ProgressBar, arithmetic: Arithmetic, path: &str) {
    progress::step(bar, &format!("{arithmetic}: {path}"));
    bar.inc(1);
}

fn subject(args: &Precision, machine: &Machine) -> Result<Subject> {
    let (config, metadata) = machine.describe();
    if args.organism >= config.num_organisms {
        bail!(
            "--organism {}: the model has {}",
            args.organism,
            config.num_organisms
        );
    }
    Ok(Subject {
        batch: Batch::new(
            vec![sequences::random(args.length, 0)?],
            vec![args.organism],
        )?,
        stages: model::stages::of(&config, metadata.as_ref()),
        sites: None,
    })
}

/// Says how long it will take, judged by the first pass.
fn announce(args: &Precision, arithmetics: usize, pass: f64) {
    const BLOCKS: f64 = 34.0;
    let switches = match args.no_switches {
        true => 0.0,
        // About half of the model depends on a block, and arithmetics that round take twice as long on a CPU.
        false => BLOCKS,
    };
    let seconds = pass * (1.0 + 5.0 * arithmetics as f64 + switches);
    note(&format!(
        "{arithmetics} arithmetics, {} bp: about {}, judged by the first pass",
        args.length,
        progress::duration(seconds)
    ));
}

/// Every block in float32, one after the other.
fn switch(
    args: &Precision,
    (fine, coarse): (&Machine, &Machine),
    subject: &Subject,
    (reference, known): (BTreeMap<String, Array>, BTreeMap<String, Array>),
    [float32, times]: [BTreeMap<String, f64>; 2],
    bar: &ProgressBar,
) -> Result<Switches> {
    let on_cpu = "blocks are switched on the CPU";
    let models = (
        fine.on_cpu().context(on_cpu)?,
        coarse.on_cpu().context(on_cpu)?,
    );
    let mut mix = Mix::new(models, subject, &reference, known)?;
    let groups = mix.groups(args.by, &args.modules);
    if groups.is_empty() {
        bail!(
            "--modules {}: no module's name holds it",
            args.modules.join(",")
        );
    }
    progress::step(bar, "the noise of switching");
    let noise = mix.noise()?;
    bar.set_length(groups.len() as u64);
    bar.set_position(0);
    let mut rows = Vec::new();
    for group in groups {
        progress::step(bar, &format!("{} in float32", group.0));
        rows.push(mix.switch(group, args.by, [&float32, &times])?);
        bar.inc(1);
    }
    rows.sort_by(|a, b| b.wins.total_cmp(&a.wins));
    Ok(Switches {
        arithmetic: coarse.arithmetic().to_string(),
        by: args.by,
        timed_on: args.device.to_string(),
        milliseconds: times.values().sum(),
        noise,
        embeddings: mix.embeddings(),
        rows,
    })
}

fn command(args: &Precision) -> String {
    let names: Vec<String> = args.arithmetics.iter().map(ToString::to_string).collect();
    let by = args.by.to_possible_value();
    let mut text = format!(
        "parity precision --model {} --device {} --length {} --organism {} --arithmetics {} --by {}",
        args.model.display(),
        args.device,
        args.length,
        args.organism,
        names.join(","),
        by.as_ref().map_or("block", |by| by.get_name())
    );
    if !args.modules.is_empty() {
        text.push_str(&format!(" --modules {}", args.modules.join(",")));
    }
    if args.no_switches {
        text.push_str(" --no-switches");
    }
    text
}
