//! One device: its primary context, one stream, the handles of cuBLASLt and cuDNN.

use std::any::Any;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cudarc::driver::sys as cu;
use cudarc::{cublaslt::sys as lt, cudnn::sys as dnn};

use crate::error::{Error, Result};
use crate::event::Event;
use crate::library::Library;
use crate::memory::Staging;
pub use crate::properties::{Architecture, Properties};
use crate::properties::{properties, versions};
use crate::status::Status;

/// Free and total memory of a device in bytes; other programs' memory counts as used.
#[derive(Debug, Clone, Copy)]
pub struct Free {
    /// Bytes that can still be allocated.
    pub free: u64,
    /// Bytes on the device.
    pub total: u64,
}

/// An open device. Clones share the context, the stream and the handles.
#[derive(Clone)]
pub struct Device(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    handle: cu::CUdevice,
    context: cu::CUcontext,
    stream: cu::CUstream,
    lt: lt::cublasLtHandle_t,
    dnn: Mutex<dnn::cudnnHandle_t>,
    properties: Properties,
    pub(crate) used: AtomicU64,
    pub(crate) peak: AtomicU64,
    pub(crate) staging: Mutex<Option<Staging>>,
    held: Mutex<Option<Vec<Held>>>,
}

/// What captured work needs: memory, code, plans.
pub(crate) type Held = Arc<dyn Any + Send + Sync>;

// SAFETY: the driver's and cuBLASLt's handles may be used from any thread; cuDNN's, which may not be used from two
// threads at once, stands behind a mutex, and so does the staging memory.
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

impl fmt::Debug for Device {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Device({})", self.0.properties.name)
    }
}

/// The oldest driver that serves: CUDA 12.4, the first that tells a kernel's parameters.
const DRIVER: u32 = 12_040;

/// How many devices the driver shows.
pub fn count() -> Result<u32> {
    Library::Driver.require()?;
    let mut version = 0;
    let mut count = 0;
    // SAFETY: both pointers are to live integers, and cuInit has no precondition.
    unsafe {
        cu::cuInit(0).check("cuInit")?;
        cu::cuDriverGetVersion(&mut version).check("cuDriverGetVersion")?;
        cu::cuDeviceGetCount(&mut count).check("cuDeviceGetCount")?;
    }
    if version.unsigned_abs() < DRIVER {
        let found = format!("for CUDA {}.{}", version / 1000, version % 1000 / 10);
        return Err(Error::TooOld {
            library: Library::Driver,
            found,
            needed: "for CUDA 12.4",
        });
    }
    Ok(count.unsigned_abs())
}

impl Device {
    /// Opens the device of this number, counted from 0, with everything it needs; a missing library is an error that
    /// says what to install.
    pub fn open(ordinal: u32) -> Result<Self> {
        let count = count()?;
        if ordinal >= count {
            return Err(Error::NoDevice { ordinal, count });
        }
        for library in [Library::CublasLt, Library::Cudnn, Library::Nvrtc] {
            library.require()?;
        }
        let (cublaslt, cudnn) = versions()?;
        let mut handle = 0;
        // SAFETY: the ordinal is below the driver's count.
        unsafe { cu::cuDeviceGet(&mut handle, ordinal as i32).check("cuDeviceGet")? };
        let mut context = std::ptr::null_mut();
        // SAFETY: the handle is the driver's own; the context is released in `Inner::drop`.
        unsafe {
            cu::cuDevicePrimaryCtxRetain(&mut context, handle).check("cuDevicePrimaryCtxRetain")?
        };
        // From here on dropping `inner` gives back what was made: its handles are null until then.
        let mut inner = Inner {
            handle,
            context,
            stream: std::ptr::null_mut(),
            lt: std::ptr::null_mut(),
            dnn: Mutex::new(std::ptr::null_mut()),
            properties: properties(handle, cublaslt, cudnn)?,
            used: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            staging: Mutex::new(None),
            held: Mutex::new(None),
        };
        inner.bind()?;
        let mut dnn = std::ptr::null_mut();
        let flags = cu::CUstream_flags::CU_STREAM_NON_BLOCKING as u32;
        // SAFETY: the context is current, and every pointer is to a live handle that `inner` then owns.
        unsafe {
            cu::cuStreamCreate(&mut inner.stream, flags).check("cuStreamCreate")?;
            lt::cublasLtCreate(&mut inner.lt).check("cublasLtCreate")?;
            dnn::cudnnCreate(&mut dnn).check("cudnnCreate")?;
            inner.dnn = Mutex::new(dnn);
            dnn::cudnnSetStream(dnn, inner.stream.cast()).check("cudnnSetStream")?;
        }
        Ok(Self(Arc::new(inner)))
    }

