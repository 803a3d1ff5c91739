//! The kernels of the CUDA form, compiled for the device at hand.

use ::cuda::compile::{Options, Source, compile};
use ::cuda::module::{Argument as Value, Kernel, Module};
use ::cuda::{Device, Span};

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
    include_str!("kernels/folds.cu"),
    include_str!("kernels/junctions.cu"),
    include_str!("kernels/weights.cu"),
    include_str!("kernels/trials.cu"),
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

    /// Launches a kernel.
    pub(super) fn launch(
        &self,
        kernel: &'static str,
        grid: [u32; 3],
        block: [u32; 3],
        arguments: &[Value],
    ) -> Result<(), CudaError> {
        let kernel = self.module.kernel(kernel)?;
        // SAFETY: these are kernels of `weights.cu`, `folds.cu` and `trials.cu`, those that choose junctions, and the counter of
        // non-finite values, given their operands in the order and with the extents that they declare.
        unsafe { kernel.launch(grid, block, 0, arguments) }.map_err(Into::into)
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

/// Arguments with their operands at their places.
pub(super) fn values(
    arguments: &[Argument],
    place: &dyn Fn(Place) -> Result<Option<Span>, CudaError>,
) -> Result<Vec<Value>, CudaError> {
    let mut values = Vec::with_capacity(arguments.len());
    let mut rest = arguments;
    while let Some((&argument, after)) = rest.split_first() {
        rest = after;
        values.push(match argument {
            Argument::At(at) => Value::Pointer(place(at)?),
            Argument::Long(value) => Value::I64(value),
            Argument::Int(value) => Value::I32(value),
            Argument::Float(value) => Value::F32(value),
            Argument::Struct(fields) => {
                let (fields, after) = rest.split_at(fields.min(rest.len()));
                rest = after;
                Value::Fields(self::values(fields, place)?)
            }
        });
    }
    Ok(values)
}
