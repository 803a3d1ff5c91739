//! One sequence's outputs in two passes.

use std::collections::BTreeMap;

use model::{Array, Values};
use serde::Serialize;

use crate::align;
use crate::closeness::{Closeness, floats};
use crate::outputs::{Kind, kind_of};
use crate::recording;

/// Outputs of a pass by name.
pub type Outputs = BTreeMap<String, Array>;

/// The splice sites that a pass chose.
pub const SITES: &str = "splice_sites_junction/splice_site_positions";
/// Counts between them.
pub const JUNCTIONS: &str = "splice_sites_junction/predictions";

/// One sequence of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Element<'a> {
    /// The outputs of the batch.
    pub outputs: &'a Outputs,
    /// Its place in the batch.
    pub place: usize,
}

impl<'a> Element<'a> {
    /// The only sequence of a pass.
    pub fn alone(outputs: &'a Outputs) -> Self {
        Self { outputs, place: 0 }
    }

    /// What belongs to it in an array: its shape without the batch, and where its values stand.
    fn part(self, array: &Array) -> (&[usize], usize, usize) {
        let shape = &array.shape[1..];
        let size = shape.iter().product();
        (shape, self.place * size, size)
    }
}

/// What a comparison found.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// Whether all values of all outputs are the same.
    pub equal: bool,
    /// The smallest cosine.
    pub cosine: Option<f64>,
    /// The largest relative L2 distance; nothing where it is infinite.
    pub relative_l2: Option<f64>,
    /// The output that has it.
    pub worst: Option<String>,
    /// All of them.
    pub outputs: Vec<Output>,
}

/// One output.
#[derive(Clone, Debug, Serialize)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Whether one pass alone has it, or each in another shape: then it is infinitely far.
    pub lost: bool,
    /// How near it is.
    #[serde(flatten)]
    pub closeness: Closeness,
}

impl Output {
    /// One that both passes have.
    pub fn new(name: &str, closeness: Closeness) -> Self {
        let (name, lost) = (name.into(), false);
        Self {
            name,
            lost,
            closeness,
        }
    }

    /// One that has nothing to be compared with.
    pub fn lost(name: &str, array: &Array) -> Self {
        Self {
            lost: true,
            ..Self::new(name, Closeness::lost(array.values.len() as u64))
        }
    }

    /// Positions and masks are no quantities: equal or not, and junctions are compared where both have the positions.
    fn is_measured(&self) -> bool {
        let kind = kind_of(&self.name).kind;
        self.lost || !matches!(kind, Kind::SplicePositions | Kind::JunctionMask)
    }
}

impl Compared {
    /// Puts outputs together.
    pub fn new(outputs: Vec<Output>) -> Self {
        let measured = || outputs.iter().filter(|output| output.is_measured());
        let farther =
            |a: &&Output, b: &&Output| a.closeness.distance().total_cmp(&b.closeness.distance());
        let worst = measured().max_by(farther);
        let cosines = measured().filter_map(|output| output.closeness.cosine);
        Self {
            equal: !outputs.is_empty() && outputs.iter().all(|output| output.closeness.equal()),
            cosine: cosines.min_by(f64::total_cmp),
            relative_l2: worst.and_then(|output| output.closeness.relative_l2),
            worst: worst
                .filter(|output| !output.closeness.equal())
                .map(|output| output.name.clone()),
            outputs,
        }
    }

    /// Several comparisons as one: of every output the farthest, and all values that differ.
    pub fn merge(all: Vec<Self>) -> Self {
        let mut outputs: Vec<Output> = Vec::new();
        for output in all.into_iter().flat_map(|compared| compared.outputs) {
            let known = outputs.iter_mut().find(|known| known.name == output.name);
            let Some(known) = known else {
                outputs.push(output);
                continue;
            };
            let (values, differing) = (
                known.closeness.values + output.closeness.values,
                known.closeness.differing + output.closeness.differing,
            );
            if output.closeness.distance() > known.closeness.distance() {
                known.closeness = output.closeness;
            }
            known.lost |= output.lost;
            known.closeness.values = values;
            known.closeness.differing = differing;
        }
        Self::new(outputs)
    }

    /// Whether there is no output, or one that has nothing to be compared with.
    pub fn incomplete(&self) -> bool {
        self.outputs.is_empty() || self.outputs.iter().any(|output| output.lost)
    }

    /// The largest relative L2 distance; infinite where nothing was compared.
    pub fn distance(&self) -> f64 {
        if self.incomplete() {
            return f64::INFINITY;
        }
        let distances = self.outputs.iter().filter(|output| output.is_measured());
        let distances = distances.map(|output| output.closeness.distance());
        distances.fold(0.0, f64::max)
    }
}

