//! The memory of passes on a CPU.

/// Has the allocator keep what dropped arrays leave for those that come. A pass makes and drops gigabytes of them, and memory that
/// went back to the system is cleared before it comes again: a fifth of the time in bfloat16, whose arrays are most. A process does
/// not shrink then from what it needed at once. Elsewhere than with glibc nothing changes.
pub fn keep() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: both are settings of glibc's allocator, which may be changed at any time and from any thread.
    unsafe {
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, -1);
    }
}
