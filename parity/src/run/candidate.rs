//! Runs the model on a case.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use burn::backend::Flex;
use half::bf16;
use model::{AlphaGenome, Arithmetic, Batch, Request, Sequence, SpliceSitePositions};

use super::taps::{Collected, Wanted, keep};
use crate::cli::TapChoice;
use crate::compare::{GIVEN, InMemory};
use crate::recording::{Array, CaseReader, DType, Values};
use crate::result::Provenance;
use crate::sample::choose;

const JUNCTIONS: &str = "splice_sites_junction";
const PROBABILITIES: &str = "splice_sites_classification/predictions";
const POSITIONS: &str = "splice_sites_junction/splice_site_positions";

/// A loaded model.
pub struct Candidate {
    dir: PathBuf,
    model: AlphaGenome<Flex>,
}

impl Candidate {
    /// Loads the folder that `convert` wrote.
    ///
    /// # Errors
    /// Where the folder cannot be loaded.
    pub fn load(dir: &Path, arithmetic: Arithmetic) -> Result<Self> {
        let model = AlphaGenome::load(dir, &Default::default(), arithmetic)
            .with_context(|| format!("the model in {} cannot be loaded", dir.display()))?;
        Ok(Self {
            dir: dir.into(),
            model,
        })
    }

    /// What made the candidate's side.
    pub fn provenance(&self) -> Provenance {
        provenance(&self.dir, self.model.arithmetic())
    }

    /// Runs a case of a recording: every output and tap that it holds, at the places that it kept. Junctions are also run at
    /// the recording's own splice sites. Gives the seconds of the forward pass as well.
    ///
    /// # Errors
    /// Where the case cannot be read or does not fit the model.
    pub fn run_case(&self, case: &mut CaseReader) -> Result<(InMemory, f64)> {
        let batch = batch(&case.sequence()?, case.entry().organism_index)?;
        let mut kept = BTreeMap::new();
        for name in case.entry().outputs.keys().cloned().collect::<Vec<_>>() {
            kept.insert(name.clone(), case.kept(&name)?);
        }
        let taps = kept
            .clone()
            .into_iter()
            .filter(|(name, _)| name.starts_with("taps/"));
        let mut collected = Collected::new(Wanted::Listed(taps.collect()));
        let started = Instant::now();
        let outputs = self
            .model
            .forward(&batch, &Request::everything(), &mut collected)?
            .into_arrays();
        let seconds = started.elapsed().as_secs_f64();
        let mut arrays = collected.arrays;
        let positions = outputs.get(POSITIONS).cloned().map(convert);
        let theirs = match case.entry().outputs.contains_key(POSITIONS) {
            true => Some(case.array(POSITIONS)?),
            false => None,
        };
        for (name, array) in outputs {
            let array = convert(array);
            let kept = kept.get(&name).cloned().unwrap_or_default();
            let array = match (&positions, &theirs) {
                (Some(ours), Some(theirs)) if name.starts_with(JUNCTIONS) && name != POSITIONS => {
                    keep(array, &indices_of_sites(&kept, theirs, ours))
                }
                // Whole: every splice site's distance from the cut is looked up in them.
                _ if name == PROBABILITIES => array,
                _ => keep(array, &kept),
            };
            arrays.insert(name, array);
        }
        if let (Some(ours), Some(theirs)) = (positions, theirs) {
            let name = format!("{JUNCTIONS}/predictions");
            let kept = kept.get(&name).cloned().unwrap_or_default();
            let given = if ours.values == theirs.values {
                arrays.get(&name).cloned()
            } else {
                self.at_positions(&batch, &theirs, &name)?
                    .map(|array| keep(array, &kept))
            };
            arrays.extend(given.map(|array| (GIVEN.to_string(), array)));
        }
        let name = self.dir.display().to_string();
        Ok((InMemory { name, arrays }, seconds))
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
        let outputs = self.model.forward(batch, &request, &mut model::NoTaps)?;
        Ok(outputs.into_arrays().remove(name).map(convert))
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
        let wanted = match taps {
            None => Wanted::None,
            Some(TapChoice::Full) => Wanted::All(0),
            Some(TapChoice::Sampled) => Wanted::All(budget),
        };
        let mut collected = Collected::new(wanted);
        let outputs = self.model.forward(
            &batch(sequence, organism)?,
            &Request::everything(),
            &mut collected,
        )?;
        let mut arrays = collected.arrays;
        for (name, array) in outputs.into_arrays() {
            let array = convert(array);
            let kept = match budget {
                0 => BTreeMap::new(),
                _ if name == POSITIONS => BTreeMap::new(),
                budget => choose(&array.full_shape, budget, 0),
            };
            arrays.insert(name, keep(array, &kept));
        }
        Ok(arrays)
    }
}

/// What made the side of a model in `dir`.
pub fn provenance(dir: &Path, arithmetic: Arithmetic) -> Provenance {
    let name = dir
        .file_name()
        .map_or("model".into(), |n| n.to_string_lossy().into());
    Provenance {
        name,
        path: dir.display().to_string(),
        framework: "burn".into(),
        made_by: format!(
            "alphagenome-burn {}, cpu, float32, {arithmetic}",
            env!("CARGO_PKG_VERSION")
        ),
        compute_dtype: DType::Float32,
        versions: vec![format!("alphagenome-burn {}", env!("CARGO_PKG_VERSION"))],
        platform: Some("cpu".into()),
        device: None,
        matmul_precision: Some(arithmetic.to_string()),
        flags: None,
        checkpoint: None,
        checkpoint_digest: None,
    }
}

fn batch(sequence: &[u8], organism: usize) -> Result<Batch> {
    Ok(Batch::new(
        vec![Sequence::from_indices(sequence)?],
        vec![organism],
    )?)
}

/// The candidate's indices, on the axes of donors and acceptors, of the sites that the reference kept.
fn indices_of_sites(
    kept: &BTreeMap<usize, Vec<usize>>,
    theirs: &Array,
    ours: &Array,
) -> BTreeMap<usize, Vec<usize>> {
    let (Values::I32(a), Values::I32(b)) = (&theirs.values, &ours.values) else {
        return BTreeMap::new();
    };
    let (k, l) = (theirs.full_shape[2], ours.full_shape[2]);
    let mut indices = BTreeMap::new();
    for (&axis, kept) in kept {
        // Axis 1 is donors, rows 0 and 2; axis 2 acceptors, rows 1 and 3.
        let rows = (0..a.len() / k).filter(|row| row % 2 + 1 == axis);
        let mut found: Vec<usize> = rows
            .flat_map(|row| {
                let sites = kept
                    .iter()
                    .map(move |&i| a[row * k + i])
                    .filter(|&p| p >= 0);
                let ours = &b[row * l..][..l];
                sites.filter_map(|site| ours.iter().position(|&p| p == site))
            })
            .collect();
        found.sort_unstable();
        found.dedup();
        indices.insert(axis, found);
    }
    indices
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
