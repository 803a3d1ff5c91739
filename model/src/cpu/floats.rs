//! float32 tensors of Burn's CPU backend as slices, and back.

use burn::tensor::{Bytes, DType, Shape, Tensor, TensorPrimitive};
use burn_flex::{Flex, FlexTensor, Layout};

/// A float32 tensor whose elements stand row-major in one stretch of its storage.
pub(super) struct Floats {
    tensor: FlexTensor,
    begin: usize,
    end: usize,
}

impl Floats {
    /// Takes a tensor as it is if its elements are contiguous, and a copy that is otherwise.
    pub(super) fn new<const D: usize>(tensor: Tensor<Flex, D>) -> Self {
        let mut tensor = tensor.into_primitive().tensor();
        if tensor.layout().contiguous_offsets().is_none() {
            tensor = tensor.to_contiguous();
        }
        let whole = (0, tensor.layout().num_elements());
        let (begin, end) = tensor.layout().contiguous_offsets().unwrap_or(whole);
        Self { tensor, begin, end }
    }

    /// The elements of a parameter, which is left as it is.
    pub(super) fn of<const D: usize>(tensor: &Tensor<Flex, D>) -> Self {
        Self::new(tensor.clone())
    }

    /// The elements.
    pub(super) fn as_slice(&self) -> &[f32] {
        &self.tensor.storage()[self.begin..self.end]
    }

    /// The elements to be changed; copied first if another tensor shares them.
    pub(super) fn as_mut_slice(&mut self) -> &mut [f32] {
        &mut self.tensor.storage_mut()[self.begin..self.end]
    }

    /// Whether another tensor shares the elements, so that changing them would copy them.
    pub(super) fn is_shared(&self) -> bool {
        !self.tensor.is_unique()
    }

    /// The tensor, in its shape.
    pub(super) fn into_tensor<const D: usize>(self) -> Tensor<Flex, D> {
        Tensor::from_primitive(TensorPrimitive::Float(self.tensor))
    }
}

/// A tensor of what `fill` writes; before that its elements are zero.
///
/// Its storage is a vector of floats, so that it comes to the host without a copy; `Tensor::zeros` makes bytes.
pub(super) fn filled<const D: usize>(
    shape: [usize; D],
    fill: impl FnOnce(&mut [f32]),
) -> Tensor<Flex, D> {
    let mut values = vec![0.0f32; shape.iter().product()];
    fill(&mut values);
    let layout = Layout::contiguous(Shape::from(shape));
    let tensor = FlexTensor::new(Bytes::from_elems(values), layout, DType::F32);
    Tensor::from_primitive(TensorPrimitive::Float(tensor))
}

/// The sequences of a batch, `size` numbers each.
pub(super) fn sequences(values: &mut [f32], size: usize) -> impl Iterator<Item = &mut [f32]> {
    values.chunks_mut(size.max(1))
}

/// What belongs to one sequence of a batch.
pub(super) fn part(values: &Floats, sequence: usize, batch: usize) -> &[f32] {
    let values = values.as_slice();
    let size = values.len() / batch;
    &values[sequence * size..][..size]
}
