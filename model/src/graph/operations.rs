//! The operations on the recording backend: one node a call.

use burn::tensor::{DType, Int, Tensor, TensorPrimitive};
use burn_flex::FlexDevice;

use super::read::{Read, float_value};
use super::record::{self, Recorded, enter, leave, node, output_of};
use super::{Operation, ValueId};
use crate::attention::AttentionForm;
use crate::heads::JunctionHead;
use crate::layers::{Affine, Convolution, LayerNorm, Linear, Rotation};
use crate::operations::{Activation, Gelu, Operations, Organisms, Scope, Source, Unscale};
use crate::precision::Roundings;

/// Adds a node with one output.
fn record<const D: usize>(
    operation: Operation,
    roundings: impl Into<Option<Roundings>>,
    inputs: &[&dyn Read],
    shape: [usize; D],
) -> Tensor<Recorded, D> {
    floats(
        add(operation, roundings.into(), inputs, shape.to_vec()),
        shape,
    )
}

fn add(
    operation: Operation,
    roundings: Option<Roundings>,
    inputs: &[&dyn Read],
    shape: Vec<usize>,
) -> ValueId {
    let mut values = Vec::new();
    inputs.iter().for_each(|input| input.values(&mut values));
    node(operation, roundings, values, vec![shape])[0]
}

fn floats<const D: usize>(value: ValueId, shape: [usize; D]) -> Tensor<Recorded, D> {
    let tensor = record::tensor(value, &shape, DType::F32);
    Tensor::from_primitive(TensorPrimitive::Float(tensor))
}

fn integers<const D: usize>(value: ValueId, shape: [usize; D]) -> Tensor<Recorded, D, Int> {
    Tensor::from_primitive(record::tensor(value, &shape, DType::I32))
}

/// `shape` with other channels.
fn channels<const D: usize>(mut shape: [usize; D], channels: usize) -> [usize; D] {
    shape[D - 1] = channels;
    shape
}

impl Operations for Recorded {
    fn floats<const D: usize>(
        source: Source,
        shape: [usize; D],
        values: impl FnOnce() -> Vec<f32>,
        _: &FlexDevice,
    ) -> Tensor<Self, D> {
        let numbers = match &source {
            Source::Constant(_) => values(),
            _ => Vec::new(),
        };
        record(Operation::Source(source, numbers.into()), None, &[], shape)
    }

    fn integers<const D: usize>(
        source: Source,
        shape: [usize; D],
        _: impl FnOnce() -> Vec<i32>,
        _: &FlexDevice,
    ) -> Tensor<Self, D, Int> {
        let source = Operation::Source(source, Vec::new().into());
        integers(add(source, None, &[], shape.to_vec()), shape)
    }

    fn scope(path: &str) -> Scope {
        enter(path);
        Scope(Some(leave))
    }

    fn output_of<const D: usize>(path: &str, x: &Tensor<Self, D>) {
        output_of(path, float_value(x));
    }

    fn take_rows(
        from: Vec<Tensor<Self, 3>>,
        rows: Tensor<Self, 1, Int>,
        batch: usize,
    ) -> Tensor<Self, 3> {
        let shape = [batch, rows.dims()[0] / batch, from[0].dims()[2]];
        let mut inputs: Vec<&dyn Read> = from.iter().map(|x| x as &dyn Read).collect();
        inputs.push(&rows);
        record(Operation::TakeRows, None, &inputs, shape)
    }

    fn add<const D: usize>(
        x: Tensor<Self, D>,
        y: Tensor<Self, D>,
        r: Roundings,
    ) -> Tensor<Self, D> {
        let (a, b) = (x.dims(), y.dims());
        let shape = std::array::from_fn(|axis| a[axis].max(b[axis]));
        record(Operation::Add, r, &[&x, &y], shape)
    }

    fn normalise(x: Tensor<Self, 3>, norm: &Affine<Self>, r: Roundings) -> Tensor<Self, 3> {
        record(Operation::Normalise, r, &[&x, norm], x.dims())
    }

    fn activate<const D: usize>(x: Tensor<Self, D>, gelu: Gelu, r: Roundings) -> Tensor<Self, D> {
        record(Operation::Activate(gelu), r, &[&x], x.dims())
    }

