//! The result as JSON; `schema/result.schema.json` describes it.

use serde::Deserialize;

use crate::result::{Report, SCHEMA, SCHEMA_VERSION};

/// The schema of what [`write()`] gives.
pub const RESULT_SCHEMA: &str = include_str!("../../schema/result.schema.json");

/// The result as JSON text.
pub fn write(report: &Report) -> String {
    serde_json::to_string_pretty(report).expect("a result holds nothing that JSON cannot")
}

/// Why a result could not be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "{name}: no result of level1 to level4 or compare, as --json gives it (version {SCHEMA_VERSION}): {message}"
)]
pub struct ResultError {
    name: String,
    message: String,
}

/// What all documents begin with.
#[derive(Deserialize)]
struct Document {
    schema: Option<String>,
    schema_version: Option<u32>,
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
    let document: Document = serde_json::from_str(text).map_err(|e| fault(e.to_string()))?;
    match document.schema {
        Some(schema) if schema != SCHEMA => {
            return Err(fault(format!("`{schema}` is another document")));
        }
        _ => {}
    }
    if let Some(version) = document.schema_version.filter(|&of| of != SCHEMA_VERSION) {
        return Err(fault(format!("found version {version}")));
    }
    serde_json::from_str(text).map_err(|e| fault(e.to_string()))
}
