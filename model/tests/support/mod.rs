//! A small model with weights from a seed, written as a conversion would.

#![allow(dead_code, reason = "every test file uses a part")]

use std::collections::BTreeMap;
use std::path::Path;

use burn::backend::Flex;
use burn::tensor::{Tensor, TensorData};
use model::operations::Gelu;
use model::{AlphaGenome, Arithmetic, Array, Batch, LoadError, NoTaps, Request, Sequence, Taps};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

/// Tensors by name: shape and values.
pub type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// The configuration of the small model.
pub const CONFIG: &str = r#"{
  "format": "alphagenome-burn", "format_version": 1, "dtype": "float32",
  "num_organisms": 2, "organisms": ["human", "mouse"],
  "folds": { "standardized_conv1d": false, "rms_batch_norm": false },
  "encoder": { "stem_width": 15, "conv_width": 5, "channels": [4, 4, 6, 6, 8, 8, 8] },
  "tower": { "layers": 3, "channels": 8, "heads": 2, "head_width": 4, "value_width": 6, "mlp_hidden": 16,
             "max_position": 8192, "soft_cap": 5.0 },
  "pair": { "every": 2, "pool": 16, "channels": 4, "heads": 3, "head_width": 4, "position_features": 8, "row_width": 4,
            "mlp_hidden": 8 },
  "decoder": { "channels": [8, 8, 8, 6, 6, 4, 4] },
  "embedders": { "embeddings_1bp": 8, "embeddings_128bp": 16, "embeddings_pair": 4 },
  "heads": {
    "atac": { "kind": "genome_tracks", "output_type": "ATAC", "tracks": 3, "resolutions": [1, 128], "squashing": false },
    "rna_seq": { "kind": "genome_tracks", "output_type": "RNA_SEQ", "tracks": 2, "resolutions": [1, 128], "squashing": true },
    "chip_tf": { "kind": "genome_tracks", "output_type": "CHIP_TF", "tracks": 2, "resolutions": [128], "squashing": false },
    "contact_maps": { "kind": "contact_maps", "output_type": "CONTACT_MAPS", "tracks": 2 },
    "splice_sites_classification": { "kind": "splice_sites_classification", "output_type": "SPLICE_SITES", "tracks": 5 },
    "splice_sites_usage": { "kind": "splice_sites_usage", "output_type": "SPLICE_SITE_USAGE", "tracks": 4 },
    "splice_sites_junction": { "kind": "splice_sites_junction", "output_type": "SPLICE_JUNCTIONS", "tissues": 3,
                               "hidden": 4, "max_position": 1048576, "top_k": 8, "threshold": 0.1 }
  }
}"#;

/// Track metadata of the small model: a padding track, an output without means, and fewer tissues in the mouse.
pub const TRACKS: &str = r#"{
  "format_version": 1,
  "organisms": [
    { "name": "human", "index": 0, "outputs": {
        "ATAC": [{ "nonzero_mean": 0.5 }, { "nonzero_mean": 2.0 }, { "padding": true }],
        "RNA_SEQ": [{ "nonzero_mean": 1.0 }, { "nonzero_mean": 0.25 }],
        "CHIP_TF": [{}, {}], "CONTACT_MAPS": [{}, {}], "SPLICE_SITES": [{}, {}, {}, {}, {}],
        "SPLICE_SITE_USAGE": [{}, {}, {}, {}], "SPLICE_JUNCTIONS": [{}, {}, {}] } },
    { "name": "mouse", "index": 1, "outputs": {
        "ATAC": [{}, {}, {}],
        "RNA_SEQ": [{ "nonzero_mean": 3.0 }, { "padding": true }],
        "CHIP_TF": [{}, {}], "CONTACT_MAPS": [{}, {}], "SPLICE_SITES": [{}, {}, {}, {}, {}],
        "SPLICE_SITE_USAGE": [{}, {}, {}, {}], "SPLICE_JUNCTIONS": [{}, {}] } }
  ]
}"#;

/// Numbers between -1 and 1 from a seed.
pub fn numbers(seed: u64) -> impl Iterator<Item = f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    })
}

/// Writes tensors to a safetensors file.
pub fn write_tensors(path: &Path, tensors: &Tensors) {
    let bytes: Vec<_> = tensors
        .iter()
        .map(|(name, (shape, values))| {
            (
                name,
                shape,
                values
                    .iter()
                    .flat_map(|value| value.to_le_bytes())
                    .collect::<Vec<u8>>(),
            )
        })
        .collect();
    let views = bytes.iter().map(|(name, shape, bytes)| {
        (
            name.as_str(),
            TensorView::new(Dtype::F32, shape.to_vec(), bytes).unwrap(),
        )
    });
    safetensors::serialize_to_file(views, None, path).unwrap();
}

