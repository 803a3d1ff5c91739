//! What a case of a recording holds of the modules.

use anyhow::Result;
use model::{Array, Stage, Values};

use super::arrays::places;
use super::walk::{Given, JUNCTIONS, Walk};
use crate::recording::{self, CaseReader};

/// A recorded output of a module.
pub(super) struct Recorded {
    /// Its name in the recording.
    pub(super) name: String,
    /// Its name in the model.
    pub(super) output: String,
    pub(super) array: recording::Array,
    /// The places in the whole array that were kept.
    pub(super) places: Vec<usize>,
}

impl Walk<'_> {
    /// Hands the recorded splice sites to the junctions; without them ours.
    pub(super) fn take_sites(&mut self, case: &mut CaseReader) -> Result<()> {
        let name = format!("{JUNCTIONS}/splice_site_positions");
        let Some(ours) = self.ours.get(&name).cloned() else {
            return Ok(());
        };
        let mut sites = ours.clone();
        if case.entry().outputs.contains_key(&name) {
            let recorded = case.array(&name)?;
            if let (recording::Values::I32(places), false) =
                (&recorded.values, recorded.is_sampled())
                && recorded.full_shape == ours.shape
                && places
                    .iter()
                    .all(|&place| (-1..self.batch.length() as i64).contains(&i64::from(place)))
            {
                sites.values = Values::I32(places.clone());
                self.sites = Some(places.clone());
            }
        }
        self.other_sites = sites != ours;
        self.noisy.insert(name.clone(), sites.clone());
        self.known.insert(name, sites);
        Ok(())
    }

    /// What the recording has of a module's outputs, in the order of the model.
    pub(super) fn recorded(
        &mut self,
        case: &mut CaseReader,
        stage: &Stage,
    ) -> Result<Vec<Recorded>> {
        let mut found: Vec<Recorded> = Vec::new();
        for output in &stage.outputs {
            let tap = format!("taps/{output}");
            let held = &case.entry().outputs;
            let Some(name) = [&tap, output]
                .into_iter()
                .find(|name| held.contains_key(*name))
                .cloned()
            else {
                continue;
            };
            let array = case.array(&name)?;
            let Some(ours) = self.ours.get(output).or(self.ours.get(&stage.path)) else {
                continue;
            };
            if ours.shape != array.full_shape {
                self.notes.push(format!(
                    "{name} is {:?} in the recording and {:?} in the model: left out",
                    array.full_shape, ours.shape
                ));
                continue;
            }
            let places = places(&array.full_shape, &array.kept);
            found.push(Recorded {
                name,
                output: output.clone(),
                array,
                places,
            });
        }
        Ok(found)
    }

    /// Recorded outputs of modules inside one, where they are whole.
    pub(super) fn inner(&self, case: &mut CaseReader, stage: &Stage) -> Result<Given> {
        let start = format!("taps/{}/", stage.path);
        let held = case.entry().outputs.keys();
        let names: Vec<String> = held
            .filter(|name| name.starts_with(&start))
            .cloned()
            .collect();
        let mut inner = Vec::new();
        for name in names {
            let array = case.array(&name)?;
            let stages = self.subject.stages();
            let path = name.trim_start_matches("taps/").to_owned();
            if !array.is_sampled() && stages.iter().all(|stage| stage.path != path) {
                let values = array
                    .values
                    .to_f64()
                    .into_iter()
                    .map(|x| x as f32)
                    .collect();
                let (shape, values) = (array.full_shape.clone(), Values::F32(values));
                inner.push((path, Array { shape, values }));
            }
        }
        Ok(inner)
    }
}
