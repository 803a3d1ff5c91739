//! How two checkpoints, or two converted folders, differ.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::{
    checkpoint::{Checkpoint, Other, ReadError},
    job::{self, JobError},
    parallel::Resources,
    plan::{Job, Plan},
    safetensors_file::{Model, ModelError},
    tensor::{TensorType, to_f64},
};

/// One of the two sides.
pub enum Side {
    /// A checkpoint.
    Checkpoint(Box<dyn Checkpoint>),
    /// A folder that `convert` wrote, or a state dict.
    Model(Model),
    /// What a plan makes of a checkpoint.
    Mapped(Box<dyn Checkpoint>, Plan),
}

/// Why a side could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A leaf.
    #[error(transparent)]
    Leaf(#[from] ReadError),
    /// A tensor.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A tensor that is made of leaves.
    #[error(transparent)]
    Job(#[from] JobError),
    /// An array's bytes do not fit into memory.
    #[error("there is no memory for {bytes} bytes of `{name}`")]
    Memory {
        /// Its name.
        name: String,
        /// Its size.
        bytes: usize,
    },
}

impl Side {
    /// The arrays' types by name.
    pub fn kinds(&self) -> BTreeMap<&str, TensorType> {
        match self {
            Side::Checkpoint(checkpoint) => checkpoint
                .leaves()
                .iter()
                .map(|leaf| (leaf.name.as_str(), leaf.kind.clone()))
                .collect(),
            Side::Model(model) => model
                .tensors
                .iter()
                .map(|(name, stored)| (name.as_str(), stored.kind.clone()))
                .collect(),
            Side::Mapped(_, plan) => plan
                .targets
                .iter()
                .map(|target| (target.name.as_str(), target.kind.clone()))
                .collect(),
        }
    }

    /// What else the side holds, by name.
    pub fn others(&self) -> BTreeMap<&str, &Other> {
        match self {
            Side::Checkpoint(checkpoint) => checkpoint
                .others()
                .iter()
                .map(|other| (other.name.as_str(), other))
                .collect(),
            Side::Model(_) | Side::Mapped(..) => BTreeMap::new(),
        }
    }

    /// Of what an array is made, where a plan makes it: `0.alphagenome/embed.embeddings, permute [1, 0]`.
    pub fn origin(&self, name: &str) -> Option<String> {
        let Side::Mapped(checkpoint, plan) = self else {
            return None;
        };
        let job = plan.jobs.iter().find(|job| {
            job.targets
                .iter()
                .any(|&target| plan.targets[target].name == name)
        })?;
        let sources = job
            .sources
            .iter()
            .map(|&leaf| checkpoint.leaves()[leaf].name.clone());
        let steps = job.chain.iter().map(ToString::to_string);
        Some(sources.chain(steps).collect::<Vec<_>>().join(", "))
    }

    fn read(&self, name: &str, kind: &TensorType) -> Result<Vec<u8>, Error> {
        let mut data = Vec::new();
        let bytes = kind.bytes();
        if data.try_reserve_exact(bytes).is_err() {
            let name = name.to_owned();
            return Err(Error::Memory { name, bytes });
        }
        data.resize(bytes, 0);
        match self {
            Side::Checkpoint(checkpoint) => {
                if let Some(number) = checkpoint
                    .leaves()
                    .iter()
                    .position(|leaf| leaf.name == name)
                {
                    checkpoint.read_into(number, &mut data)?;
                }
            }
            Side::Model(model) => {
                if let Some(stored) = model.tensors.get(name) {
                    model.read(stored, 0, &mut data)?;
                }
            }
            Side::Mapped(checkpoint, plan) => {
                let wanted = plan.targets.iter().position(|target| target.name == name);
                let makes = |job: &&Job| job.targets.iter().any(|&target| Some(target) == wanted);
                if let Some(job) = plan.jobs.iter().find(makes) {
                    job::run(job, checkpoint, &mut Vec::new(), |piece| {
                        if Some(piece.target) == wanted {
                            data[piece.offset..][..piece.data.len()].copy_from_slice(piece.data);
                        }
                        Ok::<(), JobError>(())
                    })?;
                }
            }
        }
        Ok(data)
    }
}

/// What is different about one array.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "difference", rename_all = "snake_case")]
pub enum Difference {
    /// Only the first side has it.
    OnlyInA {
        /// Its name.
        name: String,
    },
    /// Only the second side has it.
    OnlyInB {
        /// Its name.
        name: String,
    },
    /// Shape or element type differ.
    Type {
        /// Its name.
        name: String,
        /// What it is on the first side.
        a: String,
        /// What it is on the second side.
        b: String,
    },
    /// Values differ.
    Values(Values),
}

/// How far the values of one array are apart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Values {
    /// The array's name.
    pub name: String,
    /// Values that differ in any bit.
    pub differing: usize,
    /// All values.
    pub values: usize,
    /// The largest absolute difference; absent if a NaN or an infinity stands against another value.
    pub largest: Option<f64>,
    /// The element with the largest difference, counted in row-major order.
    pub at: usize,
    /// The first side's value there, as text since JSON has no NaN.
    pub a: String,
    /// The second side's value there.
    pub b: String,
    /// The relative L2 distance, |a - b| / |a|.
    pub relative_l2: Option<f64>,
}

impl Difference {
    /// The array's name.
    pub fn name(&self) -> &str {
        match self {
            Difference::OnlyInA { name }
            | Difference::OnlyInB { name }
            | Difference::Type { name, .. } => name,
            Difference::Values(values) => &values.name,
        }
    }

