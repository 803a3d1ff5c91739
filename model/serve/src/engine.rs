//! The queue in front of the models: requests of many clients in, answers out.
//!
//! A model belongs to the thread that loaded it, so that each device has one worker. What waits is bounded in places and bytes, and
//! so are answers that nobody has read yet. Clients take turns; requests that the worker's planned passes fit are taken first, for
//! a while. What several ask for is done once. A deadline that passed and a client that left free their place. What one model
//! fails on, another does, and a model that fails again and again on what others do is taken out.

mod arriving;
mod error;
mod library;
mod model;
mod queue;
mod status;
mod task;
#[cfg(test)]
mod tests;
mod ticket;
mod worker;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

pub use arriving::Arriving;
pub use error::Error;
pub use library::{Assembly, Library, Source};
pub use model::{Model, Running};
pub use status::{Event, Kind, ModelStatus, Observer, Status};
pub use task::{Answer, Answered, Client, Request, Task, Wanted};
pub use ticket::{Held, Ticket};
pub use worker::{Opener, Work};

use queue::{Entry, Queue};
use worker::Place;

/// What requests may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Requests that wait.
    pub places: usize,
    /// Bytes of requests that arrive or wait.
    pub queued_bytes: u64,
    /// Bytes of answers that are being made or not yet read.
    pub answer_bytes: u64,
    /// Base pairs of an interval or a sequence.
    pub length: i64,
    /// Scorers of a request.
    pub scorers: usize,
    /// Base pairs that saturation mutagenesis changes in a request.
    pub ism_width: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            places: 1024,
            queued_bytes: 256 << 20,
            answer_bytes: 8 << 30,
            length: 1 << 20,
            scorers: 20,
            ism_width: 10,
        }
    }
}

/// The queue and its workers.
pub struct Engine {
    shared: Arc<Shared>,
    library: Arc<Library>,
}

/// What workers, tickets and answers share.
struct Shared {
    state: Mutex<State>,
    /// Something can be taken, or the engine closes.
    work: Condvar,
    /// A request or an answer has ended.
    ended: Notify,
    limits: Limits,
    observer: Observer,
}

#[derive(Default)]
struct State {
    queue: Queue<Waiting>,
    running: usize,
    workers: Vec<Place>,
    held_bytes: u64,
    arriving_bytes: u64,
    closing: bool,
    next: u64,
    /// Seconds that a request takes, of late.
    pace: f64,
}

/// A request that waits.
struct Waiting {
    request: Request,
    since: Instant,
    reply: oneshot::Sender<Result<Answer, Error>>,
    /// Workers whose model failed on it.
    failed: Vec<usize>,
}

