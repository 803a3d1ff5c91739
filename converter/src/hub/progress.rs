//! How far a download is.

use std::io::Write;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Is told how far a download is; from several threads, and often.
pub trait Progress: Send + Sync + 'static {
    /// `total` bytes are to be in the cache.
    fn start(&self, total: u64);
    /// `done` of them are there and checked, or on their way, by now. It falls when a damaged file starts over.
    fn update(&self, done: u64);
    /// All of them are there.
    fn finish(&self);
    /// Something that a person waiting should know.
    fn note(&self, _text: &str) {}
}

/// Tells nobody.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Progress for Silent {
    fn start(&self, _total: u64) {}
    fn update(&self, _done: u64) {}
    fn finish(&self) {}
}

/// A bar on stderr, with bytes, speed and the time left; nothing when stderr is no terminal.
#[derive(Debug)]
pub struct Bar(ProgressBar);

impl Bar {
    /// A bar for the download of `repo`.
    pub fn new(repo: &str) -> Self {
        let bar = ProgressBar::no_length().with_prefix(repo.to_owned());
        let template = "{prefix} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
        bar.set_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        Self(bar)
    }
}

impl Progress for Bar {
    fn start(&self, total: u64) {
        self.0.set_length(total);
        self.0.enable_steady_tick(Duration::from_millis(200));
    }

    fn update(&self, done: u64) {
        self.0.set_position(done);
    }

    fn finish(&self) {
        self.0.finish_and_clear();
    }

    fn note(&self, text: &str) {
        // Without a terminal there is no bar, but people read logs.
        self.0.suspend(|| {
            let _ = writeln!(std::io::stderr(), "note: {text}");
        });
    }
}
