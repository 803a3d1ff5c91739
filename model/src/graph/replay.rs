//! A pass computed from its graph.

use std::collections::BTreeMap;

use burn::tensor::TensorData;

use super::edit::chosen;
use super::{Between, Evaluation, Graph, Held, Node, Operation, ValueId, describe};
use crate::array::Array;
use crate::batch::Batch;
use crate::forward::AlphaGenome;
use crate::operations::{Operations, Organisms, Source};
use crate::plan::ForwardError;
use crate::request::Request;
use crate::stages::StageError;
use crate::taps::Taps;

impl<B: Operations> AlphaGenome<B> {
    /// A [forward pass](Self::forward) with its outputs on the host, by the names of JAX's prediction tree; computed from its
    /// graph where that is [changed](super::edited).
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn run(
        &self,
        batch: &Batch,
        request: &Request,
        taps: &mut dyn Taps,
    ) -> Result<BTreeMap<String, Array>, ForwardError> {
        match chosen() {
            None => Ok(self.forward(batch, request, taps)?.into_arrays()),
            Some(_) => self.replay(batch, request, taps),
        }
    }

    /// The graph of a pass.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn graph(&self, batch: &Batch, request: &Request) -> Result<Graph, ForwardError> {
        let form = (self.form, self.attention());
        describe(self.config(), self.metadata(), form, batch, request)
    }

    /// Computes a pass from its graph: every output by its name, and the taps, as [`forward`](Self::forward) gives them.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn replay(
        &self,
        batch: &Batch,
        request: &Request,
        taps: &mut dyn Taps,
    ) -> Result<BTreeMap<String, Array>, ForwardError> {
        let mut graph = self.graph(batch, request)?;
        if let Some(edit) = chosen() {
            edit(&mut graph);
        }
        let modules = graph.modules.iter().filter(|(path, _)| taps.wants(path));
        let modules: Vec<_> = modules.collect();
        let wanted = graph.outputs.iter().map(|(_, value, _)| *value);
        let wanted: Vec<_> = wanted
            .chain(modules.iter().map(|(_, value)| *value))
            .collect();
        let held = self.asked(&graph, batch, request);
        let values = self.evaluate(&graph, batch, held, &wanted, None, taps);
        let mut values = values
            .expect("a whole pass needs nothing that is not there")
            .into_iter();
        let mut outputs = BTreeMap::new();
        for ((name, _, kind), value) in graph.outputs.iter().zip(values.by_ref()) {
            outputs.insert(
                name.clone(),
                kind.on_host(value.into_array(), batch.organisms()),
            );
        }
        for ((path, _), value) in modules.into_iter().zip(values) {
            taps.take(path, value.into_array());
        }
        Ok(outputs)
    }

    /// What the request hands in, by the values of the graph.
    fn asked(&self, graph: &Graph, batch: &Batch, request: &Request) -> BTreeMap<ValueId, Held<B>> {
        let integers = |value: ValueId, numbers: Vec<i32>| {
            let data = TensorData::new(numbers, graph.values[value].shape.clone());
            Held::Integer(B::int_from_data(data, &self.device))
        };
        let sites = request.splice_site_positions.as_ref();
        let shape = [batch.size(), batch.length()];
        let held = |node: &Node| {
            let value = *node.outputs.first()?;
            let Operation::Source(source, _) = &node.operation else {
                return None;
            };
            let held = match source {
                Source::SpliceSites => integers(value, sites?.places.clone()),
                Source::SiteRows => integers(value, request.windows.as_ref()?.site_rows(sites?)),
                Source::Rows(rows) => integers(value, rows.places(request, shape)),
                Source::Embedding(embedding) => {
                    let array = request.given.get(embedding)?;
                    let data = TensorData::new(array.values.to_f32(), array.shape.clone());
                    Held::Float(B::float_from_data(data, &self.device))
                }
                _ => return None,
            };
            Some((value, held))
        };
        graph.nodes.iter().filter_map(held).collect()
    }

    /// Computes what is wanted from what is held.
    ///
    /// # Errors
    /// [`StageError`] where the values that are held do not fit the graph.
    pub(crate) fn evaluate(
        &self,
        graph: &Graph,
        batch: &Batch,
        held: BTreeMap<ValueId, Held<B>>,
        wanted: &[ValueId],
        between: Option<Between<'_>>,
        taps: &mut dyn Taps,
    ) -> Result<Vec<Held<B>>, StageError> {
        let organisms = &Organisms::new(batch.organisms(), &self.device);
        let evaluation = Evaluation {
            graph,
            parameters: &self.parameters,
            batch,
            organisms,
            device: &self.device,
            between,
            held,
        };
        evaluation.run(wanted, taps)
    }
}
