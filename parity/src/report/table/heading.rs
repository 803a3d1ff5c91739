//! What was compared with what, and by which bounds.

use super::Table;
use crate::floor;
use crate::result::{Report, Run};
use crate::weights::{Weights, short};

impl Table {
    pub(super) fn heading(&mut self, report: &Report, run: &Run) {
        let (a, b) = (&run.reference, &run.candidate);
        self.line(&format!("reference  {}  {}", a.path, a.made_by), 11);
        self.line(&format!("candidate  {}  {}", b.path, b.made_by), 11);
        let digests = (
            a.checkpoint_digest.as_deref(),
            b.checkpoint_digest.as_deref(),
        );
        let weights = match (Weights::of(digests.0, digests.1), digests) {
            (Weights::Same, (Some(a), _)) => format!("the same checkpoint, {}", short(a)),
            (Weights::Different, (Some(a), Some(b))) => format!(
                "OF DIFFERENT CHECKPOINTS, {} and {}: differences may be the weights' own",
                short(a),
                short(b)
            ),
            (_, (None, _)) => "not checked: the reference has no checkpoint digest".into(),
            (_, (_, None)) => "not checked: the candidate has no checkpoint digest".into(),
            _ => "not checked: the digests are of different kinds".into(),
        };
        self.line(&format!("weights    {weights}"), 11);
        let bounds = format!(
            "level {}, {}, profile {}",
            report.level, run.dtype, report.profile
        );
        self.line(&format!("bounds     {bounds}"), 11);
        if let Some(used) = &report.floor {
            let line = format!(
                "floor      {} against each other; limit {} x (1 + 2 / sqrt(n)) for n values: {:.2} at 60,000, {:.2} at 1,000, {:.2} at 16",
                used.recordings.join(", "),
                used.limit,
                floor::limit(used.limit, 60_000),
                floor::limit(used.limit, 1000),
                floor::limit(used.limit, 16),
            );
            self.line(&line, 11);
        }
    }
}
