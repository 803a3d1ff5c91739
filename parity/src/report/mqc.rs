//! MultiQC custom content: a table a line an output, in a file that MultiQC finds by its name (`*_mqc.json`).
//!
//! Format: MultiQC's documentation, "Custom content", `plot_type: table`.

use serde_json::{Map, Value, json};

use crate::result::Report;

/// The results as MultiQC custom content.
pub fn write(reports: &[Report]) -> String {
    let mut data = Map::new();
    for run in reports.iter().flat_map(|report| &report.runs) {
        for case in &run.cases {
            for output in &case.outputs {
                let summary = &output.summary;
                let mut row = Map::new();
                let mut put = |key: &str, value: Option<f64>| {
                    if let Some(value) = value {
                        row.insert(key.into(), value.into());
                    }
                };
                put("relative_l2", summary.relative_l2.value());
                put("one_minus_pearson", summary.one_minus_pearson.value());
                put("max_abs", summary.max_abs().value());
                put(
                    "within",
                    output
                        .checks
                        .iter()
                        .find(|c| c.name == "within")
                        .and_then(|c| c.value.value()),
                );
                put(
                    "floor_ratio",
                    output.floor.as_ref().and_then(|f| f.ratio.value()),
                );
                row.insert(
                    "verdict".into(),
                    if output.pass { "pass" } else { "fail" }.into(),
                );
                let name = format!("{} | {} | {}", run.reference.name, case.name, output.name);
                data.insert(name, Value::Object(row));
            }
        }
    }
    let header = |title: &str, description: &str, format: &str| json!({ "title": title, "description": description, "format": format });
    let lines: Vec<&str> = reports.iter().map(|r| r.verdict.line.as_str()).collect();
    let document = json!({
        "id": "alphagenome_parity",
        "section_name": "AlphaGenome parity",
        "description": lines.join("; "),
        "plot_type": "table",
        "pconfig": { "id": "alphagenome_parity_table", "title": "AlphaGenome parity: outputs", "col1_header": "Output" },
        "headers": {
            "relative_l2": header("Relative L2", "Distance from the reference over its norm", "{:.2e}"),
            "one_minus_pearson": header("1 - r", "One minus Pearson's correlation", "{:.2e}"),
            "max_abs": header("Max difference", "Largest absolute difference", "{:.2e}"),
            "within": header("Within", "Share of values within the level's tolerance", "{:.4f}"),
            "floor_ratio": header("Floor ratio", "Distance over JAX's distance to itself", "{:.2f}"),
            "verdict": { "title": "Verdict", "cond_formatting_rules": { "pass": [{ "s_eq": "pass" }], "fail": [{ "s_eq": "fail" }] } }
        },
        "data": data
    });
    format!("{document:#}\n")
}
