//! The result as JSON; `schema/result.schema.json` describes it.

use crate::result::{Report, SCHEMA, SCHEMA_VERSION};

/// The schema of what [`write()`] gives.
pub const RESULT_SCHEMA: &str = include_str!("../../schema/result.schema.json");

/// The result as JSON text.
pub fn write(report: &Report) -> String {
    serde_json::to_string_pretty(report).expect("a result holds nothing that JSON cannot")
}

/// Why a result could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{name}: no result of `parity ... --json`, version {SCHEMA_VERSION}: {message}")]
pub struct ResultError {
    name: String,
    message: String,
}

/// Reads what [`write()`] gave; `name` is only named in errors.
///
/// # Errors
/// Where it is no JSON, or a document of another kind or version.
pub fn read(text: &str, name: &str) -> Result<Report, ResultError> {
    let fault = |message: String| ResultError {
        name: name.into(),
        message,
    };
    let report: Report = serde_json::from_str(text).map_err(|e| fault(e.to_string()))?;
    if report.schema != SCHEMA || report.schema_version != SCHEMA_VERSION {
        return Err(fault(format!(
            "found {} version {}",
            report.schema, report.schema_version
        )));
    }
    Ok(report)
}
