//! A bar on stderr, for what takes over two seconds.

use std::sync::Once;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{Speech, speech};

/// A bar that shows itself late, and only on a terminal.
pub struct Progress {
    bar: ProgressBar,
    start: Instant,
    shown: Once,
}

/// What is done sooner needs no bar.
const PATIENCE: Duration = Duration::from_secs(2);

impl Progress {
    /// A bar over `total` bytes.
    #[must_use]
    pub fn bytes(action: &'static str, total: u64) -> Self {
        let template = "{msg} [{bar:40}] {bytes}/{total_bytes} ({bytes_per_sec}, {eta})";
        Self::new(action, total, template)
    }

    /// A bar over `total` things, of which `done` were done before.
    #[must_use]
    pub fn items(action: &'static str, total: u64, done: u64) -> Self {
        let template = "{msg} [{bar:40}] {human_pos}/{human_len} ({per_sec}, {eta} left)";
        let progress = Self::new(action, total, template);
        progress.bar.set_position(done);
        progress.bar.reset_eta();
        progress
    }

    fn new(action: &'static str, total: u64, template: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden())
            .with_message(action);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        Self {
            bar,
            start: Instant::now(),
            shown: Once::new(),
        }
    }

    /// So many more are done.
    pub fn add(&self, more: u64) {
        self.bar.inc(more);
        if self.start.elapsed() >= PATIENCE && speech() > Speech::Quiet {
            self.shown
                .call_once(|| self.bar.set_draw_target(ProgressDrawTarget::stderr()));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
