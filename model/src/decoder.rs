//! From the trunk back to 1 bp (`model.SequenceDecoder`).

use burn::tensor::{Int, Tensor};

use crate::config::Config;
use crate::convolutions::{ConvolutionBlock, PointwiseBlock};
use crate::names::numbered;
use crate::operations::Operations;
use crate::parameters::Loader;
use crate::precision::Roundings;
use crate::regions::BLOCK;
use crate::taps::{Taps, tap};

/// `SequenceDecoder`.
#[derive(Clone, Debug)]
pub struct SequenceDecoder<B: Operations> {
    pub(crate) stages: Vec<UpResBlock<B>>,
}

impl<B: Operations> SequenceDecoder<B> {
    /// Takes the decoder's parameters.
    pub(crate) fn load(loader: &mut Loader<'_, B>, config: &Config) -> Self {
        let inputs =
            std::iter::once(config.tower.channels).chain(config.decoder.channels.iter().copied());
        let stages =
            inputs
                .zip(&config.decoder.channels)
                .enumerate()
                .map(|(index, (inputs, &outputs))| {
                    UpResBlock::load(loader, index, config.encoder.conv_width, inputs, outputs)
                });
        Self {
            stages: stages.collect(),
        }
    }

    /// The trunk `[B, S / 128, C]` and the encoder's outputs at 1, 2, ... 64 bp to `[B, S, C']`.
    ///
    /// With `blocks` `[B * n]` the stages below [`BLOCK`] base pairs run for these alone, on skips that are cut to them, and the
    /// result is `[B, n * BLOCK, C']`.
    pub fn forward(
        &self,
        mut x: Tensor<B, 3>,
        mut skips: Vec<Tensor<B, 3>>,
        mut blocks: Option<Tensor<B, 1, Int>>,
        taps: &mut dyn Taps,
    ) -> Tensor<B, 3> {
        for stage in &self.stages {
            let Some(skip) = skips.pop() else { break };
            let resolution = 2 << skips.len();
            if let Some(blocks) = blocks.take_if(|_| resolution == BLOCK) {
                let batch = x.dims()[0];
                x = B::take_rows(vec![x], blocks, batch);
            }
            x = stage.forward(x, skip, taps);
        }
        x
    }
}

/// `UpResBlock`.
#[derive(Clone, Debug)]
pub(crate) struct UpResBlock<B: Operations> {
    path: String,
    conv_in: ConvolutionBlock<B>,
    residual_scale: Tensor<B, 1>,
    skip: PointwiseBlock<B>,
    conv_out: ConvolutionBlock<B>,
    roundings: Roundings,
}

impl<B: Operations> UpResBlock<B> {
    fn load(
        loader: &mut Loader<'_, B>,
        index: usize,
        width: usize,
        inputs: usize,
        outputs: usize,
    ) -> Self {
        let path = numbered("alphagenome/sequence_decoder/up_res_block", index);
        let conv_in =
            ConvolutionBlock::load(loader, format!("{path}/conv_in"), [width, inputs, outputs]);
        let residual_scale = format!("{path}/residual_scale");
        let scale = loader.values(&residual_scale, &[]);
        let residual_scale = loader.tensor(&residual_scale, scale, [1]);
        let skip = PointwiseBlock::load(
            loader,
            format!("{path}/pointwise_conv_unet_skip"),
            outputs,
            outputs,
        );
        let conv_out = ConvolutionBlock::load(
            loader,
            format!("{path}/conv_out"),
            [width, outputs, outputs],
        );
        Self {
            path,
            conv_in,
            residual_scale,
            skip,
            conv_out,
            roundings: loader.roundings(),
        }
    }

    /// `[B, S, in]` and the skip `[B, 2 S, out]` to `[B, 2 S, out]`.
    pub(crate) fn forward(
        &self,
        x: Tensor<B, 3>,
        skip: Tensor<B, 3>,
        taps: &mut dyn Taps,
    ) -> Tensor<B, 3> {
        let _scope = B::scope(&self.path);
        let coarse = self.conv_in.forward(x.clone(), x, taps);
        let skip = self.skip.forward(skip, taps);
        let x = B::upsample_add(coarse, self.residual_scale.clone(), skip, self.roundings);
        let y = self.conv_out.forward(x.clone(), x, taps);
        tap(taps, &self.path, &y);
        y
    }
}
