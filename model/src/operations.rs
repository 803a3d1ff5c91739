//! The heavy operations, behind one trait so that a backend can have faster forms of them.
//!
//! The modules call nothing but these for work that grows with the sequence. A backend opts in with an empty `impl` and
//! has the definitions of [`plain`]; it overrides single operations where it has a faster form, which must give the same
//! values. Layout is channels-last throughout: `[batch, positions, channels]`, and `[batch, rows, columns, channels]` for
//! pairs.
//!
//! Where an operation rounds to bfloat16 stands in the [`Roundings`] that it is given; `r` is such a rounding in what
//! follows, of [`Roundings::values`] but for the last step, which is of [`Roundings::result`]. In float32 it is nothing.

use burn::tensor::activation;
use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor, TensorData};

use crate::attention::AttentionForm;
use crate::heads::junctions::SpliceSitePositions;
use crate::heads::{self, JunctionHead};
use crate::layers::{Affine, Convolution, LayerNorm, Linear, Rotation};
use crate::plain::{self, Sites};
use crate::precision::{Rounding, Roundings};
use crate::regions::Rows;
use crate::request::Embedding;

/// The two forms of gelu that AlphaGenome uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gelu {
    /// `x * sigmoid(1.702 x)`: convolution blocks, output embedders, output pair (`layers.gelu`).
    Sigmoid,
    /// `x / 2 * (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`: the pair path (`jax.nn.gelu`).
    Tanh,
}

impl Gelu {
    /// The form that it is not.
    pub fn other(self) -> Self {
        match self {
            Self::Sigmoid => Self::Tanh,
            Self::Tanh => Self::Sigmoid,
        }
    }
}

/// What follows a linear layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// `max(x, 0)`.
    Relu,
}

/// How scaled predictions become experimental units, for every sequence of a batch.
#[derive(Clone, Debug)]
pub struct Unscale<B: Backend> {
    /// Track mean times resolution, `[B, C]`; NaN for a track without a mean.
    pub factor: Tensor<B, 2>,
    /// Whether the training targets were squashed by the power 0.75 (RNA-seq).
    pub squashing: bool,
}

/// Where a value comes from that no operation makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// One-hot bases, `[B, S, 4]`.
    Bases,
    /// The organism of every sequence, `[B]`.
    Organisms,
    /// The splice sites that a request names, `[B, 4, K]`.
    SpliceSites,
    /// An embedding that a request hands in.
    Embedding(Embedding),
    /// Rows that are taken, `[B * n]`.
    Rows(Rows),
    /// Rows of the embedding at 1 bp where splice sites stand, `[B, 4, K]`.
    SiteRows,
    /// A parameter by its key; what is a part of a stored tensor has indices behind the key, as `w[0]`.
    Parameter(String),
    /// A table that follows from the configuration and the length.
    Constant(&'static str),
}

/// The organism of every sequence of a batch, by its index in the configuration.
#[derive(Clone, Debug)]
pub struct Organisms<B: Backend> {
    /// On the host.
    pub host: Vec<usize>,
    /// On the device, `[B]`.
    pub indices: Tensor<B, 1, Int>,
}

impl<B: Operations> Organisms<B> {
    /// Brings the organisms of a batch to the device.
    pub fn new(host: &[usize], device: &B::Device) -> Self {
        let indices = || host.iter().map(|&organism| organism as i32).collect();
        Self {
            host: host.to_vec(),
            indices: B::integers(Source::Organisms, [host.len()], indices, device),
        }
    }
}

/// The time that a pass spends in a module; it ends when this is dropped.
#[derive(Debug, Default)]
#[must_use]
pub struct Scope(pub(crate) Option<fn()>);

impl Drop for Scope {
    fn drop(&mut self) {
        if let Some(end) = self.0 {
            end();
        }
    }
}

/// The heavy operations of the forward pass, and where it begins and which module it is in, for those who record it.
pub trait Operations: Backend {
    /// Brings values to the device.
    fn floats<const D: usize>(
        _source: Source,
        shape: [usize; D],
        values: impl FnOnce() -> Vec<f32>,
        device: &Self::Device,
    ) -> Tensor<Self, D> {
        Tensor::from_data(TensorData::new(values(), shape), device)
    }

    /// Brings integers to the device.
    fn integers<const D: usize>(
        _source: Source,
        shape: [usize; D],
        values: impl FnOnce() -> Vec<i32>,
        device: &Self::Device,
    ) -> Tensor<Self, D, Int> {
        Tensor::from_data(TensorData::new(values(), shape), device)
    }

