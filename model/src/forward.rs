//! The whole forward pass (`model.AlphaGenome`).

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{Int, Tensor, TensorData};

use crate::array::{Array, Values};
use crate::attention::AttentionForm;
use crate::batch::Batch;
use crate::config::Config;
use crate::decoder::SequenceDecoder;
use crate::embeddings::{OutputEmbedder, OutputPair};
use crate::encoder::SequenceEncoder;
use crate::heads::junctions::SpliceSitePositions;
use crate::heads::{self, Head};
use crate::load::{LoadError, describe};
use crate::metadata::Metadata;
use crate::operations::Operations;
use crate::outputs::{Output, Outputs};
use crate::parameters::Loader;
use crate::plan::{ForwardError, Plan};
use crate::precision::Arithmetic;
use crate::request::{Embedding, Request};
use crate::stages::EMBED;
use crate::store::Store;
use crate::taps::{Taps, tap};
use crate::tower::TransformerTower;

/// AlphaGenome with its parameters on a device.
#[derive(Clone, Debug)]
pub struct AlphaGenome<B: Operations> {
    config: Config,
    metadata: Option<Metadata>,
    arithmetic: Arithmetic,
    pub(crate) device: B::Device,
    pub(crate) encoder: SequenceEncoder<B>,
    pub(crate) organisms: Tensor<B, 2>,
    pub(crate) tower: TransformerTower<B>,
    pub(crate) decoder: SequenceDecoder<B>,
    pub(crate) embedder_128bp: OutputEmbedder<B>,
    pub(crate) embedder_1bp: OutputEmbedder<B>,
    pub(crate) output_pair: OutputPair<B>,
    pub(crate) heads: BTreeMap<String, Head<B>>,
}

impl<B: Operations> AlphaGenome<B> {
    /// Loads the folder of a conversion.
    ///
    /// # Errors
    /// [`LoadError`] when a file cannot be read or does not fit the others, with all tensors at fault in one error.
    pub fn load(dir: &Path, device: &B::Device, arithmetic: Arithmetic) -> Result<Self, LoadError> {
        let (config, metadata) = describe(dir)?;
        let store = Store::open(dir)?;
        Self::survey(dir, &store, (&config, metadata.as_ref()), device)?;
        let mut reader = Loader::reader(&store, config.folds, arithmetic.roundings(), device);
        let model = Self::build(&mut reader, &config, metadata.as_ref(), arithmetic);
        reader.finish(dir)?;
        Ok(Self { metadata, ..model })
    }

    /// Checks that the tensors are those that the configuration describes, without reading any.
    pub(crate) fn survey(
        dir: &Path,
        store: &Store,
        (config, metadata): (&Config, Option<&Metadata>),
        device: &B::Device,
    ) -> Result<(), LoadError> {
        let arithmetic = Arithmetic::default();
        let mut survey = Loader::survey(store, config.folds, arithmetic.roundings(), device);
        Self::build(&mut survey, config, metadata, arithmetic);
        survey.finish(dir)
    }

    /// Hands the loader's parameters to the modules; the metadata is not kept.
    pub(crate) fn build(
        loader: &mut Loader<'_, B>,
        config: &Config,
        metadata: Option<&Metadata>,
        arithmetic: Arithmetic,
    ) -> Self {
        let organisms = config.num_organisms;
        let (tower, embedders) = (&config.tower, &config.embedders);
        let fine = [config.encoder.channels[0], embedders.embeddings_1bp];
        let coarse = [tower.channels, embedders.embeddings_128bp];
        let skip = Some(embedders.embeddings_128bp);
        Self {
            encoder: SequenceEncoder::load(loader, &config.encoder),
            organisms: loader
                .parameter("alphagenome/embed/embeddings", [organisms, tower.channels]),
            tower: TransformerTower::load(loader, config),
            decoder: SequenceDecoder::load(loader, config),
            embedder_128bp: OutputEmbedder::load(
                loader,
                "alphagenome/output_embedder",
                organisms,
                coarse,
                None,
            ),
            embedder_1bp: OutputEmbedder::load(
                loader,
                "alphagenome/output_embedder_1",
                organisms,
                fine,
                skip,
            ),
            output_pair: OutputPair::load(loader, organisms, embedders.embeddings_pair),
            heads: heads::load(loader, config, metadata),
            device: loader.device().clone(),
            config: config.clone(),
            metadata: None,
            arithmetic,
        }
    }

