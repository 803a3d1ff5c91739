//! AlphaGenome on an NVIDIA GPU: the whole forward pass as one plan on one stream.
//!
//! The Burn modules are the definition. This form runs the same operations on plain device buffers: matrix products through
//! cublasLt, convolutions through cuDNN (channels-last), everything between them in kernels of ours that are compiled at run
//! time. The first pass of a shape plans memory (a tensor's place is free again after its last use) and runs operation by
//! operation; from the second on it is a CUDA graph.

mod decoder;
mod forward;
mod heads;
mod kernels;
mod outputs;
mod pair;
mod pass;
mod plans;
mod rows;
mod steps;
mod timing;
mod tower;
mod weights;
mod widths;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;

use ::cuda::{Device, Element};
use burn::backend::Flex;

use crate::attention::AttentionForm;
use crate::batch::Batch;
use crate::config::Config;
use crate::forward::AlphaGenome;
use crate::load::{LoadError, describe};
use crate::metadata::Metadata;
use crate::plan::{ForwardError, Plan};
use crate::precision::Arithmetic;
use crate::request::Request;
use crate::sequence::Sequence;
use crate::store::Store;
use crate::taps::Taps;

use forward::{Forward, Tap};
use kernels::Kernels;
pub use outputs::{CudaOutputs, NonFinite};
use pass::{Formats, Inputs, Pass};
use plans::Plans;
use steps::Steps;
pub use timing::ModuleCost;
use weights::Weights;
use weights::upload::Uploader;

/// The arithmetic of a pass on a GPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// bfloat16 as XLA compiles it for a GPU: rounded after every operation, products accumulated in float32.
    #[default]
    Bf16,
    /// As [`Self::Bf16`] without excess precision (`--xla_allow_excess_precision=false`).
    Bf16Strict,
    /// float32 throughout; only the operands of both attentions and of the junctions are bfloat16, as in XLA.
    F32,
    /// As [`Self::F32`], with products of TF32 operands (10 bits of mantissa).
    Tf32,
}

impl Precision {
    fn is_bf16(self) -> bool {
        matches!(self, Self::Bf16 | Self::Bf16Strict)
    }
}

impl TryFrom<Arithmetic> for Precision {
    type Error = CudaError;

    fn try_from(arithmetic: Arithmetic) -> Result<Self, CudaError> {
        match arithmetic {
            Arithmetic::XlaGpuF32 => Ok(Self::F32),
            Arithmetic::XlaGpuTf32 => Ok(Self::Tf32),
            Arithmetic::XlaGpuBf16 => Ok(Self::Bf16),
            Arithmetic::XlaGpuBf16Strict => Ok(Self::Bf16Strict),
            Arithmetic::XlaCpuF32 | Arithmetic::XlaCpuBf16 => {
                Err(CudaError::Arithmetic(arithmetic))
            }
        }
    }
}

/// Why the model does not run on a GPU.
#[derive(Debug, thiserror::Error)]
pub enum CudaError {
    /// The conversion.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The batch or the request.
    #[error(transparent)]
    Forward(#[from] ForwardError),
    /// The device, its driver or its libraries.
    #[error(transparent)]
    Device(#[from] ::cuda::Error),
    /// A parameter is stored in a type that cannot be read.
    #[error("the parameter `{0}` is neither float32 nor bfloat16")]
    Parameter(String),
    /// The arithmetic is XLA's on the CPU.
    #[error(
        "`{0}` is the CPU's arithmetic: on a GPU, choose xla-gpu-bf16, xla-gpu-bf16-strict, xla-gpu-f32 or xla-gpu-tf32"
    )]
    Arithmetic(Arithmetic),
    /// The model's shape is not one that the kernels take.
    #[error("the CUDA form does not run this model: {0}")]
    Shape(String),
    /// The sequences are longer than the rotary tables.
    #[error("a sequence of {0} bp is too long: at most 1,048,576 bp run on a GPU")]
    TooLong(usize),
}

/// AlphaGenome with its parameters on a GPU.
pub struct CudaAlphaGenome {
    config: Config,
    metadata: Option<Metadata>,
    precision: Precision,
    device: Device,
    kernels: Kernels,
    weights: Weights,
    plans: Plans,
    attention: AttentionForm,
    taps: Vec<String>,
    pass: Option<(Key, Pass)>,
}

