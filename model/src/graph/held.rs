//! Values of a graph on a device, and what an operation reads of them.

use burn::tensor::backend::BackendTypes;
use burn::tensor::{Int, Shape, Tensor, TensorMetadata, TensorPrimitive};

use crate::array::Array;
use crate::heads::JunctionHead;
use crate::heads::junctions::{JunctionShape, Sides};
use crate::layers::{Affine, Convolution, LayerNorm, Linear, Rotation, TissueAffine};
use crate::operations::Operations;

/// A value on a device.
pub(crate) enum Held<B: Operations> {
    Float(<B as BackendTypes>::FloatTensorPrimitive),
    Integer(<B as BackendTypes>::IntTensorPrimitive),
}

impl<B: Operations> Clone for Held<B> {
    fn clone(&self) -> Self {
        match self {
            Self::Float(x) => Self::Float(x.clone()),
            Self::Integer(x) => Self::Integer(x.clone()),
        }
    }
}

impl<B: Operations, const D: usize> From<Tensor<B, D>> for Held<B> {
    fn from(x: Tensor<B, D>) -> Self {
        Self::Float(x.into_primitive().tensor())
    }
}

impl<B: Operations, const D: usize> From<Tensor<B, D, Int>> for Held<B> {
    fn from(x: Tensor<B, D, Int>) -> Self {
        Self::Integer(x.into_primitive())
    }
}

impl<B: Operations> Held<B> {
    /// Brings the value to the host.
    pub(crate) fn into_array(self) -> Array {
        // How many axes there are does not matter on the way to the host.
        match self {
            Self::Float(x) => {
                let shape = x.shape().to_vec();
                let x = B::float_reshape(x, Shape::from(vec![shape.iter().product::<usize>()]));
                let flat = Tensor::<B, 1>::from_primitive(TensorPrimitive::Float(x));
                let values = Array::from_floats(flat).values;
                Array { shape, values }
            }
            Self::Integer(x) => {
                let shape = x.shape().to_vec();
                let x = B::int_reshape(x, Shape::from(vec![shape.iter().product::<usize>()]));
                let values = Array::from_ints(Tensor::<B, 1, Int>::from_primitive(x)).values;
                Array { shape, values }
            }
        }
    }
}

pub(super) fn float<B: Operations>(
    held: Option<Held<B>>,
) -> <B as BackendTypes>::FloatTensorPrimitive {
    match held {
        Some(Held::Float(x)) => x,
        _ => unreachable!("an operation was recorded with floats here"),
    }
}

/// What a node reads, one after the other: as many and of the ranks that were recorded.
pub(super) struct Inputs<B: Operations>(pub(super) std::vec::IntoIter<Held<B>>);

impl<B: Operations> Inputs<B> {
    pub(super) fn primitive(&mut self) -> <B as BackendTypes>::FloatTensorPrimitive {
        float(self.0.next())
    }

    pub(super) fn floats<const D: usize>(&mut self) -> Tensor<B, D> {
        Tensor::from_primitive(TensorPrimitive::Float(self.primitive()))
    }

    pub(super) fn integers<const D: usize>(&mut self) -> Tensor<B, D, Int> {
        match self.0.next() {
            Some(Held::Integer(x)) => Tensor::from_primitive(x),
            _ => unreachable!("an operation was recorded with integers here"),
        }
    }

    pub(super) fn affine(&mut self) -> Affine<B> {
        Affine {
            scale: self.floats(),
            offset: self.floats(),
        }
    }

    pub(super) fn layer_norm(&mut self, centred: bool) -> LayerNorm<B> {
        LayerNorm {
            scale: self.floats(),
            offset: self.floats(),
            centred,
        }
    }

    pub(super) fn linear(&mut self, bias: bool) -> Linear<B> {
        Linear {
            weight: self.floats(),
            bias: bias.then(|| self.floats()),
        }
    }

    pub(super) fn convolution(&mut self) -> Convolution<B> {
        Convolution {
            weight: self.floats(),
            bias: self.floats(),
        }
    }

    pub(super) fn rotation(&mut self) -> Rotation<B> {
        Rotation {
            cosine: self.floats(),
            sine: self.floats(),
        }
    }

    pub(super) fn junctions(&mut self, shape: &JunctionShape) -> JunctionHead<B> {
        let mut organisms = Vec::new();
        while !self.0.as_slice().is_empty() {
            let linear = self.linear(true);
            let kinds = [(); 4].map(|()| TissueAffine {
                scale: self.floats(),
                offset: self.floats(),
            });
            organisms.push(Sides {
                linear,
                tissues: kinds[0].scale.dims()[0],
                kinds: kinds.into(),
            });
        }
        JunctionHead {
            organisms,
            shape: shape.clone(),
            top_k: 0,
            threshold: 0.0,
        }
    }
}
