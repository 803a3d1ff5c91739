use std::sync::Arc;

use super::{Error, Shared};

/// Bytes of a request that arrives. They count with those of requests that wait, until this is dropped.
pub struct Arriving {
    shared: Arc<Shared>,
    bytes: u64,
}

impl Arriving {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, bytes: 0 }
    }

    /// Says how many there are by now; never fewer than before.
    ///
    /// # Errors
    /// Where all that arrive or wait would have more than they may.
    pub fn grow(&mut self, to: u64) -> Result<(), Error> {
        let more = to.saturating_sub(self.bytes);
        let mut state = self.shared.lock();
        state.has_room(more, &self.shared.limits)?;
        state.arriving_bytes += more;
        self.bytes += more;
        Ok(())
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.shared.lock().arriving_bytes -= self.bytes;
    }
}
