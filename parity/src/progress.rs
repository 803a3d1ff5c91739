//! Progress on stderr: bars where it is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use terminal::Speech;

/// Says a line on stderr, unless `--quiet` was given.
pub fn note(line: &str) {
    terminal::note(Speech::Normal, &format!("parity: {line}"));
}

/// Says what is being done: beside a bar, or with `--verbose` as a line of its own.
pub fn step(bar: &ProgressBar, what: &str) {
    terminal::note(Speech::Verbose, &format!("parity: {what}"));
    bar.set_message(terminal::line(what).into_owned());
}

/// Bars are for people who asked for neither silence nor lines.
fn target() -> ProgressDrawTarget {
    match terminal::speech() {
        Speech::Normal => ProgressDrawTarget::stderr(),
        Speech::Quiet | Speech::Verbose => ProgressDrawTarget::hidden(),
    }
}

/// A bar over `steps` of something that takes seconds.
pub fn bar(steps: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(steps as u64), target());
    let style = ProgressStyle::with_template("{spinner} {pos}/{len} {wide_msg} {elapsed}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// A bar over `bytes` of a file.
pub fn bytes(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(bytes), target());
    let template = "{spinner} {bytes}/{total_bytes} {wide_msg} {elapsed}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// Seconds as a person says them.
pub fn duration(seconds: f64) -> String {
    match seconds {
        ..90.0 => format!("{:.0} s", seconds.max(1.0)),
        ..5400.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3600.0),
    }
}

/// `1 length`, `2 lengths`.
pub fn counted(count: usize, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}
