//! What a pass is planned for: a batch, a request, and the module outputs to keep.

use std::collections::BTreeSet;

use ::cuda::{Element, Span};
use half::bf16;

use super::forward::{Forward, Tap};
use super::pass::{Formats, Inputs, Pass};
use super::regions::Regions;
use super::steps::Steps;
use super::{CudaAlphaGenome, CudaError};
use crate::array::{Array, Values};
use crate::attention::AttentionForm;
use crate::batch::Batch;
use crate::heads::junctions::SpliceSitePositions;
use crate::plan::Plan;
use crate::precision::Products;
use crate::regions::{BLOCK, Patch, Windows};
use crate::request::Request;
use crate::sequence::Sequence;
use crate::splice_sites::NO_POSITION;

/// What a plan is made for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    pub(super) organisms: Vec<usize>,
    length: usize,
    /// Without the splice sites and the embeddings that it gives, of which only the shapes matter.
    pub(super) request: Request,
    /// Module outputs that are kept.
    taps: BTreeSet<String>,
}

impl CudaAlphaGenome {
    /// Plans the pass for a batch and a request, and uploads what it reads. Of the modules, by their Haiku paths, `taps` are
    /// kept.
    ///
    /// # Errors
    /// As [`Self::forward`].
    pub fn prepare(
        &mut self,
        batch: &Batch,
        request: &Request,
        taps: &BTreeSet<String>,
    ) -> Result<(), CudaError> {
        let plan = Plan::new(&self.config, batch, request)?;
        self.prepare_planned(batch, request, &plan, taps)?;
        let Some((_, pass)) = &self.pass else {
            return Ok(());
        };
        for &(embedding, id) in &pass.given {
            let Some(array) = request.given.get(&embedding) else {
                continue;
            };
            let values = array.values.to_f32();
            let at = pass.tensor(id, (values.len() * self.weights.element()) as u64)?;
            self.write_stored(values, &at)?;
        }
        Ok(())
    }

    /// Copies floats to the device in the type that it stores.
    pub(super) fn write_stored(&self, values: Vec<f32>, to: &Span) -> Result<(), CudaError> {
        match self.arithmetic.is_bfloat16() {
            true => {
                let rounded = values.into_iter().map(bf16::from_f32);
                self.device.write(&rounded.collect::<Vec<_>>(), to)?;
            }
            false => self.device.write(&values, to)?,
        }
        Ok(())
    }

    /// Plans a pass, or takes it from those that are kept, and uploads what it reads, but for embeddings.
    pub(super) fn prepare_planned(
        &mut self,
        batch: &Batch,
        request: &Request,
        plan: &Plan,
        taps: &BTreeSet<String>,
    ) -> Result<(), CudaError> {
        if batch.length() > 1 << 20 {
            return Err(CudaError::TooLong(batch.length()));
        }
        let key = Key {
            organisms: batch.organisms().to_vec(),
            length: batch.length(),
            request: without_places(request),
            taps: taps.clone(),
        };
        if self.pass.as_ref().is_none_or(|(known, _)| *known != key) {
            let found = self.spare.iter().position(|(known, _)| *known == key);
            let found = found.map(|at| self.spare.remove(at));
            self.spare.splice(..0, self.pass.take());
            self.spare.truncate(self.spares);
            self.pass = Some(match found {
                Some(known) => known,
                None => {
                    let mut planned = self.plan(batch, request, plan, taps);
                    let full = matches!(
                        planned,
                        Err(CudaError::Device(::cuda::Error::OutOfMemory { .. }))
                    );
                    if full && !self.spare.is_empty() {
                        // Passes that are kept make room.
                        self.spare.clear();
                        planned = self.plan(batch, request, plan, taps);
                    }
                    (key, planned?)
                }
            });
        }
        let Some((_, pass)) = &self.pass else {
            return Ok(());
        };
        let bases: Vec<u8> = batch
            .sequences()
            .iter()
            .flat_map(|sequence| sequence.indices().iter().copied())
            .collect();
        self.device.write(&bases, &pass.inputs.bases)?;
        let organisms = batch.organisms().iter().map(|&organism| organism as i32);
        let organisms: Vec<i32> = organisms.collect();
        self.device.write(&organisms, &pass.inputs.organisms)?;
        if let Some(given) = &request.splice_site_positions {
            self.device.write(&given.places, &pass.inputs.positions)?;
        }
        self.write_regions(request, &pass.inputs)
    }

