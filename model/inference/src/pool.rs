//! Work for several devices: handed out by a queue, and taken back in the order in which it came.
//!
//! A device belongs to a thread. One that fails gives its work back to the others and takes no more; work that fails on a second
//! device, or with no device left, ends the run.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use anyhow::{Context, Result, anyhow};

/// What a device does with a job. An error is the device's.
pub type Work<J, R> = Box<dyn FnMut(&J) -> Result<R>>;

/// Opens a device in the thread that will own it.
pub type Opener<J, R> = Box<dyn FnOnce() -> Result<Work<J, R>> + Send>;

/// Devices on which a job may fail before it is held to be the job's fault.
const TRIALS: usize = 2;

/// Devices at work.
pub struct Pool<J, R> {
    queue: Arc<Queue<J>>,
    events: mpsc::Receiver<Event<J, R>>,
    /// What is done before its turn.
    early: BTreeMap<u64, (J, R)>,
    /// Of each job that failed, on how many devices.
    failures: BTreeMap<u64, usize>,
    members: Vec<Member>,
    threads: Vec<thread::JoinHandle<()>>,
    submitted: u64,
    given: u64,
}

/// A device of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Jobs that it did.
    pub done: u64,
    /// Why it takes no more.
    pub failure: Option<String>,
}

struct Queue<J> {
    state: Mutex<State<J>>,
    changed: Condvar,
}

struct State<J> {
    waiting: VecDeque<(u64, J)>,
    closed: bool,
}

enum Event<J, R> {
    Opened,
    Done(usize, u64, J, R),
    Failed(usize, Option<(u64, J)>, anyhow::Error),
}

impl<J> Queue<J> {
    fn lock(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job; nothing once the pool is closed.
    fn take(&self) -> Option<(u64, J)> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = state.waiting.pop_front() {
                return Some(job);
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<J: Send + 'static, R: Send + 'static> Pool<J, R> {
    /// Opens devices by name, and waits until each is open or has failed.
    ///
    /// # Errors
    /// Where none can be opened: that of the first.
    pub fn open(openers: Vec<(String, Opener<J, R>)>) -> Result<Self> {
        let (events, received) = mpsc::channel();
        let state = State {
            waiting: VecDeque::new(),
            closed: false,
        };
        let queue = Arc::new(Queue {
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let mut pool = Self {
            queue,
            events: received,
            early: BTreeMap::new(),
            failures: BTreeMap::new(),
            members: Vec::new(),
            threads: Vec::new(),
            submitted: 0,
            given: 0,
        };
        for (number, (name, opener)) in openers.into_iter().enumerate() {
            let (queue, events) = (pool.queue.clone(), events.clone());
            let thread = thread::Builder::new().name(name.clone());
            let started = thread.spawn(move || serve(number, opener, &queue, &events));
            pool.threads
                .push(started.context("a thread cannot be started")?);
            pool.members.push(Member {
                name,
                done: 0,
                failure: None,
            });
        }
        let mut first = None;
        for _ in 0..pool.members.len() {
            if let Event::Failed(number, _, error) = pool.events.recv()? {
                pool.members[number].failure = Some(chain(&error));
                first = match first {
                    Some((known, error)) if known < number => Some((known, error)),
                    _ => Some((number, error)),
                };
            }
        }
        match first {
            Some((_, error)) if pool.alive() == 0 => Err(error),
            _ => Ok(pool),
        }
    }

    /// The devices.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    fn alive(&self) -> usize {
        let alive = self
            .members
            .iter()
            .filter(|member| member.failure.is_none());
        alive.count()
    }

    /// Jobs that were submitted and not given back.
    pub fn outstanding(&self) -> usize {
        (self.submitted - self.given) as usize
    }

    /// Queues a job.
    pub fn submit(&mut self, job: J) {
        self.queue.lock().waiting.push_back((self.submitted, job));
        self.submitted += 1;
        self.queue.changed.notify_one();
    }

    /// Whether [`Self::next`] has something to give without waiting.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub fn ready(&mut self) -> Result<bool> {
        while let Ok(event) = self.events.try_recv() {
            self.take(event)?;
        }
        Ok(self.early.contains_key(&self.given))
    }

    /// The next job in the order in which they were submitted, and what became of it; nothing where none is left.
    ///
    /// # Errors
    /// Where the job failed on two devices, or no device is left.
    #[allow(
        clippy::should_implement_trait,
        reason = "more can be submitted after it gave nothing"
    )]
    pub fn next(&mut self) -> Result<Option<(J, R)>> {
        if self.outstanding() == 0 {
            return Ok(None);
        }
        loop {
            if let Some(done) = self.early.remove(&self.given) {
                self.given += 1;
                return Ok(Some(done));
            }
            let event = self.events.recv().context("no device is left")?;
            self.take(event)?;
        }
    }

    fn take(&mut self, event: Event<J, R>) -> Result<()> {
        match event {
            Event::Opened => {}
            Event::Done(member, number, job, result) => {
                self.members[member].done += 1;
                self.early.insert(number, (job, result));
            }
            Event::Failed(member, back, error) => {
                let name = self.members[member].name.clone();
                self.members[member].failure = Some(chain(&error));
                let Some((number, job)) = back else {
                    return Ok(());
                };
                let failures = self.failures.entry(number).or_default();
                *failures += 1;
                let failures = *failures;
                if self.alive() == 0 {
                    return Err(match self.members.len() {
                        1 => error,
                        _ => error.context(format!("no device is left: {name} failed")),
                    });
                }
                if failures >= TRIALS {
                    return Err(error.context(format!("it fails on every device, on {name} too")));
                }
                // First of all: others wait for its turn.
                self.queue.lock().waiting.push_front((number, job));
                self.queue.changed.notify_one();
            }
        }
        Ok(())
    }
}

impl<J, R> Drop for Pool<J, R> {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.changed.notify_all();
        // A device gives its memory back before the process ends; one that still works is not waited for.
        if self.submitted == self.given {
            for thread in self.threads.drain(..) {
                let _ = thread.join();
            }
        }
    }
}

