//! What a run of predictions says when it is done.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use terminal::{Speech, note};

use crate::cli::Outcome;
use crate::predicted::{Counts, Kind, Target};

/// What was made.
pub struct Report<'a> {
    /// What was predicted.
    pub kind: Kind,
    /// How much.
    pub counts: Counts,
    /// The output, or the folder of a share.
    pub out: &'a Path,
    /// The table of failures, and the archive of contacts and junctions; of a share none.
    pub extras: [Option<PathBuf>; 2],
    /// How long it took.
    pub took: Duration,
}

impl<'a> Report<'a> {
    /// Of files that have their names.
    #[must_use]
    pub fn of(target: &'a Target, kind: Kind, counts: Counts, took: Duration) -> Self {
        Self {
            kind,
            counts,
            out: &target.path,
            extras: target.extras(),
            took,
        }
    }

    /// Says it.
    ///
    /// # Errors
    /// Where stdout cannot be written.
    pub fn print(self, json: bool) -> Result<Outcome> {
        let Counts {
            subjects,
            tracks,
            failures: failed,
        } = self.counts;
        let (what, [failures, pairs]) = (self.kind.name(), &self.extras);
        if failed > 0 {
            let place = match failures {
                Some(path) => path.display().to_string(),
                None => "the merged output's table of failures says why".into(),
            };
            let line = format!("note: {failed} of {subjects} {what} have no predictions: {place}");
            note(Speech::Normal, &line);
        }
        if let Some(path) = pairs {
            let line = format!("note: contacts and junctions are in {}", path.display());
            note(Speech::Normal, &line);
        }
        let seconds = self.took.as_secs_f64();
        let text = match json {
            true => {
                let document = json!({
                    "out": self.out,
                    what: subjects,
                    "tracks": tracks,
                    "contacts_and_junctions": pairs,
                    "failures": failed,
                    "failures_table": failures,
                    "seconds": seconds,
                });
                format!("{document:#}\n")
            }
            false => format!(
                "{subjects} {what}, {tracks} tracks, in {seconds:.1} s: {}\n",
                self.out.display()
            ),
        };
        terminal::print(&text)?;
        Ok(match failed {
            0 => Outcome::Done,
            _ => Outcome::SomeFailed,
        })
    }
}
