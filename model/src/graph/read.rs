//! What operations read, as values of a graph.

use burn::tensor::{Int, Tensor};

use super::ValueId;
use super::record::{Recorded, value};
use crate::layers::{Affine, Convolution, LayerNorm, Linear, Rotation, TissueAffine};
use crate::operations::Organisms;

/// What a node reads: values and parameters.
pub(super) trait Read {
    fn values(&self, into: &mut Vec<ValueId>);
}

impl<const D: usize> Read for Tensor<Recorded, D> {
    fn values(&self, into: &mut Vec<ValueId>) {
        into.push(float_value(self));
    }
}

impl<const D: usize> Read for Tensor<Recorded, D, Int> {
    fn values(&self, into: &mut Vec<ValueId>) {
        into.push(integer_value(self));
    }
}

impl<T: Read> Read for Option<T> {
    fn values(&self, into: &mut Vec<ValueId>) {
        self.iter().for_each(|part| part.values(into));
    }
}

/// The fields of a layer, in order.
macro_rules! read_fields {
    ($($layer:ident: $($field:ident),+;)+) => {$(
        impl Read for $layer<Recorded> {
            fn values(&self, into: &mut Vec<ValueId>) {
                $(self.$field.values(into);)+
            }
        }
    )+};
}

read_fields! {
    Affine: scale, offset;
    LayerNorm: scale, offset;
    Linear: weight, bias;
    Convolution: weight, bias;
    Rotation: cosine, sine;
    TissueAffine: scale, offset;
    Organisms: indices;
}

pub(super) fn float_value<const D: usize>(x: &Tensor<Recorded, D>) -> ValueId {
    value(x.clone().into_primitive().tensor())
}

pub(super) fn integer_value<const D: usize>(x: &Tensor<Recorded, D, Int>) -> ValueId {
    value(x.clone().into_primitive())
}