fn chain(error: &anyhow::Error) -> String {
    terminal::message(error)
}

/// The life of a device's thread.
fn serve<J, R>(
    member: usize,
    opener: Opener<J, R>,
    queue: &Queue<J>,
    events: &mpsc::Sender<Event<J, R>>,
) {
    let opened = catch_unwind(AssertUnwindSafe(opener)).unwrap_or_else(|_| Err(panicked()));
    let mut work = match opened {
        Ok(work) => work,
        Err(error) => {
            let _ = events.send(Event::Failed(member, None, error));
            return;
        }
    };
    let _ = events.send(Event::Opened);
    while let Some((number, job)) = queue.take() {
        let done = catch_unwind(AssertUnwindSafe(|| work(&job)));
        let event = match done.unwrap_or_else(|_| Err(panicked())) {
            Ok(result) => Event::Done(member, number, job, result),
            Err(error) => {
                let _ = events.send(Event::Failed(member, Some((number, job)), error));
                // A device that failed may not answer when its memory is given back.
                std::mem::forget(work);
                return;
            }
        };
        if events.send(event).is_err() {
            return;
        }
    }
}

fn panicked() -> anyhow::Error {
    anyhow!("the device's thread panicked")
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use anyhow::bail;

    use super::*;

    /// Devices that square numbers; `fails(device, jobs before, job)` says when one fails.
    fn squares(
        count: usize,
        fails: impl Fn(usize, u64, u64) -> bool + Clone + Send + 'static,
    ) -> Vec<(String, Opener<u64, u64>)> {
        let opener = |device: usize| {
            let fails = fails.clone();
            let open: Opener<u64, u64> = Box::new(move || {
                let mut before = 0;
                Ok(Box::new(move |job: &u64| {
                    // Later ones are done earlier.
                    thread::sleep(Duration::from_micros(500 * (7 - job % 8)));
                    if fails(device, before, *job) {
                        bail!("out of order");
                    }
                    before += 1;
                    Ok(job * job)
                }))
            });
            (format!("sim:{device}"), open)
        };
        (0..count).map(opener).collect()
    }

    /// All results, at most `window` of them outstanding.
    fn run(pool: &mut Pool<u64, u64>, jobs: u64, window: usize) -> Result<Vec<(u64, u64)>> {
        let (mut jobs, mut found) = (0..jobs, Vec::new());
        loop {
            while pool.outstanding() < window {
                let Some(job) = jobs.next() else { break };
                pool.submit(job);
            }
            match pool.next()? {
                Some(done) => found.push(done),
                None => return Ok(found),
            }
        }
    }

    fn expected(jobs: u64) -> Vec<(u64, u64)> {
        (0..jobs).map(|job| (job, job * job)).collect()
    }

    #[test]
    fn eight_devices_share_the_work_in_order() {
        let mut pool = Pool::open(squares(8, |_, _, _| false)).unwrap();
        assert_eq!(run(&mut pool, 400, 16).unwrap(), expected(400));
        let done: Vec<_> = pool.members().iter().map(|member| member.done).collect();
        assert_eq!(done.iter().sum::<u64>(), 400);
        assert!(
            done.iter().all(|done| (10..=130).contains(done)),
            "{done:?}"
        );
    }

    #[test]
    fn eight_devices_run_at_once() {
        let barrier = Arc::new(Barrier::new(8));
        let openers = (0..8).map(|device| {
            let barrier = barrier.clone();
            let open: Opener<u64, u64> = Box::new(move || {
                Ok(Box::new(move |job: &u64| {
                    barrier.wait();
                    Ok(*job)
                }))
            });
            (device.to_string(), open)
        });
        let mut pool = Pool::open(openers.collect()).unwrap();
        assert_eq!(run(&mut pool, 64, 8).unwrap().len(), 64);
        assert!(pool.members().iter().all(|member| member.done == 8));
    }

    #[test]
    fn a_failing_device_gives_its_work_back_and_is_named() {
        // Two of them, one by a panic, in the midst of work.
        let fails = |device, before, _| {
            assert!(!(device == 5 && before == 3), "a fault on purpose");
            device == 2 && before == 1
        };
        let mut pool = Pool::open(squares(8, fails)).unwrap();
        assert_eq!(run(&mut pool, 200, 16).unwrap(), expected(200));
        let failed = pool
            .members()
            .iter()
            .filter(|member| member.failure.is_some());
        let failed: Vec<_> = failed.map(|member| (&*member.name, member.done)).collect();
        assert_eq!(failed, [("sim:2", 1), ("sim:5", 3)]);
        let why = |at: usize| pool.members()[at].failure.clone().unwrap();
        assert!(why(2).contains("out of order"), "{}", why(2));
        assert!(why(5).contains("panicked"), "{}", why(5));
    }

    #[test]
    fn work_that_fails_everywhere_ends_the_run_after_two_devices() {
        let trials = Arc::new(AtomicUsize::new(0));
        let counted = trials.clone();
        let fails = move |_, _, job| job == 50 && counted.fetch_add(1, Ordering::SeqCst) < 100;
        let mut pool = Pool::open(squares(8, fails)).unwrap();
        let error = chain(&run(&mut pool, 200, 16).unwrap_err());
        assert!(error.contains("out of order"), "{error}");
        assert_eq!(trials.load(Ordering::SeqCst), TRIALS);
    }

    #[test]
    fn the_last_device_ends_the_run() {
        let mut pool = Pool::open(squares(1, |_, before, _| before == 3)).unwrap();
        assert_eq!(run(&mut pool, 3, 4).unwrap(), expected(3));
        assert!(run(&mut pool, 4, 4).is_err());
    }

    #[test]
    fn a_device_that_cannot_be_opened_is_named() {
        let broken = || -> (String, Opener<u64, u64>) {
            ("sim:broken".into(), Box::new(|| bail!("no such device")))
        };
        let mut openers = squares(1, |_, _, _| false);
        openers.insert(0, broken());
        let mut pool = Pool::open(openers).unwrap();
        assert_eq!(run(&mut pool, 9, 4).unwrap(), expected(9));
        assert_eq!(pool.members()[0].failure.as_deref(), Some("no such device"));
        let error = Pool::open(vec![broken()]).err().unwrap();
        assert_eq!(error.to_string(), "no such device");
    }

    #[test]
    fn what_is_outstanding_is_bounded() {
        let live = Arc::new(AtomicUsize::new(0));
        struct Held(Arc<AtomicUsize>);
        impl Drop for Held {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        let openers = (0..4).map(|device| {
            let live = live.clone();
            let open: Opener<u64, Held> = Box::new(move || {
                Ok(Box::new(move |job: &u64| {
                    // The first of each window is the slowest.
                    let slow = if job.is_multiple_of(10) { 20 } else { 0 };
                    thread::sleep(Duration::from_millis(slow));
                    live.fetch_add(1, Ordering::SeqCst);
                    Ok(Held(live.clone()))
                }))
            });
            (device.to_string(), open)
        });
        let mut pool = Pool::open(openers.collect()).unwrap();
        let (mut jobs, mut most) = (0..100, 0);
        loop {
            while pool.outstanding() < 10 {
                let Some(job) = jobs.next() else { break };
                pool.submit(job);
            }
            let Some(_held) = pool.next().unwrap() else {
                break;
            };
            most = most.max(live.load(Ordering::SeqCst));
        }
        assert!((2..=10).contains(&most), "{most}");
    }
}
