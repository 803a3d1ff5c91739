//! What a forward pass gives.

use std::collections::BTreeMap;

use burn::tensor::{Int, Tensor};

use crate::array::{Array, Values};
use crate::heads::junctions::JunctionMask;
use crate::operations::Operations;

/// Outputs by the names of JAX's prediction tree, on the device.
#[derive(Clone, Debug)]
pub struct Outputs<B: Operations> {
    outputs: BTreeMap<String, Output<B>>,
}

/// One output.
#[derive(Clone, Debug)]
pub enum Output<B: Operations> {
    /// Along the sequence, `[B, S, C]`.
    Sequence(Tensor<B, 3>),
    /// Along the sequence, `[B, S, C]`: float16 once on the host, as in JAX.
    Half(Tensor<B, 3>),
    /// For all pairs, `[B, P, P, C]` or `[B, K, K, C]`.
    Pair(Tensor<B, 4>),
    /// Positions of splice sites, `[B, 4, K]`.
    Positions(Tensor<B, 3, Int>),
    /// Which junctions there are, `[B, K, K, C]`.
    Mask(JunctionMask),
}

impl<B: Operations> Output<B> {
    /// Lengths of the axes.
    pub fn shape(&self) -> Vec<usize> {
        match self {
            Self::Sequence(x) | Self::Half(x) => x.dims().to_vec(),
            Self::Pair(x) => x.dims().to_vec(),
            Self::Positions(x) => x.dims().to_vec(),
            Self::Mask(mask) => mask.shape().to_vec(),
        }
    }

    /// Brings the output to the host.
    pub fn into_array(self) -> Array {
        match self {
            Self::Sequence(x) => Array::from_floats(x),
            Self::Half(x) => Array::from_floats(x).into_f16(),
            Self::Pair(x) => Array::from_floats(x),
            Self::Positions(x) => Array::from_ints(x),
            Self::Mask(mask) => Array {
                shape: mask.shape().to_vec(),
                values: Values::Bool(mask.values()),
            },
        }
    }
}

impl<B: Operations> Outputs<B> {
    pub(crate) fn new() -> Self {
        Self {
            outputs: BTreeMap::new(),
        }
    }

    pub(crate) fn insert(&mut self, name: impl Into<String>, output: Output<B>) {
        self.outputs.insert(name.into(), output);
    }

    /// One output by its name, as in `rna_seq/predictions_1bp`.
    pub fn get(&self, name: &str) -> Option<&Output<B>> {
        self.outputs.get(name)
    }

    /// Outputs by name, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Output<B>)> {
        self.outputs
            .iter()
            .map(|(name, output)| (name.as_str(), output))
    }

    /// Brings all outputs to the host, and frees each on the device as soon as it is there.
    pub fn into_arrays(self) -> BTreeMap<String, Array> {
        self.outputs
            .into_iter()
            .map(|(name, output)| (name, output.into_array()))
            .collect()
    }
}
