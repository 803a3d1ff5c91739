//! The transformer tower (`model.TransformerTower`).

use burn::tensor::Tensor;

use crate::attention::{AttentionBiasBlock, MhaBlock, MlpBlock};
use crate::config::Config;
use crate::layers::Rotation;
use crate::operations::Operations;
use crate::pair::PairUpdateBlock;
use crate::parameters::Loader;
use crate::precision::Roundings;
use crate::rotary::{inverse_frequencies, rotation};
use crate::taps::Taps;

/// Haiku's path of the tower.
pub(crate) const PATH: &str = "alphagenome/transformer_tower";

/// `TransformerTower`.
#[derive(Clone, Debug)]
pub struct TransformerTower<B: Operations> {
    pub(crate) layers: Vec<Layer<B>>,
    inverse_frequencies: Vec<f32>,
    roundings: Roundings,
}

/// One layer, with an update of the pair where there is one.
#[derive(Clone, Debug)]
pub(crate) struct Layer<B: Operations> {
    pub(crate) pair_update: Option<PairUpdateBlock<B>>,
    pub(crate) bias: AttentionBiasBlock<B>,
    pub(crate) attention: MhaBlock<B>,
    pub(crate) mlp: MlpBlock<B>,
}

impl<B: Operations> TransformerTower<B> {
    /// Takes the tower's parameters.
    pub(crate) fn load(loader: &mut Loader<'_, B>, config: &Config) -> Self {
        let (tower, pair) = (&config.tower, &config.pair);
        let roundings = loader.roundings();
        let layers = (0..tower.layers).map(|index| Layer {
            pair_update: index
                .is_multiple_of(pair.every)
                .then(|| PairUpdateBlock::load(loader, index / pair.every, tower, pair)),
            bias: AttentionBiasBlock::load(loader, index, pair.channels, tower.heads),
            attention: MhaBlock::load(loader, index, tower),
            mlp: MlpBlock::load(loader, index, tower),
        });
        Self {
            layers: layers.collect(),
            inverse_frequencies: inverse_frequencies(
                tower.head_width / 2,
                tower.max_position,
                [roundings.denominators, roundings.values],
            ),
            roundings,
        }
    }

    /// The rotary embedding of the positions of a trunk of this length.
    pub(crate) fn rotation(&self, length: usize, device: &B::Device) -> Rotation<B> {
        rotation(
            (0..length).map(|position| position as f32),
            &self.inverse_frequencies,
            self.roundings.values,
            device,
        )
    }

    /// The trunk `[B, S, C]` to the trunk `[B, S, C]`, if `whole`, and the pair `[B, P, P, F]`.
    ///
    /// Without `whole` it ends when the pair is complete.
    pub fn forward(
        &self,
        mut x: Tensor<B, 3>,
        whole: bool,
        taps: &mut dyn Taps,
    ) -> (Option<Tensor<B, 3>>, Option<Tensor<B, 4>>) {
        let rotation = self.rotation(x.dims()[1], &x.device());
        let last_update = self
            .layers
            .iter()
            .rposition(|layer| layer.pair_update.is_some());
        let mut pair = None;
        for (index, layer) in self.layers.iter().enumerate() {
            if let Some(update) = &layer.pair_update {
                pair = Some(update.forward(x.clone(), pair, taps));
            }
            if !whole && last_update == Some(index) {
                return (None, pair);
            }
            if let Some(pair) = &pair {
                let bias = layer.bias.forward(pair.clone(), taps);
                let y = layer.attention.forward(x.clone(), bias, &rotation, taps);
                x = B::add(x, y, self.roundings);
            }
            let y = layer.mlp.forward(x.clone(), taps);
            x = B::add(x, y, self.roundings);
        }
        (Some(x), pair)
    }
}
