//! Compiled kernels on a device, and launches whose arguments are checked against the kernel's parameters.

use std::ffi::{CString, c_void};
use std::sync::Arc;

use cudarc::driver::sys as cu;

use crate::compile::Cubin;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::memory::Span;
use crate::status::Status;

/// Kernels loaded onto a device. Clones share the code.
#[derive(Debug, Clone)]
pub struct Module(Arc<Loaded>);

#[derive(Debug)]
struct Loaded {
    module: cu::CUmodule,
    name: String,
    device: Device,
}

// SAFETY: the driver's modules may be used from any thread.
unsafe impl Send for Loaded {}
// SAFETY: as above; nothing is changed after loading.
unsafe impl Sync for Loaded {}

impl Drop for Loaded {
    fn drop(&mut self) {
        if self.device.bind().is_ok() {
            // SAFETY: loaded once, unloaded once; every kernel of it holds this alive.
            unsafe { cu::cuModuleUnload(self.module) };
        }
    }
}

impl Module {
    /// Puts the code onto the device.
    pub fn load(device: &Device, cubin: &Cubin) -> Result<Self> {
        device.bind()?;
        let mut module = std::ptr::null_mut();
        // SAFETY: the code is the compiler's, whole (the cache checks a sum), and outlives the call.
        unsafe {
            cu::cuModuleLoadData(&mut module, cubin.code.as_ptr().cast())
                .check("cuModuleLoadData")?
        };
        Ok(Self(Arc::new(Loaded {
            module,
            name: cubin.name.clone(),
            device: device.clone(),
        })))
    }

    /// The kernel of this `extern "C"` name.
    pub fn kernel(&self, name: &str) -> Result<Kernel> {
        let absent = || Error::NoKernel {
            module: self.0.name.clone(),
            kernel: name.to_owned(),
        };
        let symbol = CString::new(name).map_err(|_| absent())?;
        self.0.device.bind()?;
        let mut function = std::ptr::null_mut();
        // SAFETY: the module is loaded, the name ends in a zero byte.
        let status =
            unsafe { cu::cuModuleGetFunction(&mut function, self.0.module, symbol.as_ptr()) };
        if status == cu::CUresult::CUDA_ERROR_NOT_FOUND {
            return Err(absent());
        }
        status.check("cuModuleGetFunction")?;
        Ok(Kernel {
            function,
            parameters: parameters(function)?,
            name: name.to_owned(),
            module: self.0.clone(),
        })
    }
}

/// The sizes of a kernel's parameters in bytes.
fn parameters(function: cu::CUfunction) -> Result<Vec<usize>> {
    let mut sizes = Vec::new();
    loop {
        let (mut offset, mut size) = (0, 0);
        // SAFETY: the function was just looked up, the pointers are to live integers.
        let status =
            unsafe { cu::cuFuncGetParamInfo(function, sizes.len(), &mut offset, &mut size) };
        if status == cu::CUresult::CUDA_ERROR_INVALID_VALUE {
            // The answer past the last parameter.
            return Ok(sizes);
        }
        status.check("cuFuncGetParamInfo")?;
        sizes.push(size);
    }
}

/// One argument of a kernel.
#[derive(Debug, Clone)]
pub enum Argument {
    /// A pointer to device memory; null for none.
    Pointer(Option<Span>),
    /// An unsigned 64-bit integer.
    U64(u64),
    /// A signed 64-bit integer.
    I64(i64),
    /// An unsigned 32-bit integer.
    U32(u32),
    /// A signed 32-bit integer.
    I32(i32),
    /// A 32-bit float.
    F32(f32),
    /// A structure by value, of fields that leave no gaps.
    Fields(Vec<Self>),
}

impl Argument {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Pointer(span) => span.as_ref().map_or(0, Span::ptr).to_ne_bytes().into(),
            Self::U64(value) => value.to_ne_bytes().into(),
            Self::I64(value) => value.to_ne_bytes().into(),
            Self::U32(value) => value.to_ne_bytes().into(),
            Self::I32(value) => value.to_ne_bytes().into(),
            Self::F32(value) => value.to_ne_bytes().into(),
            Self::Fields(fields) => fields.iter().flat_map(Self::bytes).collect(),
        }
    }

    fn hold(&self, device: &Device) -> Result<()> {
        match self {
            Self::Pointer(Some(span)) => span.hold(device),
            Self::Fields(fields) => fields.iter().try_for_each(|field| field.hold(device)),
            _ => Ok(()),
        }
    }
}

