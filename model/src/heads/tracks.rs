//! Tracks along the sequence (`heads.GenomeTracksHead`).

use burn::tensor::Tensor;

use crate::config::{Config, Head};
use crate::layers::Linear;
use crate::metadata::Metadata;
use crate::operations::{Operations, Organisms, Unscale};
use crate::parameters::Loader;
use crate::precision::Roundings;
use crate::taps::{Taps, tap};

/// `GenomeTracksHead`: one set of layers a resolution.
#[derive(Clone, Debug)]
pub struct GenomeTracksHead<B: Operations> {
    resolutions: Vec<Resolution<B>>,
    squashing: bool,
    roundings: Roundings,
}

#[derive(Clone, Debug)]
struct Resolution<B: Operations> {
    path: String,
    base_pairs: u32,
    linears: Vec<Linear<B>>,
    /// `softplus(learnt_scale)`, `[organism, C]`.
    scale: Tensor<B, 2>,
    /// Track mean times resolution, `[organism, C]`.
    factor: Option<Tensor<B, 2>>,
}

/// What the head says at one resolution.
#[derive(Clone, Debug)]
pub struct TrackPredictions<B: Operations> {
    /// In the units of training, `[B, S, C]`.
    pub scaled: Tensor<B, 3>,
    /// In experimental units, `[B, S, C]`; nothing without metadata.
    pub unscaled: Option<Tensor<B, 3>>,
}

impl<B: Operations> GenomeTracksHead<B> {
    /// Takes the head's parameters, and its tracks' means from the metadata.
    pub(crate) fn load(
        loader: &mut Loader<'_, B>,
        path: &str,
        config: &Config,
        head: &Head,
        metadata: Option<&Metadata>,
    ) -> Self {
        let (resolutions, squashing) = match head {
            Head::GenomeTracks {
                resolutions,
                squashing,
                ..
            } => (resolutions.as_slice(), *squashing),
            _ => (&[][..], false),
        };
        let (organisms, tracks) = (config.num_organisms, head.tracks());
        let roundings = loader.roundings().in_float32();
        let resolutions = resolutions.iter().map(|&base_pairs| {
            let path = format!("{path}/resolution_{base_pairs}");
            let channels = match base_pairs {
                1 => config.embedders.embeddings_1bp,
                _ => config.embedders.embeddings_128bp,
            };
            let linear = format!("{path}/multi_organism_linear");
            let linears = loader.organism_linear(&linear, organisms, channels, tracks);
            let learnt = format!("{path}/learnt_scale");
            let scale = loader.stored(&learnt, &[organisms, tracks]);
            let read = |scale| loader.roundings().learnt_scales.number(scale);
            let scale = scale.map(|values| values.into_iter().map(read).map(softplus).collect());
            let scale = loader.tensor(&learnt, scale, [organisms, tracks]);
            let factor = metadata.map(|metadata| {
                let means = (0..organisms)
                    .flat_map(|organism| metadata.means(organism, head.output_type()));
                loader.tensor(
                    &format!("{path}/track_means"),
                    Some(means.map(|mean| mean * base_pairs as f32).collect()),
                    [organisms, tracks],
                )
            });
            Resolution {
                path,
                base_pairs,
                linears,
                scale,
                factor,
            }
        });
        Self {
            resolutions: resolutions.collect(),
            squashing,
            roundings,
        }
    }

    /// Resolutions of the head, in bp.
    pub fn resolutions(&self) -> impl Iterator<Item = u32> {
        self.resolutions
            .iter()
            .map(|resolution| resolution.base_pairs)
    }

    /// Predictions at a resolution from its embedding `[B, S, C]`; nothing where the head does not have it.
    pub fn forward(
        &self,
        base_pairs: u32,
        x: Tensor<B, 3>,
        organisms: &Organisms<B>,
        taps: &mut dyn Taps,
    ) -> Option<TrackPredictions<B>> {
        let resolution = self
            .resolutions
            .iter()
            .find(|resolution| resolution.base_pairs == base_pairs)?;
        let _scope = B::scope(&resolution.path);
        let logits = B::organism_linear(x, &resolution.linears, organisms, self.roundings);
        tap(taps, &resolution.path, &logits);
        let scale = resolution
            .scale
            .clone()
            .select(0, organisms.indices.clone());
        let unscale = resolution.factor.clone().map(|factor| Unscale {
            factor: factor.select(0, organisms.indices.clone()),
            squashing: self.squashing,
        });
        let (scaled, unscaled) = B::tracks(logits, scale, unscale.as_ref());
        Some(TrackPredictions { scaled, unscaled })
    }
}

/// `log(1 + e^x)`, as `jax.nn.softplus` computes it.
fn softplus(x: f32) -> f32 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}
