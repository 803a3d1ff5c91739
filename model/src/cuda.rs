//! AlphaGenome on an NVIDIA GPU: the whole forward pass as one plan on one stream.
//!
//! The Burn modules are the definition. This form runs the same operations on plain device buffers: matrix products through
//! cublasLt, convolutions through cuDNN (channels-last), everything between them in kernels of ours that are compiled at run
//! time. The first pass of a shape plans memory (a tensor's place is free again after its last use) and runs operation by
//! operation; from the second on it is a CUDA graph.

mod forward;
mod heads;
mod kernels;
mod pair;
mod pass;
mod steps;
mod tower;
mod weights;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use ::cuda::{Device, Element, Span};
use burn::backend::Flex;
use half::bf16;

use crate::array::{Array, Values};
use crate::batch::Batch;
use crate::config::{Config, Head};
use crate::forward::AlphaGenome;
use crate::heads::junctions::{JunctionMask, SpliceSitePositions};
use crate::load::{LoadError, describe};
use crate::metadata::Metadata;
use crate::plan::{ForwardError, Plan};
use crate::precision::Arithmetic;
use crate::request::Request;
use crate::store::Store;
use crate::taps::Taps;

use forward::Forward;
use heads::Kind;
use kernels::Kernels;
use pass::{Formats, Inputs, Pass, Plans};
use steps::{Id, Steps, Work};
use weights::{Uploader, Weights};

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
        "`{0}` is the CPU's arithmetic: on a GPU, choose xla-gpu-bf16, xla-gpu-bf16-strict or xla-gpu-f32"
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
    pass: Option<(Key, Pass)>,
}

/// What a plan is made for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    organisms: Vec<usize>,
    length: usize,
    request: Request,
    tapped: bool,
}

/// What a pass costs: counted work, and measured time.
#[derive(Clone, Debug)]
pub struct ModuleCost {
    /// The module's Haiku path.
    pub module: String,
    /// Floating-point operations of products and convolutions.
    pub operations: f64,
    /// Milliseconds on the device.
    pub milliseconds: f64,
    /// Operations with their milliseconds, in order.
    pub parts: Vec<(&'static str, f64)>,
}

impl CudaAlphaGenome {
    /// Loads the folder of a conversion onto a GPU.
    ///
    /// # Errors
    /// [`CudaError`] when a file does not fit, or the GPU, its driver or its libraries are missing.
    pub fn load(dir: &Path, ordinal: u32, precision: Precision) -> Result<Self, CudaError> {
        let (config, metadata) = describe(dir)?;
        let store = Store::open(dir)?;
        AlphaGenome::<Flex>::survey(dir, &store, (&config, &metadata), &Default::default())?;
        check(&config)?;
        let device = Device::open(ordinal)?;
        let kernels = Kernels::compile(&device, precision.is_bf16())?;
        let parts = (&store, &config, metadata.as_ref());
        let excess = precision == Precision::Bf16;
        let plans = Plans::new(&device)?;
        let weights = Uploader::new(&device, &kernels, parts, excess)?.finish()?;
        Ok(Self {
            config,
            metadata,
            precision,
            device,
            kernels,
            weights,
            plans,
            pass: None,
        })
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
        let tapped = taps.wants("alphagenome/sequence_encoder/dna_embedder");
        self.prepare(batch, request, tapped)?;
        self.run()?;
        let outputs = CudaOutputs { model: self };
        outputs.hand_out(taps)?;
        Ok(outputs)
    }