/// Compares one sequence in two passes, output by output; junctions at the splice sites that both have.
pub fn compare(reference: Element<'_>, candidate: Element<'_>) -> Compared {
    let mut outputs = Vec::new();
    for (name, a) in reference.outputs {
        let Some(b) = candidate.outputs.get(name) else {
            outputs.push(Output::lost(name, a));
            continue;
        };
        let (shape_a, from_a, size) = reference.part(a);
        let (shape_b, from_b, _) = candidate.part(b);
        let closeness = if name == JUNCTIONS && !same_sites(reference, candidate) {
            junctions(reference, candidate)
        } else if shape_a != shape_b {
            outputs.push(Output::lost(name, a));
            continue;
        } else {
            let (a, b) = (
                floats(&a.values, from_a, size),
                floats(&b.values, from_b, size),
            );
            Closeness::of(a.iter().copied().zip(b.iter().copied()))
        };
        outputs.push(Output::new(name, closeness));
    }
    let more = candidate.outputs.iter();
    let more = more.filter(|(name, _)| !reference.outputs.contains_key(*name));
    outputs.extend(more.map(|(name, b)| Output::lost(name, b)));
    Compared::new(outputs)
}

/// Compares a sequence with the beginning of a longer one, output by output; both are alone.
pub fn beginning(reference: &Outputs, longer: &Outputs) -> Compared {
    let mut outputs = Vec::new();
    for (name, a) in reference {
        let Some(b) = longer.get(name) else {
            outputs.push(Output::lost(name, a));
            continue;
        };
        // Junctions are at given sites, so they have the same shape; pairs are longer on two axes.
        let (rows, row_a, row_b) = match (&a.shape[..], &b.shape[..]) {
            (a, b) if a == b => (1, a.iter().product(), 0),
            (&[1, length, channels], _) => (1, length * channels, 0),
            (&[1, rows, columns, channels], &[_, _, wider, _]) => {
                (rows, columns * channels, wider * channels)
            }
            _ => {
                outputs.push(Output::lost(name, a));
                continue;
            }
        };
        let values: Vec<_> = (0..rows)
            .map(|row| {
                (
                    floats(&a.values, row * row_a, row_a),
                    floats(&b.values, row * row_b, row_a),
                )
            })
            .collect();
        let pairs = values
            .iter()
            .flat_map(|(a, b)| a.iter().copied().zip(b.iter().copied()));
        outputs.push(Output::new(name, Closeness::of(pairs)));
    }
    Compared::new(outputs)
}

fn same_sites(a: Element<'_>, b: Element<'_>) -> bool {
    let sites = |element: Element<'_>| {
        let array = element.outputs.get(SITES)?;
        let (_, from, size) = element.part(array);
        match &array.values {
            Values::I32(places) => Some(places[from..from + size].to_vec()),
            _ => None,
        }
    };
    sites(a) == sites(b)
}

