//! What a server holds of many clients: tests that count files and memory, and therefore run one at a time.

mod leaving;
mod many;
#[path = "../web/support.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod support;

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Only one test runs.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Open files and resident bytes of this process.
pub fn resources() -> (usize, i64) {
    let files = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = resident.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok());
    (files, kilobytes.map_or(0, |kilobytes: i64| kilobytes << 10))
}
