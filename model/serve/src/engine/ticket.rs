use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::{Answer, Error, Shared};

/// A place in the queue. Who drops it has left.
pub struct Ticket {
    shared: Arc<Shared>,
    id: u64,
    deadline: Option<Instant>,
    receiver: oneshot::Receiver<Result<Answer, Error>>,
}

impl Ticket {
    pub(super) fn new(
        shared: Arc<Shared>,
        id: u64,
        deadline: Option<Instant>,
        receiver: oneshot::Receiver<Result<Answer, Error>>,
    ) -> Self {
        Self {
            shared,
            id,
            deadline,
            receiver,
        }
    }

    /// The answer, once it is there.
    ///
    /// # Errors
    /// Where the request is refused, its deadline passes, or the server ends.
    pub async fn answer(mut self) -> Result<Answer, Error> {
        let answer = &mut self.receiver;
        let answer = match self.deadline {
            None => answer.await,
            Some(at) => tokio::time::timeout_at(at.into(), answer)
                .await
                .map_err(|_| Error::Deadline)?,
        };
        answer.unwrap_or_else(|_| Err(Error::Internal("the model's thread has ended".into())))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let removed = self.shared.lock().queue.remove(self.id);
        if let Some(entry) = removed {
            let passed = self.deadline.is_some_and(|at| at <= Instant::now());
            let error = if passed {
                Error::Deadline
            } else {
                Error::Cancelled
            };
            let shared = &self.shared;
            shared.observe(&entry.work, Err(&error), Duration::ZERO, None);
            shared.ended.notify_waiters();
        }
    }
}

/// Bytes that count until this is dropped.
pub struct Held {
    shared: Arc<Shared>,
    bytes: u64,
}

impl Held {
    /// Counts bytes that the state has counted already.
    pub(super) fn counted(shared: Arc<Shared>, bytes: u64) -> Self {
        Self { shared, bytes }
    }

    /// Says how many there really are.
    pub fn set(&mut self, bytes: u64) {
        let mut state = self.shared.lock();
        state.held_bytes = state.held_bytes - self.bytes + bytes;
        self.bytes = bytes;
        // What did not fit may run.
        self.shared.work.notify_all();
    }

    /// Counts more, of what is made of an answer.
    ///
    /// # Errors
    /// Where answers would hold more than they may, this one alone or all of them.
    pub fn grow(&mut self, more: u64) -> Result<(), Error> {
        let mut state = self.shared.lock();
        let (own, held) = (self.bytes + more, state.held_bytes + more);
        let most = self.shared.limits.answer_bytes;
        if own > most {
            return Err(Error::TooLarge(format!(
                "the answer takes {own} bytes or more, and the server holds at most {most}: ask for less at once"
            )));
        }
        if held > most {
            return Err(state.full(format!(
                "the server's memory is full: its answers would hold {held} bytes, of at most {most}"
            )));
        }
        state.held_bytes = held;
        self.bytes = own;
        Ok(())
    }

    /// Counts what another one counts, as long as this.
    pub fn join(&mut self, mut other: Self) {
        self.bytes += std::mem::take(&mut other.bytes);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shared.lock().held_bytes -= self.bytes;
        self.shared.work.notify_all();
        self.shared.ended.notify_waiters();
    }
}
