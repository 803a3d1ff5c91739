//! Work captured once and replayed with one launch.

use cudarc::driver::sys as cu;

use crate::device::{Device, Held};
use crate::error::Result;
use crate::status::Status;

/// Captured work. It keeps the memory, the kernels and the plans that it was captured with.
pub struct Graph {
    graph: cu::CUgraph,
    instance: cu::CUgraphExec,
    device: Device,
    /// What the captured work needs; given back after the graph.
    held: Vec<Held>,
}

// SAFETY: the driver's graphs may be used from any thread, one at a time, which `&mut self` and ownership give.
unsafe impl Send for Graph {}

impl Graph {
    /// Captures what `enqueue` puts on the device's stream; nothing runs. Anything that waits for the device is an
    /// error there. Run the same work once before, so that libraries load what they need outside the capture.
    pub fn capture(device: &Device, enqueue: impl FnOnce() -> Result<()>) -> Result<Self> {
        device.bind()?;
        // Relaxed, because libraries load code and ask for properties on their first call for a shape.
        let mode = cu::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_RELAXED;
        let mut graph = Self {
            graph: std::ptr::null_mut(),
            instance: std::ptr::null_mut(),
            device: device.clone(),
            held: Vec::new(),
        };
        // SAFETY: the stream lives, and every pointer is to a live handle that `graph` then owns.
        unsafe {
            cu::cuStreamBeginCapture_v2(device.stream(), mode).check("cuStreamBeginCapture")?;
            device.begin_holding();
            let enqueued = enqueue();
            graph.held = device.end_holding();
            // The capture ends in either case, so that the stream can be used after a failure.
            let ended = cu::cuStreamEndCapture(device.stream(), &mut graph.graph)
                .check("cuStreamEndCapture");
            enqueued?;
            ended?;
            cu::cuGraphInstantiateWithFlags(&mut graph.instance, graph.graph, 0)
                .check("cuGraphInstantiate")?;
            // Now, and not at the first replay.
            cu::cuGraphUpload(graph.instance, device.stream()).check("cuGraphUpload")?;
        }
        Ok(graph)
    }

    /// How many operations were captured.
    pub fn nodes(&self) -> Result<usize> {
        self.device.bind()?;
        let mut count = 0;
        // SAFETY: without a place for the nodes, the driver tells their number.
        unsafe {
            cu::cuGraphGetNodes(self.graph, std::ptr::null_mut(), &mut count)
                .check("cuGraphGetNodes")?
        };
        Ok(count)
    }

    /// Enqueues all of it on the stream.
    pub fn replay(&self) -> Result<()> {
        self.device.bind()?;
        // SAFETY: the instance lives, and so does all that its work needs.
        unsafe { cu::cuGraphLaunch(self.instance, self.device.stream()).check("cuGraphLaunch") }
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        if self.device.bind().is_err() {
            return;
        }
        // SAFETY: each handle is the driver's or null, and is destroyed once; a running replay ends first.
        unsafe {
            if !self.instance.is_null() {
                cu::cuGraphExecDestroy(self.instance);
            }
            if !self.graph.is_null() {
                cu::cuGraphDestroy(self.graph);
            }
        }
    }
}
