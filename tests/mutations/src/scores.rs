//! Single faults of scorers, and whether the comparison of `parity scores` sees them.
//!
//! A fault changes what a rule is given, so that it gives what the wrong rule would (genes' bodies as their exons), or computes
//! the wrong rule from the same predictions. Nothing of it is in the programs.

mod faults;
mod given;

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use inference::predictor::Predictor;
use inference::scoring::Scoring;
use model::Arithmetic;
use parity::scores::compare::{Candidate, compare};
use parity::scores::{Bounds, Case, Recorded, Side, run};
use scorers::{Behaviour, Organism, Predictions, Setting};
use serde::Serialize;
use terminal::Device;

use crate::Tiny;
pub use faults::FAULTS;
pub use given::Given;

/// A fault of one rule.
pub struct Fault {
    /// What is wrong.
    pub name: &'static str,
    /// Which scorers have the rule, by their ids in the recording.
    pub scorers: &'static [&'static str],
    /// Cases that can show it.
    pub cases: &'static [&'static str],
    /// Where it lies.
    pub make: Make,
}

/// Where a fault lies.
pub enum Make {
    /// In what the alleles are predicted from.
    Predicted(fn(&mut Scoring, &mut Case)),
    /// In what a scorer is given.
    Given(fn(&mut Given)),
    /// In what it gives.
    Scores(fn(&Given, &mut Candidate)),
    /// In what it is given; the genes of its rows are named as they are.
    Genes(fn(&mut Given)),
}

/// Whether a fault is seen.
#[derive(Clone, Debug, Serialize)]
pub struct Seen {
    /// The fault.
    pub name: &'static str,
    /// Whether it is.
    pub caught: bool,
    /// Where, and what is said: of the first case and scorer.
    pub first: String,
    /// In how many cases, scorer by scorer, of how many.
    pub cases: [usize; 2],
}

/// The sound model and what it is held to.
pub struct Scorers {
    recorded: Recorded,
    bounds: Bounds,
    scoring: Scoring,
    predicted: BTreeMap<String, [Predictions; 2]>,
}

impl Scorers {
    /// Opens the tiny model and the recording among the fixtures.
    ///
    /// # Errors
    /// Where one cannot be opened.
    pub fn open(tiny: &Tiny) -> Result<Self> {
        let folder = tests::fixtures::root().join("scores");
        let recorded = Recorded::open(&folder, None, "f32")?;
        let predictor = Predictor::open(
            &tiny.path(),
            Arithmetic::XlaCpuF32,
            Device::Cpu,
            Organism::Human,
        )?;
        let scoring = run::open(&recorded, predictor, true)?;
        let bounds = Bounds::shipped()?;
        Ok(Self {
            recorded,
            bounds,
            scoring,
            predicted: BTreeMap::new(),
        })
    }

    /// Makes a fault, and compares. What it is made in must be sound without it.
    ///
    /// # Errors
    /// Where a case cannot be predicted, or the sound model does not pass.
    pub fn seen(&mut self, fault: &Fault) -> Result<Seen> {
        let (mut first, mut cases) = (String::new(), [0, 0]);
        for name in fault.cases {
            let case = self.recorded.cases.iter().find(|case| case.name == *name);
            let case = case.with_context(|| format!("no case {name}"))?.clone();
            if !self.predicted.contains_key(*name) {
                let both = run::predict(&self.scoring, &case)?.map_err(anyhow::Error::msg)?;
                self.predicted.insert((*name).to_owned(), both);
            }
            let mut predictions = self.predicted[*name].clone();
            if let Make::Predicted(make) = fault.make {
                let mut case = case.clone();
                make(&mut self.scoring, &mut case);
                let both = run::predict(&self.scoring, &case)?;
                (self.scoring.behaviour, self.scoring.stitching) = (Behaviour::V0_3_0, true);
                predictions = both.map_err(anyhow::Error::msg)?;
            }
            for id in fault.scorers {
                let Some(Ok(known)) = self.recorded.get(name, id) else {
                    continue;
                };
                let sound = Given::new(
                    &self.scoring,
                    &self.recorded,
                    &case,
                    id,
                    self.predicted[*name].clone(),
                )?;
                let faults = self.faults(&sound, &Make::Given(|_| {}), known)?;
                ensure!(
                    faults.is_empty(),
                    "{name} {id}: the sound model does not pass: {faults:?}"
                );
                let mut given = sound;
                given.predictions = predictions.clone();
                let faults = self.faults(&given, &fault.make, known)?;
                cases[1] += 1;
                if let Some(text) = faults.first() {
                    cases[0] += 1;
                    if first.is_empty() {
                        first = format!("{name} {}: {text}", given.scorer);
                    }
                }
            }
        }
        Ok(Seen {
            name: fault.name,
            caught: cases[0] > 0,
            first,
            cases,
        })
    }

    fn faults(&self, given: &Given, make: &Make, known: &Side) -> Result<Vec<String>> {
        let mut changed = given.clone();
        if let Make::Given(make) | Make::Genes(make) = make {
            make(&mut changed);
        }
        let setting = Setting {
            organism: changed.case.organism,
            annotation: &changed.annotation,
            polya: Some(&changed.polya),
            behaviour: changed.behaviour,
        };
        let Given {
            scorer,
            case,
            predictions,
            tracks,
            ..
        } = &changed;
        let scores = run::score(
            *scorer,
            case,
            &setting,
            predictions,
            tracks,
            (&self.bounds, known),
        );
        let mut scores = match scores {
            Ok(scores) => scores,
            Err(error) => return Ok(vec![error.to_string()]),
        };
        match make {
            Make::Scores(make) => make(&changed, &mut scores),
            Make::Genes(_) => given.name_genes(&mut scores),
            _ => {}
        }
        let bound = self.bounds.of(given.scorer)?;
        Ok(compare(given.scorer, known, &scores, Some(&bound)).faults)
    }
}
