//! Runs the conditions.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use inference::machine::Machine;
use model::metadata::Metadata;
use model::{Batch, Config, NoTaps, Request, Sequence, SpliceSitePositions, Values};
use terminal::Device;

use super::compare::{Compared, Element, Outputs, SITES, beginning, compare};
use super::condition::Condition;
use super::{Row, Verdict, reverse, sequences};

/// The largest relative L2 distances that pass.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of a repetition, another spelling or another number of threads: 0 demands equal bits.
    pub repeat: f64,
    /// Of a batch.
    pub batch: f64,
    /// Of another device.
    pub device: f64,
    /// Of a run of N; nothing only informs.
    pub padding: Option<f64>,
    /// Of the other strand; nothing only informs.
    pub reverse_complement: Option<f64>,
}

/// A model, and how it is tried.
pub struct Runner<'a> {
    /// The model.
    pub machine: Machine,
    /// The same on the CPU, to compare with.
    pub cpu: Option<Machine>,
    /// Where it runs.
    pub device: Device,
    /// Its configuration and tracks.
    pub described: (Config, Option<Metadata>),
    /// Its folder.
    pub dir: PathBuf,
    /// The organism, by number.
    pub organism: usize,
    /// Sequences of a batch.
    pub batch: usize,
    /// What passes.
    pub limits: Limits,
    /// Hears what is done.
    pub progress: &'a dyn Fn(&str),
}