impl From<&Span> for Argument {
    fn from(span: &Span) -> Self {
        Self::Pointer(Some(span.clone()))
    }
}

macro_rules! arguments_from {
    ($($variant:ident: $kind:ty),*) => {$(
        impl From<$kind> for Argument {
            fn from(value: $kind) -> Self {
                Self::$variant(value)
            }
        }
    )*};
}
arguments_from!(U64: u64, I64: i64, U32: u32, I32: i32, F32: f32);

/// The arguments of a launch: `arguments![&x, &y, 768u32, 1e-5f32]`, with spans as pointers.
#[macro_export]
macro_rules! arguments {
    ($($value:expr),* $(,)?) => { [$($crate::module::Argument::from($value)),*] };
}

/// A kernel, ready to be launched. Clones share the code.
#[derive(Debug, Clone)]
pub struct Kernel {
    function: cu::CUfunction,
    parameters: Vec<usize>,
    name: String,
    module: Arc<Loaded>,
}

// SAFETY: the driver's functions may be used from any thread, and the module lives as long as this.
unsafe impl Send for Kernel {}
// SAFETY: as above.
unsafe impl Sync for Kernel {}

impl Kernel {
    /// Lets a block of this kernel use up to `bytes` of dynamic shared memory; without it, 48 KiB.
    pub fn allow_shared(&self, bytes: u32) -> Result<()> {
        let limit = self.module.device.properties().shared_bytes;
        if bytes > limit {
            return Err(self.contract(format!(
                "{bytes} bytes of shared memory, and the device gives a block {limit}"
            )));
        }
        self.module.device.bind()?;
        let attribute = cu::CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
        // SAFETY: the function lives.
        unsafe {
            cu::cuFuncSetAttribute(self.function, attribute, bytes as i32)
                .check("cuFuncSetAttribute")
        }
    }

    /// Enqueues the kernel on the device's stream: `grid` blocks of `block` threads, `shared` bytes of dynamic shared
    /// memory a block. The number and the sizes of the arguments must be those of the kernel's parameters.
    ///
    /// # Errors
    /// Where they are not, where memory lies on another device, or the driver refuses.
    ///
    /// # Safety
    /// The arguments must have the parameters' types, and with them the kernel must stay within the spans given.
    pub unsafe fn launch(
        &self,
        grid: [u32; 3],
        block: [u32; 3],
        shared: u32,
        arguments: &[Argument],
    ) -> Result<()> {
        let device = &self.module.device;
        let mut bytes = arguments.iter().map(Argument::bytes).collect::<Vec<_>>();
        let given = bytes.iter().map(Vec::len).collect::<Vec<_>>();
        if given != self.parameters {
            let problem = format!(
                "arguments of {given:?} bytes, and the parameters are {:?} bytes",
                self.parameters
            );
            return Err(self.contract(problem));
        }
        arguments
            .iter()
            .try_for_each(|argument| argument.hold(device))?;
        device.hold(&self.module);
        device.bind()?;
        let mut pointers = bytes
            .iter_mut()
            .map(|bytes| bytes.as_mut_ptr().cast::<c_void>())
            .collect::<Vec<_>>();
        // SAFETY: there is one pointer for each parameter, each to as many bytes as the parameter has, and the driver
        // copies them before it returns; the caller answers for what the kernel does with them.
        unsafe {
            cu::cuLaunchKernel(
                self.function,
                grid[0],
                grid[1],
                grid[2],
                block[0],
                block[1],
                block[2],
                shared,
                device.stream(),
                pointers.as_mut_ptr(),
                std::ptr::null_mut(),
            )
            .check("cuLaunchKernel")
            .map_err(|error| match error {
                Error::Call {
                    library,
                    call,
                    status,
                } => {
                    let shape = format!(
                        "{status} for {} on {grid:?} blocks of {block:?} threads",
                        self.name
                    );
                    Error::Call {
                        library,
                        call,
                        status: shape,
                    }
                }
                other => other,
            })
        }
    }

    fn contract(&self, problem: String) -> Error {
        Error::contract(format!("kernel {}", self.name), problem)
    }
}
