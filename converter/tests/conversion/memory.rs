//! Checkpoints in memory, and conversions of them.

use std::{collections::BTreeMap, path::Path};

use converter::{
    checkpoint::{Checkpoint, Leaf, Other, ReadError},
    convert::{self, Request, convert},
    ledger::Ledger,
    parallel::Resources,
    plan::{Plan, Report},
    safetensors_file::Model,
    spec::Spec,
    tensor::{Dtype, Tensor, TensorType, from_f64, to_f64},
};
use orbax::Key;

/// A checkpoint in memory.
#[derive(Clone, Default)]
pub struct Memory {
    leaves: Vec<Leaf>,
    data: Vec<Vec<u8>>,
    others: Vec<Other>,
}

impl Memory {
    /// Adds a leaf of float32 under `[collection]['module']['name']`; its values count up from `start`.
    pub fn with(
        self,
        collection: usize,
        module: &str,
        name: &str,
        shape: &[usize],
        start: f64,
    ) -> Self {
        let elements = shape.iter().product::<usize>();
        let values: Vec<f64> = (0..elements).map(|i| start + i as f64).collect();
        let path = [
            Key::Index(collection),
            Key::Name(module.into()),
            Key::Name(name.into()),
        ];
        self.with_leaf(&path, Dtype::F32, shape, &values)
    }

    /// Adds a leaf.
    pub fn with_leaf(
        mut self,
        path: &[Key],
        dtype: Dtype,
        shape: &[usize],
        values: &[f64],
    ) -> Self {
        self.leaves.push(Leaf {
            path: path.to_vec(),
            name: dotted(path),
            kind: TensorType {
                shape: shape.to_vec(),
                dtype,
            },
        });
        self.data.push(from_f64(dtype, values));
        self
    }

    /// Adds a value that is no array.
    pub fn with_other(mut self, path: &[Key], what: &str) -> Self {
        self.others.push(Other {
            path: path.to_vec(),
            name: dotted(path),
            what: what.to_owned(),
            compared: true,
        });
        self
    }

    /// Puts all paths below other keys than `[0]` and `[1]`.
    pub fn moved(mut self, to: impl Fn(&[Key]) -> Vec<Key>) -> Self {
        for leaf in &mut self.leaves {
            leaf.path = to(&leaf.path);
            leaf.name = dotted(&leaf.path);
        }
        self
    }

    /// Takes away the leaves whose names end so.
    pub fn without(mut self, end: &str) -> Self {
        let keep: Vec<bool> = self
            .leaves
            .iter()
            .map(|leaf| !leaf.name.ends_with(end))
            .collect();
        assert!(keep.contains(&false), "no leaf ends in {end}");
        let mut kept = keep.iter();
        self.leaves.retain(|_| kept.next() == Some(&true));
        let mut kept = keep.iter();
        self.data.retain(|_| kept.next() == Some(&true));
        self
    }
}

fn dotted(path: &[Key]) -> String {
    let keys = path.iter().map(|key| match key {
        Key::Index(index) => index.to_string(),
        Key::Name(name) => name.clone(),
    });
    keys.collect::<Vec<_>>().join(".")
}

impl Checkpoint for Memory {
    fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    fn others(&self) -> &[Other] {
        &self.others
    }

    fn read_into(&self, leaf: usize, out: &mut [u8]) -> Result<(), ReadError> {
        out.copy_from_slice(&self.data[leaf]);
        Ok(())
    }
}

/// Plans a conversion to float32.
pub fn plan(spec: &str, checkpoint: &dyn Checkpoint) -> Result<Plan, Report> {
    let spec = Spec::parse(spec, &[]).expect("a spec");
    Plan::of(&spec, checkpoint, Dtype::F32)
}

/// Settings of a conversion.
#[derive(Clone)]
pub struct Settings {
    pub dtype: Dtype,
    pub options: Vec<(String, bool)>,
    pub threads: usize,
    pub memory: usize,
    pub max_shard: u64,
    pub force: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            dtype: Dtype::F32,
            options: Vec::new(),
            threads: 2,
            memory: 64 << 20,
            max_shard: u64::MAX,
            force: false,
        }
    }
}

/// Converts into `out`.
pub fn converted(
    spec: &str,
    checkpoint: &dyn Checkpoint,
    settings: &Settings,
    out: &Path,
) -> Result<Ledger, convert::Error> {
    let spec = Spec::parse(spec, &settings.options).expect("a spec");
    let plan =
        Plan::of(&spec, checkpoint, settings.dtype).unwrap_or_else(|report| panic!("{report}"));
    convert(&Request {
        checkpoint,
        spec: &spec,
        plan: &plan,
        dtype: settings.dtype,
        tracks: None,
        repo: None,
        revision: None,
        out: out.to_owned(),
        force: settings.force,
        max_shard: settings.max_shard,
        resources: Resources {
            threads: settings.threads,
            memory: settings.memory,
        },
        progress: &|_| {},
    })
}

/// The tensors of a converted folder.
pub fn tensors(dir: &Path) -> BTreeMap<String, Tensor> {
    let model = Model::open(dir).expect("a model");
    let read = model.tensors.iter().map(|(name, stored)| {
        let mut data = vec![0; stored.kind.bytes()];
        model.read(stored, 0, &mut data).expect("bytes");
        let kind = stored.kind.clone();
        (name.clone(), Tensor { kind, data })
    });
    read.collect()
}

/// A tensor's shape and values.
pub fn values(tensors: &BTreeMap<String, Tensor>, name: &str) -> (Vec<usize>, Vec<f64>) {
    let tensor = tensors
        .get(name)
        .unwrap_or_else(|| panic!("no tensor {name}"));
    (
        tensor.kind.shape.clone(),
        to_f64(tensor.kind.dtype, &tensor.data),
    )
}
