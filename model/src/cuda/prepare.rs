//! What a pass is planned for: a batch, a request, and the module outputs to keep.

use std::collections::BTreeSet;

use ::cuda::Element;
use half::bf16;

use super::forward::{Forward, Tap};
use super::pass::{Formats, Inputs, Pass};
use super::steps::Steps;
use super::{CudaAlphaGenome, CudaError};
use crate::array::Values;
use crate::attention::AttentionForm;
use crate::batch::Batch;
use crate::plan::Plan;
use crate::precision::Products;
use crate::request::Request;
use crate::sequence::Sequence;

/// What a plan is made for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    pub(super) organisms: Vec<usize>,
    length: usize,
    /// Without the splice sites and the embeddings that it gives, of which only the number matters.
    request: Request,
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
            self.pass = None;
            let pass = self.plan(batch, request, &plan, taps)?;
            self.pass = Some((key, pass));
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
        for &(embedding, id) in &pass.given {
            let Some(array) = request.given.get(&embedding) else {
                continue;
            };
            let values = array.values.to_f32();
            let at = pass.tensor(id, (values.len() * self.weights.element()) as u64)?;
            match self.arithmetic.is_bfloat16() {
                true => {
                    let rounded = values.into_iter().map(bf16::from_f32);
                    self.device.write(&rounded.collect::<Vec<_>>(), &at)?;
                }
                false => self.device.write(&values, &at)?,
            }
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
        let inputs = Inputs {
            bases: self
                .device
                .allocate((batch.size() * batch.length()) as u64)?,
            organisms: self.device.allocate(4 * batch.size() as u64)?,
            positions: self.device.allocate(4 * sites as u64)?,
        };
        let mut forward = self.steps_of(batch, taps);
        let outputs = forward.build(plan, request);
        let given = forward.given;
        let parts = (forward.steps, outputs, forward.taps.unwrap_or_default());
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
            steps: Steps::default(),
            batch: batch.size(),
            length: batch.length(),
            organisms: batch.organisms().to_vec(),
            element: self.weights.element(),
            roundings: self.arithmetic.roundings(),
            fused_attention: self.attention() == AttentionForm::Fused,
            wanted: Some(names.map(str::to_owned).collect()),
            taps: (!taps.is_empty()).then(Vec::new),
            given: Vec::new(),
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

/// A request with the number of its splice sites, and the names of its embeddings alone.
fn without_places(request: &Request) -> Request {
    let mut request = request.clone();
    if let Some(given) = &mut request.splice_site_positions {
        given.places = Vec::new();
    }
    for array in request.given.values_mut() {
        array.values = Values::F32(Vec::new());
    }
    request
}
