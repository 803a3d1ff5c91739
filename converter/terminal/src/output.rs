//! Stdout and stderr.

use std::io::{self, BufWriter, StdoutLock, Write};
use std::str;
use std::sync::atomic::{AtomicU8, Ordering};

use clap::Args;

/// How much is said on stderr beside errors.
static SPEECH: AtomicU8 = AtomicU8::new(Speech::Normal as u8);

/// How much is said on stderr beside errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Speech {
    /// Nothing.
    Quiet,
    /// Notes, and bars on a terminal.
    Normal,
    /// What is done, step by step.
    Verbose,
}

/// `-q` and `-v`.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Loudness {
    /// Say nothing on stderr but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Say on stderr what is done, step by step
    #[arg(short, long, global = true)]
    verbose: bool,
}

impl Loudness {
    /// Holds the program to it.
    pub fn set(self) {
        let speech = match (self.quiet, self.verbose) {
            (true, _) => Speech::Quiet,
            (_, true) => Speech::Verbose,
            _ => Speech::Normal,
        };
        SPEECH.store(speech as u8, Ordering::Relaxed);
    }
}

/// How much is to be said.
#[must_use]
pub fn speech() -> Speech {
    let said = SPEECH.load(Ordering::Relaxed);
    let all = [Speech::Quiet, Speech::Normal, Speech::Verbose];
    all.into_iter()
        .find(|speech| *speech as u8 == said)
        .unwrap_or(Speech::Normal)
}

/// Says a line on stderr, if as much as `from` is to be said. Control characters are escaped.
pub fn note(from: Speech, line: &str) {
    if speech() >= from {
        // A stderr that takes nothing, such as that of a full disk, is no reason to end.
        let _ = writeln!(io::stderr(), "{}", crate::text(line));
    }
}

/// Says on stderr why a program, or a part of it, ends.
pub fn fail(who: &str, error: &anyhow::Error) {
    // A stderr that takes nothing changes no exit code.
    let _ = writeln!(io::stderr(), "{who}: {}", crate::message(error));
}

/// Prints text on stdout, and flushes it. Control characters are escaped; JSON stays the same JSON.
///
/// # Errors
/// Where stdout cannot be written; a closed pipe is an error of kind `BrokenPipe`, which [`crate::is_broken_pipe`] finds.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = stdout();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Stdout behind a buffer, for text that is written piece by piece: each piece is escaped as [`crate::text`] does.
#[must_use]
pub fn stdout() -> impl Write {
    Escaping(BufWriter::new(io::stdout().lock()))
}

struct Escaping(BufWriter<StdoutLock<'static>>);

impl Write for Escaping {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // What formats text hands on whole strings.
        match str::from_utf8(bytes) {
            Ok(text) => self.0.write_all(crate::text(text).as_bytes())?,
            Err(_) => self.0.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