/// What a plan is made for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    organisms: Vec<usize>,
    length: usize,
    /// Without the splice sites that it gives, of which only the number matters.
    request: Request,
    /// Module outputs that are kept.
    taps: BTreeSet<String>,
}

impl CudaAlphaGenome {
    /// Loads the folder of a conversion onto a GPU.
    ///
    /// # Errors
    /// [`CudaError`] when a file does not fit, or the GPU, its driver or its libraries are missing.
    pub fn load(dir: &Path, ordinal: u32, precision: Precision) -> Result<Self, CudaError> {
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
        let kernels = Kernels::compile(&device, precision.is_bf16())?;
        let parts = (&store, &config, metadata.as_ref());
        let excess = precision == Precision::Bf16;
        let plans = Plans::new(&device, false)?;
        let weights = Uploader::new(&device, &kernels, parts, excess)?.finish()?;
        let mut model = Self {
            config,
            metadata,
            precision,
            device,
            kernels,
            weights,
            plans,
            attention: AttentionForm::default(),
            taps: Vec::new(),
            pass: None,
        };
        model.taps = model.all_taps()?;
        Ok(model)
    }

    /// Chooses how the attention of the sequence runs.
    pub fn set_attention(&mut self, form: AttentionForm) {
        self.attention = form;
        self.pass = None;
    }

    /// From now on, whether several algorithms are timed for every product and convolution that a pass is planned with. What
    /// is found is kept in the user's cache folder. Algorithms differ in the order of their sums, so results change by
    /// roundings.
    ///
    /// # Errors
    /// When the device fails.
    pub fn set_tuning(&mut self, tuned: bool) -> Result<(), CudaError> {
        self.pass = None;
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
        (architecture.major, architecture.minor) == (9, 0) && self.precision.is_bf16()
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
    pub fn precision(&self) -> Precision {
        self.precision
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
        self.device.write(&bases, pass.inputs.bases.span())?;
        let organisms = batch.organisms().iter().map(|&organism| organism as i32);
        let organisms: Vec<i32> = organisms.collect();
        self.device
            .write(&organisms, pass.inputs.organisms.span())?;
        if let Some(given) = &request.splice_site_positions {
            self.device
                .write(&given.places, pass.inputs.positions.span())?;
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
        let given = request
            .splice_site_positions
            .as_ref()
            .map_or(1, |given| given.places.len());
        let inputs = Inputs {
            bases: self
                .device
                .allocate((batch.size() * batch.length()) as u64)?,
            organisms: self.device.allocate(4 * batch.size() as u64)?,
            positions: self.device.allocate(4 * given as u64)?,
        };
        let mut forward = self.steps_of(batch, taps);
        forward.organism_indices = inputs.organisms.span().ptr;
        forward.given_positions = inputs.positions.span().ptr;
        let outputs = forward.build(inputs.bases.span().ptr, plan, request);
        let parts = (forward.steps, outputs, forward.taps.unwrap_or_default());
        let formats = Formats {
            stored: if self.precision.is_bf16() {
                Element::Bf16
            } else {
                Element::F32
            },
            tf32: self.precision == Precision::Tf32,
        };
        Pass::new(
            &self.device,
            &self.kernels,
            &mut self.plans,
            formats,
            parts,
            inputs,
        )
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
            organism_indices: 0,
            given_positions: 0,
            excess: self.precision == Precision::Bf16,
            fused_attention: self.attention() == AttentionForm::Fused,
            wanted: Some(names.map(str::to_owned).collect()),
            taps: (!taps.is_empty()).then(Vec::new),
        }
    }

    /// The modules whose outputs can be kept.
    fn all_taps(&self) -> Result<Vec<String>, CudaError> {
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
        forward.build(0, &plan, &request);
        let name = |tap: Tap| format!("alphagenome/{}", tap.name);
        Ok(forward.taps.into_iter().flatten().map(name).collect())
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

/// A request with the number of its splice sites alone.
fn without_places(request: &Request) -> Request {
    let mut request = request.clone();
    if let Some(given) = &mut request.splice_site_positions {
        given.places = Vec::new();
    }
    request
}
