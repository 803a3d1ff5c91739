//! Threads that own a model.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use scorers::Organism;
use terminal::{Speech, note};

use super::queue::{Entry, Key};
use super::{Answer, Answered, Error, Held, ModelStatus, Request, Shared, State, Task, Waiting};

/// A model at work.
pub trait Work {
    /// Does what is asked for.
    ///
    /// # Errors
    /// Where the request is refused, or the model cannot be run on it: [`Error::Internal`], and another model may do it.
    fn run(&mut self, organism: Organism, task: &Task) -> Result<Answered, Error>;
}

/// Loads a model.
type Open = Box<dyn FnOnce() -> Result<Box<dyn Work>> + Send>;

/// Loads a model in the thread that will own it.
pub struct Opener {
    device: Arc<str>,
    open: Open,
}

impl Opener {
    /// A model for a device, whose name is for people.
    pub fn new(
        device: impl ToString,
        open: impl FnOnce() -> Result<Box<dyn Work>> + Send + 'static,
    ) -> Self {
        Self {
            device: device.to_string().into(),
            open: Box::new(open),
        }
    }
}

/// How much the last request counts in the pace.
const RECENT: f64 = 0.2;
/// Requests in a row that a model fails on and others answer, until it is taken out.
const FAULTS: u32 = 3;

/// A worker as others see it.
pub(super) struct Place {
    device: Arc<str>,
    /// Whether it has a model that takes requests.
    pub(super) works: bool,
    /// What it does.
    does: Option<(Organism, Arc<Task>)>,
    /// Requests that it failed on and another answered, since it answered one itself.
    faults: u32,
    all_faults: u64,
}

impl Place {
    pub(super) fn status(&self) -> ModelStatus {
        ModelStatus {
            device: self.device.clone(),
            works: self.works,
            faults: self.all_faults,
        }
    }

    fn does(&self, request: &Request) -> bool {
        let does = self.does.as_ref();
        does.is_some_and(|(organism, task)| *organism == request.organism && **task == request.task)
    }
}

