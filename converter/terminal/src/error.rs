//! Errors as a line.

use std::io;

/// Joins an error and its causes, but for those that it quotes itself. Control characters are escaped.
#[must_use]
pub fn message(error: &anyhow::Error) -> String {
    let mut joined = String::new();
    for cause in error.chain().map(ToString::to_string) {
        let cause = cause.trim_end();
        if joined.is_empty() {
            joined.push_str(cause);
        } else if !joined.contains(cause) {
            joined.push_str(": ");
            joined.push_str(cause);
        }
    }
    crate::text(&joined).into_owned()
}

/// Whether the reader of a pipe has seen enough, which is success.
#[must_use]
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    fn failed(error: io::Error) -> io::Result<()> {
        Err(error)
    }

    #[test]
    fn nothing_is_said_twice() {
        let once = |context: &'static str| {
            let error = failed(io::Error::other("cut\n")).context(context);
            message(&error.unwrap_err())
        };
        assert_eq!(once("manifest.ocdbt: cut"), "manifest.ocdbt: cut");
        assert_eq!(once("/a/snapshot"), "/a/snapshot: cut");
        assert_eq!(once("a\u{1b}[2J"), "a\\u001b[2J: cut");
    }

    #[test]
    fn a_closed_pipe_is_found_among_the_causes() {
        let broken = failed(io::ErrorKind::BrokenPipe.into()).context("stdout");
        assert!(is_broken_pipe(&broken.unwrap_err()));
        assert!(!is_broken_pipe(&anyhow::anyhow!("stdout")));
    }
}
