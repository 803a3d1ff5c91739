//! Points on the stream: to wait for, and to tell times by.

use cudarc::driver::sys as cu;

use crate::device::Device;
use crate::error::Result;
use crate::status::Status;

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