    /// For the order of a report: what cannot be compared comes first, then the largest difference.
    fn rank(&self) -> f64 {
        match self {
            Difference::Values(values) => values.largest.unwrap_or(f64::INFINITY),
            _ => f64::INFINITY,
        }
    }
}

/// Compares two sides; the largest differences come first.
///
/// # Errors
/// If a side cannot be read.
pub fn diff(a: &Side, b: &Side, resources: Resources) -> Result<Vec<Difference>, Error> {
    let (kinds_a, kinds_b) = (a.kinds(), b.kinds());
    let (others_a, others_b) = (a.others(), b.others());
    let names = kinds_a.keys().chain(kinds_b.keys());
    let names = names.chain(others_a.keys()).chain(others_b.keys());
    let names: BTreeSet<&str> = names.copied().collect();
    let mut differences = Vec::new();
    let mut both = Vec::new();
    for name in names {
        if let (Some(kind), Some(other)) = (kinds_a.get(name), kinds_b.get(name))
            && kind == other
        {
            both.push((name, kind));
            continue;
        }
        let a = what(&kinds_a, &others_a, name);
        let b = what(&kinds_b, &others_b, name);
        match (a, b) {
            (Some(a), Some(b)) if a == b => {}
            (Some(a), Some(b)) => differences.push(Difference::Type {
                name: name.to_owned(),
                a,
                b,
            }),
            (Some(_), None) => differences.push(Difference::OnlyInA {
                name: name.to_owned(),
            }),
            _ => differences.push(Difference::OnlyInB {
                name: name.to_owned(),
            }),
        }
    }
    let needs: Vec<usize> = both.iter().map(|(_, kind)| 2 * kind.bytes()).collect();
    let compared = resources.run(&needs, |number, _| {
        let (name, kind) = both[number];
        Ok::<_, Error>(compare(
            name,
            kind,
            &a.read(name, kind)?,
            &b.read(name, kind)?,
        ))
    })?;
    differences.extend(compared.into_iter().flatten().map(Difference::Values));
    differences.sort_by(|x, y| {
        y.rank()
            .total_cmp(&x.rank())
            .then_with(|| x.name().cmp(y.name()))
    });
    Ok(differences)
}

/// What a side has under a name, in words.
fn what(
    kinds: &BTreeMap<&str, TensorType>,
    others: &BTreeMap<&str, &Other>,
    name: &str,
) -> Option<String> {
    let other = || others.get(name).map(|other| other.what.clone());
    kinds.get(name).map(TensorType::to_string).or_else(other)
}

/// Values that are decoded at a time.
const BLOCK: usize = 4096;

fn compare(name: &str, kind: &TensorType, a: &[u8], b: &[u8]) -> Option<Values> {
    if a == b {
        return None;
    }
    let block = BLOCK * kind.dtype.size();
    let mut found = Values {
        name: name.to_owned(),
        differing: 0,
        values: kind.shape.iter().product(),
        largest: Some(0.0),
        at: 0,
        a: String::new(),
        b: String::new(),
        relative_l2: None,
    };
    let (mut largest, mut squares, mut norm) = (-1.0, 0.0, 0.0);
    for (number, (a, b)) in a.chunks(block).zip(b.chunks(block)).enumerate() {
        let size = kind.dtype.size();
        let bits = a.chunks(size).zip(b.chunks(size)).map(|(a, b)| a != b);
        let values = to_f64(kind.dtype, a).into_iter().zip(to_f64(kind.dtype, b));
        for (at, ((a, b), differs)) in values.zip(bits).enumerate() {
            norm += a * a;
            if !differs {
                continue;
            }
            found.differing += 1;
            // Infinities of one sign and NaNs of other bits are as far apart as anything can be.
            let distance = (a - b).abs();
            let distance = if distance.is_nan() {
                f64::INFINITY
            } else {
                distance
            };
            squares += distance * distance;
            if distance > largest {
                largest = distance;
                found.at = number * BLOCK + at;
                (found.a, found.b) = (a.to_string(), b.to_string());
            }
        }
    }
    found.largest = Some(largest).filter(|largest| largest.is_finite());
    found.relative_l2 = Some((squares / norm).sqrt()).filter(|distance| distance.is_finite());
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::{Dtype, from_f64};

    fn compared(a: &[f64], b: &[f64]) -> Option<Values> {
        let kind = TensorType {
            shape: vec![a.len()],
            dtype: Dtype::F32,
        };
        compare(
            "x",
            &kind,
            &from_f64(Dtype::F32, a),
            &from_f64(Dtype::F32, b),
        )
    }

    #[test]
    fn the_largest_difference_is_found() {
        assert_eq!(compared(&[1.0, f64::NAN], &[1.0, f64::NAN]), None);
        let values = compared(&[3.0, 4.0, 0.0], &[3.0, 4.5, -0.25]).unwrap();
        assert_eq!(
            (values.differing, values.largest, values.at),
            (2, Some(0.5), 1)
        );
        assert_eq!((values.a.as_str(), values.b.as_str()), ("4", "4.5"));
        let expected = (0.25f64 + 0.0625).sqrt() / 5.0;
        assert!((values.relative_l2.unwrap() - expected).abs() < 1e-15);
    }

    #[test]
    fn a_nan_against_a_number_has_no_distance() {
        let values = compared(&[1.0, f64::NAN], &[2.0, 1.0]).unwrap();
        assert_eq!(
            (values.largest, values.at, values.a.as_str()),
            (None, 1, "NaN")
        );
        assert_eq!(compared(&[0.0], &[-0.0]).unwrap().largest, Some(0.0));
    }
}
