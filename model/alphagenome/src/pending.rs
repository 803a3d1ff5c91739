//! What other threads make for one that waits.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;

use anyhow::{Context, Result, bail};

/// Something that is made already, or in another thread.
pub struct Pending<T>(mpsc::Receiver<Result<T>>);

impl<T: Send + 'static> Pending<T> {
    /// Something that is made already.
    pub fn made(it: T) -> Self {
        let (sender, made) = mpsc::channel();
        let _ = sender.send(Ok(it));
        Self(made)
    }

    /// Makes it in another thread. `what` is named where it cannot be made, or the thread panics.
    pub fn spawn(
        what: impl Display + Send + 'static,
        make: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Self {
        let (sender, made) = mpsc::channel();
        rayon::spawn(move || {
            // A panic that nobody catches would end the process.
            let made = catch_unwind(AssertUnwindSafe(make));
            let made = made.unwrap_or_else(|_| bail!("the thread that made its rows panicked"));
            // Whoever waited may have given up.
            let _ = sender.send(made.with_context(|| what.to_string()));
        });
        Self(made)
    }

    /// Waits for it.
    ///
    /// # Errors
    /// Where it could not be made.
    pub fn wait(self) -> Result<T> {
        let made = self.0.recv();
        made.context("a thread ended before its rows were made")?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_that_names_what_was_made() {
        let first = Pending::spawn("chr1:1:A>C", || -> Result<u8> {
            panic!("a fault on purpose")
        });
        let second = Pending::spawn("chr1:2:A>C", || Ok(2));
        let error = first.wait().unwrap_err();
        let expected = "chr1:1:A>C: the thread that made its rows panicked";
        assert_eq!(terminal::message(&error), expected);
        assert_eq!(second.wait().unwrap(), 2);
        let refused = Pending::spawn("chr1:3:A>C", || -> Result<u8> { bail!("no rows") });
        let error = refused.wait().unwrap_err();
        assert_eq!(terminal::message(&error), "chr1:3:A>C: no rows");
        assert_eq!(Pending::made(4).wait().unwrap(), 4);
    }
}
