//! Where splice sites are, and how often they are used (`heads.SpliceSitesClassificationHead`, `SpliceSitesUsageHead`).

use burn::tensor::Tensor;

use crate::config::Config;
use crate::layers::Linear;
use crate::operations::{Operations, Organisms};
use crate::parameters::Loader;
use crate::precision::Roundings;

/// `SpliceSitesClassificationHead`.
#[derive(Clone, Debug)]
pub struct ClassificationHead<B: Operations> {
    linears: Vec<Linear<B>>,
    roundings: Roundings,
}

impl<B: Operations> ClassificationHead<B> {
    /// Takes the head's parameters.
    pub(crate) fn load(
        loader: &mut Loader<'_, B>,
        path: &str,
        config: &Config,
        tracks: usize,
    ) -> Self {
        Self {
            linears: load_linears(loader, path, config, tracks),
            roundings: loader.roundings().in_float32(),
        }
    }

    /// `[B, S, C]` to logits and probabilities `[B, S, 5]`: donor +, acceptor +, donor -, acceptor -, none.
    pub fn forward(&self, x: Tensor<B, 3>, organisms: &Organisms<B>) -> [Tensor<B, 3>; 2] {
        let logits = B::organism_linear(x, &self.linears, organisms, self.roundings);
        [logits.clone(), B::probabilities(logits)]
    }
}

/// `SpliceSitesUsageHead`.
#[derive(Clone, Debug)]
pub struct UsageHead<B: Operations> {
    linears: Vec<Linear<B>>,
    roundings: Roundings,
}

impl<B: Operations> UsageHead<B> {
    /// Takes the head's parameters.
    pub(crate) fn load(
        loader: &mut Loader<'_, B>,
        path: &str,
        config: &Config,
        tracks: usize,
    ) -> Self {
        Self {
            linears: load_linears(loader, path, config, tracks),
            roundings: loader.roundings().in_float32(),
        }
    }

    /// `[B, S, C]` to logits and usage `[B, S, tissues]`; the usage is yet to be rounded to float16.
    pub fn forward(&self, x: Tensor<B, 3>, organisms: &Organisms<B>) -> [Tensor<B, 3>; 2] {
        let logits = B::organism_linear(x, &self.linears, organisms, self.roundings);
        [logits.clone(), B::logistic(logits)]
    }
}

fn load_linears<B: Operations>(
    loader: &mut Loader<'_, B>,
    path: &str,
    config: &Config,
    tracks: usize,
) -> Vec<Linear<B>> {
    let path = format!("{path}/multi_organism_linear");
    loader.organism_linear(
        &path,
        config.num_organisms,
        config.embedders.embeddings_1bp,
        tracks,
    )
}
