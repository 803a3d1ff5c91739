//! The noise floor: how far JAX is from JAX, per output, measured on two or more recordings.

use std::collections::BTreeMap;
use std::path::Path;

use parity_stats::effective::allowance;
use serde::{Deserialize, Serialize};

use crate::recording::DType;

/// Version of the floor file.
pub const FLOOR_VERSION: u32 = 2;

/// The probability with which chance takes a sound output beyond its limit. It is an output's own, whatever else is compared:
/// of a run of a thousand outputs one in a hundred has a false alarm.
pub const FALSE_ALARM: f64 = 1e-5;
/// The normal deviate of that probability.
const DEVIATE: f64 = 4.264_890_794;
/// Standard deviation over cases of the logarithm of JAX's distance to itself, where too few cases were measured to tell. Over
/// 26 sequence patterns it is 0.10 to 0.25 for most outputs, in float32 and in bfloat16.
const OTHER_CASE: f64 = 0.2;
/// Standard deviation of the logarithm of the farthest track's or window's distance over pairs of one case, and over cases. Measured on
/// eight recordings of the full model in bfloat16: tracks 0.22 and 0.24, windows 0.14 and 0.16, by the median of the outputs.
const FARTHEST_PAIR: f64 = 0.22;
const FARTHEST_CASE: f64 = 0.24;
/// Cases that this counts as beside those that were measured.
const OTHER_CASES: f64 = 4.0;
/// Pairs that tell how far pairs differ: those of three recordings. Fewer leave it to the ratio allowed.
const LEAST_PAIRS: usize = 3;

/// Of two sides, those that round to the coarser of their compute dtypes: one where the other is finer.
pub fn sides(a: DType, b: DType) -> u8 {
    1 + u8::from(a.unit_roundoff() == b.unit_roundoff())
}

/// What an output is held to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Held<'a> {
    /// Its floor.
    pub entry: &'a FloorEntry,
    /// True where the floor was measured on this case.
    pub same_case: bool,
}

impl Held<'_> {
    /// The largest ratio to the floor that passes for an output of `values` values, of which `sides` sides round.
    ///
    /// - `ratio` is what one setting of JAX may be farther than another.
    /// - Two sides that round are farther apart than one from exact values, by the root of two.
    /// - Chance: floor and candidate are root mean squares over `n` independent values ([`parity_stats::effective`]), and
    ///   their ratio exceeds the root of Fisher's F with probability [`FALSE_ALARM`].
    /// - Pairs of references and cases differ: their spread, where it was measured.
    pub fn limit(&self, ratio: f64, values: u64, sides: u8) -> f64 {
        let entry = self.entry;
        let over = entry.effective.unwrap_or(f64::INFINITY);
        let of = over * values as f64 / entry.values.max(1) as f64;
        let chance = match over.is_finite() {
            true => allowance(FALSE_ALARM, of, over).ln(),
            false => 0.0,
        };
        let cases = match self.same_case {
            true => 0.0,
            false => entry.spread_of_cases.unwrap_or(OTHER_CASE),
        };
        let spread = DEVIATE * entry.spread_of_pairs.unwrap_or(0.0).hypot(cases);
        let rounding = (f64::from(sides) / f64::from(entry.sides)).sqrt().max(1.0);
        ratio * rounding * chance.hypot(spread).exp()
    }

    /// The same for the farthest track or window: of a few that are correlated no effective number is known, so chance is the spread
    /// that the farthest have from pair to pair, and from case to case.
    pub fn limit_of_farthest(&self, ratio: f64, sides: u8) -> f64 {
        let entry = self.entry;
        let pairs = entry.spread_of_pairs.unwrap_or(0.0).max(FARTHEST_PAIR);
        let cases = match self.same_case {
            true => 0.0,
            false => entry.spread_of_cases.unwrap_or(0.0).max(FARTHEST_CASE),
        };
        let rounding = (f64::from(sides) / f64::from(entry.sides)).sqrt().max(1.0);
        ratio * rounding * (DEVIATE * pairs.hypot(cases)).exp()
    }
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
    /// Values of that pair and case.
    pub values: u64,
    /// How many independent values their differences are worth.
    pub effective: Option<f64>,
    /// The farthest track of any pair, by itself, over what chance allows ([`crate::result::Farthest::typical`]).
    pub track: Option<f64>,
    /// The farthest window of positions of any pair.
    pub window: Option<f64>,
    /// Sides of that pair that round to its coarser dtype.
    pub sides: u8,
    /// Root mean square by which the margin between the two best classes differs, for scores of classes.
    pub class_margin: Option<f64>,
    /// Standard deviation of the logarithm of the distance over pairs, where enough were measured.
    pub spread_of_pairs: Option<f64>,
    /// That over cases.
    pub spread_of_cases: Option<f64>,
}

