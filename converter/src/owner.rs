//! Names for what a process has in the making, which tell others whether it still lives.
//!
//! File systems in use grant a lock to everyone (some Lustre and NFS mounts) or to none (`ENOSYS`, `ENOLCK`), so that a lock
//! alone does not tell a process at work from one that was killed.

use std::{
    fs,
    path::Path,
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime},
};

/// What nobody has touched for so long belongs to no process, wherever that ran.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// A name that no other process or thread gets: where process numbers count, this one's, and a number.
pub(crate) fn mark() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let time = SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(0, |age| age.subsec_nanos());
    let number = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(time);
    format!("{}-{}-{number:08x}", domain(), std::process::id())
}

/// Whether a mark's process has ended. That of another machine, start or container is not known to have.
pub(crate) fn is_gone(mark: &str) -> bool {
    let mut parts = mark.split('-');
    let (Some(place), Some(pid)) = (parts.next(), parts.next()) else {
        return false;
    };
    // The first process never ends: where it does not show, nothing is known of others either.
    let shows = |pid: u32| Path::new("/proc").join(pid.to_string()).exists();
    place == domain() && pid.parse().is_ok_and(|pid| shows(1) && !shows(pid))
}

/// Whether a file or folder has not been changed for a day.
pub(crate) fn is_abandoned(metadata: &fs::Metadata) -> bool {
    let age = metadata
        .modified()
        .ok()
        .and_then(|time| time.elapsed().ok());
    age.is_some_and(|age| age > ABANDONED)
}

/// Where this process's number means something: this start of this machine, and this container.
fn domain() -> &'static str {
    static DOMAIN: LazyLock<String> = LazyLock::new(|| {
        let boot = fs::read("/proc/sys/kernel/random/boot_id");
        let boot = boot
            .or_else(|_| fs::read("/etc/hostname"))
            .unwrap_or_default();
        let space = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        let hash = blake3::hash(&[&boot, space.as_os_str().as_encoded_bytes()].concat());
        hash.to_hex()[..8].to_owned()
    });
    &DOMAIN
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The mark of a process that has ended.
    pub(crate) fn mark_of_the_dead() -> String {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        format!("{}-{}-00000000", domain(), child.id())
    }

    #[test]
    fn only_what_is_known_to_have_ended_is_gone() {
        let own = mark();
        assert_ne!(own, mark());
        assert!(!is_gone(&own));
        let dead = mark_of_the_dead();
        assert!(is_gone(&dead), "{dead}");
        let elsewhere = dead.replacen(domain(), "00000000", 1);
        for unknown in [elsewhere.as_str(), "", "dead", "a-b-c", "--"] {
            assert!(!is_gone(unknown), "{unknown}");
        }
    }
}
