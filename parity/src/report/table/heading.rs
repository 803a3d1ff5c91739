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
            _ if !b.changed_tensors.is_empty() => differs(&b.changed_tensors),
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
                "floor      {} against each other; limit {} x what chance and other cases allow: one false alarm in {:.0} outputs",
                used.recordings.join(", "),
                used.limit,
                1.0 / floor::FALSE_ALARM,
            );
            self.line(&line, 11);
        }
    }
}

/// What a model is that is no longer what `convert` wrote.
fn differs(tensors: &[String]) -> String {
    let named: Vec<&str> = tensors.iter().take(3).map(String::as_str).collect();
    let more = match tensors.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "DIFFERS FROM ITS CONVERSION: the bytes of {}{more} are not those of conversion.json; convert the snapshot again",
        named.join(", ")
    )
}
