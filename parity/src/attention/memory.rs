//! The most memory that something takes, by the kernel's own account.

/// Runs something, and gives the bytes of this process's peak beyond what it held before; nothing where the system does not
/// tell (it does on Linux: `/proc/self/clear_refs` resets the peak, `/proc/self/status` tells it).
pub fn peak<T>(run: impl FnOnce() -> T) -> (T, Option<u64>) {
    let before = std::fs::write("/proc/self/clear_refs", "5")
        .ok()
        .and_then(|()| status("VmRSS:"));
    let result = run();
    let most = before.and_then(|before| Some(status("VmHWM:")?.saturating_sub(before)));
    (result, most)
}

/// A line of the process's status, in bytes.
fn status(key: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_touched_counts() {
        if status("VmHWM:").is_none() {
            return;
        }
        const BYTES: usize = 64 << 20;
        let (sum, most) = peak(|| {
            let values = vec![1u8; BYTES];
            values.iter().map(|&value| u64::from(value)).sum::<u64>()
        });
        assert_eq!(sum, BYTES as u64);
        // Other tests run beside this one: no upper bound.
        assert!(
            most.is_none_or(|most| most >= BYTES as u64 * 9 / 10),
            "{most:?}"
        );
    }
}
