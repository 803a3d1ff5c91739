//! Which scorers are run: the recommended ones, or those of a TOML file.
//!
//! ```toml
//! [[scorers]]
//! scorer = "CenterMaskScorer"
//! requested_output = "ATAC"
//! width = 501                       # left out: the whole interval
//! aggregation_type = "DIFF_LOG2_SUM"
//! ```
//!
//! Names and arguments are the SDK's.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use scorers::{Organism, OutputType, Scorer};
use terminal::{Speech, note};

use crate::channels::Channels;
use crate::tables::Tables;

/// Reads a file of scorers.
///
/// # Errors
/// Where it cannot be read, holds none, or one is not the SDK's or there twice; the message says which.
pub fn read<S: FromStr<Err: Display> + Display>(path: &Path) -> Result<Vec<S>> {
    let named = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(named)?;
    parse(&text).with_context(named)
}

fn parse<S: FromStr<Err: Display> + Display>(text: &str) -> Result<Vec<S>> {
    let document: toml::Table = text.parse()?;
    if let Some(other) = document.keys().find(|key| *key != "scorers") {
        bail!("`{other}` is not known: expected one table [[scorers]] a scorer");
    }
    let list = document.get("scorers").and_then(toml::Value::as_array);
    let list = list.filter(|list| !list.is_empty());
    let list = list.context("no scorer: expected one table [[scorers]] a scorer")?;
    let scorer = |(index, value): (usize, &toml::Value)| {
        let name = call(value).with_context(|| format!("scorer {}", index + 1))?;
        name.parse()
            .map_err(|error| anyhow::anyhow!("scorer {}: {error}", index + 1))
    };
    let scorers: Vec<S> = list.iter().enumerate().map(scorer).collect::<Result<_>>()?;
    let mut names: Vec<String> = Vec::new();
    for name in scorers.iter().map(ToString::to_string) {
        if let Some(first) = names.iter().position(|known| *known == name) {
            let (first, second) = (first + 1, names.len() + 1);
            bail!("scorer {second}: {name} is scorer {first} already; leave one of them out");
        }
        names.push(name);
    }
    Ok(scorers)
}

/// The SDK's text of a scorer: `CenterMaskScorer(requested_output=ATAC, width=501, aggregation_type=DIFF_SUM)`.
fn call(value: &toml::Value) -> Result<String> {
    let table = value.as_table().context("expected a table")?;
    let name = table.get("scorer").and_then(toml::Value::as_str);
    let name = name.context("`scorer` is missing: expected a name such as \"CenterMaskScorer\"")?;
    let mut arguments = Vec::new();
    for (key, value) in table.iter().filter(|(key, _)| *key != "scorer") {
        arguments.push(match value {
            toml::Value::String(text) => format!("{key}={text}"),
            toml::Value::Integer(number) => format!("{key}={number}"),
            other => bail!("`{key}` is {other}: expected a text or a whole number"),
        });
    }
    let has_width = [
        "CenterMaskScorer",
        "GeneMaskSplicingScorer",
        "GeneMaskScorer",
    ]
    .contains(&name);
    if has_width && !table.contains_key("width") {
        arguments.push("width=None".into());
    }
    Ok(format!("{name}({})", arguments.join(", ")))
}

/// The scorers that are run: those of `file`, or the organism's recommended ones as far as there is what they need, which is
/// said on stderr.
///
/// # Errors
/// As [`read`], and where a scorer of the file lacks what it needs.
pub fn choose(
    file: Option<&Path>,
    organism: Organism,
    channels: &BTreeMap<OutputType, Channels>,
    tables: &Tables,
) -> Result<Vec<Scorer>> {
    let has = |scorer: Scorer| channels.contains_key(&scorer.output());
    if let Some(path) = file {
        let scorers = read(path)?;
        for scorer in &scorers {
            if let Some(lack) = lack(*scorer, organism, has(*scorer), tables) {
                bail!("{}: {scorer} {lack}", path.display());
            }
        }
        return Ok(scorers);
    }
    let mut scorers = Scorer::recommended(organism);
    scorers.retain(
        |scorer| match lack(*scorer, organism, has(*scorer), tables) {
            None => true,
            Some(lack) => {
                note(Speech::Normal, &format!("note: left out: {scorer} {lack}"));
                false
            }
        },
    );
    if scorers.is_empty() {
        bail!("no scorer is left");
    }
    Ok(scorers)
}

/// What a scorer needs and there is not; `has_output` says whether its output has tracks.
pub fn lack(
    scorer: Scorer,
    organism: Organism,
    has_output: bool,
    tables: &Tables,
) -> Option<String> {
    let genes = matches!(
        scorer,
        Scorer::GeneMaskLfc { .. }
            | Scorer::GeneMaskActive { .. }
            | Scorer::GeneMaskSplicing { .. }
            | Scorer::Polyadenylation
            | Scorer::SpliceJunction
    );
    if !scorer.supports(organism) {
        Some(format!("is missing for {organism}"))
    } else if !has_output {
        Some(format!(
            "needs {}, of which the model has no track for {organism}",
            scorer.output()
        ))
    } else if genes && tables.annotation.is_none() {
        Some("needs genes: give --gtf".into())
    } else if scorer == Scorer::Polyadenylation && tables.polya.is_none() {
        Some("needs a table of polyadenylation sites: give --polya".into())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scorers::{Aggregation, OutputType};

    fn fault(text: &str) -> String {
        format!("{:#}", parse::<Scorer>(text).unwrap_err())
    }

    #[test]
    fn tables_become_the_scorers_of_the_sdk() {
        let text = r#"
            [[scorers]]
            scorer = "CenterMaskScorer"
            requested_output = "ATAC"
            width = 2001
            aggregation_type = "DIFF_SUM"
            [[scorers]]
            scorer = "GeneMaskSplicingScorer"
            requested_output = "SPLICE_SITES"
            [[scorers]]
            scorer = "ContactMapScorer"
        "#;
        let window = Scorer::CenterMask {
            output: OutputType::Atac,
            width: Some(2001),
            aggregation: Aggregation::DiffSum,
        };
        let splicing = Scorer::GeneMaskSplicing {
            output: OutputType::SpliceSites,
            width: None,
        };
        let found: Vec<Scorer> = parse(text).unwrap();
        assert_eq!(found, [window, splicing, Scorer::ContactMap]);
    }

    #[test]
    fn a_fault_names_the_scorer() {
        let one = "[[scorers]]\nscorer = \"CenterMaskScorer\"\n";
        assert!(fault("").contains("no scorer"));
        assert!(fault("[scorer]\n").contains("`scorer` is not known"));
        assert!(fault("[[scorers]]\nwidth = 3").contains("scorer 1: `scorer` is missing"));
        assert!(fault(one).contains("scorer 1"));
        let width = "requested_output = \"ATAC\"\naggregation_type = \"DIFF_SUM\"\nwidth = 500";
        let found = fault(&format!("{one}{width}"));
        assert!(found.contains("width 500 is not supported"), "{found}");
        let whole = format!("{one}{}", width.replace("500", "501"));
        let found = fault(&format!("{whole}\n{whole}"));
        assert!(found.contains("scorer 2: CenterMaskScorer(requested_output=ATAC, width=501"));
        assert!(found.contains("is scorer 1 already; leave one of them out"));
        let found = fault(&format!("{one}width = 1.5"));
        assert!(found.contains("`width` is 1.5"), "{found}");
    }
}
