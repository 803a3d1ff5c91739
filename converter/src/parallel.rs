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
    /// # Errors
    /// One of the errors; no new work starts after the first.
    pub fn run<T: Send, E: Send>(
        &self,
        needs: &[usize],
        work: impl Fn(usize) -> Result<T, E> + Sync,
    ) -> Result<Vec<T>, E> {
        let mut order: Vec<usize> = (0..needs.len()).collect();
        order.sort_by_key(|&item| std::cmp::Reverse(needs[item]));
        let budget = Budget {
            free: Mutex::new(self.memory),
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
                let _share = budget.take(needs[item]);
                match work(item) {
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
            let others: Vec<_> = (1..self.threads.min(needs.len()))
                .map(|_| scope.spawn(worker))
                .collect();
            let own = worker();
            let others = others.into_iter().map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            std::iter::once(own).chain(others).collect()
        });
        let mut results = Vec::with_capacity(needs.len());
        for part in finished {
            results.extend(part?);
        }
        results.sort_by_key(|(item, _)| *item);
        Ok(results.into_iter().map(|(_, result)| result).collect())
    }
}

struct Budget {
    free: Mutex<usize>,
    returned: Condvar,
    total: usize,
}

impl Budget {
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, bytes: usize) -> Share<'_> {
        let bytes = bytes.min(self.total);
        let guard = self.lock();
        let mut free = self
            .returned
            .wait_while(guard, |free| *free < bytes)
            .unwrap_or_else(PoisonError::into_inner);
        *free -= bytes;
        Share {
            budget: self,
            bytes,
        }
    }
}

struct Share<'a> {
    budget: &'a Budget,
    bytes: usize,
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *self.budget.lock() += self.bytes;
        self.budget.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_on_any_number_of_threads() {
        let needs: Vec<usize> = (0..100).map(|i| i * 7 % 31).collect();
        for threads in [0, 1, 4] {
            let results = Resources {
                threads,
                memory: 40,
            }
            .run(&needs, |item| Ok::<_, ()>(item * 2))
            .unwrap();
            assert!(
                results
                    .iter()
                    .enumerate()
                    .all(|(at, result)| *result == at * 2)
            );
        }
    }

    #[test]
    fn the_budget_is_never_exceeded() {
        let held = AtomicUsize::new(0);
        let needs = vec![10, 30, 20, 25, 40, 5, 100];
        let resources = Resources {
            threads: 4,
            memory: 50,
        };
        let work = |item: usize| {
            let now = held.fetch_add(needs[item].min(50), Ordering::SeqCst) + needs[item].min(50);
            std::thread::sleep(std::time::Duration::from_millis(2));
            held.fetch_sub(needs[item].min(50), Ordering::SeqCst);
            if now > 50 { Err(now) } else { Ok(()) }
        };
        assert_eq!(
            resources.run(&needs, work).map(|results| results.len()),
            Ok(7)
        );
    }

    #[test]
    fn an_error_ends_the_work() {
        let done = AtomicUsize::new(0);
        let result = Resources {
            threads: 2,
            memory: 1,
        }
        .run(&[1; 1000], |item| {
            done.fetch_add(1, Ordering::Relaxed);
            if item == 10 { Err("bad") } else { Ok(()) }
        });
        assert_eq!(result, Err("bad"));
        assert!(done.load(Ordering::Relaxed) < 1000);
    }
}