/// One distance: of a pair, on a case, of an output.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The case.
    pub case: String,
    /// The output.
    pub output: String,
    /// The distance; spreads are not yet known.
    pub entry: FloorEntry,
}

/// Why a floor file could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{path}: no floor file of version 2 ({message}); make one with `parity floor`")]
pub struct FloorError {
    path: String,
    message: String,
}

impl Floor {
    /// The floor of these recordings: per case, and per output, the largest distance.
    pub fn new(recordings: Vec<String>, measured: Vec<Measured>) -> Self {
        let mut by_case: BTreeMap<String, BTreeMap<String, Vec<FloorEntry>>> = BTreeMap::new();
        for one in measured {
            let outputs = by_case.entry(one.case).or_default();
            outputs.entry(one.output).or_default().push(one.entry);
        }
        let mut cases: BTreeMap<String, BTreeMap<String, FloorEntry>> = BTreeMap::new();
        let mut by_output: BTreeMap<String, Vec<FloorEntry>> = BTreeMap::new();
        for (case, outputs) in by_case {
            for (output, pairs) in outputs {
                let entry = FloorEntry {
                    spread_of_pairs: spread_of_pairs(&pairs),
                    ..farthest(&pairs)
                };
                by_output
                    .entry(output.clone())
                    .or_default()
                    .push(entry.clone());
                cases.entry(case.clone()).or_default().insert(output, entry);
            }
        }
        let outputs = by_output.into_iter().map(|(output, cases)| {
            let entry = FloorEntry {
                spread_of_cases: Some(spread_of_cases(&cases)),
                ..farthest(&cases)
            };
            (output, entry)
        });
        Self {
            schema: "parity-floor".into(),
            schema_version: FLOOR_VERSION,
            recordings,
            outputs: outputs.collect(),
            cases,
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
    pub fn of(&self, case: &str, output: &str) -> Option<Held<'_>> {
        let output = output.trim_end_matches("@given");
        let held = |same_case| move |entry| Held { entry, same_case };
        let measured = self.cases.get(case).and_then(|outputs| outputs.get(output));
        let other = || self.outputs.get(output).map(held(false));
        measured.map(held(true)).or_else(other)
    }
}

/// The entry that is farthest, for all that were measured.
fn farthest(entries: &[FloorEntry]) -> FloorEntry {
    let far = entries
        .iter()
        .max_by(|a, b| a.relative_l2.total_cmp(&b.relative_l2))
        .expect("an entry was measured");
    let most = |of: &dyn Fn(&FloorEntry) -> Option<f64>| {
        let values = entries.iter().filter_map(of);
        values.reduce(f64::max)
    };
    FloorEntry {
        measured: entries.iter().map(|entry| entry.measured).sum(),
        class_margin: most(&|entry| entry.class_margin),
        track: most(&|entry| entry.track),
        window: most(&|entry| entry.window),
        ..far.clone()
    }
}

/// Sum of squares of the logarithms of distances above zero about their mean, and its degrees of freedom.
fn squares(entries: &[FloorEntry]) -> (f64, f64) {
    let distances = entries.iter().map(|entry| entry.relative_l2);
    let logs: Vec<f64> = distances.filter(|&x| x > 0.0).map(f64::ln).collect();
    let mean = logs.iter().sum::<f64>() / logs.len().max(1) as f64;
    let squares = logs.iter().map(|x| (x - mean).powi(2)).sum();
    (squares, logs.len().saturating_sub(1) as f64)
}

fn spread_of_pairs(entries: &[FloorEntry]) -> Option<f64> {
    let (squares, freedom) = squares(entries);
    (freedom + 1.0 >= LEAST_PAIRS as f64).then(|| (squares / freedom).sqrt())
}

fn spread_of_cases(entries: &[FloorEntry]) -> f64 {
    let (squares, freedom) = squares(entries);
    ((squares + OTHER_CASES * OTHER_CASE * OTHER_CASE) / (freedom + OTHER_CASES)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(relative_l2: f64, pair: &str) -> FloorEntry {
        FloorEntry {
            relative_l2,
            one_minus_pearson: None,
            pair: pair.into(),
            measured: 1,
            values: 1000,
            effective: Some(100.0),
            track: Some(2.0 * relative_l2),
            window: None,
            sides: 1,
            class_margin: None,
            spread_of_pairs: None,
            spread_of_cases: None,
        }
    }

    fn floor(measured: &[(&str, f64)]) -> Floor {
        let measured = measured
            .iter()
            .enumerate()
            .map(|(i, (case, distance))| Measured {
                case: (*case).into(),
                output: "x".into(),
                entry: entry(*distance, &i.to_string()),
            });
        Floor::new(Vec::new(), measured.collect())
    }

    #[test]
    fn the_limit_allows_for_chance_sides_and_other_cases() {
        let one = floor(&[("a", 1e-3)]);
        let of = |case, values, sides| one.of(case, "x").unwrap().limit(1.25, values, sides);
        // scipy.stats.f.isf(1e-5, 100, 100) ** 0.5 is 1.543545.
        assert!(
            (of("a", 1000, 1) / (1.25 * 1.543_545) - 1.0).abs() < 1e-4,
            "{}",
            of("a", 1000, 1)
        );
        assert!((of("a", 1000, 2) / of("a", 1000, 1) - 2f64.sqrt()).abs() < 1e-12);
        assert!(of("a", 100, 1) > of("a", 1000, 1));
        let (chance, other) = (1.543_545f64.ln(), DEVIATE * OTHER_CASE);
        let expected = 1.25 * chance.hypot(other).exp();
        assert!((of("b", 1000, 1) / expected - 1.0).abs() < 1e-4);
    }

    #[test]
    fn the_limit_of_the_farthest_is_the_spread_of_the_farthest() {
        let one = floor(&[("a", 1e-3), ("a", 3e-3)]);
        let of = |case, sides| one.of(case, "x").unwrap().limit_of_farthest(1.25, sides);
        assert_eq!(one.cases["a"]["x"].track, Some(6e-3));
        assert!((of("a", 1) / (1.25 * (DEVIATE * FARTHEST_PAIR).exp()) - 1.0).abs() < 1e-12);
        assert!((of("a", 2) / of("a", 1) - 2f64.sqrt()).abs() < 1e-12);
        let both = FARTHEST_PAIR.hypot(FARTHEST_CASE);
        assert!((of("b", 1) / (1.25 * (DEVIATE * both).exp()) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_farthest_pair_counts_and_its_own_case_first() {
        let floor = floor(&[("a", 1e-3), ("a", 3e-3), ("a", 2e-3), ("b", 9e-3)]);
        let of = |case, output| {
            let held = floor.of(case, output)?;
            Some((held.entry.relative_l2, held.entry.measured, held.same_case))
        };
        assert_eq!(of("a", "x"), Some((3e-3, 3, true)));
        assert_eq!(of("a", "x@given"), Some((3e-3, 3, true)));
        assert_eq!(of("c", "x"), Some((9e-3, 4, false)));
        assert_eq!(of("c", "y"), None);
    }

    #[test]
    fn spreads_are_those_of_pairs_and_of_cases() {
        let e = std::f64::consts::E;
        let pairs = floor(&[("a", 1.0), ("a", e), ("a", 1.0), ("a", e)]);
        let third = (1.0f64 / 3.0).sqrt();
        let found = &pairs.of("a", "x").unwrap().entry;
        assert!((found.spread_of_pairs.unwrap() - third).abs() < 1e-12);
        assert_eq!(found.spread_of_cases, None);
        let cases = floor(&[("a", 1.0), ("b", e), ("c", 1.0), ("d", e)]);
        let found = &cases.of("z", "x").unwrap().entry;
        let shrunk = ((1.0 + OTHER_CASES * OTHER_CASE * OTHER_CASE) / (3.0 + OTHER_CASES)).sqrt();
        assert!((found.spread_of_cases.unwrap() - shrunk).abs() < 1e-12);
        let one = floor(&[("a", 1.0)]);
        assert_eq!(
            one.of("z", "x").unwrap().entry.spread_of_cases,
            Some(OTHER_CASE)
        );
        assert_eq!(
            floor(&[("a", 1.0), ("a", e)]).outputs["x"].spread_of_pairs,
            None
        );
    }
}