/// Counts at the positions that both have.
fn junctions(a: Element<'_>, b: Element<'_>) -> Closeness {
    let has_sites = |element: Element<'_>| element.outputs.contains_key(SITES);
    if !(has_sites(a) && has_sites(b)) {
        // Counts between sites that nobody knows.
        return Closeness::of(std::iter::once((1.0, f32::NAN)));
    }
    let side = |element: Element<'_>| {
        let array = |name: &str| {
            let array = &element.outputs[name];
            let (shape, from, size) = element.part(array);
            let shape = std::iter::once(1).chain(shape.iter().copied()).collect();
            let values = match &array.values {
                Values::I32(places) => recording::Values::I32(places[from..from + size].to_vec()),
                values => recording::Values::F32(floats(values, from, size).into_owned()),
            };
            recording::Array::full(shape, values)
        };
        (array(JUNCTIONS), array(SITES))
    };
    let (a, b) = (side(a), side(b));
    let Ok(pair) = align::junctions((&a.0, &a.1), (&b.0, &b.1)) else {
        // No position in common: as far apart as can be.
        return Closeness::of(std::iter::once((1.0, f32::NAN)));
    };
    let (a, b) = (pair.reference.to_f64(), pair.candidate.to_f64());
    Closeness::of(a.iter().zip(&b).map(|(&a, &b)| (a as f32, b as f32)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariance::Verdict;

    fn outputs(values: &[f32], sites: [i32; 8], counts: [f32; 8]) -> Outputs {
        let shape = vec![values.len() / 2, 2, 1];
        let array = |shape, values| Array { shape, values };
        BTreeMap::from([
            (
                "embeddings_1bp".into(),
                array(shape, Values::F32(values.to_vec())),
            ),
            (
                SITES.into(),
                array(vec![1, 4, 2], Values::I32(sites.to_vec())),
            ),
            (
                JUNCTIONS.into(),
                array(vec![1, 2, 2, 2], Values::F32(counts.to_vec())),
            ),
        ])
    }

    const PLACES: [i32; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

    #[test]
    fn a_sequence_is_found_at_its_place() {
        let a = outputs(&[1.0, 2.0], PLACES, [1.0; 8]);
        let mut b = outputs(&[5.0, 5.0, 1.0, 2.0], PLACES, [1.0; 8]);
        let twice = |values: &Values| match values {
            Values::F32(values) => Values::F32(values.repeat(2)),
            Values::I32(places) => Values::I32(places.repeat(2)),
            _ => unreachable!("counts and places"),
        };
        for name in [SITES, JUNCTIONS] {
            let array = b.get_mut(name).unwrap();
            (array.shape[0], array.values) = (2, twice(&array.values));
        }
        let at = |place| compare(Element::alone(&a), Element { outputs: &b, place });
        assert!(at(1).equal && at(1).worst.is_none());
        let other = at(0);
        assert!(!other.equal && other.distance() > 1.0);
        assert_eq!(other.worst.as_deref(), Some("embeddings_1bp"));
    }

    #[test]
    fn junctions_meet_at_equal_positions() {
        // Donors 1 and 2 stand in the other order, so their rows are exchanged; nothing else is.
        let counts = [1.0, 10.0, 2.0, 20.0, 3.0, 30.0, 4.0, 40.0];
        let exchanged = [3.0, 10.0, 4.0, 20.0, 1.0, 30.0, 2.0, 40.0];
        let a = outputs(&[1.0, 2.0], PLACES, counts);
        let b = outputs(&[1.0, 2.0], [2, 1, 3, 4, 5, 6, 7, 8], exchanged);
        let found = compare(Element::alone(&a), Element::alone(&b));
        assert_eq!(found.distance(), 0.0);
        // The positions themselves differ.
        assert!(!found.equal);
    }

    #[test]
    fn the_beginning_of_a_longer_pass() {
        let array = |shape: Vec<usize>| {
            let values = (0..shape.iter().product())
                .map(|x: usize| x as f32)
                .collect();
            Array {
                shape,
                values: Values::F32(values),
            }
        };
        let name = |name: &str, array| Outputs::from([(name.to_string(), array)]);
        let gone = beginning(&name("a", array(vec![1, 2, 3])), &Outputs::new());
        assert!(gone.outputs[0].lost && !gone.equal);
        let of = |a: &Outputs, b: &Outputs| beginning(a, b).outputs[0].closeness.clone();
        let (a, b) = (array(vec![1, 2, 3]), array(vec![1, 4, 3]));
        assert!(of(&name("embeddings_128bp", a), &name("embeddings_128bp", b)).equal());
        // Rows of a longer pair are longer: 0 1 of row 0, then 3 4 of row 1.
        let (a, b) = (array(vec![1, 2, 2, 1]), array(vec![1, 3, 3, 1]));
        let pair = of(&name("embeddings_pair", a), &name("embeddings_pair", b));
        assert_eq!((pair.values, pair.differing), (4, 2));
    }

    #[test]
    fn what_one_pass_alone_has_is_infinitely_far() {
        let a = outputs(&[1.0, 2.0], PLACES, [1.0; 8]);
        let found = |b: &Outputs| {
            let [one, other] =
                [(&a, b), (b, &a)].map(|(a, b)| compare(Element::alone(a), Element::alone(b)));
            for found in [&one, &other] {
                assert_eq!((found.equal, found.distance()), (false, f64::INFINITY));
                assert_eq!(Verdict::of(found, Some(1.0)), Verdict::Fail);
                assert_eq!(Verdict::of(found, None), Verdict::Fail);
            }
            one
        };
        for name in ["embeddings_1bp", SITES, JUNCTIONS] {
            let mut b = a.clone();
            b.remove(name);
            let lost = found(&b).outputs;
            let lost = lost.iter().find(|output| output.name == name).unwrap();
            assert!(lost.lost && lost.closeness.relative_l2.is_none(), "{name}");
        }
        let mut b = a.clone();
        b.get_mut("embeddings_1bp").unwrap().shape = vec![1, 1, 2];
        assert_eq!(found(&b).worst.as_deref(), Some("embeddings_1bp"));
    }

    #[test]
    fn no_output_at_all_is_no_agreement() {
        let nothing = Outputs::new();
        for found in [
            compare(Element::alone(&nothing), Element::alone(&nothing)),
            Compared::merge(Vec::new()),
        ] {
            assert_eq!((found.equal, found.relative_l2), (false, None));
            assert_eq!(Verdict::of(&found, Some(0.0)), Verdict::Fail);
        }
    }

    #[test]
    fn several_comparisons_tell_the_farthest() {
        let output = |b: f32| {
            let pairs = std::iter::once((1.0, b));
            Output::new("embeddings_1bp", Closeness::of(pairs))
        };
        let all = [2.0, 4.0, 1.0].map(|b| Compared::new(vec![output(b)]));
        let merged = Compared::merge(all.into());
        assert_eq!(merged.relative_l2, Some(3.0));
        assert_eq!(
            (
                merged.outputs[0].closeness.values,
                merged.outputs[0].closeness.differing
            ),
            (3, 2)
        );
    }
}
