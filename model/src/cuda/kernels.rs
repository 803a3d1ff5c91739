//! The kernels of the CUDA form, compiled for the device at hand.

use ::cuda::Device;
use ::cuda::compile::{Options, Source, compile};
use ::cuda::module::{Argument as Value, Kernel, Module};

use super::CudaError;
use super::steps::{Argument, Place};

/// The sources, in one unit.
pub(super) const SOURCE: &str = concat!(
    include_str!("kernels/common.cu"),
    include_str!("kernels/layers.cu"),
    include_str!("kernels/attention.cu"),
    include_str!("kernels/fused_attention.cu"),
    include_str!("kernels/pair.cu"),
    include_str!("kernels/heads.cu"),
    include_str!("kernels/junctions.cu"),
    include_str!("kernels/weights.cu"),
);

/// The compiled kernels.
pub(super) struct Kernels {
    module: Module,
    bf16: bool,
}

impl Kernels {
    /// Compiles the kernels for a storage type, or takes them from the disk cache.
    pub(super) fn compile(device: &Device, bf16: bool) -> Result<Self, CudaError> {
        let source = Source {
            name: "alphagenome.cu",
            text: SOURCE,
            headers: &[],
        };
        let options = Options {
            fused_multiply_add: !bf16,
            defines: vec![("BF16".to_owned(), u8::from(bf16).to_string())],
        };
        let architecture = device.properties().architecture;
        let cache = ::cuda::cache::folder();
        let cubin = compile(&source, &options, architecture, cache.as_deref())?;
        let module = Module::load(device, &cubin)?;
        Ok(Self { module, bf16 })
    }

    /// Bytes of a stored value.
    pub(super) fn element(&self) -> usize {
        if self.bf16 { 2 } else { 4 }
    }

    /// Launches a kernel on fixed addresses.
    pub(super) fn launch(
        &self,
        kernel: &'static str,
        grid: [u32; 3],
        block: [u32; 3],
        arguments: &[Argument],
    ) -> Result<(), CudaError> {
        let values = values(arguments, &fixed);
        Ok(self
            .module
            .kernel(kernel)?
            .launch(grid, block, 0, &values)?)
    }

    /// A kernel that may use so much shared memory.
    pub(super) fn kernel(&self, name: &str, shared: u32) -> Result<Kernel, CudaError> {
        let kernel = self.module.kernel(name)?;
        if shared > 40 << 10 {
            kernel.allow_shared(shared)?;
        }
        Ok(kernel)
    }
}

/// Arguments with their tensors at their places.
pub(super) fn values(arguments: &[Argument], place: &dyn Fn(Place) -> u64) -> Vec<Value<'static>> {
    let mut values = Vec::with_capacity(arguments.len());
    let mut rest = arguments;
    while let Some((&argument, after)) = rest.split_first() {
        rest = after;
        values.push(match argument {
            Argument::At(at) => Value::U64(place(at)),
            Argument::Long(value) => Value::I64(value),
            Argument::Int(value) => Value::I32(value),
            Argument::Float(value) => Value::F32(value),
            Argument::Struct(fields) => {
                let (fields, after) = rest.split_at(fields.min(rest.len()));
                rest = after;
                let bytes = fields.iter().flat_map(|field| match *field {
                    Argument::At(at) => place(at).to_le_bytes(),
                    Argument::Long(value) => value.to_le_bytes(),
                    Argument::Int(_) | Argument::Float(_) | Argument::Struct(_) => {
                        unreachable!("a field has eight bytes")
                    }
                });
                Value::Bytes(bytes.collect())
            }
        });
    }
    values
}

/// The address of a place that is no tensor.
fn fixed(place: Place) -> u64 {
    match place {
        Place::Fixed(address) => address,
        Place::Tensor(..) | Place::Nowhere => 0,
    }
}
