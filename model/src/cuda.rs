//! AlphaGenome on an NVIDIA GPU: the whole forward pass as one plan on one stream.
//!
//! The Burn modules are the definition. This form runs the same operations on plain device buffers: matrix products through
//! cublasLt, convolutions through cuDNN (channels-last), everything between them in kernels of ours that are compiled at run
//! time. The first pass of a shape plans memory (a tensor's place is free again after its last use) and runs operation by
//! operation; from the second on it is a CUDA graph.

mod decoder;
mod error;
mod folds;
mod forward;
mod heads;
mod kernels;
mod outputs;
mod pair;
mod pass;
mod plans;
mod prepare;
mod regions;
mod resident;
mod rows;
mod steps;
mod strongest;
mod timing;
mod tower;
mod weights;
mod widths;

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use ::cuda::{Device, Span};
use burn::backend::Flex;

use crate::attention::AttentionForm;
use crate::batch::Batch;
use crate::config::Config;
use crate::forward::AlphaGenome;
use crate::load::describe;
use crate::metadata::Metadata;
use crate::precision::Arithmetic;
use crate::request::Request;
use crate::store::Store;
use crate::taps::Taps;

pub use error::CudaError;
use kernels::Kernels;
pub use outputs::{CudaOutputs, NonFinite};
use pass::Pass;
use plans::Plans;
use prepare::Key;
pub use resident::{Resident, Taken};
pub use timing::ModuleCost;
use weights::Weights;
use weights::upload::Uploader;

/// AlphaGenome with its parameters on a GPU.
pub struct CudaAlphaGenome {
    config: Config,
    metadata: Option<Metadata>,
    arithmetic: Arithmetic,
    device: Device,
    kernels: Kernels,
    weights: Weights,
    plans: Plans,
    attention: AttentionForm,
    taps: Vec<String>,
    pass: Option<(Key, Pass)>,
    /// Passes that ran before, the last one first.
    spare: Vec<(Key, Pass)>,
    /// How many of them are kept.
    spares: usize,
    /// What is made of outputs lies here.
    scratch: RefCell<Option<Span>>,
}

impl CudaAlphaGenome {
    /// How many devices the driver shows.
    ///
    /// # Errors
    /// Where there is no driver, or it is too old.
    pub fn devices() -> Result<u32, CudaError> {
        Ok(::cuda::device::count()?)
    }

    /// Loads the folder of a conversion onto a GPU.
    ///
    /// # Errors
    /// [`CudaError`] when the arithmetic is a CPU's, a file does not fit, or the GPU, its driver or its libraries are missing.
    pub fn load(dir: &Path, ordinal: u32, arithmetic: Arithmetic) -> Result<Self, CudaError> {
        if matches!(arithmetic, Arithmetic::XlaCpuF32 | Arithmetic::XlaCpuBf16) {
            return Err(CudaError::Arithmetic(arithmetic));
        }
        let (config, metadata) = describe(dir)?;
        let store = Store::open(dir)?;
        AlphaGenome::<Flex>::survey(
            dir,
            &store,
            (&config, metadata.as_ref()),
            &Default::default(),
        )?;
        widths::check(&config)?;
        let device = Device::open(ordinal)?;
        let kernels = Kernels::compile(&device, arithmetic.is_bfloat16())?;
        let parts = (&store, &config, metadata.as_ref());
        let plans = Plans::new(&device, false)?;
        let weights = Uploader::new(&device, &kernels, parts, arithmetic.roundings())?.finish()?;
        let mut model = Self {
            config,
            metadata,
            arithmetic,
            device,
            kernels,
            weights,
            plans,
            attention: AttentionForm::default(),
            taps: Vec::new(),
            pass: None,
            spare: Vec::new(),
            spares: 0,
            scratch: RefCell::default(),
        };
        model.taps = model.all_taps()?;
        Ok(model)
    }

    /// Chooses how the attention of the sequence runs.
    pub fn set_attention(&mut self, form: AttentionForm) {
        self.attention = form;
        self.forget();
    }

    /// From now on, how many planned passes are kept beside the one that runs, so that other batches and requests in turn do
    /// not plan anew: none by default. Each keeps its memory while the device has enough.
    pub fn keep_passes(&mut self, spares: usize) {
        self.spares = spares;
        self.spare.truncate(spares);
    }

    fn forget(&mut self) {
        self.pass = None;
        self.spare.clear();
    }

    /// From now on, whether several algorithms are timed for every product and convolution that a pass is planned with. What
    /// is found is kept in the user's cache folder. Algorithms differ in the order of their sums, so results change by
    /// roundings.
    ///
    /// # Errors
    /// When the device fails.
    pub fn set_tuning(&mut self, tuned: bool) -> Result<(), CudaError> {
        self.forget();
        self.plans = Plans::new(&self.device, tuned)?;
        Ok(())
    }

    /// How the attention of the sequence runs on this device and with this arithmetic.
    pub fn attention(&self) -> AttentionForm {
        match self.attention {
            AttentionForm::Fused if self.fuses() => AttentionForm::Fused,
            _ => AttentionForm::Plain,
        }
    }

    /// Whether there is a kernel for all of the attention.
    fn fuses(&self) -> bool {
        let architecture = self.device.properties().architecture;
        (architecture.major, architecture.minor) == (9, 0)
            && self.arithmetic.is_bfloat16()
            && tower::has_fused_widths(&self.config)
    }

    /// Widths, heads and organisms.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What the tracks are; nothing if the conversion had no metadata.
    pub fn metadata(&self) -> Option<&Metadata> {
        self.metadata.as_ref()
    }

    /// The arithmetic that was chosen.
    pub fn arithmetic(&self) -> Arithmetic {
        self.arithmetic
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Bytes of the parameters, and of the tensors of the pass that is planned now.
    pub fn memory(&self) -> [u64; 2] {
        let pass = self.pass.as_ref().map_or(0, |(_, pass)| pass.bytes());
        [self.weights.bytes(), pass]
    }

    /// Runs a batch, and brings what the request asks for to the host, an output at a time.
    ///
    /// # Errors
    /// [`CudaError`] when the request or the batch does not fit the model, or the device fails.
    pub fn forward(
        &mut self,
        batch: &Batch,
        request: &Request,
        taps: &mut dyn Taps,
    ) -> Result<CudaOutputs<'_>, CudaError> {
        let wanted = self.taps.iter().filter(|name| taps.wants(name));
        let wanted: BTreeSet<String> = wanted.cloned().collect();
        self.prepare(batch, request, &wanted)?;
        self.run()?;
        let outputs = CudaOutputs { model: self };
        outputs.hand_out(taps)?;
        Ok(outputs)
    }

    /// Enqueues the planned pass and waits for it.
    ///
    /// # Errors
    /// When the device fails.
    pub fn run(&mut self) -> Result<(), CudaError> {
        if let Some((_, pass)) = &mut self.pass {
            pass.run(&self.device, &self.plans)?;
        }
        Ok(self.device.synchronize()?)
    }

    /// The outputs of the pass that ran last.
    pub fn outputs(&self) -> CudaOutputs<'_> {
        CudaOutputs { model: self }
    }
}
