//! The command that tells more.

use super::Failed;
use crate::outputs::Kind;
use crate::result::{Report, Run};

/// The next command, and why that one.
pub(super) fn next_command(report: &Report, failed: &[Failed<'_>], file: &str) -> (String, String) {
    if report.verdict.agree {
        return match report.floor {
            Some(_) => (
                format!("parity verdict {}", quoted(file)),
                "everything passes, also against the floor: the verdict says whether to use it".into(),
            ),
            None => (
                floor_command(report),
                "everything passes the fixed bounds; the noise floor tells whether it is as near as the reference is to itself"
                    .into(),
            ),
        };
    }
    let worst = failed.first();
    let run = worst.map(|worst| worst.run).or(report.runs.first());
    let Some(run) = run else {
        return (
            "parity --help".into(),
            "the result holds no comparison".into(),
        );
    };
    let case = worst.map(|worst| worst.case.name.as_str());
    let case = case.map_or(String::new(), |case| format!(" --case {}", quoted(case)));
    let reference = quoted(&run.reference.path);
    let has_taps = report
        .runs
        .iter()
        .flat_map(|run| &run.cases)
        .flat_map(|case| &case.outputs)
        .any(|output| output.kind == Kind::Tap);
    let is_model = is_model(report, run);
    match (has_taps, is_model) {
        (true, true) => (
            format!("parity bisect --model {} --recording {reference}{case}", quoted(&run.candidate.path)),
            "the recording holds module outputs: each module is run alone on the recorded input, and the first that is wrong is \
             named"
                .into(),
        ),
        (true, false) => (
            format!("parity bisect --recording {reference} --candidate {}{case}", quoted(&run.candidate.path)),
            "both recordings hold module outputs: they show where the error appears, though not which module makes it".into(),
        ),
        (false, _) => (
            format!(
                "python parity/recorder/record.py --taps --out {}",
                quoted(&format!("{}_taps", run.reference.path.trim_end_matches('/')))
            ),
            "the reference holds no module outputs; record it with taps (the other arguments as for this recording), then run \
             `parity bisect`"
                .into(),
        ),
    }
}

/// The candidate is a model that can be run, no recording.
fn is_model(report: &Report, run: &Run) -> bool {
    report.command != "compare" && run.candidate.framework == "burn"
}

fn floor_command(report: &Report) -> String {
    let reference = report
        .runs
        .first()
        .map_or("RECORDING".into(), |run| quoted(&run.reference.path));
    format!("parity floor {reference} ANOTHER_RECORDING_OF_THE_REFERENCE --out floor.json")
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
