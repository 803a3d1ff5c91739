//! Runs the model on a case.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use half::bf16;
use inference::machine::Machine;
use model::{Arithmetic, Batch, Request, Sequence, SpliceSitePositions};
use terminal::Device;

use super::side::Side;
use super::taps::{All, Listed, keep};
use crate::cli::TapChoice;
use crate::compare::{GIVEN, InMemory};
use crate::recording::{Array, CaseReader, DType, Values};
use crate::result::Provenance;
use crate::sample::choose;
use crate::weights::{changed_tensors, checkpoint_digest};

pub(super) const JUNCTIONS: &str = "splice_sites_junction";
const PROBABILITIES: &str = "splice_sites_classification/predictions";
pub(super) const POSITIONS: &str = "splice_sites_junction/splice_site_positions";

/// A loaded model.
pub struct Candidate {
    dir: PathBuf,
    model: Machine,
    checkpoint_digest: Option<String>,
    changed: Vec<String>,
}

impl Candidate {
    /// Loads the folder that `convert` wrote.
    ///
    /// # Errors
    /// Where the folder cannot be loaded.
    pub fn load(dir: &Path, arithmetic: Arithmetic, device: Device) -> Result<Self> {
        let model = Machine::load(dir, arithmetic, device)?;
        Ok(Self {
            dir: dir.into(),
            model,
            checkpoint_digest: checkpoint_digest(dir)?,
            changed: changed_tensors(dir)?.unwrap_or_default(),
        })
    }

    /// The name of its arithmetic.
    pub fn arithmetic(&self) -> &'static str {
        self.model.arithmetic().name()
    }

    /// What made the candidate's side.
    pub fn provenance(&self) -> Provenance {
        Provenance {
            // Weights that were changed since are no longer that checkpoint's.
            checkpoint_digest: match self.changed.is_empty() {
                true => self.checkpoint_digest.clone(),
                false => None,
            },
            changed_tensors: self.changed.clone(),
            ..provenance(&self.dir, &self.model)
        }
    }

    /// Runs the sequence that `cases` have in common once, and gives for each of them every output and tap that it holds, at
    /// the places that it kept. Junctions are also run at each recording's own splice sites. Gives the seconds of the
    /// forward pass as well.
    ///
    /// # Errors
    /// Where a case cannot be read or does not fit the model.
    pub fn run_cases(&self, cases: &mut [&mut CaseReader]) -> Result<(Vec<InMemory>, f64)> {
        let Some(first) = cases.first_mut() else {
            return Ok((Vec::new(), 0.0));
        };
        let batch = batch(&first.sequence()?, first.entry().organism_index)?;
        let mut sides = Vec::new();
        for case in cases {
            sides.push(Side::of(case)?);
        }
        let mut taps = Listed::new(sides.iter().map(|side| side.kept.clone()).collect());
        let started = Instant::now();
        let outputs = self.model.run(&batch, &Request::everything(), &mut taps)?;
        let seconds = started.elapsed().as_secs_f64();
        let mut all = taps.arrays;
        let positions = outputs.get(POSITIONS).cloned().map(convert);
        let last = sides.len() - 1;
        for (name, array) in outputs {
            let mut array = convert(array);
            for (index, (side, arrays)) in sides.iter().zip(&mut all).enumerate() {
                // Whole: every splice site's distance from the cut is looked up in the probabilities.
                let kept = match name == PROBABILITIES {
                    true => BTreeMap::new(),
                    false => side.kept_of(&name, positions.as_ref()),
                };
                let array = match index == last {
                    true => {
                        let empty = Array::full(vec![0], Values::F32(Vec::new()));
                        Cow::Owned(std::mem::replace(&mut array, empty))
                    }
                    false => Cow::Borrowed(&array),
                };
                arrays.insert(name.clone(), keep(array, &kept));
            }
        }
        if let Some(ours) = positions {
            self.add_given(&batch, &ours, &sides, &mut all)?;
        }
        let name = self.dir.display().to_string();
        let named = |arrays| InMemory {
            name: name.clone(),
            arrays,
        };
        Ok((all.into_iter().map(named).collect(), seconds))
    }

    /// Adds junctions at each recording's own splice sites; recordings with the same sites share a pass.
    fn add_given(
        &self,
        batch: &Batch,
        ours: &Array,
        sides: &[Side],
        all: &mut [BTreeMap<String, Array>],
    ) -> Result<()> {
        let name = format!("{JUNCTIONS}/predictions");
        let mut run: Vec<(&Array, Option<Array>)> = Vec::new();
        for (side, arrays) in sides.iter().zip(all) {
            let Some(theirs) = &side.positions else {
                continue;
            };
            let given = if ours.values == theirs.values {
                arrays.get(&name).cloned()
            } else {
                let known = run
                    .iter()
                    .position(|(sites, _)| sites.values == theirs.values);
                let index = match known {
                    Some(index) => index,
                    None => {
                        run.push((theirs, self.at_positions(batch, theirs, &name)?));
                        run.len() - 1
                    }
                };
                let kept = side.kept.get(&name).cloned().unwrap_or_default();
                let array = run[index].1.as_ref();
                array.map(|array| keep(Cow::Borrowed(array), &kept))
            };
            arrays.extend(given.map(|array| (GIVEN.to_string(), array)));
        }
        Ok(())
    }

    /// Junctions at given splice sites.
    fn at_positions(&self, batch: &Batch, sites: &Array, name: &str) -> Result<Option<Array>> {
        let Values::I32(places) = &sites.values else {
            return Ok(None);
        };
        let request = Request {
            splice_site_positions: Some(SpliceSitePositions {
                count: sites.full_shape[2],
                places: places.clone(),
            }),
            ..Request::heads([JUNCTIONS])
        };
        let mut outputs = self.model.run(batch, &request, &mut model::NoTaps)?;
        Ok(outputs.remove(name).map(convert))
    }

    /// Runs a sequence for a recording: every output, and taps where they are wanted, of which about `budget` values are kept
    /// (0 keeps all).
    ///
    /// # Errors
    /// Where the sequence or the organism does not fit the model.
    pub fn record(
        &self,
        sequence: &[u8],
        organism: usize,
        taps: Option<TapChoice>,
        budget: usize,
    ) -> Result<BTreeMap<String, Array>> {
        let mut collected = All::new(taps.map(|choice| match choice {
            TapChoice::Full => 0,
            TapChoice::Sampled => budget,
        }));
        let batch = batch(sequence, organism)?;
        let outputs = self
            .model
            .run(&batch, &Request::everything(), &mut collected)?;
        let mut arrays = collected.arrays;
        for (name, array) in outputs {
            let array = convert(array);
            let kept = match budget {
                0 => BTreeMap::new(),
                _ if name == POSITIONS => BTreeMap::new(),
                // The heads read them: a search for the module at fault needs them whole.
                _ if taps == Some(TapChoice::Full) && name.starts_with("embeddings_") => {
                    BTreeMap::new()
                }
                budget => choose(&array.full_shape, budget, 0),
            };
            arrays.insert(name, keep(Cow::Owned(array), &kept));
        }
        Ok(arrays)
    }
}

