//! MultiQC custom content: a table a line an output, in a file that MultiQC finds by its name (`*_mqc.json`).
//!
//! Format: MultiQC's documentation, "Custom content", `plot_type: table`. MultiQC takes the name of a row for a file's: it
//! drops what stands before the last `/` and what follows an extension (`fn_clean_exts`: `.fa`, `_counts`, `ccs`, ...), joins
//! rows whose names are then equal, and does so across files of one `id`. So a row begins with its number and has no `/`, its
//! names stand in columns of their own, and the `id` says what the table holds.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value, json};

use super::rows::{Outcome, suites};
use crate::result::{OutputResult, Report};

/// The results as MultiQC custom content.
pub fn write(reports: &[Report]) -> String {
    let suites = suites(reports);
    let rows: Vec<_> = suites
        .iter()
        .flat_map(|suite| suite.rows().map(move |row| (suite, row)))
        .collect();
    let digits = rows.len().to_string().len();
    let mut data = Map::new();
    for (number, (suite, (output, figures, outcome))) in rows.into_iter().enumerate() {
        let output = terminal::line(output);
        let mut row = figures.map_or_else(Map::new, self::figures);
        let (verdict, reason) = match outcome {
            Outcome::Pass => ("pass", None),
            Outcome::Fail(why) => ("fail", Some(why)),
            Outcome::Skipped(why) => ("left out", Some(why)),
        };
        row.insert("verdict".into(), verdict.into());
        row.insert("output".into(), output.as_ref().into());
        row.insert("compared".into(), suite.name.clone().into());
        row.extend(reason.map(|reason| ("reason".into(), terminal::line(&reason).into())));
        let name = format!("{:0digits$} {output} in {}", number + 1, suite.name);
        data.insert(name.replace('/', ":"), Value::Object(row));
    }
    let lines: Vec<&str> = reports.iter().map(|r| r.verdict.line.as_str()).collect();
    let id = id(&data);
    let document = json!({
        "id": id,
        "parent_id": "alphagenome_parity",
        "parent_name": "AlphaGenome parity",
        "section_name": reports.first().map_or(String::new(), |report| format!("{} outputs", report.command)),
        "description": terminal::line(&lines.join("; ")),
        "plot_type": "table",
        "pconfig": {
            "id": format!("{id}_table"),
            "title": "AlphaGenome parity: outputs",
            "col1_header": "Output",
            // A row that fails is looked for by name, also among more rows than MultiQC draws as a table by itself.
            "no_violin": true,
        },
        "headers": headers(),
        "data": data
    });
    format!("{document:#}\n")
}

fn figures(output: &OutputResult) -> Map<String, Value> {
    let summary = &output.summary;
    let within = output.checks.iter().find(|check| check.name == "within");
    [
        ("relative_l2", summary.relative_l2.value()),
        ("one_minus_pearson", summary.one_minus_pearson.value()),
        ("max_abs", summary.max_abs().value()),
        ("within", within.and_then(|check| check.value.value())),
        (
            "floor_ratio",
            output.floor.as_ref().and_then(|floor| floor.ratio.value()),
        ),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?.into())))
    .collect()
}

/// Tables of other results get another name, and the same result has one name.
fn id(data: &Map<String, Value>) -> String {
    let mut hasher = DefaultHasher::new();
    for (name, row) in data {
        (name, row.to_string()).hash(&mut hasher);
    }
    format!("alphagenome_parity_{:016x}", hasher.finish())
}

fn headers() -> Value {
    let figure = |title: &str, description: &str, format: &str| json!({ "title": title, "description": description, "format": format });
    let name = |title: &str, description: &str| json!({ "title": title, "description": description, "hidden": true });
    json!({
        "verdict": { "title": "Verdict", "cond_formatting_rules": { "pass": [{ "s_eq": "pass" }], "fail": [{ "s_eq": "fail" }] } },
        "relative_l2": figure("Relative L2", "Distance from the reference over its norm", "{:.2e}"),
        "one_minus_pearson": figure("1 - r", "One minus Pearson's correlation", "{:.2e}"),
        "max_abs": figure("Max difference", "Largest absolute difference", "{:.2e}"),
        "within": figure("Within", "Share of values within the level's tolerance", "{:.4f}"),
        "floor_ratio": figure("Floor ratio", "Distance over JAX's distance to itself", "{:.2f}"),
        "reason": { "title": "Reason", "description": "Why it fails, or was left out" },
        "output": name("Output", "The whole name of the output"),
        "compared": name("Compared", "Level, candidate, reference and case"),
    })
}