    /// Enters the module at a Haiku path.
    fn scope(_path: &str) -> Scope {
        Scope::default()
    }

    /// Names the output of the module at a Haiku path.
    fn output_of<const D: usize>(_path: &str, _x: &Tensor<Self, D>) {}

    /// Rows of `[.., n, C]` in some order, as `[batch, rows / batch, C]`; those of several tensors are counted on.
    fn take_rows(
        from: Vec<Tensor<Self, 3>>,
        rows: Tensor<Self, 1, Int>,
        batch: usize,
    ) -> Tensor<Self, 3> {
        plain::take_rows(from, rows, batch)
    }

    /// `r(x + y)`, in any shapes that broadcast: residuals and the embeddings of organisms.
    fn add<const D: usize>(
        x: Tensor<Self, D>,
        y: Tensor<Self, D>,
        roundings: Roundings,
    ) -> Tensor<Self, D> {
        plain::add(x, y, roundings)
    }

    /// `r(r(x * scale) + offset)`, `[B, S, C]`.
    fn normalise(x: Tensor<Self, 3>, norm: &Affine<Self>, roundings: Roundings) -> Tensor<Self, 3> {
        plain::normalise(x, norm, roundings)
    }

    /// gelu, element by element, rounded after every step.
    fn activate<const D: usize>(
        x: Tensor<Self, D>,
        gelu: Gelu,
        roundings: Roundings,
    ) -> Tensor<Self, D> {
        plain::activate(x, gelu, roundings)
    }

    /// `gelu(x * scale + offset)`, `[B, S, C]`, rounded as its two parts are.
    fn normalise_gelu(
        x: Tensor<Self, 3>,
        norm: &Affine<Self>,
        gelu: Gelu,
        roundings: Roundings,
    ) -> Tensor<Self, 3> {
        Self::activate(Self::normalise(x, norm, roundings), gelu, roundings)
    }

    /// `LayerNorm` over the channels of `[B, S, C]`: epsilon 1e-5, means reduced in float32, other steps rounded.
    fn layer_normalise(
        x: Tensor<Self, 3>,
        norm: &LayerNorm<Self>,
        roundings: Roundings,
    ) -> Tensor<Self, 3> {
        plain::layer_normalise(x, norm, roundings)
    }

    /// A linear layer on `[B, S, in]`, to `[B, S, out]`: `r(r(product) + bias)`, then the activation.
    fn project(
        x: Tensor<Self, 3>,
        linear: &Linear<Self>,
        activation: Activation,
        roundings: Roundings,
    ) -> Tensor<Self, 3> {
        plain::project(x, linear, activation, roundings)
    }

    /// A convolution with SAME padding and bias: `[B, S, in]` to `[B, S, out]`.
    ///
    /// Rounded at the end; after the sums and after the bias where [`Roundings::convolution_steps`] says so.
    fn convolution(
        x: Tensor<Self, 3>,
        convolution: &Convolution<Self>,
        roundings: Roundings,
    ) -> Tensor<Self, 3> {
        plain::convolution(x, convolution, roundings)
    }

    /// The convolution of one-hot bases: `[B, S, 4]`, rows with a single one or all zero, to `[B, S, out]`.
    fn stem(
        bases: Tensor<Self, 3>,
        convolution: &Convolution<Self>,
        roundings: Roundings,
    ) -> Tensor<Self, 3> {
        Self::convolution(bases, convolution, roundings)
    }

    /// `convolution(gelu(norm(x)))`, plus `residual` with its channels cut or zero-padded to `out`.
    ///
    /// `x` `[B, S, in]`, `residual` `[B, S, any]`, result `[B, S, out]`.
    fn convolution_block(
        x: Tensor<Self, 3>,
        norm: &Affine<Self>,
        convolution: &Convolution<Self>,
        residual: Option<Tensor<Self, 3>>,
        roundings: Roundings,
    ) -> Tensor<Self, 3> {
        let x = Self::normalise_gelu(x, norm, Gelu::Sigmoid, roundings);
        match residual {
            Some(residual) => {
                let y = Self::convolution(x, convolution, roundings.unfinished());
                plain::add_channels(y, residual, roundings)
            }
            None => Self::convolution(x, convolution, roundings),
        }
    }