    /// Widths, heads and organisms.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What the tracks are; nothing if the conversion had no metadata.
    pub fn metadata(&self) -> Option<&Metadata> {
        self.metadata.as_ref()
    }

    /// The arithmetic that was chosen.
    pub fn arithmetic(&self) -> Arithmetic {
        self.arithmetic
    }

    /// Chooses how the attention of the sequence runs.
    pub fn set_attention(&mut self, form: AttentionForm) {
        for layer in &mut self.tower.layers {
            layer.attention.form = form;
        }
    }

    /// Runs a batch, and computes what the request asks for.
    ///
    /// # Errors
    /// [`ForwardError`] when the request or the batch does not fit the model.
    pub fn forward(
        &self,
        batch: &Batch,
        request: &Request,
        taps: &mut dyn Taps,
    ) -> Result<Outputs<B>, ForwardError> {
        let plan = Plan::new(&self.config, batch, request)?;
        let mut outputs = Outputs::new(self.arithmetic);
        if !plan.trunk && !plan.pair {
            return Ok(outputs);
        }
        let indices: Vec<i32> = batch
            .organisms()
            .iter()
            .map(|&organism| organism as i32)
            .collect();
        let indices =
            Tensor::<B, 1, Int>::from_data(TensorData::new(indices, [batch.size()]), &self.device);
        let bases = TensorData::new(batch.one_hot(), [batch.size(), batch.length(), 4]);
        let bases = Tensor::from_data(bases, &self.device);

        let (trunk, skips) = self.encoder.forward(bases, plan.decoder, taps);
        let organisms = self.organisms.clone().select(0, indices.clone());
        tap(taps, EMBED, &organisms);
        let trunk = B::add(
            trunk,
            organisms.unsqueeze_dim(1),
            self.arithmetic.roundings(),
        );
        let (trunk, pair) = self.tower.forward(trunk, plan.trunk, taps);
        if let Some(pair) = pair.filter(|_| plan.pair) {
            let pair = self.output_pair.forward(pair, indices.clone(), taps);
            self.pair_outputs(&plan, pair, batch, &mut outputs);
        }
        let Some(trunk) = trunk else {
            return Ok(outputs);
        };
        let bins = self
            .embedder_128bp
            .forward(trunk.clone(), None, indices.clone(), taps);
        self.tracks(&plan, 128, &bins, batch, &indices, taps, &mut outputs);
        if plan.decoder {
            let x = self.decoder.forward(trunk, skips, taps);
            let x = self
                .embedder_1bp
                .forward(x, Some(bins.clone()), indices.clone(), taps);
            self.tracks(&plan, 1, &x, batch, &indices, taps, &mut outputs);
            self.splice_sites(&plan, x, batch, request, &mut outputs);
        }
        if plan.embeddings.contains(&Embedding::Bins) {
            outputs.insert(Embedding::Bins.name(), Output::Sequence(bins));
        }
        Ok(outputs)
    }

