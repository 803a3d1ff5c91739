//! `parity explain`: a result in plain sentences.

use std::path::Path;

use anyhow::{Context, Result};

use super::write::print;
use crate::cli::Explain;
use crate::evidence::Changes;
use crate::exit::Exit;
use crate::explain::{Explanation, explain};
use crate::report::grid::{terminal_width, wrapped};
use crate::report::json;
use crate::result::Report;

/// Explains; ends with the result's own verdict.
///
/// # Errors
/// Where the file is no result.
pub fn run(args: &Explain) -> Result<Exit> {
    let name = args.result.display().to_string();
    let text = std::fs::read_to_string(&args.result).with_context(|| name.clone())?;
    let report = json::read(&text, &name)?;
    let explanation = explain(&report, &name, changes(&report).as_ref());
    if args.json {
        let document = serde_json::json!({
            "schema": "parity-explanation",
            "schema_version": 1,
            "result": name,
            "agree": report.verdict.agree,
            "explanation": explanation,
        });
        print(&format!("{document:#}\n"))?;
    } else {
        print(&sentences(&explanation))?;
    }
    Ok(Exit::of(report.verdict.agree))
}

/// What became of the weights of the model that was run, where it still is there with its ledger.
fn changes(report: &Report) -> Option<Changes> {
    let ran = report
        .runs
        .iter()
        .find(|run| run.candidate.framework == "burn");
    let dir = Path::new(&ran.filter(|_| report.command != "compare")?.candidate.path);
    #[cfg(feature = "burn")]
    return crate::evidence::changes(dir, &model::Parts::open(dir).ok()?, |_| true);
    #[cfg(not(feature = "burn"))]
    {
        let _ = dir;
        None
    }
}

fn sentences(explanation: &Explanation) -> String {
    let width = terminal_width();
    let mut text = String::new();
    let mut line = |line: &str, indent: usize| {
        text.push_str(&wrapped(line, indent, width));
        text.push('\n');
    };
    for sentence in &explanation.summary {
        line(sentence, 0);
    }
    if !explanation.failures.is_empty() {
        line("", 0);
        line("What failed, worst first:", 0);
        for sentence in &explanation.failures {
            line(&format!("  {sentence}"), 4);
        }
    }
    if !explanation.causes.is_empty() {
        line("", 0);
        line("Likely cause, the most specific first:", 0);
        for cause in &explanation.causes {
            line(&format!("  {}", cause.cause), 4);
            line(&format!("    Evidence: {}.", cause.evidence), 6);
        }
    }
    line("", 0);
    line(&format!("Next, because {}:", explanation.because), 2);
    line("", 0);
    text.push_str(&format!("    {}\n", explanation.next));
    text
}
