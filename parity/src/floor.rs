//! The noise floor: how far JAX is from JAX, per output, measured on two or more recordings.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Version of the floor file.
pub const FLOOR_VERSION: u32 = 1;

/// The largest ratio that passes for an output of `values` values: `ratio * (1 + 2 / sqrt(values))`.
///
/// Numerator and denominator are both root mean squares over `n` values. Each has a relative standard error of `1 / sqrt(2 n)`
/// where the differences are normal and independent, so their ratio has `1 / sqrt(n)`: the limit allows for two of them. That
/// matters for the smallest outputs only (1.25 becomes 1.88 at 16 values and 1.26 at 60,000).
pub fn limit(ratio: f64, values: u64) -> f64 {
    ratio * (1.0 + 2.0 / (values as f64).sqrt())
}

/// A floor file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    /// `parity-floor`.
    pub schema: String,
    /// [`FLOOR_VERSION`].
    pub schema_version: u32,
    /// The recordings that were compared with each other.
    pub recordings: Vec<String>,
    /// The largest distance of any pair, by case and output.
    pub cases: BTreeMap<String, BTreeMap<String, FloorEntry>>,
    /// The largest distance of any pair and case, by output: for cases that were not measured.
    pub outputs: BTreeMap<String, FloorEntry>,
}

/// The floor of one output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FloorEntry {
    /// Relative L2 distance of the pair that is furthest apart.
    pub relative_l2: f64,
    /// `1 - r` of that pair, where it has one.
    pub one_minus_pearson: Option<f64>,
    /// That pair and case.
    pub pair: String,
    /// Pairs and cases that were measured.
    pub measured: usize,
}

/// Why a floor file could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{path}: no floor file of version 1 ({message}); make one with `parity floor`")]
pub struct FloorError {
    path: String,
    message: String,
}

impl Floor {
    /// An empty floor for these recordings.
    pub fn new(recordings: Vec<String>) -> Self {
        Self {
            schema: "parity-floor".into(),
            schema_version: FLOOR_VERSION,
            recordings,
            cases: BTreeMap::new(),
            outputs: BTreeMap::new(),
        }
    }

    /// Reads a floor file.
    ///
    /// # Errors
    /// Where it cannot be read or is of another kind or version.
    pub fn read(path: &Path) -> Result<Self, FloorError> {
        let fault = |message: String| FloorError {
            path: path.display().to_string(),
            message,
        };
        let text = std::fs::read_to_string(path).map_err(|e| fault(e.to_string()))?;
        let floor: Self = serde_json::from_str(&text).map_err(|e| fault(e.to_string()))?;
        if floor.schema != "parity-floor" || floor.schema_version != FLOOR_VERSION {
            let found = format!("{} {}", floor.schema, floor.schema_version);
            return Err(fault(format!("found {found}")));
        }
        Ok(floor)
    }

    /// The floor of an output in a case, or over all cases where that case was not measured.
    pub fn of(&self, case: &str, output: &str) -> Option<&FloorEntry> {
        let output = output.trim_end_matches("@given");
        let measured = self.cases.get(case).and_then(|outputs| outputs.get(output));
        measured.or_else(|| self.outputs.get(output))
    }

    /// Takes in the distance of one pair on one case.
    pub fn add(&mut self, case: &str, output: &str, distance: FloorEntry) {
        let entry = |outputs: &mut BTreeMap<String, FloorEntry>| match outputs.get_mut(output) {
            None => {
                outputs.insert(output.into(), distance.clone());
            }
            Some(known) => {
                let measured = known.measured + distance.measured;
                if distance.relative_l2 > known.relative_l2 {
                    *known = distance.clone();
                }
                known.measured = measured;
            }
        };
        entry(self.cases.entry(case.into()).or_default());
        entry(&mut self.outputs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_allows_for_few_values() {
        for (values, expected) in [(16, 1.875), (1000, 1.329_06), (60_000, 1.260_21)] {
            let limit = limit(1.25, values);
            assert!((limit - expected).abs() < 1e-5, "{values}: {limit}");
        }
    }

    #[test]
    fn the_farthest_pair_counts_and_its_own_case_first() {
        let entry = |relative_l2, pair: &str| FloorEntry {
            relative_l2,
            one_minus_pearson: None,
            pair: pair.into(),
            measured: 1,
        };
        let mut floor = Floor::new(Vec::new());
        floor.add("a", "x", entry(1e-3, "1"));
        floor.add("a", "x", entry(3e-3, "2"));
        floor.add("a", "x", entry(2e-3, "3"));
        floor.add("b", "x", entry(9e-3, "4"));
        let of = |case, output| floor.of(case, output).map(|e| (e.relative_l2, e.measured));
        assert_eq!(of("a", "x"), Some((3e-3, 3)));
        assert_eq!(of("a", "x@given"), Some((3e-3, 3)));
        assert_eq!(of("c", "x"), Some((9e-3, 4)));
        assert_eq!(of("c", "y"), None);
    }
}
