//! Threads that own a model.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use scorers::Organism;

use super::queue::{Entry, Key};
use super::{Answer, Answered, Error, Held, Shared, Task, Waiting};

/// A model at work.
pub trait Work {
    /// Does what is asked for.
    ///
    /// # Errors
    /// Where the request is refused, or the model cannot be run on it.
    fn run(&mut self, organism: Organism, task: &Task) -> Result<Answered, Error>;
}

/// Loads a model in the thread that will own it.
pub type Opener = Box<dyn FnOnce() -> Result<Box<dyn Work>> + Send>;

/// How much the last request counts in the pace.
const RECENT: f64 = 0.2;

/// Starts a thread for each opener, and waits until all have their model.
pub(super) fn start(shared: &Arc<Shared>, openers: Vec<Opener>) -> Result<()> {
    let (report, reports) = mpsc::channel();
    let count = openers.len();
    for (number, open) in openers.into_iter().enumerate() {
        let (shared, report) = (shared.clone(), report.clone());
        let thread = thread::Builder::new().name(format!("model-{number}"));
        let run = move || match open() {
            Ok(model) => {
                shared.lock().workers += 1;
                let _ = report.send(Ok(()));
                drop(report);
                Worker {
                    shared,
                    number,
                    last: None,
                }
                .serve(model);
            }
            Err(error) => {
                let _ = report.send(Err(error));
            }
        };
        thread.spawn(run).context("a thread cannot be started")?;
    }
    drop(report);
    for _ in 0..count {
        let opened = reports.recv();
        opened.context("a model's thread ended before its model was loaded")??;
    }
    Ok(())
}

struct Worker {
    shared: Arc<Shared>,
    number: usize,
    /// What ran last.
    last: Option<Key>,
}

impl Worker {
    fn serve(mut self, mut model: Box<dyn Work>) {
        while let Some(entry) = self.next() {
            self.answer(&mut *model, entry);
        }
        self.shared.lock().workers -= 1;
    }

    /// The next request, its answer's bytes counted; nothing once the engine closes.
    fn next(&self) -> Option<Entry<Waiting>> {
        let mut state = self.shared.lock();
        loop {
            let (held, most) = (state.held_bytes, self.shared.limits.answer_bytes);
            let fits = |entry: &Entry<Waiting>| held == 0 || held + entry.answer_bytes <= most;
            if let Some(entry) = state.queue.take(self.last.as_ref(), fits) {
                state.running += 1;
                state.held_bytes += entry.answer_bytes;
                return Some(entry);
            }
            if state.closing {
                return None;
            }
            let waited = self.shared.work.wait(state);
            state = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }

    fn answer(&mut self, model: &mut dyn Work, entry: Entry<Waiting>) {
        let held = Held::counted(self.shared.clone(), entry.answer_bytes);
        let waiting = entry.work;
        let start = Instant::now();
        let left = waiting.reply.is_closed();
        let passed = waiting.request.deadline.is_some_and(|at| at <= start);
        let result = match (left, passed) {
            (_, true) => Err(Error::Deadline),
            (true, _) => Err(Error::Cancelled),
            _ => {
                self.last = Some(entry.key);
                run(model, &waiting)
            }
        };
        let ran = start.elapsed();
        let result = result.map(|answered| {
            let mut held = held;
            held.set(answered.bytes());
            let Answered {
                scores,
                predictions,
            } = answered;
            Answer {
                scores,
                predictions,
                held,
            }
        });
        self.end(waiting, result, ran);
    }

    /// Counts, then replies: who has the answer finds it counted.
    fn end(&self, waiting: Waiting, result: Result<Answer, Error>, ran: Duration) {
        let mut state = self.shared.lock();
        state.running -= 1;
        if result.is_ok() {
            let seconds = ran.as_secs_f64();
            state.pace = match state.pace {
                0.0 => seconds,
                pace => pace + RECENT * (seconds - pace),
            };
        }
        drop(state);
        let left = waiting.reply.is_closed();
        let outcome = match &result {
            Ok(_) if left => Err(&Error::Cancelled),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        self.shared
            .observe(&waiting, outcome, ran, Some(self.number));
        let _ = waiting.reply.send(result);
        self.shared.ended.notify_waiters();
    }
}

/// Runs the model; a panic is an error of this request alone.
fn run(model: &mut dyn Work, waiting: &Waiting) -> Result<Answered, Error> {
    let request = &waiting.request;
    let ran = catch_unwind(AssertUnwindSafe(|| {
        model.run(request.organism, &request.task)
    }));
    ran.unwrap_or_else(|_| {
        Err(Error::Internal(
            "the model failed on this request; the server's log says where".into(),
        ))
    })
}
