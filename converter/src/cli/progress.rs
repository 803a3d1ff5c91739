//! A bar by bytes on stderr, for what takes over two seconds.

use std::{
    sync::Once,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

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
    pub fn new(action: &'static str, total: u64) -> Progress {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden())
            .with_message(action);
        let style = ProgressStyle::with_template(
            "{msg} [{bar:40}] {bytes}/{total_bytes} ({bytes_per_sec}, {eta})",
        );
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("=> "));
        }
        Progress {
            bar,
            start: Instant::now(),
            shown: Once::new(),
        }
    }

    /// So many bytes more are done.
    pub fn add(&self, bytes: u64) {
        self.bar.inc(bytes);
        if self.start.elapsed() >= PATIENCE && terminal::speech() > terminal::Speech::Quiet {
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
