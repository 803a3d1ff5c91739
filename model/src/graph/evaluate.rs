//! A graph computed on a backend: as a whole, or from given values to wanted ones.

use std::collections::BTreeMap;

use burn::tensor::backend::BackendTypes;
use burn::tensor::{Shape, TensorData, TensorMetadata};

use super::held::{Held, Inputs, float};
use super::modules::within;
use super::{Graph, Node, Operation, ValueId};
use crate::batch::Batch;
use crate::operations::{Operations, Organisms, Source, Unscale};
use crate::parameters::Parameters;
use crate::precision::Roundings;
use crate::stages::StageError;
use crate::taps::Taps;

/// Where the sums between modules round, for a module that runs within a model of another arithmetic.
pub(crate) struct Between<'a> {
    pub(crate) sums: Roundings,
    /// The module; nothing where it is itself such a sum.
    pub(crate) module: Option<&'a str>,
}

/// A computation under way.
pub(crate) struct Evaluation<'a, B: Operations> {
    pub(crate) graph: &'a Graph,
    pub(crate) parameters: &'a Parameters<B>,
    pub(crate) batch: &'a Batch,
    pub(crate) organisms: &'a Organisms<B>,
    pub(crate) device: &'a B::Device,
    pub(crate) between: Option<Between<'a>>,
    /// What is given, and what was computed and is read again.
    pub(crate) held: BTreeMap<ValueId, Held<B>>,
}

