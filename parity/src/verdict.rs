//! What follows from the runs: agreement, and why.

use parity_stats::Stat;

use crate::result::{CaseResult, OutputResult, Run, Verdict};

/// Reasons that are listed.
const REASONS: usize = 12;

/// Sums the runs up.
pub fn verdict(runs: &[Run], level: u8) -> Verdict {
    let outputs = || {
        runs.iter()
            .flat_map(|run| run.cases.iter().map(move |case| (run, case)))
            .flat_map(|(run, case)| case.outputs.iter().map(move |output| (run, case, output)))
    };
    let missing: usize = runs
        .iter()
        .flat_map(|run| &run.cases)
        .map(|case| case.not_compared.iter().filter(|n| n.fails).count())
        .sum();
    let total = outputs().count() + missing;
    let passed = outputs().filter(|(_, _, output)| output.pass).count();
    let cases: usize = runs.iter().map(|run| run.cases.len()).sum();
    // Nothing compared is no agreement.
    let agree = runs.iter().all(|run| run.pass) && passed > 0;
    let mut failures = failures(runs);
    let more = failures.len().saturating_sub(REASONS);
    failures.truncate(REASONS);
    if more > 0 {
        failures.push(format!("and {more} more"));
    }
    if agree {
        failures.extend(
            outputs()
                .filter_map(farthest)
                .max_by(|a, b| a.0.total_cmp(&b.0))
                .map(|(_, line)| format!("farthest from the reference: {line}")),
        );
    }
    let word = if agree { "agrees" } else { "disagrees" };
    Verdict {
        agree,
        line: format!(
            "level {level}: the candidate {word}: {passed} of {total} outputs pass in {cases} case{}",
            if cases == 1 { "" } else { "s" }
        ),
        outputs: total,
        passed,
        reasons: failures,
        decision: None,
    }
}

/// What fails, worst first: what is missing, NaN and infinity elsewhere, then by distance.
fn failures(runs: &[Run]) -> Vec<String> {
    let mut lines: Vec<(f64, String)> = Vec::new();
    for run in runs {
        for case in &run.cases {
            let place = format!("{} {}", run.reference.name, case.name);
            for entry in case.not_compared.iter().filter(|n| n.fails) {
                let line = format!("{place} {}: {}", entry.name, entry.reason);
                lines.push((f64::INFINITY, line));
            }
            for output in case.outputs.iter().filter(|output| !output.pass) {
                let line = format!("{place} {}: {}", output.name, why(output));
                let distance = match output.summary.non_finite.mismatches {
                    0 => output.summary.relative_l2.value().unwrap_or(0.0),
                    _ => f64::MAX,
                };
                lines.push((distance, line));
            }
        }
    }
    lines.sort_by(|a, b| b.0.total_cmp(&a.0));
    lines.into_iter().map(|(_, line)| line).collect()
}

/// The failed checks of an output in words.
pub fn why(output: &OutputResult) -> String {
    let mut parts: Vec<String> = output
        .checks
        .iter()
        .filter(|check| !check.pass)
        .map(|check| check.sentence())
        .collect();
    if let Some(floor) = output.floor.as_ref().filter(|floor| !floor.pass) {
        let ratio = match floor.ratio {
            Stat::Defined(ratio) if ratio < 100.0 => format!("{ratio:.3} times"),
            Stat::Defined(ratio) => format!("{ratio:.1e} times"),
            Stat::Undefined(_) => "unequal, where".into(),
        };
        parts.push(format!(
            "{ratio} JAX's distance to itself of {:.2e} ({}), limit {:.3}",
            floor.floor, floor.pair, floor.limit
        ));
    }
    parts.join("; ")
}

fn farthest((run, case, output): (&Run, &CaseResult, &OutputResult)) -> Option<(f64, String)> {
    let l2 = output.summary.relative_l2.value()?;
    let line = format!(
        "{} {} {}: relative L2 {l2:.2e}",
        run.reference.name, case.name, output.name
    );
    output.reference_dtype.is_float().then_some((l2, line))
}