    fn write_regions(&self, request: &Request, inputs: &Inputs) -> Result<(), CudaError> {
        if let Some(windows) = &request.windows {
            self.device.write(&windows.indices(BLOCK), &inputs.blocks)?;
            if let Some(given) = &request.splice_site_positions {
                let places = given.places.chunks(4 * given.count).enumerate();
                let rows = places.flat_map(|(sequence, places)| {
                    places.iter().map(move |&place| {
                        let at = usize::try_from(place).ok();
                        let row = at.and_then(|at| windows.row(sequence, at));
                        row.map_or(NO_POSITION, |row| row as i32)
                    })
                });
                self.device
                    .write(&rows.collect::<Vec<_>>(), &inputs.site_rows)?;
            }
        }
        if let Some(Patch { window, changed }) = &request.patch {
            let places = [window.start, changed.start, changed.end];
            self.device
                .write(&places.map(|at| at as i32), &inputs.patch)?;
        }
        Ok(())
    }

    fn plan(
        &mut self,
        batch: &Batch,
        request: &Request,
        plan: &Plan,
        taps: &BTreeSet<String>,
    ) -> Result<Pass, CudaError> {
        let sites = request
            .splice_site_positions
            .as_ref()
            .map_or(1, |given| given.places.len());
        let windows = request.windows.as_ref();
        let blocks = windows.map_or(0, |windows| batch.size() * windows.rows() / BLOCK);
        let inputs = Inputs {
            bases: self
                .device
                .allocate((batch.size() * batch.length()) as u64)?,
            organisms: self.device.allocate(4 * batch.size() as u64)?,
            positions: self.device.allocate(4 * sites as u64)?,
            site_rows: self.device.allocate(4 * sites as u64)?,
            blocks: self.device.allocate(4 * blocks.max(1) as u64)?,
            patch: self.device.allocate(3 * 4)?,
        };
        let mut forward = Forward {
            regions: Regions::of(request),
            ..self.steps_of(batch, taps)
        };
        let outputs = forward.build(plan, request);
        let given = forward.given;
        let parts = (forward.steps, outputs, forward.taps.unwrap_or_default());
        self.weights.split(&self.device, &self.kernels, &parts.0)?;
        let formats = Formats {
            stored: if self.arithmetic.is_bfloat16() {
                Element::Bf16
            } else {
                Element::F32
            },
            tf32: self.arithmetic.roundings().products == Products::Tf32,
        };
        let mut pass = Pass::new(
            &self.device,
            (&self.kernels, &self.weights),
            &mut self.plans,
            formats,
            parts,
            inputs,
        )?;
        pass.given = given;
        Ok(pass)
    }

    /// An empty list of steps for a batch.
    fn steps_of(&self, batch: &Batch, taps: &BTreeSet<String>) -> Forward<'_> {
        let prefix = "alphagenome/";
        let names = taps.iter().map(|name| name.trim_start_matches(prefix));
        Forward {
            config: &self.config,
            weights: &self.weights,
            steps: Steps::new(self.arithmetic.roundings().products == Products::Split),
            batch: batch.size(),
            length: batch.length(),
            organisms: batch.organisms().to_vec(),
            element: self.weights.element(),
            roundings: self.arithmetic.roundings(),
            fused_attention: self.attention() == AttentionForm::Fused,
            wanted: Some(names.map(str::to_owned).collect()),
            taps: (!taps.is_empty()).then(Vec::new),
            given: Vec::new(),
            regions: Regions::default(),
        }
    }

    /// The modules whose outputs can be kept.
    pub(super) fn all_taps(&self) -> Result<Vec<String>, CudaError> {
        let sequence = Sequence::from_indices(&[0; 2048]);
        let batch = sequence.map(|sequence| Batch::new(vec![sequence], vec![0]));
        let Ok(Ok(batch)) = batch else {
            unreachable!("2,048 bp is a length that the model takes")
        };
        let request = Request::everything();
        let plan = Plan::new(&self.config, &batch, &request)?;
        let mut forward = Forward {
            wanted: None,
            taps: Some(Vec::new()),
            ..self.steps_of(&batch, &BTreeSet::new())
        };
        forward.build(&plan, &request);
        let name = |tap: Tap| format!("alphagenome/{}", tap.name);
        Ok(forward.taps.into_iter().flatten().map(name).collect())
    }
}

/// An array without its values.
pub(super) fn empty(shape: Vec<usize>) -> Array {
    Array {
        shape,
        values: Values::F32(Vec::new()),
    }
}

/// A request with the number of its splice sites, and the names of its embeddings alone.
fn without_places(request: &Request) -> Request {
    let given = request.given.iter();
    let given = given.map(|(embedding, array)| (*embedding, empty(array.shape.clone())));
    let sites = request.splice_site_positions.as_ref();
    Request {
        heads: request.heads.clone(),
        resolutions: request.resolutions.clone(),
        embeddings: request.embeddings.clone(),
        splice_site_positions: sites.map(|given| SpliceSitePositions {
            count: given.count,
            places: Vec::new(),
        }),
        given: given.collect(),
        windows: request.windows.as_ref().map(Windows::shape),
        patch: request.patch.as_ref().map(Patch::shape),
    }
}
