//! The graph that a convolution is to cuDNN, with what is added to its result.

use cudarc::cudnn::sys::{
    self as dnn, cudnnBackendAttributeName_t as Name, cudnnBackendDescriptorType_t as Kind,
};

use crate::convolution::Shape;
use crate::element::Element;
use crate::engine::Descriptor;
use crate::error::Result;

/// What cuDNN calls the tensors of the graph.
pub(crate) mod id {
    pub(crate) const X: i64 = 1;
    pub(crate) const W: i64 = 2;
    pub(crate) const Y: i64 = 3;
    pub(crate) const BIAS: i64 = 4;
    pub(crate) const RESIDUAL: i64 = 5;
    /// Values between the operations, which never reach memory.
    pub(crate) const BETWEEN: i64 = 10;
}

/// The alignment in bytes that operands must have.
pub(crate) const ALIGNMENT: u64 = 16;

/// The graph: the convolution, then the residual, then the bias, f32 in between.
pub(crate) fn graph(handle: dnn::cudnnHandle_t, shape: &Shape) -> Result<Descriptor> {
    let &Shape {
        batch,
        length,
        inputs,
        outputs,
        width,
        input,
        output,
        ..
    } = shape;
    let x = tensor(id::X, [batch, inputs, 1, length], input, false)?;
    let w = tensor(id::W, [outputs, inputs, 1, width], input, false)?;
    let y_sizes = [batch, outputs, 1, length];
    let last = id::BETWEEN + i64::from(shape.residual) + i64::from(shape.bias.is_some());
    // The value after the step of this number: f32 and never in memory, but for the last, which is y.
    let after = |step: i64| {
        if step == last {
            tensor(id::Y, y_sizes, output, false)
        } else {
            tensor(step, y_sizes, Element::F32, true)
        }
    };
    let mut value = after(id::BETWEEN)?;
    let mut operations = vec![convolve(&x, &w, &value, width)?];
    let mut step = id::BETWEEN;
    let residual = shape
        .residual
        .then(|| tensor(id::RESIDUAL, y_sizes, output, false));
    let bias = shape
        .bias
        .map(|bias| tensor(id::BIAS, [1, outputs, 1, 1], bias, false));
    for addend in [residual, bias].into_iter().flatten() {
        step += 1;
        let sum = after(step)?;
        operations.push(add(&value, &addend?, &sum)?);
        value = sum;
    }
    let graph = Descriptor::new(Kind::CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR)?;
    graph.handle(Name::CUDNN_ATTR_OPERATIONGRAPH_HANDLE, handle)?;
    graph.descriptors(
        Name::CUDNN_ATTR_OPERATIONGRAPH_OPS,
        &operations.iter().collect::<Vec<_>>(),
    )?;
    graph.finalize()
}

/// A channels-last tensor of batch, channels, height (always 1) and positions.
fn tensor(name: i64, sizes: [u64; 4], element: Element, between: bool) -> Result<Descriptor> {
    let [_, channels, height, positions] = sizes.map(|size| size as i64);
    let image = channels * height * positions;
    let tensor = Descriptor::new(Kind::CUDNN_BACKEND_TENSOR_DESCRIPTOR)?;
    tensor.integers(Name::CUDNN_ATTR_TENSOR_UNIQUE_ID, &[name])?;
    tensor.data_type(Name::CUDNN_ATTR_TENSOR_DATA_TYPE, element.cudnn())?;
    tensor.integers(
        Name::CUDNN_ATTR_TENSOR_DIMENSIONS,
        &sizes.map(|size| size as i64),
    )?;
    tensor.integers(
        Name::CUDNN_ATTR_TENSOR_STRIDES,
        &[image, 1, channels * positions, channels],
    )?;
    tensor.integers(Name::CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, &[ALIGNMENT as i64])?;
    tensor.truth(Name::CUDNN_ATTR_TENSOR_IS_VIRTUAL, between)?;
    tensor.finalize()
}

fn convolve(x: &Descriptor, w: &Descriptor, y: &Descriptor, width: u64) -> Result<Descriptor> {
    let side = (width as i64 - 1) / 2;
    let convolution = Descriptor::new(Kind::CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR)?;
    convolution.data_type(Name::CUDNN_ATTR_CONVOLUTION_COMP_TYPE, Element::F32.cudnn())?;
    convolution.mode(
        Name::CUDNN_ATTR_CONVOLUTION_CONV_MODE,
        dnn::cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION,
    )?;
    convolution.integers(Name::CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, &[2])?;
    convolution.integers(Name::CUDNN_ATTR_CONVOLUTION_DILATIONS, &[1, 1])?;
    convolution.integers(Name::CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, &[1, 1])?;
    convolution.integers(Name::CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, &[0, side])?;
    convolution.integers(Name::CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, &[0, side])?;
    let convolution = convolution.finalize()?;
    let operation = Descriptor::new(Kind::CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR)?;
    operation.descriptors(
        Name::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
        &[&convolution],
    )?;
    operation.descriptors(Name::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, &[x])?;
    operation.descriptors(Name::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, &[w])?;
    operation.descriptors(Name::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, &[y])?;
    operation.float(Name::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 1.0)?;
    operation.float(Name::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, 0.0)?;
    operation.finalize()
}

/// `sum = value + addend` in f32.
fn add(value: &Descriptor, addend: &Descriptor, sum: &Descriptor) -> Result<Descriptor> {
    let mode = Descriptor::new(Kind::CUDNN_BACKEND_POINTWISE_DESCRIPTOR)?;
    mode.pointwise(
        Name::CUDNN_ATTR_POINTWISE_MODE,
        dnn::cudnnPointwiseMode_t::CUDNN_POINTWISE_ADD,
    )?;
    mode.data_type(Name::CUDNN_ATTR_POINTWISE_MATH_PREC, Element::F32.cudnn())?;
    let mode = mode.finalize()?;
    let operation = Descriptor::new(Kind::CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR)?;
    operation.descriptors(Name::CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, &[&mode])?;
    operation.descriptors(Name::CUDNN_ATTR_OPERATION_POINTWISE_XDESC, &[value])?;
    operation.descriptors(Name::CUDNN_ATTR_OPERATION_POINTWISE_BDESC, &[addend])?;
    operation.descriptors(Name::CUDNN_ATTR_OPERATION_POINTWISE_YDESC, &[sum])?;
    operation.finalize()
}
