//! Reads recordings and measures distances, apart from `parity`: what a gated test concludes must not rest on the code
//! that it tests. The format is described in `docs/recordings.md`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use half::{bf16, f16};
use npyz::npz::NpzArchive;
use serde_json::Value;

/// Values of an output, in float64, with the shape that was kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The whole output's shape.
    pub full_shape: Vec<usize>,
    /// The type it had: `float32`, `float16`, `bool`, ...
    pub dtype: String,
    /// For each axis the indices kept, or nothing where all are.
    pub axes: Vec<Option<Vec<usize>>>,
    /// The values kept, row-major.
    pub values: Vec<f64>,
}

/// One case of a recording.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// 0 to 3 for A, C, G, T, 4 for N.
    pub sequence: Vec<u8>,
    /// 0 human, 1 mouse.
    pub organism: usize,
    /// Outputs by name.
    pub outputs: BTreeMap<String, Kept>,
}

/// Reads every case of a recording.
///
/// # Panics
/// Where it is none.
pub fn read(folder: &Path) -> Vec<Case> {
    let path = folder.join("manifest.json");
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let manifest: Value = serde_json::from_str(&text).expect("a manifest is JSON");
    let cases = manifest["cases"].as_array().expect("a manifest has cases");
    cases.iter().map(|case| read_case(folder, case)).collect()
}

fn read_case(folder: &Path, case: &Value) -> Case {
    let path = folder.join(case["file"].as_str().expect("a case has a file"));
    let mut archive = NpzArchive::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut outputs = BTreeMap::new();
    for (name, entry) in case["outputs"].as_object().expect("a case has outputs") {
        let dtype = entry["dtype"]
            .as_str()
            .expect("an output has a dtype")
            .to_owned();
        let shape = entry["shape"].as_array().expect("an output has a shape");
        let full_shape: Vec<usize> = shape
            .iter()
            .map(|n| n.as_u64().expect("a length") as usize)
            .collect();
        let Some(values) = member(&mut archive, name) else {
            continue;
        };
        let axes = (0..full_shape.len())
            .map(|axis| {
                let indices = member(&mut archive, &format!("{name}@axis{axis}"))?;
                Some(indices.into_iter().map(|index| index as usize).collect())
            })
            .collect();
        outputs.insert(
            name.clone(),
            Kept {
                full_shape,
                dtype,
                axes,
                values,
            },
        );
    }
    Case {
        name: case["name"].as_str().expect("a case has a name").to_owned(),
        sequence: member(&mut archive, "sequence")
            .expect("a case has a sequence")
            .into_iter()
            .map(|x| x as u8)
            .collect(),
        organism: case["organism_index"]
            .as_u64()
            .expect("a case has an organism") as usize,
        outputs,
    }
}

fn member(archive: &mut NpzArchive<std::io::BufReader<fs::File>>, name: &str) -> Option<Vec<f64>> {
    let array = archive
        .by_name(name)
        .expect("an archive that can be read")?;
    let kind = array.dtype().descr();
    fn read<T: npyz::Deserialize, R: std::io::Read>(
        array: npyz::NpyFile<R>,
        number: impl Fn(T) -> f64,
    ) -> Vec<f64> {
        array
            .into_vec::<T>()
            .expect("values of that type")
            .into_iter()
            .map(number)
            .collect()
    }
    Some(match kind.trim_matches('\'') {
        "<f4" => read(array, |x: f32| x.into()),
        "<f2" => read(array, |x: f16| x.into()),
        // numpy has no bfloat16: its bits are stored.
        "<u2" => read(array, |x: u16| bf16::from_bits(x).into()),
        "<i4" => read(array, |x: i32| x.into()),
        "|u1" => read(array, |x: u8| x.into()),
        "|b1" => read(array, |x: bool| f64::from(u8::from(x))),
        other => panic!("{name}: unexpected type {other}"),
    })
}

