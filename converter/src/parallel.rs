//! Work in several threads within a bound of memory.

use std::sync::{
    Condvar, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

/// Threads and memory that work may use.
#[derive(Clone, Copy, Debug)]
pub struct Resources {
    /// Threads; at least one runs.
    pub threads: usize,
    /// Bytes that tensors may take up at a time.
    pub memory: usize,
}

/// Bytes of tensors at a time, unless the user says otherwise.
pub const DEFAULT_MEMORY: u64 = 256 << 20;

impl Resources {
    /// Runs `work` on each number of `0..needs.len()`, of which number `i` needs `needs[i]` bytes, and gives the results in
    /// order. The largest come first, so that no thread ends on a long one alone; one that needs more than there is runs
    /// alone.
    ///
    /// `work` may fill the buffer that it is given up to its need; the buffer goes from one to the next, which spares the
    /// system from handing out fresh memory all the time.
    ///
    /// # Errors
    /// One of the errors; no new work starts after the first.
    pub fn run<T: Send, E: Send>(
        &self,
        needs: &[usize],
        work: impl Fn(usize, &mut Vec<u8>) -> Result<T, E> + Sync,
    ) -> Result<Vec<T>, E> {
        let mut order: Vec<usize> = (0..needs.len()).collect();
        order.sort_by_key(|&item| std::cmp::Reverse(needs[item]));
        let pool = Pool {
            state: Mutex::new(State {
                free: self.memory,
                idle: Vec::new(),
            }),
            returned: Condvar::new(),
            total: self.memory,
        };
        let next = AtomicUsize::new(0);
        let failed = AtomicBool::new(false);
        let worker = || {
            let mut results = Vec::new();
            while !failed.load(Ordering::Relaxed)
                && let Some(&item) = order.get(next.fetch_add(1, Ordering::Relaxed))
            {
                let mut share = pool.take(needs[item]);
                match work(item, &mut share.buffer) {
                    Ok(result) => results.push((item, result)),
                    Err(error) => {
                        failed.store(true, Ordering::Relaxed);
                        return Err(error);
                    }
                }
            }
            Ok(results)
        };
        let finished: Vec<_> = std::thread::scope(|scope| {
            let others = 1..self.threads.min(needs.len());
            // Where the system has no thread left to give, those that there are do all the work.
            let spawn = |_| std::thread::Builder::new().spawn_scoped(scope, worker).ok();
            let others: Vec<_> = others.map_while(spawn).collect();
            let own = worker();
            let joined = others.into_iter().map(|thread| {
                let result = thread.join();
                result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            std::iter::once(own).chain(joined).collect()
        });
        let mut results = Vec::with_capacity(needs.len());
        for part in finished {
            results.extend(part?);
        }
        results.sort_by_key(|(item, _)| *item);
        Ok(results.into_iter().map(|(_, result)| result).collect())
    }
}

/// Memory that is handed out in shares.
struct Pool {
    state: Mutex<State>,
    returned: Condvar,
    total: usize,
}

struct State {
    /// Bytes that neither a share nor an idle buffer takes up.
    free: usize,
    /// Buffers of finished shares, with the bytes that they count for.
    idle: Vec<(usize, Vec<u8>)>,
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, bytes: usize) -> Share<'_> {
        let bytes = bytes.min(self.total);
        let mut state = self.lock();
        loop {
            // The smallest idle buffer that is large enough.
            let fits = |(_, entry): &(usize, &(usize, Vec<u8>))| entry.0 >= bytes;
            let found = state
                .idle
                .iter()
                .enumerate()
                .filter(fits)
                .min_by_key(|(_, entry)| entry.0);
            if let Some((at, _)) = found {
                let (bytes, buffer) = state.idle.swap_remove(at);
                return Share {
                    pool: self,
                    bytes,
                    buffer,
                };
            }
            // Idle buffers are too small for all that is still to come, unless they fit this one.
            while state.free < bytes
                && let Some((returned, _)) = state.idle.pop()
            {
                state.free += returned;
            }
            if state.free >= bytes {
                state.free -= bytes;
                return Share {
                    pool: self,
                    bytes,
                    buffer: Vec::new(),
                };
            }
            state = self
                .returned
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

struct Share<'a> {
    pool: &'a Pool,
    bytes: usize,
    buffer: Vec<u8>,
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        let mut state = self.pool.lock();
        if buffer.capacity() > 0 && buffer.capacity() <= self.bytes {
            state.idle.push((self.bytes, buffer));
        } else {
            state.free += self.bytes;
        }
        self.pool.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_on_any_number_of_threads() {
        let needs: Vec<usize> = (0..100).map(|i| i * 7 % 31).collect();
        for threads in [0, 1, 4] {
            let resources = Resources {
                threads,
                memory: 40,
            };
            let results = resources
                .run(&needs, |item, _| Ok::<_, ()>(item * 2))
                .unwrap();
            let expected = (0..100).map(|item| item * 2);
            assert!(results.into_iter().eq(expected));
        }
    }

    #[test]
    fn the_bound_holds_with_and_without_buffers() {
        let held = AtomicUsize::new(0);
        let needs = [10, 30, 20, 25, 40, 5, 50, 50, 30, 1, 1, 1];
        let resources = Resources {
            threads: 4,
            memory: 50,
        };
        let work = |item: usize, buffer: &mut Vec<u8>| {
            if item < 6 {
                buffer.resize(needs[item].max(buffer.len()), 0);
            }
            let now = held.fetch_add(needs[item], Ordering::SeqCst) + needs[item];
            std::thread::sleep(std::time::Duration::from_millis(2));
            held.fetch_sub(needs[item], Ordering::SeqCst);
            if now > 50 { Err(now) } else { Ok(()) }
        };
        assert_eq!(
            resources.run(&needs, work).map(|results| results.len()),
            Ok(12)
        );
    }

    #[test]
    fn a_buffer_is_passed_on() {
        let resources = Resources {
            threads: 1,
            memory: 100,
        };
        let lengths = resources.run(&[90, 80, 70], |item, buffer| {
            let before = buffer.len();
            buffer.resize(90 - 10 * item, 0);
            Ok::<_, ()>(before)
        });
        assert_eq!(lengths, Ok(vec![0, 90, 80]));
    }

    #[test]
    fn an_error_ends_the_work() {
        let done = AtomicUsize::new(0);
        let resources = Resources {
            threads: 2,
            memory: 1,
        };
        let result = resources.run(&[1; 1000], |item, _| {
            done.fetch_add(1, Ordering::Relaxed);
            if item == 10 { Err("bad") } else { Ok(()) }
        });
        assert_eq!(result, Err("bad"));
        assert!(done.load(Ordering::Relaxed) < 1000);
    }
}