/// The tensors that a configuration asks for, which the loader lists when there are none, with values from a seed.
pub fn tensors(config: &str, seed: u64) -> Tensors {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("config.json"), config).unwrap();
    write_tensors(&dir.path().join("model.safetensors"), &Tensors::new());
    let Err(LoadError::Tensors { missing, .. }) = load(dir.path()) else {
        panic!("an empty file was accepted")
    };
    let tensor = |(index, entry): (usize, &String)| {
        let (name, shape) = entry.split_once(' ').unwrap();
        let shape: Vec<usize> = serde_json::from_str(shape).unwrap();
        let size = shape.iter().product();
        let fan_in: usize = shape.iter().rev().skip(1).product();
        let leaf = name.rsplit('/').next().unwrap();
        let value = |x: f32| match leaf {
            "scale" | "residual_scale" | "var_ema" => 1.0 + 0.3 * x,
            "w" => 1.7 * x / (fan_in as f32).sqrt(),
            _ => x,
        };
        let values = numbers(seed * 1000 + index as u64)
            .take(size)
            .map(value)
            .collect();
        (name.to_owned(), (shape, values))
    };
    missing.iter().enumerate().map(tensor).collect()
}

/// Writes a model.
pub fn write_model(dir: &Path, config: &str, tracks: Option<&str>, tensors: &Tensors) {
    std::fs::write(dir.join("config.json"), config).unwrap();
    if let Some(tracks) = tracks {
        std::fs::write(dir.join("tracks.json"), tracks).unwrap();
    }
    write_tensors(&dir.join("model.safetensors"), tensors);
}

/// The small model in a folder of its own.
pub fn small_model() -> (tempfile::TempDir, AlphaGenome<Flex>) {
    let dir = tempfile::tempdir().unwrap();
    write_model(dir.path(), CONFIG, Some(TRACKS), &tensors(CONFIG, 1));
    let model = load(dir.path()).unwrap();
    (dir, model)
}

/// Loads a model on the CPU.
pub fn load(dir: &Path) -> Result<AlphaGenome<Flex>, LoadError> {
    AlphaGenome::load(dir, &Default::default(), Arithmetic::XlaCpuF32)
}

/// A random sequence with some unknown bases.
pub fn sequence(length: usize, seed: u64) -> Sequence {
    let indices: Vec<u8> = numbers(seed)
        .take(length)
        .map(|x| ((x + 1.0) * 2.02) as u8)
        .collect();
    Sequence::from_indices(&indices).unwrap()
}

/// Runs sequences with their organisms.
pub fn run(
    model: &AlphaGenome<Flex>,
    sequences: &[(Sequence, usize)],
    request: &Request,
) -> BTreeMap<String, Array> {
    let (sequences, organisms) = sequences.iter().cloned().unzip();
    let batch = Batch::new(sequences, organisms).unwrap();
    model
        .forward(&batch, request, &mut NoTaps)
        .unwrap()
        .into_arrays()
}

/// `|a - b| / |a|` over what is finite in `a`; infinite if NaN stand elsewhere in `b`.
pub fn distance(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let (mut difference, mut norm) = (0.0, 0.0);
    for (&a, &b) in a.iter().zip(b) {
        if a.is_finite() != b.is_finite() {
            return f64::INFINITY;
        }
        if a.is_finite() {
            difference += f64::from(a - b).powi(2);
            norm += f64::from(a).powi(2);
        }
    }
    if norm == 0.0 {
        difference.sqrt()
    } else {
        (difference / norm).sqrt()
    }
}

/// Notes which taps were offered, and keeps those that start with a prefix.
pub struct Watch {
    /// Paths that are wanted start with this.
    pub prefix: &'static str,
    /// What was taken.
    pub taken: BTreeMap<String, Array>,
    /// What was offered.
    pub offered: std::cell::RefCell<Vec<String>>,
}

impl Watch {
    /// Wants what starts with a prefix.
    pub fn new(prefix: &'static str) -> Self {
        Self {
            prefix,
            taken: BTreeMap::new(),
            offered: Default::default(),
        }
    }
}

impl Taps for Watch {
    fn wants(&self, path: &str) -> bool {
        self.offered.borrow_mut().push(path.to_owned());
        path.starts_with(self.prefix)
    }

    fn take(&mut self, path: &str, array: Array) {
        assert!(
            self.taken.insert(path.to_owned(), array).is_none(),
            "{path} was handed out twice"
        );
    }
}

/// How far float32 may be from float64.
pub const TOLERANCE: f64 = 1e-6;

/// A tensor of random numbers, and the numbers.
pub fn random<const D: usize>(seed: u64, shape: [usize; D]) -> (Tensor<Flex, D>, Vec<f64>) {
    let values: Vec<f32> = numbers(seed).take(shape.iter().product()).collect();
    let tensor = Tensor::from_data(TensorData::new(values.clone(), shape), &Default::default());
    (tensor, values.into_iter().map(f64::from).collect())
}

/// Holds all forms of an operation to the numbers expected.
pub fn check<const D: usize>(expected: &[f64], forms: impl IntoIterator<Item = Tensor<Flex, D>>) {
    let expected: Vec<f32> = expected.iter().map(|&value| value as f32).collect();
    for (form, found) in forms.into_iter().enumerate() {
        let found = found.into_data().to_vec::<f32>().unwrap();
        let distance = distance(&expected, &found);
        assert!(distance <= TOLERANCE, "form {form} is {distance:.1e} off");
    }
}

/// gelu in float64.
pub fn gelu(x: f64, kind: Gelu) -> f64 {
    match kind {
        Gelu::Sigmoid => x / (1.0 + (-1.702 * x).exp()),
        Gelu::Tanh => {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
            0.5 * x * (1.0 + inner.tanh())
        }
    }
}