    fn layer_normalise(
        x: Tensor<Self, 3>,
        norm: &LayerNorm<Self>,
        r: Roundings,
    ) -> Tensor<Self, 3> {
        let centred = norm.centred;
        record(
            Operation::LayerNormalise { centred },
            r,
            &[&x, norm],
            x.dims(),
        )
    }

    fn project(
        x: Tensor<Self, 3>,
        linear: &Linear<Self>,
        activation: Activation,
        r: Roundings,
    ) -> Tensor<Self, 3> {
        let bias = linear.bias.is_some();
        let shape = channels(x.dims(), linear.weight.dims()[1]);
        record(
            Operation::Project { bias, activation },
            r,
            &[&x, linear],
            shape,
        )
    }

    fn stem(x: Tensor<Self, 3>, convolution: &Convolution<Self>, r: Roundings) -> Tensor<Self, 3> {
        let shape = channels(x.dims(), convolution.weight.dims()[2]);
        record(Operation::Stem, r, &[&x, convolution], shape)
    }

    fn convolution_block(
        x: Tensor<Self, 3>,
        norm: &Affine<Self>,
        convolution: &Convolution<Self>,
        residual: Option<Tensor<Self, 3>>,
        r: Roundings,
    ) -> Tensor<Self, 3> {
        let shape = channels(x.dims(), convolution.weight.dims()[2]);
        let operation = Operation::ConvolutionBlock {
            residual: residual.is_some(),
        };
        record(operation, r, &[&x, &residual, norm, convolution], shape)
    }

    fn pointwise_block(
        x: Tensor<Self, 3>,
        norm: &Affine<Self>,
        linear: &Linear<Self>,
        gelu: Gelu,
        r: Roundings,
    ) -> Tensor<Self, 3> {
        let bias = linear.bias.is_some();
        let shape = channels(x.dims(), linear.weight.dims()[1]);
        record(
            Operation::PointwiseBlock { bias, gelu },
            r,
            &[&x, norm, linear],
            shape,
        )
    }

    fn max_pool(x: Tensor<Self, 3>) -> Tensor<Self, 3> {
        let [batch, length, channels] = x.dims();
        record(
            Operation::MaxPool,
            None,
            &[&x],
            [batch, length / 2, channels],
        )
    }

    fn mean_pool(x: Tensor<Self, 3>, by: usize, r: Roundings) -> Tensor<Self, 3> {
        let [batch, length, channels] = x.dims();
        record(
            Operation::MeanPool(by),
            r,
            &[&x],
            [batch, length / by, channels],
        )
    }

    fn upsample_add(
        x: Tensor<Self, 3>,
        scale: Tensor<Self, 1>,
        skip: Tensor<Self, 3>,
        r: Roundings,
    ) -> Tensor<Self, 3> {
        record(Operation::UpsampleAdd, r, &[&x, &skip, &scale], skip.dims())
    }

    fn rotate(x: Tensor<Self, 4>, rotation: &Rotation<Self>, r: Roundings) -> Tensor<Self, 4> {
        record(Operation::Rotate, r, &[&x, rotation], x.dims())
    }

    fn sequence_attention(
        queries: Tensor<Self, 4>,
        keys: Tensor<Self, 3>,
        values: Tensor<Self, 3>,
        bias: Tensor<Self, 4>,
        soft_cap: f32,
        form: AttentionForm,
        r: Roundings,
    ) -> Tensor<Self, 3> {
        let [batch, length, heads, _] = queries.dims();
        let operation = Operation::SequenceAttention { soft_cap, form };
        let shape = [batch, length, heads * values.dims()[2]];
        record(operation, r, &[&queries, &keys, &values, &bias], shape)
    }

    fn row_attention(
        queries: Tensor<Self, 4>,
        keys: Tensor<Self, 4>,
        values: Tensor<Self, 4>,
        r: Roundings,
    ) -> Tensor<Self, 4> {
        record(
            Operation::RowAttention,
            r,
            &[&queries, &keys, &values],
            values.dims(),
        )
    }