    fn pair_outputs(
        &self,
        plan: &Plan,
        pair: Tensor<B, 4>,
        batch: &Batch,
        outputs: &mut Outputs<B>,
    ) {
        for (name, head) in &self.heads {
            if let Head::ContactMaps(head) = head
                && plan.heads.contains(name)
            {
                let contacts = head.forward(pair.clone(), batch.organisms());
                outputs.insert(format!("{name}/predictions"), Output::Pair(contacts));
            }
        }
        if plan.embeddings.contains(&Embedding::Pair) {
            outputs.insert(Embedding::Pair.name(), Output::Pair(pair));
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "they are what a pass carries along"
    )]
    fn tracks(
        &self,
        plan: &Plan,
        resolution: u32,
        x: &Tensor<B, 3>,
        batch: &Batch,
        indices: &Tensor<B, 1, Int>,
        taps: &mut dyn Taps,
        outputs: &mut Outputs<B>,
    ) {
        if !plan.resolutions.contains(&resolution) {
            return;
        }
        for (name, head) in &self.heads {
            let Head::GenomeTracks(head) = head else {
                continue;
            };
            if !plan.heads.contains(name) {
                continue;
            }
            let predictions = head.forward(
                resolution,
                x.clone(),
                batch.organisms(),
                indices.clone(),
                taps,
            );
            let Some(predictions) = predictions else {
                continue;
            };
            let scaled = format!("{name}/scaled_predictions_{resolution}bp");
            outputs.insert(scaled, Output::Sequence(predictions.scaled));
            if let Some(unscaled) = predictions.unscaled {
                outputs.insert(
                    format!("{name}/predictions_{resolution}bp"),
                    Output::Sequence(unscaled),
                );
            }
        }
    }

    fn splice_sites(
        &self,
        plan: &Plan,
        x: Tensor<B, 3>,
        batch: &Batch,
        request: &Request,
        outputs: &mut Outputs<B>,
    ) {
        let organisms = batch.organisms();
        let mut probabilities = None;
        for (name, head) in &self.heads {
            let wanted = plan.resolutions.contains(&1) && plan.heads.contains(name);
            match head {
                Head::SpliceSitesClassification(head) if wanted || plan.chooses_positions => {
                    let [logits, predictions] = head.forward(x.clone(), organisms);
                    probabilities = Some(predictions.clone());
                    if wanted {
                        outputs.insert(format!("{name}/logits"), Output::Sequence(logits));
                        outputs
                            .insert(format!("{name}/predictions"), Output::Sequence(predictions));
                    }
                }
                Head::SpliceSitesUsage(head) if wanted => {
                    let [logits, predictions] = head.forward(x.clone(), organisms);
                    outputs.insert(format!("{name}/logits"), Output::Sequence(logits));
                    outputs.insert(format!("{name}/predictions"), Output::Half(predictions));
                }
                _ => {}
            }
        }
        for (name, head) in &self.heads {
            let Head::SpliceSitesJunction(head) = head else {
                continue;
            };
            if !plan.resolutions.contains(&1) || !plan.heads.contains(name) {
                continue;
            }
            let positions = match (&request.splice_site_positions, &probabilities) {
                (Some(positions), _) => positions.clone(),
                (None, Some(probabilities)) => choose(B::best_positions(
                    probabilities.clone(),
                    head.top_k,
                    head.threshold,
                )),
                (None, None) => continue,
            };
            let (counts, mask) = head.forward(x.clone(), &positions, organisms);
            let shape = [batch.size(), 4, positions.count];
            let places = Tensor::from_data(TensorData::new(positions.places, shape), &self.device);
            outputs.insert(format!("{name}/predictions"), Output::Pair(counts));
            outputs.insert(
                format!("{name}/splice_site_positions"),
                Output::Positions(places),
            );
            outputs.insert(format!("{name}/splice_junction_mask"), Output::Mask(mask));
        }
        if plan.embeddings.contains(&Embedding::OneBasePair) {
            outputs.insert(Embedding::OneBasePair.name(), Output::Sequence(x));
        }
    }
}

/// Positions `[B, 4, K]` on the host.
fn choose<B: Operations>(positions: Tensor<B, 3, Int>) -> SpliceSitePositions {
    let count = positions.dims()[2];
    let places = match Array::from_ints(positions).values {
        Values::I32(places) => places,
        _ => Vec::new(),
    };
    SpliceSitePositions { count, places }
}
