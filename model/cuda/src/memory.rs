//! Device memory: buffers, views of them, and copies between host and device.
//!
//! A [`Span`] lies in an allocation, which it keeps: there is no other way to make one, so what is enqueued never reads or
//! writes memory that was given back or that nobody asked for. The page-locked memory of copies has no span.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use cudarc::driver::sys as cu;

use crate::device::Device;
use crate::error::{Error, Result};
use crate::event::RawEvent;
use crate::status::Status;

/// Plain values that may be copied between host and device.
///
/// # Safety
/// Every pattern of bits is a value, and there is no padding.
pub unsafe trait Value: Copy + 'static {}

macro_rules! values {
    ($($kind:ty),*) => {$(
        // SAFETY: a plain number.
        unsafe impl Value for $kind {}
    )*};
}
values!(u8, i8, u16, u32, i32, u64, i64, f32, f64, half::bf16);

/// Device memory that is given back with the last span of it, after the work enqueued so far.
#[derive(Debug)]
struct Allocation {
    device: Device,
    ptr: u64,
    bytes: u64,
}

impl Drop for Allocation {
    fn drop(&mut self) {
        if self.bytes == 0 || self.device.bind().is_err() {
            return;
        }
        // SAFETY: the address is cuMemAlloc's and is freed once; cuMemFree waits for work that may use it.
        unsafe { cu::cuMemFree_v2(self.ptr) };
        self.device.0.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A range of bytes of an allocation on the device. Clones share the memory.
#[derive(Debug, Clone)]
pub struct Span {
    memory: Arc<Allocation>,
    offset: u64,
    bytes: u64,
}

impl Span {
    /// The length in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The `bytes` from `offset` on.
    ///
    /// # Errors
    /// Where they do not lie in this span.
    pub fn slice(&self, offset: u64, bytes: u64) -> Result<Self> {
        if offset.checked_add(bytes).is_none_or(|end| end > self.bytes) {
            let problem = format!(
                "{bytes} bytes from {offset} on do not lie in a span of {} bytes",
                self.bytes
            );
            return Err(Error::contract("slice of device memory", problem));
        }
        Ok(Self {
            memory: self.memory.clone(),
            offset: self.offset + offset,
            bytes,
        })
    }

    /// Everything from `offset` on.
    ///
    /// # Errors
    /// Where this span ends before.
    pub fn from(&self, offset: u64) -> Result<Self> {
        self.slice(offset, self.bytes.saturating_sub(offset))
    }

    /// The device's address of the first byte.
    pub(crate) fn ptr(&self) -> u64 {
        self.memory.ptr + self.offset
    }

    /// What must live as long as work on this span may run on `device`.
    pub(crate) fn hold(&self, device: &Device) -> Result<()> {
        if !device.is(&self.memory.device) {
            return Err(Error::contract(
                "device memory",
                "it lies on another device",
            ));
        }
        device.hold(&self.memory);
        Ok(())
    }
}

impl Device {
    /// Allocates `bytes` on the device, aligned to at least 256; their values are arbitrary.
    pub fn allocate(&self, bytes: u64) -> Result<Span> {
        self.bind()?;
        let mut ptr = 0;
        if bytes > 0 {
            // SAFETY: the pointer is to a live integer; `Allocation::drop` frees what it names.
            let status = unsafe { cu::cuMemAlloc_v2(&mut ptr, bytes as usize) };
            if status == cu::CUresult::CUDA_ERROR_OUT_OF_MEMORY {
                let memory = self.memory()?;
                return Err(Error::OutOfMemory {
                    asked: bytes,
                    free: memory.free,
                    total: memory.total,
                });
            }
            status.check("cuMemAlloc")?;
        }
        let used = self.0.used.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.0.peak.fetch_max(used, Ordering::Relaxed);
        Ok(Span {
            memory: Arc::new(Allocation {
                device: self.clone(),
                ptr,
                bytes,
            }),
            offset: 0,
            bytes,
        })
    }

    /// Allocates room for these values and copies them there.
    pub fn upload<T: Value>(&self, values: &[T]) -> Result<Span> {
        let span = self.allocate(size_of_val(values) as u64)?;
        self.write(values, &span)?;
        Ok(span)
    }

    /// The bytes allocated on this device now.
    pub fn used_bytes(&self) -> u64 {
        self.0.used.load(Ordering::Relaxed)
    }

    /// The most bytes that were allocated at once since the device was opened, or since [`Device::reset_peak`].
    pub fn peak_bytes(&self) -> u64 {
        self.0.peak.load(Ordering::Relaxed)
    }

    /// Starts counting the peak anew from what is in use now.
    pub fn reset_peak(&self) {
        self.0.peak.store(self.used_bytes(), Ordering::Relaxed);
    }

    /// Sets every byte of `span` to `byte`, in the stream's order.
    pub fn fill(&self, span: &Span, byte: u8) -> Result<()> {
        if span.bytes == 0 {
            return Ok(());
        }
        span.hold(self)?;
        self.bind()?;
        // SAFETY: the span lies in an allocation of this device, which lives until the work is done.
        unsafe {
            cu::cuMemsetD8Async(span.ptr(), byte, span.bytes as usize, self.stream())
                .check("cuMemsetD8Async")
        }
    }

    /// Fills `span` with NaN, whether it is read as bf16, f32 or f64, so that what nobody writes is seen.
    pub fn poison(&self, span: &Span) -> Result<()> {
        self.fill(span, 0xff)
    }

    /// Copies `from` to `to`, of equal length, in the stream's order.
    pub fn copy(&self, from: &Span, to: &Span) -> Result<()> {
        same_length("copy on the device", from.bytes, to.bytes)?;
        if from.bytes == 0 {
            return Ok(());
        }
        from.hold(self)?;
        to.hold(self)?;
        self.bind()?;
        // SAFETY: both spans lie in allocations of this device, which live until the work is done.
        unsafe {
            cu::cuMemcpyDtoDAsync_v2(to.ptr(), from.ptr(), from.bytes as usize, self.stream())
                .check("cuMemcpyDtoDAsync")
        }
    }

    /// Copies host values into `to`, of equal length. The values may change as soon as this returns; the device has
    /// them in the stream's order.
    pub fn write<T: Value>(&self, values: &[T], to: &Span) -> Result<()> {
        same_length("copy to the device", size_of_val(values) as u64, to.bytes)?;
        to.hold(self)?;
        let bytes = to.bytes as usize;
        let source = values.as_ptr().cast::<u8>();
        self.staged(bytes, |staging, turn, at, length| {
            staging.done[turn].wait()?;
            // SAFETY: `at + length` lies in the values; this half of the staging memory holds `length` bytes, and
            // the copy out of it that was enqueued last is done.
            unsafe {
                std::ptr::copy_nonoverlapping(source.add(at), staging.half(turn), length);
                let from = staging.half(turn).cast_const().cast();
                cu::cuMemcpyHtoDAsync_v2(to.ptr() + at as u64, from, length, self.stream())
                    .check("cuMemcpyHtoDAsync")?;
            }
            staging.done[turn].record()
        })
    }

    /// Copies `from` into host values of equal length, after everything enqueued so far.
    pub fn read<T: Value>(&self, from: &Span, values: &mut [T]) -> Result<()> {
        same_length(
            "copy from the device",
            from.bytes,
            size_of_val(values) as u64,
        )?;
        from.hold(self)?;
        let bytes = from.bytes as usize;
        let target = values.as_mut_ptr().cast::<u8>();
        let mut waiting: Option<(usize, usize, usize)> = None;
        let empty = |staging: &Staging, (turn, at, length): (usize, usize, usize)| {
            staging.done[turn].wait()?;
            // SAFETY: the copy into this half is done, and `at + length` lies in the values.
            unsafe { std::ptr::copy_nonoverlapping(staging.half(turn), target.add(at), length) };
            Ok(())
        };
        self.staged(bytes, |staging, turn, at, length| {
            // SAFETY: this half holds `length` bytes, and what it held before was taken out.
            unsafe {
                let to = staging.half(turn).cast();
                cu::cuMemcpyDtoHAsync_v2(to, from.ptr() + at as u64, length, self.stream())
                    .check("cuMemcpyDtoHAsync")?;
            }
            staging.done[turn].record()?;
            // While this half is on its way, the other is emptied.
            if let Some(previous) = waiting.replace((turn, at, length)) {
                empty(staging, previous)?;
            }
            if at + length == bytes {
                empty(staging, (turn, at, length))
            } else {
                Ok(())
            }
        })
    }

    /// All of `span` as values.
    pub fn download<T: Value + Default>(&self, span: &Span) -> Result<Vec<T>> {
        let mut values = vec![T::default(); span.bytes as usize / size_of::<T>()];
        self.read(span, &mut values)?;
        Ok(values)
    }

    /// Calls `piece(staging, turn, offset, length)` for pieces that fit half of the staging memory, by turns.
    fn staged(
        &self,
        bytes: usize,
        mut piece: impl FnMut(&Staging, usize, usize, usize) -> Result<()>,
    ) -> Result<()> {
        self.bind()?;
        let mut guard = self
            .0
            .staging
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let staging = match &mut *guard {
            Some(staging) => staging,
            empty => empty.insert(Staging::new(self)?),
        };
        let mut at = 0;
        while at < bytes {
            let length = HALF.min(bytes - at);
            piece(staging, staging.turn, at, length)?;
            staging.turn ^= 1;
            at += length;
        }
        Ok(())
    }
}

fn same_length(operation: &str, one: u64, other: u64) -> Result<()> {
    if one == other {
        return Ok(());
    }
    Err(Error::contract(
        operation,
        format!("{one} bytes against {other}"),
    ))
}

/// Bytes in each half of the staging memory: large enough for the bus's full speed.
const HALF: usize = 8 << 20;

/// Page-locked host memory in two halves, used by turns: one is filled or emptied while the other is on the bus.
pub(crate) struct Staging {
    memory: *mut u8,
    turn: usize,
    done: [RawEvent; 2],
}

impl Staging {
    fn new(device: &Device) -> Result<Self> {
        let done = [RawEvent::new(device)?, RawEvent::new(device)?];
        let mut memory = std::ptr::null_mut();
        // SAFETY: the context is current; `drop` frees the memory.
        unsafe { cu::cuMemHostAlloc(&mut memory, 2 * HALF, 0).check("cuMemHostAlloc")? };
        Ok(Self {
            memory: memory.cast(),
            turn: 0,
            done,
        })
    }

    fn half(&self, turn: usize) -> *mut u8 {
        // SAFETY: `turn` is 0 or 1, and the memory holds two halves.
        unsafe { self.memory.add(turn * HALF) }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // SAFETY: the memory is cuMemHostAlloc's; freeing waits for copies.
        unsafe { cu::cuMemFreeHost(self.memory.cast()) };
    }
}