impl Runner<'_> {
    /// Why a condition cannot be tried here; nothing where it can.
    pub fn obstacle(&self, condition: Condition) -> Option<&'static str> {
        match condition {
            Condition::Threads if self.machine.on_cpu().is_none() => Some("of the CPU alone"),
            Condition::Device if self.cpu.is_none() => Some("needs --device cuda"),
            Condition::Organisms if self.described.0.num_organisms < 2 => {
                Some("the model has one organism")
            }
            Condition::ReverseComplement if self.described.1.is_none() => {
                Some("the model's folder has no tracks.json, which tells the strands")
            }
            Condition::Batch | Condition::Order if self.batch < 2 => {
                Some("needs --batch 2 or more")
            }
            _ => None,
        }
    }

    /// The sequence that all is about, alone: its outputs, and the seconds of the pass.
    ///
    /// # Errors
    /// Where the sequence does not fit the model, or the device fails.
    pub fn reference(&self, length: usize) -> Result<(Outputs, f64)> {
        let started = Instant::now();
        let outputs = self.run(&self.machine, vec![sequences::random(length, 0)?], None)?;
        Ok((outputs, started.elapsed().as_secs_f64()))
    }

    /// Tries a condition; `reference` are the outputs of [`Self::reference`].
    ///
    /// # Errors
    /// As [`Self::reference`].
    pub fn rows(
        &self,
        condition: Condition,
        length: usize,
        reference: &Outputs,
    ) -> Result<Vec<Row>> {
        let sequence = sequences::random(length, 0)?;
        let first = Element::alone(reference);
        let row = |what: String, limit, measure: &dyn Fn() -> Result<Compared>| {
            (self.progress)(&format!("{length} bp, {}: {what}", condition.name()));
            let started = Instant::now();
            let compared = measure()?;
            Ok(Row {
                condition,
                length,
                verdict: Verdict::of(&compared, limit),
                what,
                limit,
                seconds: started.elapsed().as_secs_f64(),
                command: self.command(condition, length),
                compared,
            })
        };
        let again = |machine: &Machine, sequence: Sequence, sites| {
            let outputs = self.run(machine, vec![sequence], sites)?;
            Ok(compare(first, Element::alone(&outputs)))
        };
        let Limits { repeat, batch, .. } = self.limits;
        match condition {
            Condition::Repeat => ["second pass", "third pass"]
                .into_iter()
                .map(|what| {
                    row(what.into(), Some(repeat), &|| {
                        again(&self.machine, sequence.clone(), None)
                    })
                })
                .collect(),
            Condition::Letters => {
                let spelt = sequences::spelt(&sequence)?;
                let measure = || again(&self.machine, spelt.clone(), None);
                Ok(vec![row("lower case".into(), Some(repeat), &measure)?])
            }
            Condition::Batch => (0..self.batch)
                .map(|place| {
                    let what = format!("place {} of {}", place + 1, self.batch);
                    row(what, Some(batch), &|| {
                        let mut together = self.neighbours(length)?;
                        together.rotate_right(place);
                        let outputs = self.run(&self.machine, together, None)?;
                        Ok(compare(
                            first,
                            Element {
                                outputs: &outputs,
                                place,
                            },
                        ))
                    })
                })
                .collect(),
            Condition::Order => {
                let what = format!("{} sequences reversed", self.batch);
                Ok(vec![row(what, Some(batch), &|| self.reversed(length))?])
            }
            Condition::Organisms => {
                let what = "beside another organism".into();
                Ok(vec![row(what, Some(batch), &|| {
                    self.organisms(&sequence, first)
                })?])
            }
            Condition::Threads => [1, 2, 3]
                .into_iter()
                .map(|threads| {
                    let what = format!("{threads} thread{}", if threads == 1 { "" } else { "s" });
                    row(what, Some(repeat), &|| {
                        self.threads(&sequence, threads, first)
                    })
                })
                .collect(),
            Condition::Device => {
                let Some(cpu) = &self.cpu else {
                    return Ok(Vec::new());
                };
                let sites = given_sites(reference);
                let measure = || again(cpu, sequence.clone(), sites.clone());
                Ok(vec![row(
                    "the CPU".into(),
                    Some(self.limits.device),
                    &measure,
                )?])
            }
            Condition::Padding => {
                let what = "2048 N behind it".into();
                let measure = || {
                    let outputs = self.run(
                        &self.machine,
                        vec![sequences::padded(&sequence)?],
                        given_sites(reference),
                    )?;
                    Ok(beginning(reference, &outputs))
                };
                Ok(vec![row(what, self.limits.padding, &measure)?])
            }
            Condition::ReverseComplement => {
                let (config, Some(metadata)) = &self.described else {
                    return Ok(Vec::new());
                };
                let measure = || {
                    let other = sequences::reverse_complement(&sequence)?;
                    let sites = reverse::sites(reference, length);
                    let outputs = self.run(&self.machine, vec![other], sites)?;
                    Ok(reverse::compare(
                        reference,
                        &outputs,
                        (config, metadata),
                        self.organism,
                    ))
                };
                let limit = self.limits.reverse_complement;
                Ok(vec![row("the other strand".into(), limit, &measure)?])
            }
        }
    }

    /// The first sequence and those that share its batch.
    fn neighbours(&self, length: usize) -> Result<Vec<Sequence>> {
        (0..self.batch as u64)
            .map(|seed| sequences::random(length, seed))
            .collect()
    }

    fn reversed(&self, length: usize) -> Result<Compared> {
        let mut together = self.neighbours(length)?;
        let forward = self.run(&self.machine, together.clone(), None)?;
        together.reverse();
        let backward = self.run(&self.machine, together, None)?;
        let element = |outputs, place| Element { outputs, place };
        let places = (0..self.batch).map(|place| {
            let turned = element(&backward, self.batch - 1 - place);
            compare(element(&forward, place), turned)
        });
        Ok(Compared::merge(places.collect()))
    }

    fn organisms(&self, sequence: &Sequence, first: Element<'_>) -> Result<Compared> {
        let other = (self.organism + 1) % self.described.0.num_organisms;
        let run = |organisms: Vec<usize>| {
            let batch = Batch::new(vec![sequence.clone(); organisms.len()], organisms)?;
            self.machine
                .run(&batch, &Request::everything(), &mut NoTaps)
        };
        let together = run(vec![self.organism, other])?;
        let at = |place| Element {
            outputs: &together,
            place,
        };
        let here = compare(first, at(0));
        let there = compare(Element::alone(&run(vec![other])?), at(1));
        Ok(Compared::merge(vec![here, there]))
    }

    fn threads(&self, sequence: &Sequence, threads: usize, first: Element<'_>) -> Result<Compared> {
        let model = self.machine.on_cpu().context("threads are the CPU's")?;
        let batch = Batch::new(vec![sequence.clone()], vec![self.organism])?;
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()?;
        let outputs = pool.install(|| {
            model
                .forward(&batch, &Request::everything(), &mut NoTaps)
                .map(|outputs| outputs.into_arrays())
        })?;
        Ok(compare(first, Element::alone(&outputs)))
    }

    fn run(
        &self,
        machine: &Machine,
        sequences: Vec<Sequence>,
        sites: Option<SpliceSitePositions>,
    ) -> Result<Outputs> {
        let organisms = vec![self.organism; sequences.len()];
        let request = Request {
            splice_site_positions: sites,
            ..Request::everything()
        };
        machine.run(&Batch::new(sequences, organisms)?, &request, &mut NoTaps)
    }

    fn command(&self, condition: Condition, length: usize) -> String {
        let limits = &self.limits;
        let limit = match condition {
            Condition::Batch | Condition::Order | Condition::Organisms => {
                Some(("batch", limits.batch))
            }
            Condition::Device => Some(("device", limits.device)),
            Condition::Padding => limits.padding.map(|limit| ("padding", limit)),
            Condition::ReverseComplement => limits
                .reverse_complement
                .map(|limit| ("reverse-complement", limit)),
            Condition::Repeat | Condition::Letters | Condition::Threads => None,
        };
        let limit = limit.map(|(name, limit)| format!(" --{name}-limit {limit}"));
        format!(
            "parity invariance --model {} --device {} --arithmetic {} --organism {} --batch {} --length {length} --only {}{}",
            self.dir.display(),
            self.device,
            self.machine.arithmetic(),
            self.organism,
            self.batch,
            condition.name(),
            limit.unwrap_or_default()
        )
    }
}

/// The splice sites that a pass chose, to be given to another: where sites may differ, the counts between them are compared
/// at equal ones.
pub fn given_sites(outputs: &Outputs) -> Option<SpliceSitePositions> {
    let array = outputs.get(SITES)?;
    match (&array.values, &array.shape[..]) {
        (Values::I32(places), [1, 4, count]) => Some(SpliceSitePositions {
            count: *count,
            places: places.clone(),
        }),
        _ => None,
    }
}
