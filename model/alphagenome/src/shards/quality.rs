//! What MultiQC shows of a run: a line a share, and versions. It finds both files by their names.
//!
//! Format: MultiQC's documentation, "Custom content" (`plot_type: table`) and "Listing software versions" (`*_mqc_versions.yml`).

use std::path::Path;

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::Finished;
use crate::work::replace;

const TABLE: &str = "alphagenome_score_mqc.json";
const VERSIONS: &str = "alphagenome_mqc_versions.yml";

/// Writes both into a folder.
///
/// # Errors
/// Where it cannot be written.
pub fn write<'a>(folder: &Path, shares: impl Iterator<Item = &'a Finished>) -> Result<()> {
    let versions = format!(
        "AlphaGenome:\n  alphagenome: \"{}\"\n",
        env!("CARGO_PKG_VERSION")
    );
    replace(&folder.join(VERSIONS), versions.as_bytes())?;
    replace(&folder.join(TABLE), table(shares).as_bytes())
}

fn table<'a>(shares: impl Iterator<Item = &'a Finished>) -> String {
    let (mut data, mut variants, mut failures) = (Map::new(), 0, 0);
    for share in shares {
        variants += share.items;
        failures += share.failures;
        // MultiQC drops what stands before a slash.
        let name = format!("share {}", share.shard.replace('/', " of "));
        data.insert(name, row(share));
    }
    let document = json!({
        "id": "alphagenome_score",
        "section_name": "AlphaGenome scores",
        "description": format!("{variants} variants, {failures} of them without scores"),
        "plot_type": "table",
        "pconfig": {
            "id": "alphagenome_score_table",
            "title": "AlphaGenome: shares",
            "col1_header": "Share",
        },
        "headers": {
            "variants": { "title": "Variants", "format": "{:,.0f}" },
            "failures": { "title": "Without scores", "format": "{:,.0f}", "scale": "Reds" },
            "rows": { "title": "Rows", "format": "{:,.0f}" },
            "seconds": { "title": "Time", "suffix": " s", "format": "{:,.1f}" },
            "rate": { "title": "Variants/s", "description": "In the run that finished the share", "format": "{:,.2f}" },
            "devices": { "title": "Devices" },
            "lost": { "title": "Devices that failed", "format": "{:,.0f}", "scale": "Reds" },
        },
        "data": data,
    });
    format!("{document:#}\n")
}

fn row(share: &Finished) -> Value {
    let names: Vec<_> = share
        .devices
        .iter()
        .map(|device| device.name.as_str())
        .collect();
    let lost = share
        .devices
        .iter()
        .filter(|device| device.failure.is_some());
    json!({
        "variants": share.items,
        "failures": share.failures,
        "rows": share.rows,
        "seconds": share.seconds,
        "rate": share.scored as f64 / share.seconds.max(1e-9),
        "devices": names.join(" "),
        "lost": lost.count(),
    })
}
