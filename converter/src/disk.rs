//! What file systems refuse without harm.

use std::io;

/// Whether the file system does not know an operation, or does not allow it here: other ways may be open.
pub(crate) fn is_unsupported(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let unknown = [
        Errno::INVAL,
        Errno::NOSYS,
        Errno::OPNOTSUPP,
        Errno::NOLCK,
        Errno::PERM,
        Errno::ACCESS,
        Errno::NOTTY,
    ];
    error
        .raw_os_error()
        .is_some_and(|code| unknown.contains(&Errno::from_raw_os_error(code)))
        || error.kind() == io::ErrorKind::Unsupported
}

/// The result of a sync, which counts as done where the file system has none: the bytes are written all the same.
pub(crate) fn synced(result: io::Result<()>) -> io::Result<()> {
    result.or_else(|error| {
        if is_unsupported(&error) {
            Ok(())
        } else {
            Err(error)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn a_sync_that_is_not_known_is_no_failure_and_a_lost_disk_is() {
        for harmless in [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP] {
            assert!(synced(Err(harmless.into())).is_ok(), "{harmless}");
        }
        for lost in [Errno::IO, Errno::NOSPC, Errno::DQUOT] {
            assert!(synced(Err(lost.into())).is_err(), "{lost}");
        }
    }
}
