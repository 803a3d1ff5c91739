//! One device: its primary context, one stream, the handles of cuBLASLt and cuDNN.

use std::ffi::CStr;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cudarc::driver::sys::{self as cu, CUdevice_attribute as Attribute};
use cudarc::{cublaslt::sys as lt, cudnn::sys as dnn};

use crate::error::{Error, Result};
use crate::library::Library;
use crate::memory::Staging;
use crate::status::Status;

/// A compute capability, 9.0 for Hopper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Architecture {
    /// 9 in 9.0.
    pub major: u32,
    /// 0 in 9.0.
    pub minor: u32,
}

impl Architecture {
    /// The compiler's name of the target: `sm_90a` with Hopper's own instructions, `sm_XY` elsewhere.
    pub fn target(self) -> String {
        let own = if (self.major, self.minor) == (9, 0) {
            "a"
        } else {
            ""
        };
        format!("sm_{}{}{own}", self.major, self.minor)
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

/// What the driver says of a device, and the versions of the libraries in use.
#[derive(Debug, Clone)]
pub struct Properties {
    /// The product's name.
    pub name: String,
    /// The compute capability.
    pub architecture: Architecture,
    /// How many multiprocessors it has.
    pub multiprocessors: u32,
    /// The most shared memory that one block can ask for, in bytes.
    pub shared_bytes: u32,
    /// The size of the L2 cache in bytes.
    pub l2_bytes: u64,
    /// The device's memory in bytes.
    pub total_bytes: u64,
    /// The CUDA version that the driver serves: 13000 for 13.0.
    pub driver: u32,
    /// The version of cuBLASLt: 130100 for 13.1.0.
    pub cublaslt: usize,
    /// The version of cuDNN: 91400 for 9.14.0.
    pub cudnn: usize,
}

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
}

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

/// The versions of cuBLASLt and cuDNN, unless one is too old.
fn versions() -> Result<(usize, usize)> {
    // SAFETY: both libraries were found; neither call has a precondition.
    let (cublaslt, cudnn) = unsafe { (lt::cublasLtGetVersion(), dnn::cudnnGetVersion()) };
    if cublaslt < 120_000 {
        let found = format!("{}.{}", cublaslt / 10_000, cublaslt / 100 % 100);
        return Err(Error::TooOld {
            library: Library::CublasLt,
            found,
            needed: "12.0",
        });
    }
    if cudnn < 90_000 {
        let found = format!("{}.{}", cudnn / 1000, cudnn / 100 % 10);
        return Err(Error::TooOld {
            library: Library::Cudnn,
            found,
            needed: "9.0",
        });
    }
    Ok((cublaslt, cudnn))
}

fn properties(handle: cu::CUdevice, cublaslt: usize, cudnn: usize) -> Result<Properties> {
    let attribute = |attribute| {
        let mut value = 0;
        // SAFETY: the handle is the driver's own, the pointer is to a live integer.
        unsafe {
            cu::cuDeviceGetAttribute(&mut value, attribute, handle).check("cuDeviceGetAttribute")?
        };
        Ok::<_, Error>(value.unsigned_abs())
    };
    let mut name = [0u8; 256];
    let mut total = 0;
    let mut driver = 0;
    // SAFETY: the driver writes at most the length given, and to live integers.
    unsafe {
        cu::cuDeviceGetName(name.as_mut_ptr().cast(), name.len() as i32, handle)
            .check("cuDeviceGetName")?;
        cu::cuDeviceTotalMem_v2(&mut total, handle).check("cuDeviceTotalMem")?;
        cu::cuDriverGetVersion(&mut driver).check("cuDriverGetVersion")?;
    }
    Ok(Properties {
        name: CStr::from_bytes_until_nul(&name)
            .map(CStr::to_string_lossy)
            .unwrap_or_default()
            .into_owned(),
        architecture: Architecture {
            major: attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
            minor: attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
        },
        multiprocessors: attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?,
        shared_bytes: attribute(Attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)?,
        l2_bytes: attribute(Attribute::CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE)?.into(),
        total_bytes: total as u64,
        driver: driver.unsigned_abs(),
        cublaslt,
        cudnn,
    })
}

/// A point on the stream whose time can be told.
#[derive(Debug)]
pub struct Event {
    // Before the device, whose context its destruction needs.
    raw: RawEvent,
    device: Device,
}

impl Event {
    /// An event that nothing has recorded yet.
    pub fn new(device: &Device) -> Result<Self> {
        device.bind()?;
        Ok(Self {
            raw: RawEvent::new(device)?,
            device: device.clone(),
        })
    }

    /// Marks this point on the stream.
    pub fn record(&self) -> Result<()> {
        self.device.bind()?;
        self.raw.record()
    }

    /// Waits until the stream has come here.
    pub fn wait(&self) -> Result<()> {
        self.device.bind()?;
        self.raw.wait()
    }

    /// Waits for this event, then tells the milliseconds since `start`; both must have been recorded.
    pub fn since(&self, start: &Self) -> Result<f32> {
        self.wait()?;
        let mut milliseconds = 0.0;
        // SAFETY: both events live; one that was not recorded is an error of the call.
        unsafe {
            cu::cuEventElapsedTime_v2(&mut milliseconds, start.raw.event, self.raw.event)
                .check("cuEventElapsedTime")?;
        }
        Ok(milliseconds)
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // A failure here is met again, and reported, by the next call.
        let _ = self.device.bind();
    }
}

/// An event for use inside a device, where the context is current already.
#[derive(Debug)]
pub(crate) struct RawEvent {
    event: cu::CUevent,
    stream: cu::CUstream,
}

// SAFETY: the driver's events and streams may be used from any thread.
unsafe impl Send for RawEvent {}

impl RawEvent {
    pub(crate) fn new(device: &Device) -> Result<Self> {
        let mut event = std::ptr::null_mut();
        // SAFETY: the caller has made the context current; `drop` destroys the event.
        unsafe { cu::cuEventCreate(&mut event, 0).check("cuEventCreate")? };
        Ok(Self {
            event,
            stream: device.stream(),
        })
    }

    pub(crate) fn record(&self) -> Result<()> {
        // SAFETY: the event lives, and the stream lives as long as the device that holds this.
        unsafe { cu::cuEventRecord(self.event, self.stream).check("cuEventRecord") }
    }

    pub(crate) fn wait(&self) -> Result<()> {
        // SAFETY: the event lives; one that was never recorded counts as done.
        unsafe { cu::cuEventSynchronize(self.event).check("cuEventSynchronize") }
    }
}

impl Drop for RawEvent {
    fn drop(&mut self) {
        // SAFETY: nothing uses the event after this; the driver frees it once the device has passed it.
        unsafe { cu::cuEventDestroy_v2(self.event) };
    }
}

#[cfg(test)]
mod tests {
    use super::Architecture;

    #[test]
    fn hopper_gets_its_own_instructions() {
        assert_eq!(Architecture { major: 9, minor: 0 }.target(), "sm_90a");
        assert_eq!(Architecture { major: 8, minor: 6 }.target(), "sm_86");
        assert_eq!(
            Architecture {
                major: 12,
                minor: 0
            }
            .target(),
            "sm_120"
        );
    }
}
