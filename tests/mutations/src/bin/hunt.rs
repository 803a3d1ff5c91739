//! `hunt`: how often `parity bisect` names the module at fault and the kind of fault.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use model::Arithmetic;
use mutations::hunt::{Ground, draw};
use mutations::tally::{Run, Tally};
use mutations::{Mutation, Tiny};

/// Searches the tiny model, broken in single ways, with `parity bisect`.
///
/// Exit codes: 0 every share is reached, 1 one is not, 2 could not run.
#[derive(Parser)]
#[command(name = "hunt")]
struct Arguments {
    /// Only mutations whose name or module holds this text
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// So many faults that are drawn from the model's graph, instead of the list
    #[arg(long, value_name = "COUNT")]
    drawn: Option<usize>,
    /// What they are drawn with
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How the models compute [default: xla-cpu-f32 and xla-cpu-bf16]
    #[arg(long, value_parser = parse)]
    arithmetic: Vec<Arithmetic>,
    /// Which recordings to search with
    #[arg(long, value_enum, default_value_t = Taps::Both)]
    taps: Taps,
    /// The case of the recordings
    #[arg(long, default_value = "rand42_4096_human")]
    case: String,
    /// Searches at a time
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Print JSON instead of the tables
    #[arg(long)]
    json: bool,
    /// Print every fault, not only those that were missed
    #[arg(long)]
    all: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Taps {
    Full,
    Sampled,
    Both,
}

fn parse(name: &str) -> Result<Arithmetic, String> {
    name.parse()
        .map_err(|error: model::precision::UnknownArithmetic| error.to_string())
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("hunt: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode> {
    let tiny = Tiny::convert().context("the tiny model")?;
    let wanted = |mutation: &&Mutation| {
        let only = arguments.only.as_deref().unwrap_or("");
        mutation.name.contains(only) || mutation.module.contains(only)
    };
    let drawn = match arguments.drawn {
        Some(count) => Some(draw(&tiny, &arguments.case, arguments.seed, count)?),
        None => None,
    };
    let all = drawn.as_deref().unwrap_or(Mutation::all());
    let mutations: Vec<&Mutation> = all.iter().filter(wanted).collect();
    let arithmetics = match arguments.arithmetic.is_empty() {
        true => vec![Arithmetic::XlaCpuF32, Arithmetic::XlaCpuBf16],
        false => arguments.arithmetic.clone(),
    };
    let mut runs = Vec::new();
    for arithmetic in arithmetics {
        let ground = Ground::new(&tiny, arithmetic)?;
        ground.sound(&arguments.case)?;
        for (taps, recording) in ground.recordings() {
            let full = taps.starts_with("full");
            if arguments.taps != Taps::Both && (arguments.taps == Taps::Full) != full {
                continue;
            }
            let started = Instant::now();
            let found = ground.all(&mutations, (recording, &arguments.case), arguments.threads)?;
            runs.push(Run {
                arithmetic: arithmetic.name(),
                taps,
                case: arguments.case.clone(),
                seconds: started.elapsed().as_secs_f64(),
                found,
            });
        }
    }
    // What was drawn has kinds that no trial undoes: they are counted alone.
    let tally = Tally::new(runs, drawn.is_none());
    match arguments.json {
        true => println!("{}", serde_json::to_string_pretty(&tally)?),
        false => print!("{}", tally.text(arguments.all)),
    }
    Ok(ExitCode::from(u8::from(!tally.reached)))
}