/// What made the side of a model in `dir`.
fn provenance(dir: &Path, model: &Machine) -> Provenance {
    let arithmetic = model.arithmetic();
    let (platform, device) = model.place();
    let name = dir
        .file_name()
        .map_or("model".into(), |n| n.to_string_lossy().into());
    Provenance {
        name,
        path: dir.display().to_string(),
        framework: "burn".into(),
        made_by: format!(
            "alphagenome-burn {}, {device}, {}, {arithmetic}",
            env!("CARGO_PKG_VERSION"),
            compute_dtype(arithmetic)
        ),
        compute_dtype: compute_dtype(arithmetic),
        versions: vec![format!("alphagenome-burn {}", env!("CARGO_PKG_VERSION"))],
        platform: Some(platform.into()),
        device: Some(device),
        matmul_precision: Some(arithmetic.to_string()),
        flags: None,
        checkpoint: None,
        checkpoint_digest: None,
        changed_tensors: Vec::new(),
    }
}

/// What the model computes in.
pub fn compute_dtype(arithmetic: Arithmetic) -> DType {
    if arithmetic.is_bfloat16() {
        DType::Bfloat16
    } else {
        DType::Float32
    }
}

fn batch(sequence: &[u8], organism: usize) -> Result<Batch> {
    Ok(Batch::new(
        vec![Sequence::from_indices(sequence)?],
        vec![organism],
    )?)
}

/// The model's array as this crate's.
pub(super) fn convert(array: model::Array) -> Array {
    let values = match array.values {
        model::Values::F32(v) => Values::F32(v),
        model::Values::F16(v) => Values::F16(v),
        model::Values::Bf16(v) => Values::Bf16(v.into_iter().map(bf16::to_bits).collect()),
        model::Values::I32(v) => Values::I32(v),
        model::Values::Bool(v) => Values::Bool(v),
    };
    Array::full(array.shape, values)
}
