//! A run over many things, batch by batch, and its end.

use std::time::{Duration, Instant};

use anyhow::Result;
use terminal::{Progress, Speech, note};

use crate::work::{Part, Rows, Work};

/// A batch is closed after so long.
const BATCH_TIME: Duration = Duration::from_secs(10);

/// Takes the items that are not finished of `total`, and closes a batch after `most` of them or some seconds; a bar says the
/// `action`.
///
/// # Errors
/// Those of `take`, and where the work folder cannot be written. Finished batches are kept.
pub fn run<T>(
    work: &mut Work,
    (action, total, most): (&'static str, u64, u64),
    items: impl Iterator<Item = T>,
    mut take: impl FnMut(T, &mut Part, &mut Rows) -> Result<()>,
) -> Result<()> {
    let done = work.done();
    if done > 0 {
        note(
            Speech::Normal,
            &format!("note: {done} of {total} were finished before"),
        );
    }
    let progress = Progress::items(action, total, done);
    let start = Instant::now();
    let mut items = items.peekable();
    while items.peek().is_some() {
        let mut rows = work.begin()?;
        let mut part = Part {
            first: work.done(),
            ..Part::default()
        };
        let begun = Instant::now();
        while part.items < most && begun.elapsed() < BATCH_TIME {
            let Some(item) = items.next() else { break };
            take(item, &mut part, &mut rows)?;
            part.items += 1;
            progress.add(1);
        }
        work.end(rows, &mut part)?;
        let rate = (work.done() - done) as f64 / start.elapsed().as_secs_f64();
        note(
            Speech::Verbose,
            &format!("note: {} of {total}, {rate:.2}/s", work.done()),
        );
    }
    Ok(())
}
