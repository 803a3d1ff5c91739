//! Contacts of all pairs (`heads.ContactMapsHead`).

use burn::tensor::Tensor;

use crate::config::Config;
use crate::layers::Linear;
use crate::operations::{Operations, Organisms};
use crate::parameters::Loader;
use crate::precision::Roundings;

/// `ContactMapsHead`.
#[derive(Clone, Debug)]
pub struct ContactMapsHead<B: Operations> {
    linears: Vec<Linear<B>>,
    roundings: Roundings,
}

impl<B: Operations> ContactMapsHead<B> {
    /// Takes the head's parameters.
    pub(crate) fn load(
        loader: &mut Loader<'_, B>,
        path: &str,
        config: &Config,
        tracks: usize,
    ) -> Self {
        let path = format!("{path}/multi_organism_linear");
        let channels = config.embedders.embeddings_pair;
        Self {
            linears: loader.organism_linear(&path, config.num_organisms, channels, tracks),
            roundings: loader.roundings().in_float32(),
        }
    }

    /// `[B, P, P, F]` to `[B, P, P, C]`.
    pub fn forward(&self, pair: Tensor<B, 4>, organisms: &Organisms<B>) -> Tensor<B, 4> {
        let [batch, rows, columns, channels] = pair.dims();
        let y = B::organism_linear(
            pair.reshape([batch, rows * columns, channels]),
            &self.linears,
            organisms,
            self.roundings,
        );
        let tracks = y.dims()[2];
        y.reshape([batch, rows, columns, tracks])
    }
}
