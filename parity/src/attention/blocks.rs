//! The blocks of the model that hold the attention, and the whole model.

use std::collections::BTreeMap;

use anyhow::Result;
use inference::machine::Machine;
use model::{Array, AttentionForm, Batch, Known, NoTaps, Request};

use super::alone::{median, middle};
use super::memory::peak;
use super::{Cost, Length, Pair};
use crate::closeness::{Closeness, floats};
use crate::invariance::{Element, compare, given_sites};
use crate::precision::{Subject, values};

/// What the names of blocks with attention hold.
const BLOCK: &str = "/mha_block";

/// How both forms are run.
pub struct Blocks<'a> {
    /// The sequence.
    pub batch: Batch,
    /// How often they are timed.
    pub repeats: usize,
    /// Hears what is done.
    pub progress: &'a dyn Fn(&str),
}

/// Runs both forms in the model: block by block on the same values where modules run alone, and as a whole.
///
/// # Errors
/// Where the batch does not fit the model, or the device fails.
pub fn blocks(machine: &mut Machine, given: &Blocks<'_>, alone: Option<Pair>) -> Result<Length> {
    let (config, metadata) = machine.describe();
    let mut subject = Subject {
        batch: given.batch.clone(),
        stages: model::stages::of(&config, metadata.as_ref()),
        sites: None,
    };
    machine.set_attention(AttentionForm::Fused);
    (given.progress)("fused, every module's output");
    let fused = values(machine, &subject)?;
    subject.sites = given_sites(&fused.known);
    let pairs = match machine.on_cpu() {
        Some(_) => on_the_same_values(machine, given, &fused.known, &subject)?,
        None => {
            machine.set_attention(AttentionForm::Plain);
            let plain = values(machine, &subject)?;
            in_a_pass(
                (&fused.known, &plain.known),
                [&fused.milliseconds, &plain.milliseconds],
            )
        }
    };
    let request = Request {
        splice_site_positions: subject.sites.clone(),
        ..Request::everything()
    };
    let mut pass = |form, what: &str| -> Result<_> {
        (given.progress)(what);
        machine.set_attention(form);
        let (outputs, bytes) = peak(|| machine.run(&given.batch, &request, &mut NoTaps));
        let outputs = outputs?;
        let time = match machine.times(&given.batch, &request, given.repeats)? {
            Some(times) => middle(times),
            None => median(given.repeats, || {
                // It ran just now.
                let _ = machine.run(&given.batch, &request, &mut NoTaps);
            }),
        };
        Ok((outputs, time, machine.memory().or(bytes)))
    };
    let (a, fused_milliseconds, fused_bytes) = pass(AttentionForm::Fused, "fused, whole passes")?;
    let (b, plain_milliseconds, plain_bytes) = pass(AttentionForm::Plain, "plain, whole passes")?;
    machine.set_attention(AttentionForm::Fused);
    Ok(Length {
        length: given.batch.length(),
        alone,
        blocks: pairs,
        pass: Cost {
            fused_milliseconds,
            plain_milliseconds,
            fused_bytes,
            plain_bytes,
        },
        outputs: compare(Element::alone(&a), Element::alone(&b)),
    })
}

/// Every block alone, in both forms, on what a pass gave it.
fn on_the_same_values(
    machine: &mut Machine,
    given: &Blocks<'_>,
    known: &Known,
    subject: &Subject,
) -> Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    for stage in subject
        .stages
        .iter()
        .filter(|stage| stage.path.contains(BLOCK))
    {
        (given.progress)(&stage.path);
        let mut run = |form| -> Result<_> {
            machine.set_attention(form);
            let Some(model) = machine.on_cpu() else {
                return Ok((Vec::new(), None));
            };
            let outputs = model.run_stage(&stage.path, &given.batch, known)?;
            let time = median(given.repeats, || {
                // It ran just now.
                let _ = model.run_stage(&stage.path, &given.batch, known);
            });
            let values = outputs.first().map(|(_, array)| array.values.to_f32());
            Ok((values.unwrap_or_default(), time))
        };
        let (a, fused_milliseconds) = run(AttentionForm::Fused)?;
        let (b, plain_milliseconds) = run(AttentionForm::Plain)?;
        pairs.push(Pair {
            name: stage.path.clone(),
            closeness: Closeness::of(a.into_iter().zip(b)),
            cost: Cost {
                fused_milliseconds,
                plain_milliseconds,
                fused_bytes: None,
                plain_bytes: None,
            },
        });
    }
    Ok(pairs)
}

/// Every block in two passes: the first one on the same values, later ones on what their form made of them.
fn in_a_pass((a, b): (&Known, &Known), times: [&BTreeMap<String, f64>; 2]) -> Vec<Pair> {
    let all = |array: &Array| floats(&array.values, 0, array.values.len()).into_owned();
    let blocks = a.iter().filter(|(path, _)| path.contains(BLOCK));
    let pair = |(path, a): (&String, &Array)| {
        let [fused_milliseconds, plain_milliseconds] = times.map(|times| times.get(path).copied());
        Some(Pair {
            name: path.clone(),
            closeness: Closeness::of(all(a).into_iter().zip(all(b.get(path)?))),
            cost: Cost {
                fused_milliseconds,
                plain_milliseconds,
                fused_bytes: None,
                plain_bytes: None,
            },
        })
    };
    blocks.filter_map(pair).collect()
}
