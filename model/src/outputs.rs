//! What a forward pass gives.

use std::collections::BTreeMap;

use burn::tensor::{DType, Int, Tensor};

use crate::array::{Array, Values};
use crate::heads::junctions::{JunctionMask, Tissues};
use crate::operations::{Operations, Organisms};
use crate::precision::Arithmetic;

/// Outputs by the names of JAX's prediction tree, on the device.
///
/// Under a bfloat16 arithmetic all float outputs are bfloat16, cast once everything that depends on them is computed.
#[derive(Clone, Debug)]
pub struct Outputs<B: Operations> {
    arithmetic: Arithmetic,
    outputs: BTreeMap<String, Output<B>>,
}

/// One output.
#[derive(Clone, Debug)]
pub enum Output<B: Operations> {
    /// Along the sequence, `[B, S, C]`.
    Sequence(Tensor<B, 3>),
    /// Along the sequence, `[B, S, C]`: float16 once on the host, as in JAX's float32.
    Half(Tensor<B, 3>),
    /// For all pairs, `[B, P, P, C]` or `[B, K, K, C]`.
    Pair(Tensor<B, 4>),
    /// Positions of splice sites, `[B, 4, K]`.
    Positions(Tensor<B, 3, Int>),
    /// Which junctions there are between sites `[B, 4, K]`, `[B, K, K, C]`.
    Mask(Tensor<B, 3, Int>, Tissues, Organisms<B>),
}

impl<B: Operations> Output<B> {
    /// Lengths of the axes.
    pub fn shape(&self) -> Vec<usize> {
        match self {
            Self::Sequence(x) | Self::Half(x) => x.dims().to_vec(),
            Self::Pair(x) => x.dims().to_vec(),
            Self::Positions(x) => x.dims().to_vec(),
            Self::Mask(sites, tissues, _) => {
                let [batch, _, count] = sites.dims();
                vec![batch, count, count, 2 * tissues.most]
            }
        }
    }

    /// Brings the output to the host.
    pub fn into_array(self) -> Array {
        match self {
            Self::Sequence(x) => Array::from_floats(x),
            Self::Half(x) => Array::from_floats(x).into_f16(),
            Self::Pair(x) => Array::from_floats(x),
            Self::Positions(x) => Array::from_ints(x),
            Self::Mask(sites, tissues, organisms) => {
                let known = organisms.host.iter().map(|&index| tissues.known[index]);
                let mask = JunctionMask::new(sites.into(), known.collect(), tissues.most);
                Array {
                    shape: mask.shape().to_vec(),
                    values: Values::Bool(mask.values()),
                }
            }
        }
    }
}

impl<B: Operations> Outputs<B> {
    pub(crate) fn new(arithmetic: Arithmetic) -> Self {
        Self {
            arithmetic,
            outputs: BTreeMap::new(),
        }
    }

    pub(crate) fn insert(&mut self, name: impl Into<String>, output: Output<B>) {
        let output = if self.arithmetic.is_bfloat16() {
            self.in_bfloat16(output)
        } else {
            output
        };
        self.outputs.insert(name.into(), output);
    }

    fn in_bfloat16(&self, output: Output<B>) -> Output<B> {
        match output {
            Output::Sequence(x) => Output::Sequence(x.cast(DType::BF16)),
            Output::Half(x) if self.arithmetic.roundings().usage_is_half => {
                Output::Sequence(x.cast(DType::F16).cast(DType::BF16))
            }
            Output::Half(x) => Output::Sequence(x.cast(DType::BF16)),
            Output::Pair(x) => Output::Pair(x.cast(DType::BF16)),
            output @ (Output::Positions(_) | Output::Mask(..)) => output,
        }
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