    fn pair_products(
        queries: Tensor<Self, 4>,
        keys: Tensor<Self, 4>,
        query_bias: Tensor<Self, 2>,
        key_bias: Tensor<Self, 2>,
        positions: Tensor<Self, 3>,
        r: Roundings,
    ) -> Tensor<Self, 4> {
        let [batch, length, heads, _] = queries.dims();
        let inputs: [&dyn Read; 5] = [&queries, &keys, &positions, &query_bias, &key_bias];
        record(
            Operation::PairProducts,
            r,
            &inputs,
            [batch, length, length, heads],
        )
    }

    fn symmetrise(x: Tensor<Self, 4>, r: Roundings) -> Tensor<Self, 4> {
        record(Operation::Symmetrise, r, &[&x], x.dims())
    }

    fn output_embedding(
        x: Tensor<Self, 3>,
        skip: Option<Tensor<Self, 3>>,
        norm: &Affine<Self>,
        organism: Tensor<Self, 2>,
        r: Roundings,
    ) -> Tensor<Self, 3> {
        let operation = Operation::OutputEmbedding {
            skip: skip.is_some(),
        };
        record(operation, r, &[&x, &skip, &organism, norm], x.dims())
    }

    fn organism_linear(
        x: Tensor<Self, 3>,
        linears: &[Linear<Self>],
        organisms: &Organisms<Self>,
        r: Roundings,
    ) -> Tensor<Self, 3> {
        let mut inputs: Vec<&dyn Read> = vec![&x, organisms];
        inputs.extend(linears.iter().map(|linear| linear as &dyn Read));
        let shape = channels(x.dims(), linears[0].weight.dims()[1]);
        record(Operation::OrganismLinear, r, &inputs, shape)
    }

    fn tracks(
        x: Tensor<Self, 3>,
        scale: Tensor<Self, 2>,
        unscale: Option<&Unscale<Self>>,
    ) -> (Tensor<Self, 3>, Option<Tensor<Self, 3>>) {
        let shape = x.dims();
        let mut values = Vec::new();
        let factor = unscale.map(|unscale| unscale.factor.clone());
        let inputs: [&dyn Read; 3] = [&x, &scale, &factor];
        inputs.iter().for_each(|input| input.values(&mut values));
        let squashing = unscale.map(|unscale| unscale.squashing);
        let shapes = vec![shape.to_vec(); 1 + usize::from(squashing.is_some())];
        let made = node(Operation::Tracks { squashing }, None, values, shapes);
        let unscaled = made.get(1).map(|&value| floats(value, shape));
        (floats(made[0], shape), unscaled)
    }

    fn probabilities(x: Tensor<Self, 3>) -> Tensor<Self, 3> {
        record(Operation::Probabilities, None, &[&x], x.dims())
    }

    fn logistic(x: Tensor<Self, 3>) -> Tensor<Self, 3> {
        record(Operation::Logistic, None, &[&x], x.dims())
    }

    fn best_positions(x: Tensor<Self, 3>, k: usize, threshold: f32) -> Tensor<Self, 3, Int> {
        let shape = [x.dims()[0], 4, k];
        let operation = Operation::BestPositions { k, threshold };
        integers(add(operation, None, &[&x], shape.to_vec()), shape)
    }

    fn junction_counts(
        x: Tensor<Self, 3>,
        sites: Tensor<Self, 3, Int>,
        rows: Option<Tensor<Self, 3, Int>>,
        head: &JunctionHead<Self>,
        organisms: &Organisms<Self>,
    ) -> Tensor<Self, 4> {
        let [batch, _, count] = sites.dims();
        let mut inputs: Vec<&dyn Read> = vec![&x, &sites, &rows, organisms];
        for sides in &head.organisms {
            inputs.push(&sides.linear);
            inputs.extend(sides.kinds.iter().map(|kind| kind as &dyn Read));
        }
        let operation = Operation::JunctionCounts {
            shape: head.shape.clone(),
            rows: rows.is_some(),
        };
        let shape = [batch, count, count, 2 * head.shape.tissues];
        record(operation, head.shape.roundings, &inputs, shape)
    }
}