    /// `linear(gelu(norm(x)))`: the convolution block of width 1, `[B, S, in]` to `[B, S, out]`.
    fn pointwise_block(
        x: Tensor<Self, 3>,
        norm: &Affine<Self>,
        linear: &Linear<Self>,
        gelu: Gelu,
        roundings: Roundings,
    ) -> Tensor<Self, 3> {
        Self::project(
            Self::normalise_gelu(x, norm, gelu, roundings),
            linear,
            Activation::Identity,
            roundings,
        )
    }

    /// The larger of each two neighbours: `[B, S, C]` to `[B, S / 2, C]`.
    fn max_pool(x: Tensor<Self, 3>) -> Tensor<Self, 3> {
        plain::max_pool(x)
    }

    /// The mean of each `by` neighbours: `[B, S, C]` to `[B, S / by, C]`.
    ///
    /// In bfloat16 the sum is rounded after every addition, in the order of the positions.
    fn mean_pool(x: Tensor<Self, 3>, by: usize, roundings: Roundings) -> Tensor<Self, 3> {
        plain::mean_pool(x, by, roundings)
    }

    /// Every position of `x` `[B, S, C]` twice, times `scale` `[1]`, plus `skip` `[B, 2 S, C]`: `r(r(x * scale) + skip)`.
    fn upsample_add(
        x: Tensor<Self, 3>,
        scale: Tensor<Self, 1>,
        skip: Tensor<Self, 3>,
        roundings: Roundings,
    ) -> Tensor<Self, 3> {
        plain::upsample_add(x, scale, skip, roundings)
    }

    /// Rotates the channel pairs `(2 i, 2 i + 1)` of `[B, S, H, C]` by their angles: four rounded products, then sums.
    fn rotate(
        x: Tensor<Self, 4>,
        rotation: &Rotation<Self>,
        roundings: Roundings,
    ) -> Tensor<Self, 4> {
        plain::rotate(x, rotation, roundings)
    }

    /// Attention of many query heads on one shared key and value head, with a bias and a soft cap.
    ///
    /// `queries` `[B, S, H, C]`, `keys` `[B, S, C]`, `values` `[B, S, V]`, `bias` `[B, H, P, P]` where `S / P` positions
    /// share a bias; result `[B, S, H * V]`. Logits are `cap * tanh((q.k / sqrt(C) + bias) / cap)`. Rounded are the
    /// operands of both products, as [`Roundings::operands`] says, and the result; everything between is float32. The plain
    /// form has logits, softmax and weights in memory, one after the other.
    fn sequence_attention(
        queries: Tensor<Self, 4>,
        keys: Tensor<Self, 3>,
        values: Tensor<Self, 3>,
        bias: Tensor<Self, 4>,
        soft_cap: f32,
        _form: AttentionForm,
        roundings: Roundings,
    ) -> Tensor<Self, 3> {
        plain::sequence_attention(queries, keys, values, bias, soft_cap, roundings)
    }

    /// Attention with a single head along every row: all `[B, P, P, F]`, logits over `sqrt(F)`.
    ///
    /// Rounded as the attention along the sequence.
    fn row_attention(
        queries: Tensor<Self, 4>,
        keys: Tensor<Self, 4>,
        values: Tensor<Self, 4>,
        roundings: Roundings,
    ) -> Tensor<Self, 4> {
        plain::row_attention(queries, keys, values, roundings)
    }

    /// Products of all positions with all, plus terms of their distance.
    ///
    /// `queries`, `keys` `[B, P, H, C]`, their biases `[H, C]`, `positions` `[2 P, H, C]` for the distances `-P..P`.
    /// With `R_q[q, d] = (q + q_bias) . positions[d]` and `R_k` likewise, the result `[B, P, P, H]` is
    /// `q . k + (R_q[q, k - q + P] + R_k[k, q - k + P]) / 2`. Every product and every sum is rounded.
    fn pair_products(
        queries: Tensor<Self, 4>,
        keys: Tensor<Self, 4>,
        query_bias: Tensor<Self, 2>,
        key_bias: Tensor<Self, 2>,
        positions: Tensor<Self, 3>,
        roundings: Roundings,
    ) -> Tensor<Self, 4> {
        plain::pair_products(queries, keys, query_bias, key_bias, positions, roundings)
    }

    /// `r((x + transposed x) / 2)`, `[B, P, P, F]`.
    fn symmetrise(x: Tensor<Self, 4>, roundings: Roundings) -> Tensor<Self, 4> {
        plain::symmetrise(x, roundings)
    }