/// Starts a thread for each opener, and waits until all have their model.
pub(super) fn start(shared: &Arc<Shared>, openers: Vec<Opener>) -> Result<()> {
    let (report, reports) = mpsc::channel();
    let count = openers.len();
    shared.lock().workers = openers.iter().map(Place::of).collect();
    for (number, opener) in openers.into_iter().enumerate() {
        let (shared, report) = (shared.clone(), report.clone());
        let thread = thread::Builder::new().name(format!("model-{number}"));
        let run = move || match (opener.open)() {
            Ok(model) => {
                shared.lock().workers[number].works = true;
                let _ = report.send(Ok(()));
                drop(report);
                Worker {
                    shared,
                    number,
                    device: opener.device,
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

impl Place {
    fn of(opener: &Opener) -> Self {
        Self {
            device: opener.device.clone(),
            works: false,
            does: None,
            faults: 0,
            all_faults: 0,
        }
    }
}

struct Worker {
    shared: Arc<Shared>,
    number: usize,
    device: Arc<str>,
    /// What ran last.
    last: Option<Key>,
}

impl Worker {
    fn serve(mut self, mut model: Box<dyn Work>) {
        while let Some(entry) = self.next() {
            self.answer(&mut *model, entry);
        }
        self.shared.lock().workers[self.number].works = false;
        // What this model alone has not failed on is nobody's now.
        self.shared.work.notify_all();
    }

    /// The next request, its answer's bytes counted; nothing once the engine closes, or where the model is taken out.
    fn next(&self) -> Option<Entry<Waiting>> {
        let mut state = self.shared.lock();
        loop {
            if state.workers[self.number].faults >= FAULTS && state.working() > 1 {
                state.workers[self.number].works = false;
                drop(state);
                self.say(&format!(
                    "is taken out: others answered {FAULTS} requests in a row that it failed on; restart the server to use it again"
                ));
                return None;
            }
            if let Some(entry) = self.take(&mut state) {
                return Some(entry);
            }
            if state.closing {
                return None;
            }
            let waited = self.shared.work.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn take(&self, state: &mut State) -> Option<Entry<Waiting>> {
        let (held, most) = (state.held_bytes, self.shared.limits.answer_bytes);
        let workers = &state.workers;
        let fits = |entry: &Entry<Waiting>| {
            let failed = &entry.work.failed;
            let others = workers
                .iter()
                .enumerate()
                .any(|(number, place)| place.works && !failed.contains(&number));
            (held == 0 || held + entry.answer_bytes <= most)
                && !(failed.contains(&self.number) && others)
                // Its answer will be this one's.
                && !workers.iter().any(|place| place.does(&entry.work.request))
        };
        let entry = state.queue.take(self.last.as_ref(), fits)?;
        let request = &entry.work.request;
        let does = (request.organism, Arc::new(request.task.clone()));
        state.running += 1;
        state.held_bytes += entry.answer_bytes;
        state.workers[self.number].does = Some(does);
        Some(entry)
    }

    fn answer(&mut self, model: &mut dyn Work, mut entry: Entry<Waiting>) {
        let held = Held::counted(self.shared.clone(), entry.answer_bytes);
        let start = Instant::now();
        if let Some(error) = over(&entry.work, start) {
            drop(held);
            self.done(None);
            return self.end(entry.work, Err(error), Duration::ZERO);
        }
        self.last = Some(entry.key.clone());
        let result = run(model, &entry.work);
        let ran = start.elapsed();
        match result {
            Ok(answered) => {
                let failed = std::mem::take(&mut entry.work.failed);
                for (other, held) in self.done(Some((&entry.work.request, &failed))) {
                    let answer = answered.clone().held(held);
                    self.end(other, Ok(answer), Duration::ZERO);
                }
                self.end(entry.work, Ok(answered.held(held)), ran);
            }
            Err(error) => {
                drop(held);
                self.done(None);
                entry.work.failed.push(self.number);
                if let Error::Internal(text) = &error {
                    self.say(&format!("failed on a request: {text}"));
                    match self.pass_on(entry) {
                        None => return,
                        Some(own) => entry = own,
                    }
                }
                self.end(entry.work, Err(error), ran);
            }
        }
    }

    /// Nothing runs here any more. Of what was `answered`, with the workers that failed on it, others that wait for the same are
    /// taken, too, each with its answer's bytes counted.
    fn done(&self, answered: Option<(&Request, &[usize])>) -> Vec<(Waiting, Held)> {
        let mut state = self.shared.lock();
        let state = &mut *state;
        state.workers[self.number].does = None;
        let Some((request, failed)) = answered else {
            self.shared.work.notify_all();
            return Vec::new();
        };
        state.workers[self.number].faults = 0;
        for number in failed.iter().filter(|number| **number != self.number) {
            state.workers[*number].faults += 1;
            state.workers[*number].all_faults += 1;
        }
        let most = self.shared.limits.answer_bytes;
        let mut held = state.held_bytes;
        let same = state.queue.take_all(|entry| {
            let other = &entry.work.request;
            let fits = held + entry.answer_bytes <= most;
            let is = fits && other.organism == request.organism && other.task == request.task;
            held += if is { entry.answer_bytes } else { 0 };
            is
        });
        state.held_bytes = held;
        state.running += same.len();
        // Who was failed upon hears of it, and what did not fit may run.
        self.shared.work.notify_all();
        let counted = |bytes| Held::counted(self.shared.clone(), bytes);
        let same = same.into_iter();
        same.map(|entry| (entry.work, counted(entry.answer_bytes)))
            .collect()
    }

    /// Gives a request that failed here to another worker; back if there is none.
    fn pass_on(&self, entry: Entry<Waiting>) -> Option<Entry<Waiting>> {
        let mut state = self.shared.lock();
        let failed = &entry.work.failed;
        let mut workers = state.workers.iter().enumerate();
        let others = workers.any(|(number, place)| place.works && !failed.contains(&number));
        if !others || state.closing {
            return Some(entry);
        }
        let client = entry.work.request.client.0.clone();
        state.queue.put_back(&client, entry);
        state.running -= 1;
        self.shared.work.notify_all();
        None
    }

    fn say(&self, what: &str) {
        let text = format!("warning: model {} on {} {what}", self.number, self.device);
        note(Speech::Normal, &text);
    }

    /// Counts, then replies: who has the answer finds it counted.
    fn end(&self, waiting: Waiting, result: Result<Answer, Error>, ran: Duration) {
        let mut state = self.shared.lock();
        state.running -= 1;
        if result.is_ok() && !ran.is_zero() {
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

/// Why a request need not run any more.
fn over(waiting: &Waiting, now: Instant) -> Option<Error> {
    if waiting.request.deadline.is_some_and(|at| at <= now) {
        return Some(Error::Deadline);
    }
    waiting.reply.is_closed().then_some(Error::Cancelled)
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
