//! `parity verdict`: accept, validate or fall back.

use anyhow::{Context, Result};

use super::write::{self, both};
use crate::cli::VerdictArgs;
use crate::decision::{decide, word};
use crate::exit::Exit;
use crate::levels::Thresholds;
use crate::progress::note;
use crate::report::grid::{terminal_width, wrapped};
use crate::report::json;
use crate::result::{Decision, Report};

/// Decides on the results named, or on a run of level 2.
///
/// # Errors
/// Where a result cannot be read, or level 2 could not run.
pub fn run(args: &VerdictArgs) -> Result<Exit> {
    let mut reports = read(args)?;
    let judging = &args.level.judging;
    let thresholds = match &judging.thresholds {
        Some(path) => Thresholds::read(path)?,
        None => Thresholds::profile(&judging.profile)?,
    };
    let decided = decide(&reports, &thresholds.decision);
    for report in &mut reports {
        report.verdict.decision = Some(decided.decision);
        report
            .verdict
            .reasons
            .extend(decided.evidence.iter().cloned());
    }
    let text = if args.level.writing.json {
        let document = serde_json::json!({
            "schema": "parity-verdict",
            "schema_version": 1,
            "decision": decided.decision,
            "evidence": decided.evidence,
            "rule": thresholds.decision,
            "results": reports,
        });
        format!("{document:#}\n")
    } else {
        let width = terminal_width();
        let mut text = String::new();
        for report in &reports {
            text.push_str(&format!("{}\n", report.verdict.line));
        }
        for line in &decided.evidence {
            text.push_str(&wrapped(&format!("  {line}"), 6, width));
            text.push('\n');
        }
        text.push_str(&format!("verdict: {}\n", word(decided.decision)));
        text
    };
    both(&text, || write::files(&reports, &args.level.writing))?;
    Ok(match decided.decision {
        Decision::Accept => Exit::Agree,
        Decision::Validate => Exit::Validate,
        Decision::FallBack => Exit::Disagree,
    })
}

fn read(args: &VerdictArgs) -> Result<Vec<Report>> {
    if args.results.is_empty() {
        #[cfg(feature = "burn")]
        return Ok(vec![super::level::compare(&args.level, 2, "verdict")?]);
        #[cfg(not(feature = "burn"))]
        anyhow::bail!("this build has no model: name results of --json");
    }
    let mut texts: Vec<(String, String)> = Vec::new();
    for path in &args.results {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(|| name.clone())?;
        match texts.iter().find(|(_, known)| *known == text) {
            Some((first, _)) => {
                note(&format!("notice: {name} is {first} again, and counts once"));
            }
            None => texts.push((name, text)),
        }
    }
    let read = |(name, text): &(String, String)| Ok(json::read(text, name)?);
    texts.iter().map(read).collect()
}
