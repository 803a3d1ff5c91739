//! Cases and outputs that the arguments name.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use crate::cli::Judging;
use crate::recording::Recording;

/// Names shown of those that there are.
const SHOWN: usize = 48;

/// Refuses a `--case` that one of the sides has in no recording, and an `--only` that no output's name holds: a word mistyped
/// leaves nothing to compare, and that is no disagreement.
///
/// # Errors
/// Where that is so; with the names at hand.
pub(super) fn check(judging: &Judging, sides: &[&[Recording]]) -> Result<()> {
    for recordings in sides {
        let cases = || recordings.iter().flat_map(|r| &r.manifest.cases);
        let known: BTreeSet<&str> = cases().map(|case| case.name.as_str()).collect();
        let mut named = judging.case.iter();
        if let Some(unknown) = named.find(|name| !known.contains(name.as_str())) {
            bail!(
                "--case {unknown}: {} {} no such case; there {}",
                places(recordings),
                if recordings.len() == 1 { "has" } else { "have" },
                list(&known)
            );
        }
        let Some(part) = &judging.only else { continue };
        let wanted = |name: &str| judging.case.is_empty() || judging.case.iter().any(|c| c == name);
        let outputs: BTreeSet<&str> = cases()
            .filter(|case| wanted(&case.name))
            .flat_map(|case| case.outputs.keys().map(String::as_str))
            .collect();
        if !outputs.iter().any(|name| name.contains(part.as_str())) {
            bail!(
                "--only {part}: no output's name in {} holds this text; there {}",
                places(recordings),
                list(&outputs)
            );
        }
    }
    Ok(())
}

fn places(recordings: &[Recording]) -> String {
    let paths = recordings.iter().map(|r| r.path.display().to_string());
    paths.collect::<Vec<_>>().join(", ")
}

fn list(names: &BTreeSet<&str>) -> String {
    // Module outputs stand last: they are many, and seldom what was meant.
    let (taps, rest): (Vec<&str>, Vec<&str>) =
        names.iter().partition(|name| name.starts_with("taps/"));
    let all = [rest, taps].concat();
    let shown = all[..all.len().min(SHOWN)].join(", ");
    let more = all.len().saturating_sub(SHOWN);
    match (all.len(), more) {
        (0, _) => "is none".into(),
        (1, _) => format!("is {shown}"),
        (_, 0) => format!("are {shown}"),
        _ => format!("are {shown} and {more} more"),
    }
}
