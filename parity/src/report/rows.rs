//! What a report of one line an output is made of: every output that was compared, or that should have been.

use std::collections::BTreeMap;

use crate::result::{CaseResult, OutputResult, Report, Run};
use crate::verdict::why;

/// A case, with a name that no other case of the reports has.
pub(super) struct Suite<'a> {
    /// Level, both sides and the case.
    pub(super) name: String,
    pub(super) case: &'a CaseResult,
}

/// How an output did.
pub(super) enum Outcome {
    Pass,
    /// With the reason.
    Fail(String),
    /// Left out, with the reason.
    Skipped(String),
}

/// The cases of all reports.
pub(super) fn suites(reports: &[Report]) -> Vec<Suite<'_>> {
    let mut suites: Vec<Suite<'_>> = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for report in reports {
        for run in &report.runs {
            for case in &run.cases {
                let mut name = named(report, run, case);
                let times = seen.entry(name.clone()).or_default();
                *times += 1;
                if *times > 1 {
                    name.push_str(&format!(" ({times})"));
                }
                suites.push(Suite { name, case });
            }
        }
    }
    suites
}

fn named(report: &Report, run: &Run, case: &CaseResult) -> String {
    let name = format!(
        "level {} {}, {} against {}: {}",
        report.level, run.dtype, run.candidate.name, run.reference.name, case.name
    );
    terminal::line(&name).into_owned()
}

impl<'a> Suite<'a> {
    /// Name, figures if there are any, and outcome of every output.
    pub(super) fn rows(
        &self,
    ) -> impl Iterator<Item = (&'a str, Option<&'a OutputResult>, Outcome)> {
        let compared = self.case.outputs.iter().map(|output| {
            let outcome = match output.pass {
                true => Outcome::Pass,
                false => Outcome::Fail(why(output)),
            };
            (output.name.as_str(), Some(output), outcome)
        });
        let missing = self.case.not_compared.iter().map(|entry| {
            let outcome = match entry.fails {
                true => Outcome::Fail(entry.reason.clone()),
                false => Outcome::Skipped(entry.reason.clone()),
            };
            (entry.name.as_str(), None, outcome)
        });
        compared.chain(missing)
    }
}