impl Engine {
    /// Starts a worker for each of `openers`, and waits until all have loaded their model.
    ///
    /// # Errors
    /// Where a model cannot be loaded.
    pub fn start(
        library: Arc<Library>,
        openers: Vec<Opener>,
        limits: Limits,
        observer: Observer,
    ) -> anyhow::Result<Arc<Self>> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            ended: Notify::new(),
            limits,
            observer,
        });
        let engine = Arc::new(Self { shared, library });
        worker::start(&engine.shared, openers)?;
        Ok(engine)
    }

    /// The organisms that are served.
    pub fn library(&self) -> &Arc<Library> {
        &self.library
    }

    /// What requests may take.
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// Queues a request. Its [`Ticket`] gives the answer, and frees the place when it is dropped.
    ///
    /// # Errors
    /// Where the request cannot be answered, the queue is full, or the engine closes.
    pub fn submit(&self, request: Request) -> Result<Ticket, Error> {
        let mut tickets = self.submit_all(vec![request])?;
        tickets
            .pop()
            .ok_or_else(|| Error::Internal("no ticket was given".into()))
    }

    /// Queues the requests of one client together: all, or none. A group takes a place for each, and needs one that is free.
    ///
    /// # Errors
    /// As [`Engine::submit`], for the first that is refused.
    pub fn submit_all(&self, requests: Vec<Request>) -> Result<Vec<Ticket>, Error> {
        let checked = requests.iter().try_for_each(|request| {
            self.library
                .check(request, self.limits())
                .inspect_err(|error| self.shared.refused(request, error))
        });
        checked?;
        let mut state = self.shared.lock();
        let bytes = requests.iter().map(|request| request.task.bytes()).sum();
        if let Err(error) = state.admits(bytes, &self.shared.limits) {
            drop(state);
            for request in &requests {
                self.shared.refused(request, &error);
            }
            return Err(error);
        }
        let tickets = requests.into_iter().map(|request| {
            let (reply, receiver) = oneshot::channel();
            let id = state.next;
            state.next += 1;
            let ticket = Ticket::new(self.shared.clone(), id, request.deadline, receiver);
            let client = request.client.0.clone();
            let entry = Entry {
                id,
                key: request.key(),
                bytes: request.task.bytes(),
                answer_bytes: self.library.answer_bytes(&request),
                work: Waiting {
                    request,
                    since: Instant::now(),
                    reply,
                    failed: Vec::new(),
                },
            };
            state.queue.push(&client, entry);
            ticket
        });
        let tickets = tickets.collect();
        drop(state);
        self.shared.work.notify_all();
        Ok(tickets)
    }

    /// Counts a request that arrives.
    pub fn arriving(&self) -> Arriving {
        Arriving::new(self.shared.clone())
    }

    /// Counts an answer that has nothing yet.
    pub fn held(&self) -> Held {
        Held::counted(self.shared.clone(), 0)
    }

    /// How things stand.
    pub fn status(&self) -> Status {
        let state = self.shared.lock();
        Status {
            queued: state.queue.len(),
            queued_bytes: state.queue.bytes(),
            arriving_bytes: state.arriving_bytes,
            running: state.running,
            held_bytes: state.held_bytes,
            workers: state.working(),
            closing: state.closing,
        }
    }

    /// The models, in the order in which they were given, and how they do.
    pub fn models(&self) -> Vec<ModelStatus> {
        let state = self.shared.lock();
        state.workers.iter().map(Place::status).collect()
    }

    /// From now on everything is refused, also what waits; what runs is finished.
    pub fn close(&self) {
        let mut state = self.shared.lock();
        state.closing = true;
        let waiting = state.queue.clear();
        drop(state);
        for entry in waiting {
            let error = closing();
            self.shared
                .observe(&entry.work, Err(&error), Duration::ZERO, None);
            let _ = entry.work.reply.send(Err(error));
        }
        self.shared.work.notify_all();
        self.shared.ended.notify_waiters();
    }

    /// Waits until nothing runs and every answer was dropped.
    pub async fn idle(&self) {
        loop {
            let ended = self.shared.ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            let status = self.status();
            if status.running == 0 && status.held_bytes == 0 && status.queued == 0 {
                return;
            }
            ended.await;
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.close();
    }
}

/// What is said while the server ends.
fn closing() -> Error {
    Error::Unavailable("the server is shutting down: send the request to it again later".into())
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn observe(
        &self,
        waiting: &Waiting,
        outcome: Result<(), &Error>,
        ran: Duration,
        worker: Option<usize>,
    ) {
        let waited = waiting.since.elapsed().saturating_sub(ran);
        (self.observer)(&Event::new(
            &waiting.request,
            outcome,
            (waited, ran),
            worker,
        ));
    }

    fn refused(&self, request: &Request, error: &Error) {
        (self.observer)(&Event::new(request, Err(error), Default::default(), None));
    }
}

impl State {
    /// Workers that have a model.
    fn working(&self) -> usize {
        self.workers.iter().filter(|place| place.works).count()
    }

    /// Fails where nothing more may wait.
    fn admits(&self, bytes: u64, limits: &Limits) -> Result<(), Error> {
        if self.closing {
            return Err(closing());
        }
        if self.working() == 0 {
            return Err(Error::Internal("no model is left that works".into()));
        }
        let waiting = self.queue.len();
        if waiting >= limits.places {
            let most = limits.places;
            return Err(self.full(format!(
                "the queue is full: {waiting} requests wait, of at most {most}"
            )));
        }
        self.has_room(bytes, limits)
    }

    /// Fails where requests that arrive or wait would have too many bytes with so many more.
    fn has_room(&self, bytes: u64, limits: &Limits) -> Result<(), Error> {
        let taken = self.queue.bytes() + self.arriving_bytes;
        let most = limits.queued_bytes;
        match taken + bytes <= most {
            true => Ok(()),
            false => Err(self.full(format!(
                "the queue is full: its requests have {taken} bytes, of at most {most}"
            ))),
        }
    }

    /// There is no room now, but there will be.
    fn full(&self, reason: String) -> Error {
        let ahead = self.pace * self.queue.len() as f64 / self.working().max(1) as f64;
        // Half of what waits will be done by then; nobody is sent away for less than a second or more than a minute.
        let retry_after = Duration::from_secs_f64((ahead / 2.0).clamp(1.0, 60.0));
        Error::Full {
            reason,
            retry_after,
        }
    }
}
