//! Scorers over all cases, and JAX's distance from itself.

use std::fmt;

use parity_stats::quantile::median;
use scorers::Scorer;
use serde::Serialize;

use super::compare::{Compared, Farthest};

/// What a scorer comes to over the cases.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The scorer's id.
    pub id: String,
    /// Its name, as the SDK writes it.
    pub scorer: String,
    /// Variants whose alleles have one length.
    pub substitutions: Group,
    /// The others.
    pub indels: Group,
    /// Rows of junctions that one side alone lists.
    pub ties: usize,
    /// The score nearest to its bound, or farthest beyond, and its case.
    pub farthest: Option<(String, Farthest)>,
    /// Whether it agrees.
    pub pass: bool,
}

/// Cases of one kind.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Group {
    /// How many there are.
    pub cases: usize,
    /// The median case.
    pub median: Measures,
    /// The same of JAX beside itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor: Option<Measures>,
    /// What is farther than JAX from itself.
    pub faults: Vec<String>,
}

/// Medians over cases; nothing where no case has a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Measures {
    /// Relative L2 distance of the scores.
    pub relative_l2: Option<f64>,
    /// Pearson's correlation over rows and tracks.
    pub pearson: Option<f64>,
    /// The share of scores with the same sign.
    pub sign_agreement: Option<f64>,
    /// Spearman's rank correlation over rows and tracks.
    pub spearman: Option<f64>,
}

impl Measures {
    fn of<'a>(cases: impl Iterator<Item = &'a Compared> + Clone, signed: bool) -> Self {
        let effects = cases.filter_map(|case| case.effects.as_ref());
        let middle =
            |value: &dyn Fn(&parity_stats::effects::EffectParity) -> parity_stats::Stat| {
                let mut values: Vec<f64> = effects
                    .clone()
                    .filter_map(|effects| value(effects).value())
                    .collect();
                median(&mut values).value()
            };
        Self {
            relative_l2: middle(&|effects| effects.relative_l2),
            pearson: middle(&|effects| effects.pearson),
            sign_agreement: middle(&|effects| effects.sign_agreement).filter(|_| signed),
            spearman: middle(&|effects| effects.spearman),
        }
    }

    /// What is more than `limit` times as far from perfect as in `floor`.
    fn beyond(&self, floor: &Self, limit: f64) -> Vec<String> {
        let far = |correlation: Option<f64>| correlation.map(|r| 1.0 - r);
        let pairs = [
            ("relative L2", self.relative_l2, floor.relative_l2),
            (
                "1 - sign agreement",
                far(self.sign_agreement),
                far(floor.sign_agreement),
            ),
            (
                "1 - rank correlation",
                far(self.spearman),
                far(floor.spearman),
            ),
        ];
        let fault = |(name, own, floor): (&str, Option<f64>, Option<f64>)| {
            let (own, floor) = (own?, floor?);
            // Rounding of the statistic itself.
            let beyond = own > limit * floor + 1e-9;
            beyond.then(|| format!("{name} {own:.2e}, and JAX is {floor:.2e} from itself"))
        };
        pairs.into_iter().filter_map(fault).collect()
    }
}

/// Sums up the cases of a scorer; `floor` are those of JAX beside itself, which count `limit` times.
pub fn summary(
    id: &str,
    scorer: Scorer,
    cases: &[Compared],
    floor: Option<(&[Compared], f64)>,
) -> Summary {
    let group = |indel: bool| {
        let of = |cases: &[Compared]| {
            let own = cases
                .iter()
                .filter(|case| case.scorer == id && case.indel == indel);
            (own.clone().count(), Measures::of(own, scorer.is_signed()))
        };
        let (count, median) = of(cases);
        let floor = floor.map(|(cases, limit)| (of(cases).1, limit));
        Group {
            cases: count,
            median,
            faults: floor.map_or(Vec::new(), |(floor, limit)| median.beyond(&floor, limit)),
            floor: floor.map(|(floor, _)| floor),
        }
    };
    let own = || cases.iter().filter(|case| case.scorer == id);
    let far = own().filter_map(|case| Some((case.case.clone(), case.farthest.clone()?)));
    let (substitutions, indels) = (group(false), group(true));
    Summary {
        id: id.to_owned(),
        scorer: scorer.to_string(),
        ties: own().map(|case| case.ties).sum(),
        farthest: far.max_by(|a, b| a.1.share.total_cmp(&b.1.share)),
        pass: own().all(|case| case.faults.is_empty())
            && substitutions.faults.is_empty()
            && indels.faults.is_empty(),
        substitutions,
        indels,
    }
}

/// A scorer's name, as short as it is still one: `CenterMask ATAC 501 DIFF_LOG2_SUM`.
pub struct Short<'a>(pub &'a str);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, rest) = self.0.split_once('(').unwrap_or((self.0, ""));
        f.write_str(name.strip_suffix("Scorer").unwrap_or(name))?;
        let values = rest
            .trim_end_matches(')')
            .split(", ")
            .filter_map(|pair| pair.split_once('='));
        values
            .filter(|(_, value)| *value != "None")
            .try_for_each(|(_, value)| write!(f, " {value}"))
    }
}