impl Kept {
    /// The same places of a whole array of the same shape, row-major, as float64.
    ///
    /// # Panics
    /// Where `values` has not as many values as the output's shape.
    pub fn select(&self, values: &[f32]) -> Vec<f64> {
        assert_eq!(values.len(), self.full_shape.iter().product::<usize>());
        let mut offsets = vec![0];
        for (axis, &length) in self.full_shape.iter().enumerate() {
            let all: Vec<usize>;
            let kept = match &self.axes[axis] {
                Some(kept) => kept,
                None => {
                    all = (0..length).collect();
                    &all
                }
            };
            offsets = offsets
                .iter()
                .flat_map(|offset| kept.iter().map(move |index| offset * length + index))
                .collect();
        }
        offsets
            .into_iter()
            .map(|offset| values[offset].into())
            .collect()
    }
}

/// How far two arrays are apart.
#[derive(Clone, Copy, Debug)]
pub struct Distance {
    /// The norm of the difference over the norm of the reference, where both are finite.
    pub relative_l2: f64,
    /// The largest difference.
    pub largest: f64,
    /// Places that are finite in one alone.
    pub odd: usize,
}

impl Distance {
    /// Whether the arrays are farther apart than `bound`; a NaN, or a place that is finite in one alone, is.
    pub fn exceeds(&self, bound: f64) -> bool {
        self.odd > 0 || self.relative_l2.is_nan() || self.relative_l2 > bound
    }
}

/// Measures `candidate` against `reference`.
pub fn distance(reference: &[f64], candidate: &[f64]) -> Distance {
    assert_eq!(reference.len(), candidate.len());
    let (mut norm, mut difference, mut largest, mut odd) = (0.0, 0.0, 0.0_f64, 0);
    for (&a, &b) in reference.iter().zip(candidate) {
        if a.is_finite() != b.is_finite() {
            odd += 1;
        } else if a.is_finite() {
            norm += a * a;
            difference += (b - a) * (b - a);
            largest = largest.max((b - a).abs());
        }
    }
    let relative_l2 = if difference == 0.0 {
        0.0
    } else {
        (difference / norm).sqrt()
    };
    Distance {
        relative_l2,
        largest,
        odd,
    }
}

/// How many float16 values lie between two.
pub fn half_steps(a: f64, b: f64) -> u32 {
    let order = |x: f64| {
        let bits = i32::from(f16::from_f64(x).to_bits());
        if bits & 0x8000 == 0 {
            bits
        } else {
            0x8000 - bits
        }
    };
    order(a).abs_diff(order(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selects_the_kept_places() {
        let kept = Kept {
            full_shape: vec![1, 3, 2],
            dtype: "float32".into(),
            axes: vec![None, Some(vec![0, 2]), None],
            values: vec![],
        };
        assert_eq!(kept.select(&[0., 1., 2., 3., 4., 5.]), [0., 1., 4., 5.]);
    }

    #[test]
    fn measures() {
        let far = distance(&[3., 4., f64::NAN, 1.], &[3., 4.5, f64::NAN, f64::NAN]);
        assert_eq!((far.relative_l2, far.largest, far.odd), (0.1, 0.5, 1));
        assert_eq!(distance(&[0.0], &[0.0]).relative_l2, 0.0);
        assert!(
            distance(&[f64::MAX], &[f64::MIN]).exceeds(1e-5),
            "no number is within no bound"
        );
        assert_eq!(distance(&[0.0], &[1.0]).relative_l2, f64::INFINITY);
    }

    #[test]
    fn counts_steps_of_float16() {
        assert_eq!(half_steps(1.0, 1.0 + f64::from(f16::EPSILON)), 1);
        assert_eq!(
            half_steps(-5.960_464_477_539_063e-8, 5.960_464_477_539_063e-8),
            2
        );
        assert_eq!(half_steps(2.0, 2.0), 0);
    }

    #[test]
    fn reads_a_shipped_recording() {
        let cases = read(&crate::fixtures::recording("tiny_cpu_f32"));
        assert_eq!(cases.len(), 2);
        assert_eq!(cases[0].sequence.len(), 4096);
        let embeddings = &cases[0].outputs["embeddings_1bp"];
        assert_eq!(embeddings.values.len(), 1875 * 32);
        assert!(distance(&embeddings.values, &embeddings.values).relative_l2 == 0.0);
    }
}