impl<B: Operations> Evaluation<'_, B> {
    /// Computes what is wanted from what is held, and nothing else; blocks that add a residual within hand the taps what they
    /// have before.
    ///
    /// # Errors
    /// [`StageError`] where values that were given do not fit the graph.
    pub(crate) fn run(
        mut self,
        wanted: &[ValueId],
        taps: &mut dyn Taps,
    ) -> Result<Vec<Held<B>>, StageError> {
        let all = self.graph.nodes.iter().zip(self.needed(wanted));
        let nodes: Vec<_> = all
            .filter_map(|(node, needed)| needed.then_some(node))
            .collect();
        let mut uses = vec![0; self.graph.values.len()];
        let read = nodes.iter().flat_map(|node| &node.inputs).chain(wanted);
        read.for_each(|&value| uses[value] += 1);
        for node in nodes {
            let mut inputs = Vec::with_capacity(node.inputs.len());
            for &value in &node.inputs {
                inputs.push(self.read(value, &mut uses)?);
            }
            if let Operation::ConvolutionBlock { residual } = node.operation
                && taps.wants(&node.path)
            {
                let mut inputs = inputs.clone();
                if residual {
                    inputs.remove(1);
                }
                let whole = Operation::ConvolutionBlock { residual: false };
                let y = self.compute(node, &whole, Inputs(inputs.into_iter()))?;
                y.into_iter()
                    .for_each(|y| taps.take(&node.path, y.into_array()));
            }
            let outputs = self.compute(node, &node.operation, Inputs(inputs.into_iter()))?;
            for (&value, output) in node.outputs.iter().zip(outputs) {
                // What is given stands.
                if uses[value] > 0 {
                    self.held.entry(value).or_insert(output);
                }
            }
        }
        wanted
            .iter()
            .map(|&value| self.read(value, &mut uses))
            .collect()
    }

    /// The nodes between what is held and what is wanted.
    fn needed(&self, wanted: &[ValueId]) -> Vec<bool> {
        let mut needed = vec![false; self.graph.nodes.len()];
        let mut open = wanted.to_vec();
        while let Some(value) = open.pop() {
            let node = self.graph.values[value].node;
            if !self.held.contains_key(&value) && !needed[node] {
                needed[node] = true;
                open.extend(&self.graph.nodes[node].inputs);
            }
        }
        needed
    }

    /// A value, and the last reader of it takes it.
    fn read(&mut self, value: ValueId, uses: &mut [usize]) -> Result<Held<B>, StageError> {
        uses[value] -= 1;
        let held = match uses[value] {
            0 => self.held.remove(&value),
            _ => self.held.get(&value).cloned(),
        };
        held.ok_or_else(|| StageError::Unknown(format!("value {value}")))
    }

    fn roundings(&self, node: &Node) -> Roundings {
        let own = node.roundings.unwrap_or(Roundings::FLOAT32);
        let inside = |module: &str| within(&node.path, module);
        match &self.between {
            Some(between) if !between.module.is_some_and(inside) => between.sums,
            _ => own,
        }
    }

    fn source(
        &self,
        source: &Source,
        numbers: &[f32],
        shape: &[usize],
    ) -> Result<Held<B>, StageError> {
        let missing = || StageError::Unknown(format!("{source:?}"));
        let data = match source {
            Source::Parameter(key) => {
                let parameter = self.parameters.get(key).cloned();
                return parameter.map(Held::Float).ok_or_else(missing);
            }
            Source::Organisms => return Ok(self.organisms.indices.clone().into()),
            Source::SpliceSites | Source::Embedding(_) | Source::Rows(_) | Source::SiteRows => {
                return Err(missing());
            }
            Source::Bases => {
                let shape = [self.batch.size(), self.batch.length(), 4];
                TensorData::new(self.batch.one_hot(), shape)
            }
            Source::Constant(_) => TensorData::new(numbers.to_vec(), shape.to_vec()),
        };
        Ok(Held::Float(B::float_from_data(data, self.device)))
    }

    fn compute(
        &self,
        node: &Node,
        operation: &Operation,
        mut i: Inputs<B>,
    ) -> Result<Vec<Held<B>>, StageError> {
        let r = self.roundings(node);
        let shape = || &self.graph.values[node.outputs[0]].shape;
        let held: Held<B> = match operation {
            Operation::Source(source, numbers) => self.source(source, numbers, shape())?,
            Operation::Reshape => reshape(i.primitive(), node, shape())?,
            Operation::SwapDims(a, b) => Held::Float(B::float_swap_dims(i.primitive(), *a, *b)),
            Operation::Slice(ranges) => match i.0.next() {
                Some(Held::Integer(x)) => Held::Integer(B::int_slice(x, ranges)),
                x => Held::Float(B::float_slice(float(x), ranges)),
            },
            Operation::Cat(axis) => {
                let parts = node.inputs.iter().map(|_| i.primitive()).collect();
                Held::Float(B::float_cat(parts, *axis))
            }
            Operation::Select(axis) => {
                let x = i.primitive();
                let indices = i.integers::<1>().into_primitive();
                Held::Float(B::float_select(x, *axis, indices))
            }
            Operation::TakeRows => {
                let from = node.inputs[1..].iter().map(|_| i.floats());
                let from = from.collect();
                B::take_rows(from, i.integers(), shape()[0]).into()
            }
            Operation::Cast(dtype) => Held::Float(B::float_cast(i.primitive(), (*dtype).into())),
            Operation::Add if shape().len() == 4 => B::add::<4>(i.floats(), i.floats(), r).into(),
            Operation::Add => B::add::<3>(i.floats(), i.floats(), r).into(),
            Operation::Normalise => B::normalise(i.floats(), &i.affine(), r).into(),
            Operation::Activate(gelu) => B::activate::<3>(i.floats(), *gelu, r).into(),
            Operation::LayerNormalise { centred } => {
                B::layer_normalise(i.floats(), &i.layer_norm(*centred), r).into()
            }
            Operation::Project { bias, activation } => {
                B::project(i.floats(), &i.linear(*bias), *activation, r).into()
            }
            Operation::Stem => B::stem(i.floats(), &i.convolution(), r).into(),
            Operation::ConvolutionBlock { residual } => {
                let x = i.floats();
                let residual = residual.then(|| i.floats());
                B::convolution_block(x, &i.affine(), &i.convolution(), residual, r).into()
            }
            Operation::PointwiseBlock { bias, gelu } => {
                let (x, norm) = (i.floats(), i.affine());
                B::pointwise_block(x, &norm, &i.linear(*bias), *gelu, r).into()
            }
            Operation::MaxPool => B::max_pool(i.floats()).into(),
            Operation::MeanPool(by) => B::mean_pool(i.floats(), *by, r).into(),
            Operation::UpsampleAdd => {
                let (x, skip) = (i.floats(), i.floats());
                B::upsample_add(x, i.floats(), skip, r).into()
            }
            Operation::Rotate => B::rotate(i.floats(), &i.rotation(), r).into(),
            Operation::SequenceAttention { soft_cap, form } => {
                let (queries, keys, values) = (i.floats(), i.floats(), i.floats());
                B::sequence_attention(queries, keys, values, i.floats(), *soft_cap, *form, r).into()
            }
            Operation::RowAttention => {
                B::row_attention(i.floats(), i.floats(), i.floats(), r).into()
            }
            Operation::PairProducts => {
                let (queries, keys, positions) = (i.floats(), i.floats(), i.floats());
                B::pair_products(queries, keys, i.floats(), i.floats(), positions, r).into()
            }
            Operation::Symmetrise => B::symmetrise(i.floats(), r).into(),
            Operation::OutputEmbedding { skip } => {
                let x = i.floats();
                let skip = skip.then(|| i.floats());
                let organism = i.floats();
                B::output_embedding(x, skip, &i.affine(), organism, r).into()
            }
            Operation::OrganismLinear => {
                let x = i.floats();
                i.integers::<1>();
                let linears = (2..node.inputs.len()).step_by(2).map(|_| i.linear(true));
                let linears = linears.collect::<Vec<_>>();
                B::organism_linear(x, &linears, self.organisms, r).into()
            }
            Operation::Tracks { squashing } => {
                let (x, scale) = (i.floats(), i.floats());
                let unscale = squashing.map(|squashing| Unscale {
                    factor: i.floats(),
                    squashing,
                });
                let (scaled, unscaled) = B::tracks(x, scale, unscale.as_ref());
                return Ok([scaled]
                    .into_iter()
                    .chain(unscaled)
                    .map(Held::from)
                    .collect());
            }
            Operation::Probabilities => B::probabilities(i.floats()).into(),
            Operation::Logistic => B::logistic(i.floats()).into(),
            Operation::BestPositions { k, threshold } => {
                B::best_positions(i.floats(), *k, *threshold).into()
            }
            Operation::JunctionCounts { shape, rows } => {
                let (x, sites) = (i.floats(), i.integers());
                let rows = rows.then(|| i.integers());
                i.integers::<1>();
                let head = i.junctions(shape);
                B::junction_counts(x, sites, rows, &head, self.organisms).into()
            }
            Operation::Foreign(name) => return Err(StageError::Unknown(name.clone())),
        };
        Ok(vec![held])
    }
}

/// Another shape of as many numbers.
fn reshape<B: Operations>(
    x: <B as BackendTypes>::FloatTensorPrimitive,
    node: &Node,
    shape: &[usize],
) -> Result<Held<B>, StageError> {
    let found = x.shape().to_vec();
    if found.iter().product::<usize>() != shape.iter().product::<usize>() {
        return Err(StageError::Shape {
            stage: node.path.to_string(),
            input: "what it reads".into(),
            found,
            expected: format!("as many values as {shape:?}"),
        });
    }
    Ok(Held::Float(B::float_reshape(
        x,
        Shape::from(shape.to_vec()),
    )))
}
