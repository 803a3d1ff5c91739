//! From bases to positions of 128 bp (`model.SequenceEncoder`).

use burn::tensor::Tensor;

use crate::config;
use crate::convolutions::ConvolutionBlock;
use crate::layers::Convolution;
use crate::operations::Operations;
use crate::parameters::Loader;
use crate::precision::Roundings;
use crate::taps::{Taps, tap};

const PATH: &str = "alphagenome/sequence_encoder";

/// `SequenceEncoder`.
#[derive(Clone, Debug)]
pub struct SequenceEncoder<B: Operations> {
    pub(crate) embedder: DnaEmbedder<B>,
    pub(crate) stages: Vec<DownResBlock<B>>,
}

impl<B: Operations> SequenceEncoder<B> {
    /// Takes the encoder's parameters.
    pub(crate) fn load(loader: &mut Loader<'_, B>, config: &config::Encoder) -> Self {
        let embedder = DnaEmbedder::load(loader, config);
        let stages = config
            .channels
            .windows(2)
            .enumerate()
            .map(|(index, channels)| {
                DownResBlock::load(loader, index, config.conv_width, channels[0], channels[1])
            });
        Self {
            embedder,
            stages: stages.collect(),
        }
    }

    /// One-hot `[B, S, 4]` to the trunk `[B, S / 128, C]`, and what the decoder needs at 1, 2, ... 64 bp if `keep`.
    pub fn forward(
        &self,
        bases: Tensor<B, 3>,
        keep: bool,
        taps: &mut dyn Taps,
    ) -> (Tensor<B, 3>, Vec<Tensor<B, 3>>) {
        let mut kept = Vec::new();
        let mut x = self.embedder.forward(bases, taps);
        for stage in &self.stages {
            if keep {
                kept.push(x.clone());
            }
            x = stage.forward(B::max_pool(x), taps);
        }
        if keep {
            kept.push(x.clone());
        }
        (B::max_pool(x), kept)
    }
}

/// `DnaEmbedder`: a wide convolution, plus a block on it.
#[derive(Clone, Debug)]
pub(crate) struct DnaEmbedder<B: Operations> {
    path: String,
    stem: Convolution<B>,
    block: ConvolutionBlock<B>,
    roundings: Roundings,
}

impl<B: Operations> DnaEmbedder<B> {
    fn load(loader: &mut Loader<'_, B>, config: &config::Encoder) -> Self {
        let path = format!("{PATH}/dna_embedder");
        let channels = config.channels[0];
        let stem = loader.convolution(&format!("{path}/conv1_d"), [config.stem_width, 4, channels]);
        let shape = [config.conv_width, channels, channels];
        let block = ConvolutionBlock::load(loader, format!("{path}/conv_block"), shape);
        Self {
            path,
            stem,
            block,
            roundings: loader.roundings(),
        }
    }

    /// `[B, S, 4]` to `[B, S, C]`.
    pub(crate) fn forward(&self, bases: Tensor<B, 3>, taps: &mut dyn Taps) -> Tensor<B, 3> {
        let _scope = B::scope(&self.path);
        let x = B::stem(bases, &self.stem, self.roundings);
        let y = self.block.forward(x.clone(), x, taps);
        tap(taps, &self.path, &y);
        y
    }
}

/// `DownResBlock`: two blocks with residuals, the first one wider than its input.
#[derive(Clone, Debug)]
pub(crate) struct DownResBlock<B: Operations> {
    path: String,
    first: ConvolutionBlock<B>,
    second: ConvolutionBlock<B>,
}

impl<B: Operations> DownResBlock<B> {
    fn load(
        loader: &mut Loader<'_, B>,
        index: usize,
        width: usize,
        inputs: usize,
        outputs: usize,
    ) -> Self {
        let path = format!("{PATH}/downres_block_{index}");
        let first = ConvolutionBlock::load(
            loader,
            format!("{path}/conv_block"),
            [width, inputs, outputs],
        );
        let second = ConvolutionBlock::load(
            loader,
            format!("{path}/conv_block_1"),
            [width, outputs, outputs],
        );
        Self {
            path,
            first,
            second,
        }
    }

    /// `[B, S, in]` to `[B, S, out]`.
    pub(crate) fn forward(&self, x: Tensor<B, 3>, taps: &mut dyn Taps) -> Tensor<B, 3> {
        let _scope = B::scope(&self.path);
        let x = self.first.forward(x.clone(), x, taps);
        let y = self.second.forward(x.clone(), x, taps);
        tap(taps, &self.path, &y);
        y
    }
}
