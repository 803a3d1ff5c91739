//! A model on a device, for every organism that it knows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, PoisonError};

use ::model::Arithmetic;
use anyhow::Result;
use genome::{Annotation, Interval, Strand};
use inference::alleles::predict_variant;
use inference::intervals;
use inference::machine::{Machine, loaders};
use inference::predictor::{Places, Predictor};
use inference::scoring::{Scoring, refuses};
use scorers::{Organism, Predictions, Scorer, Scores};
use terminal::{Device, Speech, note};

use super::{Answered, Error, Library, Opener, Task, Wanted, Work};

/// Organisms share the machine, and with it the parameters.
pub struct Model {
    library: Arc<Library>,
    predictors: BTreeMap<Organism, Predictor>,
    /// Of those that have a genome.
    scoring: BTreeMap<Organism, Scoring>,
}

impl Model {
    /// The model of `dir` that a machine has loaded.
    ///
    /// # Errors
    /// Where an organism is not as the library has it.
    pub fn open(
        machine: Machine,
        dir: &Path,
        library: Arc<Library>,
        stitching: bool,
    ) -> Result<Self> {
        let machine = Rc::new(machine);
        let (mut predictors, mut scoring) = (BTreeMap::new(), BTreeMap::new());
        for assembly in library.organisms() {
            let organism = assembly.organism;
            let open = || Predictor::on(machine.clone(), dir, organism);
            predictors.insert(organism, open()?);
            if let Ok(genome) = assembly.genome() {
                let one = Scoring {
                    predictor: open()?,
                    genome: genome.clone(),
                    tables: assembly.tables.clone(),
                    scorers: Vec::new(),
                    behaviour: library.behaviour,
                    stitching,
                    check_reference: false,
                };
                scoring.insert(organism, one);
            }
        }
        Ok(Self {
            library,
            predictors,
            scoring,
        })
    }

    fn predict_sequence(
        &self,
        organism: Organism,
        bases: &str,
        outputs: &Wanted,
    ) -> Result<Vec<Predictions>> {
        let interval = Interval::new("", 0, bases.len() as i64, Strand::Unstranded)?;
        let found = self.predictors[&organism].predict_sequence(
            bases.as_bytes(),
            &interval,
            &outputs.keys().copied().collect(),
            &Places::new(),
        )?;
        Ok(vec![found])
    }

    fn quantified(&self, organism: Organism, mut scores: Vec<Scores>) -> Result<Vec<Scores>> {
        let calibration = self.library.get(organism)?.calibration.as_ref();
        if let Some(calibration) = calibration {
            let mut calibration = calibration.lock().unwrap_or_else(PoisonError::into_inner);
            for scores in &mut scores {
                calibration.apply(scores)?;
            }
        }
        Ok(scores)
    }

    fn answer(&mut self, organism: Organism, task: &Task) -> Result<Answered> {
        let mut answered = Answered::default();
        if let Task::PredictSequence { bases, outputs } = task {
            answered.predictions = self.predict_sequence(organism, bases, outputs)?;
            return Ok(answered);
        }
        self.library.get(organism)?.genome()?;
        let scoring = self.scoring.get_mut(&organism);
        let scoring = scoring.ok_or_else(|| Error::Internal("the genome is not open".into()))?;
        let (genome, tables) = (&*scoring.genome, &*scoring.tables);
        match task {
            Task::PredictSequence { .. } => {}
            Task::PredictInterval { interval, outputs } => {
                let outputs = outputs.keys().copied().collect();
                let found = scoring.predictor.predict_interval(
                    genome,
                    interval,
                    &outputs,
                    &Places::new(),
                )?;
                answered.predictions.push(found);
            }
            Task::PredictVariant {
                interval,
                variant,
                outputs,
            } => {
                let both = predict_variant(
                    &scoring.predictor,
                    (genome, tables),
                    (interval, variant),
                    outputs.keys().copied().collect(),
                    scoring.behaviour,
                )?;
                answered.predictions = both.into();
            }
            Task::ScoreInterval { interval, scorers } => {
                let none = Annotation::default();
                let genes = tables.annotation.as_ref().unwrap_or(&none);
                answered.scores =
                    intervals::score(&scoring.predictor, (genome, genes), scorers, interval)?;
            }
            Task::ScoreVariant {
                interval,
                variant,
                scorers,
                whole,
            } => {
                let channels = &self.library.get(organism)?.channels;
                let there = |scorer: &Scorer| channels.contains_key(&scorer.output());
                scoring.scorers = scorers.iter().copied().filter(there).collect();
                // As in 0.3.0, of an output without tracks there is a result without tracks.
                let lacking = scorers
                    .iter()
                    .enumerate()
                    .filter(|(_, scorer)| !there(scorer));
                let lacking: Vec<_> = lacking
                    .map(|(at, scorer)| (at, Scores::without_tracks(*scorer, interval, variant)))
                    .collect();
                let scores = match whole {
                    false => scoring.score(interval, variant)?,
                    true => {
                        let (scores, both) = scoring.score_and_predict(interval, variant)?;
                        answered.predictions = both.into();
                        scores
                    }
                };
                answered.scores = self.quantified(organism, scores)?;
                for (at, scores) in lacking {
                    answered.scores.insert(at, scores);
                }
            }
        }
        Ok(answered)
    }
}

/// How models run.
#[derive(Clone, Debug)]
pub struct Running {
    /// The folder that `convert` wrote.
    pub dir: PathBuf,
    /// Where, and in which arithmetic.
    pub devices: Vec<(Device, Arithmetic)>,
    /// Models on each of them; on the CPU they share their parameters.
    pub workers: usize,
    /// Whether indels are stitched when they are scored.
    pub stitching: bool,
}

impl Running {
    /// What loads a model for each worker.
    ///
    /// # Errors
    /// Where the model cannot be loaded on the CPU; those of other devices are loaded by their workers.
    pub fn openers(&self, library: &Arc<Library>) -> Result<Vec<Opener>> {
        let mut openers: Vec<Opener> = Vec::new();
        for (device, arithmetic) in self.devices.iter().copied() {
            let devices = vec![device; self.workers];
            for load in loaders(&self.dir, arithmetic, &devices)? {
                let (dir, library, stitching) = (self.dir.clone(), library.clone(), self.stitching);
                openers.push(Opener::new(device, move || {
                    Ok(Box::new(Model::open(load()?, &dir, library, stitching)?))
                }));
            }
        }
        Ok(openers)
    }
}

impl Work for Model {
    fn run(&mut self, organism: Organism, task: &Task) -> Result<Answered, Error> {
        let mut answered = self.answer(organism, task).map_err(told)?;
        let predicted = match task {
            Task::PredictSequence { outputs, .. }
            | Task::PredictInterval { outputs, .. }
            | Task::PredictVariant { outputs, .. } => outputs,
            _ => return Ok(answered),
        };
        let whole = answered.predictions.into_iter();
        answered.predictions = whole.map(|found| found.select(predicted)).collect();
        Ok(answered)
    }
}

/// What a client is told of an error.
fn told(error: anyhow::Error) -> Error {
    let error = match error.downcast::<Error>() {
        Ok(error) => return error,
        Err(error) => error,
    };
    if !refuses(&error) {
        let text = terminal::message(&error);
        note(Speech::Normal, &format!("error: a request failed: {text}"));
        return match error.downcast::<genome::Error>() {
            Ok(error) => error.into(),
            Err(_) => Error::Internal(format!("the model failed: {text}")),
        };
    }
    match error.downcast::<genome::Error>() {
        Ok(error) => error.into(),
        Err(error) => Error::Invalid(terminal::message(&error)),
    }
}
