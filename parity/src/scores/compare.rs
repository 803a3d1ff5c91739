//! One scorer of one case, held to what was recorded.

use std::collections::{BTreeMap, BTreeSet};

use parity_stats::Values;
use parity_stats::effects::{Alleles, EffectParity, effect_parity};
use scorers::{MOST_SITES, OutputType, Scorer, Tracks};
use serde::Serialize;

use super::recorded::{Fields, Side};

/// Scores of the model, beside recorded ones.
#[derive(Clone, Debug, Default)]
pub struct Candidate {
    /// The scores.
    pub side: Side,
    /// What relative bounds are relative to, one a value: the larger allele's sum or mean; nothing where it is the score.
    pub sizes: Vec<f32>,
    /// The model's scores of junctions that are recorded, and not listed here.
    pub unlisted: BTreeMap<Fields, Vec<f32>>,
}

impl From<Side> for Candidate {
    fn from(side: Side) -> Self {
        Self {
            side,
            ..Self::default()
        }
    }
}

/// How a scorer of a case compares.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Compared {
    /// The case.
    pub case: String,
    /// The scorer's id.
    pub scorer: String,
    /// Whether the alleles differ in length.
    pub indel: bool,
    /// What must be equal and is not, or is beyond its bound.
    pub faults: Vec<String>,
    /// Rows of junctions that the other side does not list: near ties.
    pub ties: usize,
    /// Distance, sign agreement and correlations over rows and tracks; nothing where no value was compared.
    pub effects: Option<EffectParity>,
    /// The score that is farthest beyond its bound, or nearest to it.
    pub farthest: Option<Farthest>,
}

/// A score and its bound.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Farthest {
    /// The row.
    pub row: usize,
    /// The track.
    pub track: usize,
    /// The recorded score.
    pub recorded: f32,
    /// The model's.
    pub found: f32,
    /// How far they may be apart.
    pub bound: f64,
    /// Their distance in units of it.
    pub share: f64,
}

/// A bound of a recorded score, and the size that it may be relative to.
pub type Bound<'a> = &'a dyn Fn(f32, f32) -> f64;

/// Holds the scores `found` to `recorded` ones: rows and their order, missing values, and each value to its `bound` where
/// there is one.
pub fn compare(
    scorer: Scorer,
    recorded: &Side,
    found: &Candidate,
    bound: Option<Bound<'_>>,
) -> Compared {
    let mut compared = Compared::default();
    let side = &found.side;
    if recorded.tracks != side.tracks && !(recorded.values.is_empty() && side.values.is_empty()) {
        compared
            .faults
            .push(format!("{} tracks, not {}", side.tracks, recorded.tracks));
        return compared;
    }
    let junctions = scorer == Scorer::SpliceJunction;
    let pairs = match junctions {
        true => junction_rows(recorded, found, &mut compared),
        false => rows(recorded, side, &mut compared.faults),
    };
    let (mut own, mut other, mut missing) = (Vec::new(), Vec::new(), 0);
    for (row, values) in pairs {
        let known = &recorded.values[row * recorded.tracks..][..recorded.tracks];
        for (track, (known, value)) in known.iter().zip(&values).enumerate() {
            own.push(*known);
            other.push(*value);
            missing += usize::from(known.is_nan() != value.is_nan());
            let Some(bound) = bound.filter(|_| !known.is_nan()) else {
                continue;
            };
            let size = found
                .sizes
                .get(row * recorded.tracks + track)
                .copied()
                .unwrap_or(*known);
            let farthest = Farthest::new((row, track), *known, *value, bound(*known, size));
            if compared
                .farthest
                .as_ref()
                .is_none_or(|known| known.share < farthest.share)
            {
                compared.farthest = Some(farthest);
            }
        }
    }
    if missing > 0 {
        compared
            .faults
            .push(format!("{missing} values are NaN on one side alone"));
    }
    if junctions {
        largest(recorded, side, bound, &mut compared);
    }
    if let Some(far) = compared.farthest.as_ref().filter(|far| far.share > 1.0) {
        compared.faults.push(far.sentence());
    }
    compared.effects = effects(&own, &other);
    compared
}

impl Farthest {
    fn new((row, track): (usize, usize), recorded: f32, found: f32, bound: f64) -> Self {
        let far = f64::from(found) - f64::from(recorded);
        let share = if recorded == found {
            0.0
        } else {
            far.abs() / bound
        };
        Self {
            row,
            track,
            recorded,
            found,
            bound,
            share,
        }
    }

    fn sentence(&self) -> String {
        let Self {
            row,
            track,
            recorded,
            found,
            bound,
            ..
        } = self;
        let far = (f64::from(*found) - f64::from(*recorded)).abs();
        format!(
            "row {row}, track {track}: {found:e} is {far:.1e} from {recorded:e}; at most {bound:.1e}"
        )
    }
}

/// The model's values of each recorded row, where both have the same rows.
fn rows(recorded: &Side, side: &Side, faults: &mut Vec<String>) -> Vec<(usize, Vec<f32>)> {
    let (own, known) = (side.values.len(), recorded.values.len());
    if own != known || side.rows.len() != recorded.rows.len() {
        let count = |side: &Side| side.values.len() / side.tracks.max(1);
        faults.push(format!("{} rows, not {}", count(side), count(recorded)));
        return Vec::new();
    }
    for (at, (own, known)) in side.rows.iter().zip(&recorded.rows).enumerate() {
        if own != known {
            faults.push(format!("row {at}: {}", difference(own, known)));
            return Vec::new();
        }
    }
    side.values
        .chunks(side.tracks.max(1))
        .map(<[f32]>::to_vec)
        .enumerate()
        .collect()
}