    /// Plans the pass for a batch and a request, and uploads what it reads.
    ///
    /// # Errors
    /// As [`Self::forward`].
    pub fn prepare(
        &mut self,
        batch: &Batch,
        request: &Request,
        tapped: bool,
    ) -> Result<(), CudaError> {
        let plan = Plan::new(&self.config, batch, request)?;
        if batch.length() > 1 << 20 {
            return Err(CudaError::TooLong(batch.length()));
        }
        let key = Key {
            organisms: batch.organisms().to_vec(),
            length: batch.length(),
            request: request.clone(),
            tapped,
        };
        if self.pass.as_ref().is_none_or(|(known, _)| *known != key) {
            self.pass = None;
            let pass = self.plan(batch, request, &plan, tapped)?;
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
        tapped: bool,
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
        let mut forward = Forward {
            config: &self.config,
            weights: &self.weights,
            steps: Steps::default(),
            batch: batch.size(),
            length: batch.length(),
            organisms: batch.organisms().to_vec(),
            element: self.weights.element(),
            organism_indices: inputs.organisms.span().ptr,
            given_positions: inputs.positions.span().ptr,
            excess: self.precision == Precision::Bf16,
            taps: tapped.then(Vec::new),
        };
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

    /// Milliseconds of the planned pass on the device, by events.
    ///
    /// # Errors
    /// When the device fails.
    pub fn time(&mut self) -> Result<f32, CudaError> {
        let Self {
            device,
            pass,
            plans,
            ..
        } = self;
        let Some((_, pass)) = pass else {
            return Ok(0.0);
        };
        Ok(device.time(|| pass.run(device, plans))?)
    }

    /// The planned pass operation by operation: work and time, module by module.
    ///
    /// # Errors
    /// When the device fails.
    pub fn profile(&mut self) -> Result<Vec<ModuleCost>, CudaError> {
        let Some((_, pass)) = &self.pass else {
            return Ok(Vec::new());
        };
        let times = pass.profile(&self.device, &self.plans)?;
        let mut costs: Vec<ModuleCost> = Vec::new();
        for (step, time) in pass.steps.steps.iter().zip(times) {
            let module = &pass.steps.modules[step.module];
            let index = match costs.iter().position(|cost| cost.module == *module) {
                Some(index) => index,
                None => {
                    costs.push(ModuleCost {
                        module: module.clone(),
                        operations: 0.0,
                        milliseconds: 0.0,
                        parts: Vec::new(),
                    });
                    costs.len() - 1
                }
            };
            let (name, operations) = match &step.work {
                Work::Launch { kernel, .. } => (*kernel, 0.0),
                Work::Product { product, .. } => ("product", product.operations()),
                Work::Convolution { convolution, .. } => ("convolution", convolution.operations()),
            };
            costs[index].operations += operations;
            costs[index].milliseconds += f64::from(time);
            costs[index].parts.push((name, f64::from(time)));
        }
        Ok(costs)
    }
}

/// How many values of an output are NaN or infinite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonFinite {
    /// The output.
    pub output: String,
    /// How many are.
    pub found: u64,
    /// How many must be: tracks without a mean have no experimental units.
    pub expected: u64,
}

/// Outputs of a pass, still on the device.
pub struct CudaOutputs<'a> {
    model: &'a CudaAlphaGenome,
}

impl CudaOutputs<'_> {
    /// Names of all outputs, sorted.
    pub fn names(&self) -> Vec<String> {
        let Some((_, pass)) = &self.model.pass else {
            return Vec::new();
        };
        let mut names: Vec<String> = pass.outputs.keys().cloned().collect();
        names.extend(self.masks().map(|(name, _)| name));
        names.sort();
        names
    }

    /// Brings one output to the host; nothing if there is none of that name.
    ///
    /// # Errors
    /// When the device fails.
    pub fn array(&self, name: &str) -> Result<Option<Array>, CudaError> {
        let Some((key, pass)) = &self.model.pass else {
            return Ok(None);
        };
        if let Some((_, head)) = self.masks().find(|(mask, _)| mask == name) {
            return self.mask(&head, key).map(Some);
        }
        let Some(output) = pass.outputs.get(name) else {
            return Ok(None);
        };
        self.download(pass, output.id, &output.shape, output.kind)
            .map(Some)
    }

    /// Counts NaN and infinity in every output, on the device.
    ///
    /// # Errors
    /// When the device fails.
    pub fn non_finite(&self) -> Result<Vec<NonFinite>, CudaError> {
        let Some((key, pass)) = &self.model.pass else {
            return Ok(Vec::new());
        };
        let counter = self.model.device.allocate(8)?;
        let mut counts = Vec::new();
        for (name, output) in &pass.outputs {
            if output.kind == Kind::Integer {
                continue;
            }
            let n: usize = output.shape.iter().product();
            self.model.device.fill(counter.span(), 0)?;
            let at = pass.address(output.id);
            let arguments = [at.into(), (n as i64).into(), counter.span().ptr.into()];
            let grid = [n.div_ceil(256).clamp(1, 4096) as u32, 1, 1];
            self.model
                .kernels
                .launch("count_non_finite", grid, [256, 1, 1], &arguments)?;
            let found = self.model.device.download::<u64>(counter.span())?;
            counts.push(NonFinite {
                output: name.clone(),
                found: found.first().copied().unwrap_or(0),
                expected: self.expected_non_finite(name, &output.shape, key),
            });
        }
        Ok(counts)
    }

    /// Values of an output that have no finite value by definition: those of tracks without a mean.
    fn expected_non_finite(&self, name: &str, shape: &[usize], key: &Key) -> u64 {
        let (head, kind) = name.split_once('/').unwrap_or_default();
        let (Some(head), Some(metadata)) =
            (self.model.config.heads.get(head), &self.model.metadata)
        else {
            return 0;
        };
        if !matches!(head, Head::GenomeTracks { .. }) || !kind.starts_with("predictions_") {
            return 0;
        }
        let without = |&organism: &usize| {
            let means = metadata.means(organism, head.output_type());
            means.into_iter().filter(|mean| !mean.is_finite()).count() as u64
        };
        let tracks: u64 = key.organisms.iter().map(without).sum();
        tracks * shape.get(1).copied().unwrap_or(0) as u64
    }

    /// Brings all outputs to the host.
    ///
    /// # Errors
    /// When the device fails.
    pub fn into_arrays(self) -> Result<BTreeMap<String, Array>, CudaError> {
        let mut arrays = BTreeMap::new();
        for name in self.names() {
            if let Some(array) = self.array(&name)? {
                arrays.insert(name, array);
            }
        }
        Ok(arrays)
    }

