//! The whole forward pass (`model.AlphaGenome`).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::Tensor;

use crate::attention::AttentionForm;
use crate::batch::Batch;
use crate::config::Config;
use crate::decoder::SequenceDecoder;
use crate::embeddings::{OutputEmbedder, OutputPair};
use crate::encoder::SequenceEncoder;
use crate::heads::{self, Head};
use crate::load::{LoadError, describe};
use crate::metadata::Metadata;
use crate::operations::{Operations, Organisms, Source};
use crate::outputs::{Output, Outputs};
use crate::parameters::{Loader, Parameters};
use crate::parts::Form;
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
    pub(crate) metadata: Option<Arc<Metadata>>,
    pub(crate) form: Form,
    attention: AttentionForm,
    pub(crate) parameters: Parameters<B>,
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
        let model = Self::build(&mut reader, &config, metadata.as_ref(), arithmetic.into());
        reader.finish(dir)?;
        Ok(Self {
            metadata: metadata.map(Arc::new),
            ..model
        })
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
        Self::build(&mut survey, config, metadata, arithmetic.into());
        survey.finish(dir)
    }

    /// Hands the loader's parameters to the modules; the metadata is not kept.
    pub(crate) fn build(
        loader: &mut Loader<'_, B>,
        config: &Config,
        metadata: Option<&Metadata>,
        form: Form,
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
            form,
            attention: AttentionForm::default(),
            parameters: loader.take_parameters(),
        }
    }

    /// Widths, heads and organisms.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What the tracks are; nothing if the conversion had no metadata.
    pub fn metadata(&self) -> Option<&Metadata> {
        self.metadata.as_deref()
    }

    /// The arithmetic that was chosen.
    pub fn arithmetic(&self) -> Arithmetic {
        self.form.arithmetic
    }

    /// How the attention of the sequence runs.
    pub fn attention(&self) -> AttentionForm {
        self.attention
    }

    /// Chooses how the attention of the sequence runs.
    pub fn set_attention(&mut self, form: AttentionForm) {
        self.attention = form;
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
        let mut outputs = Outputs::new(self.arithmetic());
        if !plan.trunk && !plan.pair {
            return Ok(outputs);
        }
        let organisms = &Organisms::new(batch.organisms(), &self.device);
        let shape = [batch.size(), batch.length(), 4];
        let bases = B::floats(Source::Bases, shape, || batch.one_hot(), &self.device);

        let (trunk, skips) = self.encoder.forward(bases, plan.decoder, taps);
        let organism = self.organism(organisms, taps);
        let roundings = self.arithmetic().roundings();
        let trunk = B::add(trunk, organism.unsqueeze_dim(1), roundings);
        let (trunk, pair) = self.tower.forward(trunk, plan.trunk, taps);
        if let Some(pair) = pair.filter(|_| plan.pair) {
            let pair = self.output_pair.forward(pair, organisms, taps);
            self.pair_outputs(&plan, pair, organisms, &mut outputs);
        }
        let Some(trunk) = trunk else {
            return Ok(outputs);
        };
        let bins = self
            .embedder_128bp
            .forward(trunk.clone(), None, organisms, taps);
        self.tracks((&plan, 128), &bins, organisms, taps, &mut outputs);
        if plan.decoder {
            let x = self.decoder.forward(trunk, skips, taps);
            let x = self
                .embedder_1bp
                .forward(x, Some(bins.clone()), organisms, taps);
            self.tracks((&plan, 1), &x, organisms, taps, &mut outputs);
            self.splice_sites(&plan, x, organisms, request, &mut outputs);
        }
        if plan.embeddings.contains(&Embedding::Bins) {
            outputs.insert(Embedding::Bins.name(), Output::Sequence(bins));
        }
        Ok(outputs)
    }

    /// What the trunk takes from the organisms, `[B, C]` (`Embed`).
    fn organism(&self, organisms: &Organisms<B>, taps: &mut dyn Taps) -> Tensor<B, 2> {
        let _scope = B::scope(EMBED);
        let y = self.organisms.clone().select(0, organisms.indices.clone());
        tap(taps, EMBED, &y);
        y
    }

    fn pair_outputs(
        &self,
        plan: &Plan,
        pair: Tensor<B, 4>,
        organisms: &Organisms<B>,
        outputs: &mut Outputs<B>,
    ) {
        for (name, head) in &self.heads {
            if let Head::ContactMaps(head) = head
                && plan.heads.contains(name)
            {
                let _scope = B::scope(&format!("alphagenome/head/{name}"));
                let contacts = head.forward(pair.clone(), organisms);
                outputs.insert(format!("{name}/predictions"), Output::Pair(contacts));
            }
        }
        if plan.embeddings.contains(&Embedding::Pair) {
            outputs.insert(Embedding::Pair.name(), Output::Pair(pair));
        }
    }

    fn tracks(
        &self,
        (plan, resolution): (&Plan, u32),
        x: &Tensor<B, 3>,
        organisms: &Organisms<B>,
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
            let predictions = head.forward(resolution, x.clone(), organisms, taps);
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
        organisms: &Organisms<B>,
        request: &Request,
        outputs: &mut Outputs<B>,
    ) {
        let mut probabilities = None;
        for (name, head) in &self.heads {
            let _scope = B::scope(&format!("alphagenome/head/{name}"));
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
            let _scope = B::scope(&format!("alphagenome/head/{name}"));
            let sites = match (&request.splice_site_positions, &probabilities) {
                (Some(given), _) => {
                    let shape = [organisms.host.len(), 4, given.count];
                    let places = || given.places.clone();
                    B::integers(Source::SpliceSites, shape, places, &self.device)
                }
                (None, Some(probabilities)) => {
                    B::best_positions(probabilities.clone(), head.top_k, head.threshold)
                }
                (None, None) => continue,
            };
            let counts = head.forward(x.clone(), sites.clone(), organisms);
            let mask = Output::Mask(sites.clone(), head.tissues(), organisms.clone());
            outputs.insert(format!("{name}/predictions"), Output::Pair(counts));
            outputs.insert(
                format!("{name}/splice_site_positions"),
                Output::Positions(sites),
            );
            outputs.insert(format!("{name}/splice_junction_mask"), mask);
        }
        if plan.embeddings.contains(&Embedding::OneBasePair) {
            outputs.insert(Embedding::OneBasePair.name(), Output::Sequence(x));
        }
    }
}