fn difference(own: &Fields, known: &Fields) -> String {
    let names: BTreeSet<_> = own.keys().chain(known.keys()).collect();
    let mut differing = names
        .into_iter()
        .filter(|name| own.get(*name) != known.get(*name));
    let name = differing.next().map_or("", String::as_str);
    let value = |row: &Fields| row.get(name).cloned().unwrap_or_else(|| "nothing".into());
    format!("{name} is {}, not {}", value(own), value(known))
}

/// The same for junctions, of which either side lists one of near ties. What is listed on one side alone is counted.
fn junction_rows(
    recorded: &Side,
    found: &Candidate,
    compared: &mut Compared,
) -> Vec<(usize, Vec<f32>)> {
    let side = &found.side;
    let genes = |side: &Side| {
        let mut genes: Vec<_> = side.rows.iter().map(gene).collect();
        genes.dedup();
        genes
    };
    if genes(side) != genes(recorded) {
        compared
            .faults
            .push("junctions of other genes, or in another order of genes".into());
        return Vec::new();
    }
    let at: BTreeMap<_, _> = side
        .rows
        .iter()
        .zip(side.values.chunks(side.tracks.max(1)))
        .collect();
    let mut pairs = Vec::new();
    for (row, fields) in recorded.rows.iter().enumerate() {
        match (at.get(fields), found.unlisted.get(fields)) {
            (Some(values), _) => pairs.push((row, values.to_vec())),
            (None, values) => {
                compared.ties += 1;
                pairs.extend(values.map(|values| (row, values.clone())));
            }
        }
    }
    let known: BTreeSet<_> = recorded.rows.iter().collect();
    let best = best(side);
    for (fields, values) in side.rows.iter().zip(side.values.chunks(side.tracks.max(1))) {
        if known.contains(fields) {
            continue;
        }
        compared.ties += 1;
        let most = &best[&gene(fields)];
        if !values.iter().zip(most).any(|(value, most)| value >= most) {
            compared
                .faults
                .push("a junction is listed that is the largest of no track".into());
        }
    }
    if compared.ties == 0 && side.rows != recorded.rows {
        compared
            .faults
            .push("the same junctions in another order".into());
    }
    pairs
}

fn gene(fields: &Fields) -> Fields {
    let mut gene = fields.clone();
    gene.retain(|name, _| !name.starts_with("junction_"));
    gene
}

/// The largest score of each gene and track.
fn best(side: &Side) -> BTreeMap<Fields, Vec<f32>> {
    let mut best: BTreeMap<Fields, Vec<f32>> = BTreeMap::new();
    for (fields, values) in side.rows.iter().zip(side.values.chunks(side.tracks.max(1))) {
        let most = best.entry(gene(fields)).or_insert_with(|| values.to_vec());
        most.iter_mut()
            .zip(values)
            .for_each(|(most, value)| *most = most.max(*value));
    }
    best
}

/// A gene's largest score of a track is the same whichever of near ties is listed.
fn largest(recorded: &Side, side: &Side, bound: Option<Bound<'_>>, compared: &mut Compared) {
    let Some(bound) = bound else { return };
    for ((_, known), (_, own)) in best(recorded).iter().zip(&best(side)) {
        for (track, (known, own)) in known.iter().zip(own).enumerate() {
            let farthest = Farthest::new((0, track), *known, *own, bound(*known, *known));
            if farthest.share > 1.0 {
                compared
                    .faults
                    .push(format!("largest of a gene: {}", farthest.sentence()));
                return;
            }
        }
    }
}

fn effects(own: &[f32], other: &[f32]) -> Option<EffectParity> {
    let zeros = vec![0.0; own.len()];
    let alleles = |values| Alleles {
        reference_allele: Values::F32(&zeros),
        alternative_allele: Values::F32(values),
    };
    effect_parity(alleles(own), alleles(other))
        .ok()
        .filter(|effects| effects.count > 0)
}

/// Sites of which at most so many of a kind may be others, where the likeliest were taken and some left out: near ties at the
/// cut. JAX compiled in another way has as many.
const CUT: usize = 2;

/// Whether junctions are counted between the recorded splice sites, of which the scorer looks at the first of each kind.
pub fn same_sites(own: &[Vec<i32>; 4], recorded: &[Vec<i32>; 4]) -> bool {
    own.iter().zip(recorded).all(|(own, known)| {
        let cut = known.iter().all(|at| *at >= 0);
        let [own, known] = [own, known].map(|kind| {
            let known = kind.iter().copied().filter(|at| *at >= 0);
            known.take(MOST_SITES).collect::<BTreeSet<_>>()
        });
        let others = own.symmetric_difference(&known).count();
        others <= if cut { CUT } else { 0 }
    })
}

/// Names, strands and columns of tracks that are not those recorded.
pub fn tracks(own: &Tracks, output: OutputType, recorded: &[Fields]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut check = |column: &str, own: Vec<Option<String>>| {
        let known = recorded
            .iter()
            .map(|row| row.get(column).cloned().filter(|text| !text.is_empty()));
        let known: Vec<_> = known.collect();
        if own != known {
            faults.push(format!("{output}: the tracks' {column} are others"));
        }
    };
    check("name", own.names().iter().cloned().map(Some).collect());
    check(
        "strand",
        own.strands()
            .iter()
            .map(|strand| Some(strand.to_string()))
            .collect(),
    );
    // The model's scale is no column of the SDK's tables of scores.
    let kept = ["track", "name", "strand", "nonzero_mean"];
    let columns: BTreeSet<_> = recorded.iter().flat_map(|row| row.keys()).collect();
    for column in columns
        .into_iter()
        .filter(|column| !kept.contains(&column.as_str()))
    {
        check(
            column,
            own.column(column)
                .map_or_else(|| vec![None; own.len()], <[_]>::to_vec),
        );
    }
    faults
}
