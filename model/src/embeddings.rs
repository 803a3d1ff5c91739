//! The embeddings that the heads read (`embeddings.py`).

use burn::tensor::{Int, Tensor};

use crate::layers::{Affine, LayerNorm, Linear};
use crate::operations::{Activation, Gelu, Operations, Organisms, Source};
use crate::parameters::Loader;
use crate::precision::Roundings;
use crate::request::{Embedding, Request};
use crate::taps::{Taps, tap};

/// What the heads read, on the device.
#[derive(Clone, Debug)]
pub struct Embeddings<B: Operations> {
    /// `[B, S, C]`.
    pub one_base_pair: Option<Tensor<B, 3>>,
    /// Of bins of 128 bp, `[B, S / 128, C]`.
    pub bins: Option<Tensor<B, 3>>,
    /// Of pairs of 2,048 bp, `[B, P, P, F]`.
    pub pair: Option<Tensor<B, 4>>,
}

impl<B: Operations> Default for Embeddings<B> {
    fn default() -> Self {
        Self {
            one_base_pair: None,
            bins: None,
            pair: None,
        }
    }
}

impl<B: Operations> Embeddings<B> {
    /// Those that are there, with their shapes.
    pub(crate) fn shapes(&self) -> Vec<(Embedding, Vec<usize>)> {
        let dims = |x: &Tensor<B, 3>| x.dims().to_vec();
        let pair = self.pair.as_ref().map(|x| x.dims().to_vec());
        let all = [
            (
                Embedding::OneBasePair,
                self.one_base_pair.as_ref().map(dims),
            ),
            (Embedding::Bins, self.bins.as_ref().map(dims)),
            (Embedding::Pair, pair),
        ];
        let there = all.into_iter();
        there
            .filter_map(|(its, shape)| Some((its, shape?)))
            .collect()
    }

    /// Brings those that a request hands in to the device, once their shapes are checked.
    pub(crate) fn given(request: &Request, device: &B::Device) -> Self {
        fn tensor<B: Operations, const D: usize>(
            request: &Request,
            embedding: Embedding,
            device: &B::Device,
        ) -> Option<Tensor<B, D>> {
            let array = request.given.get(&embedding)?;
            let shape = array.shape.as_slice().try_into().ok()?;
            let values = || array.values.to_f32();
            Some(B::floats(
                Source::Embedding(embedding),
                shape,
                values,
                device,
            ))
        }
        Self {
            one_base_pair: tensor(request, Embedding::OneBasePair, device),
            bins: tensor(request, Embedding::Bins, device),
            pair: tensor(request, Embedding::Pair, device),
        }
    }
}

/// `OutputEmbedder`.
#[derive(Clone, Debug)]
pub struct OutputEmbedder<B: Operations> {
    path: String,
    linear: Linear<B>,
    skip: Option<Linear<B>>,
    norm: Affine<B>,
    organisms: Tensor<B, 2>,
    roundings: Roundings,
}

impl<B: Operations> OutputEmbedder<B> {
    /// Takes the parameters of the embedder at `path`; `skip` are the channels of a coarser embedding that joins.
    pub(crate) fn load(
        loader: &mut Loader<'_, B>,
        path: &str,
        organisms: usize,
        [inputs, outputs]: [usize; 2],
        skip: Option<usize>,
    ) -> Self {
        Self {
            path: path.to_owned(),
            linear: loader.linear(&format!("{path}/linear"), inputs, outputs, true),
            skip: skip
                .map(|inputs| loader.linear(&format!("{path}/linear_1"), inputs, outputs, false)),
            norm: loader.rms_batch_norm(&format!("{path}/rms_batch_norm"), outputs),
            organisms: loader.parameter(&format!("{path}/embed/embeddings"), [organisms, outputs]),
            roundings: loader.roundings(),
        }
    }

    /// `[B, S, in]` to `[B, S, out]`; `coarse` `[B, S / n, skip]`, or those `rows` of it, joins where the embedder has a layer for it.
    pub fn forward(
        &self,
        x: Tensor<B, 3>,
        coarse: Option<Tensor<B, 3>>,
        rows: Option<Tensor<B, 1, Int>>,
        organisms: &Organisms<B>,
        taps: &mut dyn Taps,
    ) -> Tensor<B, 3> {
        let _scope = B::scope(&self.path);
        let roundings = self.roundings;
        let project = |x, linear| B::project(x, linear, Activation::Identity, roundings);
        let x = project(x, &self.linear);
        let skip = self.skip.as_ref().zip(coarse);
        let skip = skip.map(|(linear, coarse)| {
            let (batch, skip) = (coarse.dims()[0], project(coarse, linear));
            match rows {
                Some(rows) => B::take_rows(vec![skip], rows, batch),
                None => skip,
            }
        });
        let organism = self.organisms.clone().select(0, organisms.indices.clone());
        let y = B::output_embedding(x, skip, &self.norm, organism, roundings);
        tap(taps, &self.path, &y);
        y
    }
}

/// `OutputPair`.
#[derive(Clone, Debug)]
pub struct OutputPair<B: Operations> {
    path: String,
    norm: LayerNorm<B>,
    organisms: Tensor<B, 2>,
    gelu: Gelu,
    roundings: Roundings,
}

impl<B: Operations> OutputPair<B> {
    /// Takes the parameters.
    pub(crate) fn load(loader: &mut Loader<'_, B>, organisms: usize, channels: usize) -> Self {
        let path = "alphagenome/output_pair".to_owned();
        let norm = loader.layer_norm(&format!("{path}/layer_norm"), channels, false);
        let organisms =
            loader.parameter(&format!("{path}/embed/embeddings"), [organisms, channels]);
        Self {
            path,
            norm,
            organisms,
            gelu: loader.gelu(Gelu::Sigmoid),
            roundings: loader.roundings(),
        }
    }

    /// `[B, P, P, F]` to `[B, P, P, F]`.
    pub fn forward(
        &self,
        pair: Tensor<B, 4>,
        organisms: &Organisms<B>,
        taps: &mut dyn Taps,
    ) -> Tensor<B, 4> {
        let _scope = B::scope(&self.path);
        let [batch, rows, columns, channels] = pair.dims();
        let roundings = self.roundings;
        let x = B::symmetrise(pair, roundings).reshape([batch, rows * columns, channels]);
        let organism = self.organisms.clone().select(0, organisms.indices.clone());
        let organism = organism.unsqueeze_dim(1);
        let x = B::layer_normalise(x, &self.norm, roundings);
        let y = B::activate(B::add(x, organism, roundings), self.gelu, roundings)
            .reshape([batch, rows, columns, channels]);
        tap(taps, &self.path, &y);
        y
    }
}