    /// What the driver says of the device.
    pub fn properties(&self) -> &Properties {
        &self.0.properties
    }

    /// The device's memory now.
    pub fn memory(&self) -> Result<Free> {
        self.bind()?;
        let (mut free, mut total) = (0, 0);
        // SAFETY: both pointers are to live integers.
        unsafe { cu::cuMemGetInfo_v2(&mut free, &mut total).check("cuMemGetInfo")? };
        Ok(Free {
            free: free as u64,
            total: total as u64,
        })
    }

    /// Waits until everything enqueued on the stream is done, and reports errors of kernels that ran.
    pub fn synchronize(&self) -> Result<()> {
        self.bind()?;
        // SAFETY: the stream lives as long as the device.
        unsafe { cu::cuStreamSynchronize(self.stream()).check("cuStreamSynchronize") }
    }

    /// The time in milliseconds that the device takes for what `enqueue` puts on the stream, by two events.
    pub fn time(&self, enqueue: impl FnOnce() -> Result<()>) -> Result<f32> {
        let start = Event::new(self)?;
        let end = Event::new(self)?;
        start.record()?;
        enqueue()?;
        end.record()?;
        end.since(&start)
    }

    /// Makes the context current on this thread, as every call into the driver needs.
    pub(crate) fn bind(&self) -> Result<()> {
        self.0.bind()
    }

    /// Whether both are one device.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Notes something that enqueued work needs, if work is being captured.
    pub(crate) fn hold(&self, needed: &Arc<impl Any + Send + Sync>) {
        if let Some(held) = &mut *self.held() {
            held.push(needed.clone());
        }
    }

    /// Begins to note what enqueued work needs.
    pub(crate) fn begin_holding(&self) {
        *self.held() = Some(Vec::new());
    }

    /// Ends noting, and gives what was noted.
    pub(crate) fn end_holding(&self) -> Vec<Held> {
        self.held().take().unwrap_or_default()
    }

    fn held(&self) -> MutexGuard<'_, Option<Vec<Held>>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stream(&self) -> cu::CUstream {
        self.0.stream
    }

    pub(crate) fn lt(&self) -> lt::cublasLtHandle_t {
        self.0.lt
    }

    /// cuDNN's handle, for one thread at a time.
    pub(crate) fn dnn(&self) -> MutexGuard<'_, dnn::cudnnHandle_t> {
        self.0.dnn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn bind(&self) -> Result<()> {
        // SAFETY: the context is retained until `self` is dropped.
        unsafe { cu::cuCtxSetCurrent(self.context).check("cuCtxSetCurrent") }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.bind().is_err() {
            return;
        }
        self.staging
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let dnn = *self.dnn.get_mut().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: each handle was made by `Device::open` or is null, and nothing can use it after this.
        unsafe {
            if !dnn.is_null() {
                dnn::cudnnDestroy(dnn);
            }
            if !self.lt.is_null() {
                lt::cublasLtDestroy(self.lt);
            }
            if !self.stream.is_null() {
                cu::cuStreamDestroy_v2(self.stream);
            }
            cu::cuDevicePrimaryCtxRelease_v2(self.handle);
        }
    }
}
