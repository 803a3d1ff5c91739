//! A result in plain sentences: what failed, how badly, the likely cause, and what to run next.
//!
//! Nothing is guessed beyond what the result holds: every sentence on a cause names the figures that speak for it.

mod activation;
mod cause;
mod next;
mod weights;

use parity_stats::Stat;
use serde::Serialize;

use crate::evidence::Changes;
use crate::result::{CaseResult, OutputResult, Report, Run};
use crate::verdict::why;

pub use cause::Cause;
use cause::causes;
use next::next_command;

/// Failures that are told one by one.
const TOLD: usize = 3;

/// What a result means.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// What was compared, and how it went.
    pub summary: Vec<String>,
    /// What failed and how badly, worst first.
    pub failures: Vec<String>,
    /// Likely causes, the likeliest first.
    pub causes: Vec<Cause>,
    /// The command to run next.
    pub next: String,
    /// Why that one.
    pub because: String,
}

/// A failed output and where it stands.
pub(crate) struct Failed<'a> {
    pub(crate) run: &'a Run,
    pub(crate) case: &'a CaseResult,
    pub(crate) output: &'a OutputResult,
}

/// Explains a result; `file` is its path, for commands, and `changes` what became of the model's weights since the conversion.
pub fn explain(report: &Report, file: &str, changes: Option<&Changes>) -> Explanation {
    let failed = failed(report);
    let causes = causes(report, &failed, changes);
    let (next, because) = next_command(report, &failed, file);
    let mut summary = summary(report, &failed);
    if let Some(changes) =
        changes.filter(|changes| changes.changed.is_empty() && !failed.is_empty())
    {
        summary.push(format!(
            "All {} tensors of the model are those that `convert` wrote.",
            changes.tensors
        ));
    }
    Explanation {
        summary,
        failures: failures(report, &failed),
        causes,
        next,
        because,
    }
}

/// Outputs that failed, the farthest in units of what is allowed first.
fn failed(report: &Report) -> Vec<Failed<'_>> {
    let mut failed = Vec::new();
    for run in &report.runs {
        for case in &run.cases {
            let outputs = case.outputs.iter().filter(|output| !output.pass);
            failed.extend(outputs.map(|output| Failed { run, case, output }));
        }
    }
    failed.sort_by(|a, b| badness(b.output).total_cmp(&badness(a.output)));
    failed
}

/// How far a failed output is from what is allowed: NaN first, then by the ratio to the floor or by distance.
fn badness(output: &OutputResult) -> f64 {
    if output.summary.non_finite.mismatches > 0 {
        return f64::INFINITY;
    }
    let ratio = output.floor.as_ref().and_then(|floor| floor.ratio.value());
    ratio.or(output.summary.relative_l2.value()).unwrap_or(0.0)
}

fn summary(report: &Report, failed: &[Failed<'_>]) -> Vec<String> {
    let mut lines = vec![format!("{}.", report.verdict.line)];
    for run in &report.runs {
        let cases: Vec<&str> = run.cases.iter().map(|case| case.name.as_str()).collect();
        lines.push(format!(
            "{} ({}) was held to {} ({}) with the bounds of {} on {}.",
            run.candidate.name,
            run.candidate.made_by,
            run.reference.name,
            run.reference.made_by,
            run.dtype,
            match cases.len() {
                1 => format!("one case, {}", cases[0]),
                n => format!("{n} cases"),
            }
        ));
    }
    let judged = report
        .runs
        .iter()
        .flat_map(|run| &run.cases)
        .flat_map(|case| &case.outputs);
    let ratios = judged.filter_map(|output| {
        let ratio = output.floor.as_ref()?.ratio.value()?;
        Some((ratio, output))
    });
    match (&report.floor, ratios.max_by(|a, b| a.0.total_cmp(&b.0))) {
        (Some(_), Some((ratio, output))) => lines.push(format!(
            "Against the noise floor (how far the reference is from itself in another setting) the farthest output is {}: \
             {} its floor of {:.2e}, and {:.2} is allowed.",
            output.name,
            times(ratio),
            output.floor.as_ref().map_or(0.0, |floor| floor.floor),
            output.floor.as_ref().map_or(0.0, |floor| floor.limit),
        )),
        (Some(_), None) => lines.push("The noise floor that was given knows none of the outputs.".into()),
        (None, _) => lines.push(
            "No noise floor was given, so the result says how far the outputs are, and not how far that is beyond the \
             reference's own noise."
                .into(),
        ),
    }
    let missing = missing(report);
    if failed.is_empty() && missing.is_empty() && report.verdict.agree {
        lines.push("Nothing failed.".into());
    }
    lines
}

fn missing(report: &Report) -> Vec<String> {
    let cases = report.runs.iter().flat_map(|run| &run.cases);
    cases
        .flat_map(|case| {
            let fails = case.not_compared.iter().filter(|missing| missing.fails);
            fails.map(|missing| format!("{}: {}: {}", case.name, missing.name, missing.reason))
        })
        .collect()
}

fn failures(report: &Report, failed: &[Failed<'_>]) -> Vec<String> {
    let mut lines: Vec<String> = missing(report)
        .into_iter()
        .map(|line| format!("{line}."))
        .collect();
    for failed in failed.iter().take(TOLD) {
        let output = failed.output;
        let distance = match output.summary.relative_l2 {
            Stat::Defined(l2) => format!("relative L2 {l2:.2e}"),
            Stat::Undefined(reason) => format!("no distance ({reason})"),
        };
        let ratio = output.floor.as_ref().and_then(|floor| floor.ratio.value());
        let floor = ratio.map_or(String::new(), |ratio| {
            format!(", {} the floor", times(ratio))
        });
        let place = output.max_place.as_ref().map_or(String::new(), |place| {
            format!("; the largest difference stands at {place:?}")
        });
        lines.push(format!(
            "{} in {} ({}): {distance}{floor}: {}{place}.",
            output.name,
            failed.case.name,
            failed.run.reference.name,
            why(output)
        ));
    }
    if failed.len() > TOLD {
        lines.push(format!("{} further outputs fail.", failed.len() - TOLD));
    }
    lines
}

pub(crate) fn times(ratio: f64) -> String {
    match ratio {
        ratio if ratio < 100.0 => format!("{ratio:.2} times"),
        ratio => format!("{ratio:.1e} times"),
    }
}