    /// `gelu(r(norm(r(x + skip)) + organism))` with every position of `skip` repeated to the length of `x`.
    ///
    /// `x` `[B, S, C]`, `skip` `[B, S / n, C]`, `organism` `[B, C]`.
    fn output_embedding(
        x: Tensor<Self, 3>,
        skip: Option<Tensor<Self, 3>>,
        norm: &Affine<Self>,
        organism: Tensor<Self, 2>,
        roundings: Roundings,
    ) -> Tensor<Self, 3> {
        plain::output_embedding(x, skip, norm, organism, roundings)
    }

    /// Each sequence of `[B, S, in]` through the layer of its organism, `[B, S, out]`.
    ///
    /// Its result is float32 under any policy; `roundings` are those of [`Roundings::in_float32`].
    fn organism_linear(
        x: Tensor<Self, 3>,
        linears: &[Linear<Self>],
        organisms: &Organisms<Self>,
        roundings: Roundings,
    ) -> Tensor<Self, 3> {
        heads::organism_linear(x, linears, &organisms.host, roundings)
    }

    /// Genome tracks from a linear layer's output `x` `[B, S, C]` and `scale` `[B, C]`.
    ///
    /// First the scaled predictions, `softplus(x) * scale`; then, where asked, those in experimental units: values above
    /// 10 become `(x + 10)^2 / 40`, squashed ones `x^(1 / 0.75)`, then times the factor.
    fn tracks(
        x: Tensor<Self, 3>,
        scale: Tensor<Self, 2>,
        unscale: Option<&Unscale<Self>>,
    ) -> (Tensor<Self, 3>, Option<Tensor<Self, 3>>) {
        plain::tracks(x, scale, unscale)
    }

    /// Softmax over the channels of `[B, S, C]`.
    fn probabilities(x: Tensor<Self, 3>) -> Tensor<Self, 3> {
        activation::softmax(x, 2)
    }

    /// The logistic function on `[B, S, C]`.
    fn logistic(x: Tensor<Self, 3>) -> Tensor<Self, 3> {
        activation::sigmoid(x)
    }

    /// The best positions of the first four channels of `probabilities` `[B, S, 5]`, ascending, as `[B, 4, k]`.
    ///
    /// A position with a probability under `threshold` becomes -1 and stands last; ties go to the lower position.
    fn best_positions(
        probabilities: Tensor<Self, 3>,
        k: usize,
        threshold: f32,
    ) -> Tensor<Self, 3, Int> {
        plain::best_positions(probabilities, k, threshold)
    }

    /// Junction counts `[B, K, K, 2 * tissues]` between `sites` `[B, 4, K]`, zero where there is none; `x` is the embedding at
    /// 1 bp, `[B, S, C]`, or that of some positions, and then `rows` `[B, 4, K]` says which rows the sites have.
    fn junction_counts(
        x: Tensor<Self, 3>,
        sites: Tensor<Self, 3, Int>,
        rows: Option<Tensor<Self, 3, Int>>,
        head: &JunctionHead<Self>,
        organisms: &Organisms<Self>,
    ) -> Tensor<Self, 4> {
        let sites = sites.into();
        let rows = rows.map(SpliceSitePositions::from);
        head.between(
            x,
            (&sites, rows.as_ref().unwrap_or(&sites)),
            &organisms.host,
        )
    }

    /// Junction counts of every donor with every acceptor in every tissue of one strand.
    ///
    /// `donors` `[D, C]` and `acceptors` `[A, C]` become, tissue by tissue, `rotate(scale * x + offset)`; the result
    /// `[D, A, T]` is `softplus` of their products.
    fn junctions(
        donors: Sites<'_, Self>,
        acceptors: Sites<'_, Self>,
        rounding: Rounding,
    ) -> Tensor<Self, 3> {
        plain::junctions(donors, acceptors, rounding)
    }

    /// Writes those counts into `counts` `[D', A', tracks]`: the first donors and acceptors, tracks from `first` on.
    fn fill_junctions(
        counts: Tensor<Self, 3>,
        first: usize,
        donors: Sites<'_, Self>,
        acceptors: Sites<'_, Self>,
        rounding: Rounding,
    ) -> Tensor<Self, 3> {
        let y = Self::junctions(donors, acceptors, rounding);
        let [count, partners, tissues] = y.dims();
        counts.slice_assign([0..count, 0..partners, first..first + tissues], y)
    }
}

/// The plain definitions on an NVIDIA GPU. CubeCL's float32 products are TF32.
#[cfg(feature = "burn-cuda")]
impl Operations for burn::backend::Cuda {}
