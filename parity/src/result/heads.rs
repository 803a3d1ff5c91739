//! The result by organism and head.

use parity_stats::{Reason, Stat};
use serde::{Deserialize, Serialize};

use super::{CaseResult, OutputResult, Run};
use crate::outputs::Kind;

/// All outputs of one head in all cases of one organism.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HeadSummary {
    /// 0 human, 1 mouse.
    pub organism_index: usize,
    /// The head; `embeddings` for those, `taps` for module outputs, `other` for outputs of no head.
    pub head: String,
    /// Outputs in all cases, and those that could not be compared though they must be.
    pub outputs: usize,
    /// Of those, outputs that pass.
    pub passed: usize,
    /// The largest relative L2 distance.
    pub worst_relative_l2: Stat,
    /// Recording, case and output of that distance.
    pub worst: Option<String>,
    /// The largest `1 - r`.
    pub worst_one_minus_pearson: Stat,
    /// The least share within the level's tolerance.
    pub least_within: Stat,
    /// The track or window that is nearest to its bound, or farthest beyond it: the share of the bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub farthest_share: Option<Stat>,
    /// Recording, case, output, and which track or window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub farthest: Option<String>,
    /// The largest ratio to the noise floor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst_floor_ratio: Option<f64>,
}

/// Sums runs up by organism and head, in the order in which they come.
pub fn by_head(runs: &[Run]) -> Vec<HeadSummary> {
    let mut all: Vec<HeadSummary> = Vec::new();
    for run in runs {
        for case in &run.cases {
            for output in &case.outputs {
                let head = head(output.kind, output.head.as_deref());
                entry(&mut all, case.organism_index, head).add(run, case, output);
            }
            for missing in case.not_compared.iter().filter(|missing| missing.fails) {
                let kind = crate::outputs::kind_of(&missing.name).kind;
                let head = head(kind, crate::outputs::head_of(&missing.name));
                entry(&mut all, case.organism_index, head).outputs += 1;
            }
        }
    }
    all.sort_by_key(|summary| summary.organism_index);
    all
}

fn head(kind: Kind, head: Option<&str>) -> &str {
    match (kind, head) {
        (Kind::Tap, _) => "taps",
        (_, Some(head)) => head,
        (Kind::Embedding | Kind::Pair, None) => "embeddings",
        (_, None) => "other",
    }
}

fn entry<'a>(
    all: &'a mut Vec<HeadSummary>,
    organism_index: usize,
    head: &str,
) -> &'a mut HeadSummary {
    let known = all
        .iter()
        .position(|summary| summary.organism_index == organism_index && summary.head == head);
    let index = known.unwrap_or_else(|| {
        all.push(HeadSummary {
            organism_index,
            head: head.into(),
            outputs: 0,
            passed: 0,
            worst_relative_l2: Stat::Undefined(Reason::Empty),
            worst: None,
            worst_one_minus_pearson: Stat::Undefined(Reason::Empty),
            least_within: Stat::Undefined(Reason::Empty),
            farthest_share: None,
            farthest: None,
            worst_floor_ratio: None,
        });
        all.len() - 1
    });
    &mut all[index]
}

impl HeadSummary {
    fn add(&mut self, run: &Run, case: &CaseResult, output: &OutputResult) {
        self.outputs += 1;
        self.passed += usize::from(output.pass);
        if !output.reference_dtype.is_float() {
            return;
        }
        let summary = &output.summary;
        if let Some(l2) = larger(self.worst_relative_l2, summary.relative_l2) {
            self.worst_relative_l2 = l2;
            self.worst = Some(format!(
                "{} {} {}",
                run.reference.name, case.name, output.name
            ));
        }
        if let Some(r) = larger(self.worst_one_minus_pearson, summary.one_minus_pearson) {
            self.worst_one_minus_pearson = r;
        }
        let within = output.checks.iter().find(|check| check.name == "within");
        if let Some(share) = within.and_then(|check| check.value.value()) {
            let least = self.least_within.value().map_or(share, |s| s.min(share));
            self.least_within = Stat::Defined(least);
        }
        let at_bounds = output
            .checks
            .iter()
            .filter(|check| !check.name.ends_with("_floor_ratio"));
        for (check, farthest) in
            at_bounds.filter_map(|check| Some((check, check.farthest.as_ref()?)))
        {
            // Where the reference is zero and the candidate is not, no number says how far.
            let share = check
                .value
                .value()
                .map_or(f64::INFINITY, |x| x / check.bound);
            let known = self
                .farthest_share
                .map(|share| share.value().unwrap_or(f64::INFINITY));
            if known.is_none_or(|known| share > known) {
                self.farthest_share = Some(Stat::of(share));
                let (run, place) = (&run.reference.name, farthest.place());
                self.farthest = Some(format!("{run} {} {}, {place}", case.name, output.name));
            }
        }
        let ratio = output.floor.as_ref().and_then(|floor| floor.ratio.value());
        if let Some(ratio) = ratio {
            self.worst_floor_ratio = Some(self.worst_floor_ratio.map_or(ratio, |w| w.max(ratio)));
        }
    }
}

/// `new` where it is the first that is defined, or larger.
fn larger(old: Stat, new: Stat) -> Option<Stat> {
    let value = new.value()?;
    old.value().is_none_or(|old| value > old).then_some(new)
}