    fn masks(&self) -> impl Iterator<Item = (String, String)> {
        let heads = self.model.pass.as_ref().map(|(_, pass)| &pass.outputs);
        let positions = heads.into_iter().flat_map(|outputs| outputs.keys());
        positions.filter_map(|name| {
            let head = name.strip_suffix("/splice_site_positions")?;
            Some((format!("{head}/splice_junction_mask"), head.to_owned()))
        })
    }

    fn mask(&self, head: &str, key: &Key) -> Result<Array, CudaError> {
        let positions = self.array(&format!("{head}/splice_site_positions"))?;
        let most = self.model.config.heads.get(head).map_or(0, Head::tracks);
        let (count, places) = match positions {
            Some(Array {
                shape,
                values: Values::I32(places),
            }) => (shape[2], places),
            _ => (0, Vec::new()),
        };
        let tissues = |&organism: &usize| self.model.weights.tissues(organism, most);
        let tissues = key.organisms.iter().map(tissues).collect();
        let mask = JunctionMask::new(SpliceSitePositions { count, places }, tissues, most);
        Ok(Array {
            shape: mask.shape().to_vec(),
            values: Values::Bool(mask.values()),
        })
    }

    fn hand_out(&self, taps: &mut dyn Taps) -> Result<(), CudaError> {
        let Some((_, pass)) = &self.model.pass else {
            return Ok(());
        };
        for tap in &pass.taps {
            let name = format!("alphagenome/{}", tap.name);
            if taps.wants(&name) {
                let mut array = self.download(pass, tap.id, &tap.shape, Kind::Stored)?;
                if tap.name.contains("attention_bias_block") {
                    array = heads_first(array);
                }
                taps.take(&name, array);
            }
        }
        Ok(())
    }

    fn download(
        &self,
        pass: &Pass,
        id: Id,
        shape: &[usize],
        kind: Kind,
    ) -> Result<Array, CudaError> {
        let count: usize = shape.iter().product();
        let stored = if kind == Kind::Integer {
            4
        } else {
            self.model.weights.element()
        };
        let span = Span {
            ptr: pass.address(id),
            bytes: (count * stored) as u64,
        };
        let device = &self.model.device;
        let values = match (kind, stored) {
            (Kind::Integer, _) => Values::I32(device.download(span)?),
            (_, 2) => Values::Bf16(device.download::<bf16>(span)?),
            _ => Values::F32(device.download(span)?),
        };
        let array = Array {
            shape: shape.to_vec(),
            values,
        };
        Ok(match (kind, stored) {
            (Kind::Half, 4) => array.into_f16(),
            _ => array,
        })
    }
}

/// Whether the kernels take a model of these widths.
fn check(config: &Config) -> Result<(), CudaError> {
    let (tower, pair, embedders) = (&config.tower, &config.pair, &config.embedders);
    let mut widths = vec![
        ("tower.channels", tower.channels),
        ("tower.head_width", tower.head_width),
        ("tower.value_width", tower.value_width),
        ("tower.mlp_hidden", tower.mlp_hidden),
        ("pair.channels", pair.channels),
        ("pair.row_width", pair.row_width),
        ("pair.mlp_hidden", pair.mlp_hidden),
        ("embedders.embeddings_1bp", embedders.embeddings_1bp),
        ("embedders.embeddings_128bp", embedders.embeddings_128bp),
    ];
    widths.extend(
        config
            .encoder
            .channels
            .iter()
            .map(|&c| ("encoder.channels", c)),
    );
    if let Some((name, width)) = widths.iter().find(|(_, width)| !width.is_multiple_of(8)) {
        return Err(CudaError::Shape(format!(
            "{name} is {width}, expected a multiple of 8"
        )));
    }
    let narrow = [
        ("tower.head_width", tower.head_width),
        ("tower.value_width", tower.value_width),
        ("pair.channels", pair.channels),
    ];
    if let Some((name, width)) = narrow.iter().find(|(_, width)| *width > 256) {
        return Err(CudaError::Shape(format!(
            "{name} is {width}, expected at most 256"
        )));
    }
    if pair.pool != 16 {
        return Err(CudaError::Shape(format!(
            "pair.pool is {}, expected 16",
            pair.pool
        )));
    }
    Ok(())
}

/// `[B, P, P, H]` to `[B, H, P, P]`.
fn heads_first(array: Array) -> Array {
    fn turn<T: Copy>(values: &[T], [b, p, q, h]: [usize; 4]) -> Vec<T> {
        let places = (0..b * h * p * q).map(|index| {
            let (column, rest) = (index % q, index / q);
            let (row, rest) = (rest % p, rest / p);
            let (head, sequence) = (rest % h, rest / h);
            values[((sequence * p + row) * q + column) * h + head]
        });
        places.collect()
    }
    let Ok(shape) = <[usize; 4]>::try_from(array.shape.as_slice()) else {
        return array;
    };
    let values = match array.values {
        Values::F32(values) => Values::F32(turn(&values, shape)),
        Values::Bf16(values) => Values::Bf16(turn(&values, shape)),
        other => other,
    };
    let [b, p, q, h] = shape;
    Array {
        shape: vec![b, h, p, q],
        values,
    }
}
