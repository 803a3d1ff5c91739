//! The whole forward pass (`model.AlphaGenome`).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::{Int, Tensor};

use crate::attention::AttentionForm;
use crate::batch::Batch;
use crate::config::{Config, TRUNK_RESOLUTION};
use crate::decoder::SequenceDecoder;
use crate::embeddings::{Embeddings, OutputEmbedder, OutputPair};
use crate::encoder::SequenceEncoder;
use crate::heads::{self, Head};
use crate::load::{LoadError, describe};
use crate::metadata::Metadata;
use crate::operations::{Operations, Organisms, Source};
use crate::outputs::Outputs;
use crate::parameters::{Loader, Parameters};
use crate::parts::Form;
use crate::plan::{ForwardError, Plan, check_shape};
use crate::precision::Arithmetic;
use crate::regions::{BLOCK, Rows};
use crate::request::{Embedding, Request};
use crate::stages::EMBED;
use crate::store::Store;
use crate::taps::{NoTaps, Taps, tap};
use crate::tower::TransformerTower;

/// What embeddings are made of.
#[derive(Clone, Debug)]
pub struct Trunk<B: Operations> {
    /// The sequence after the tower, `[B, S / 128, C]`; nothing where only the pair was computed.
    pub sequence: Option<Tensor<B, 3>>,
    /// What the decoder takes from the encoder, at 1, 2, ... 64 bp.
    pub skips: Vec<Tensor<B, 3>>,
    /// The pair after its last update, `[B, P, P, F]`.
    pub pair: Option<Tensor<B, 4>>,
}

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

    /// Runs a batch, and computes what the request asks for: the trunk, embeddings on it, and heads on those.
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
        let organisms = &Organisms::new(batch.organisms(), &self.device);
        let mut embeddings = Embeddings::given(request, &self.device);
        if !plan.computed.is_empty() {
            let trunk = self.run_trunk(&plan, (batch, request), organisms, taps);
            let of = (batch, request);
            self.run_embedders(&plan, of, trunk, &mut embeddings, organisms, taps);
        }
        Ok(self.run_heads(&plan, embeddings, organisms, request, taps))
    }

    /// The trunk of a batch: all that embeddings are made of.
    ///
    /// # Errors
    /// [`ForwardError`] when the batch does not fit the model.
    pub fn trunk(&self, batch: &Batch, taps: &mut dyn Taps) -> Result<Trunk<B>, ForwardError> {
        let request = Request::embeddings(Embedding::ALL);
        let plan = Plan::new(&self.config, batch, &request)?;
        let organisms = &Organisms::new(batch.organisms(), &self.device);
        Ok(self.run_trunk(&plan, (batch, &request), organisms, taps))
    }

    /// All embeddings on a trunk of this batch.
    ///
    /// # Errors
    /// [`ForwardError`] when the batch does not fit the model.
    pub fn embed(
        &self,
        batch: &Batch,
        trunk: Trunk<B>,
        taps: &mut dyn Taps,
    ) -> Result<Embeddings<B>, ForwardError> {
        let request = Request::embeddings(Embedding::ALL);
        let plan = Plan::new(&self.config, batch, &request)?;
        let organisms = &Organisms::new(batch.organisms(), &self.device);
        let mut embeddings = Embeddings::default();
        let of = (batch, &request);
        self.run_embedders(&plan, of, trunk, &mut embeddings, organisms, taps);
        Ok(embeddings)
    }

    /// The heads of a request on embeddings of this batch.
    ///
    /// # Errors
    /// [`ForwardError`] when the request or the batch does not fit the model, or an embedding that heads read is missing or of
    /// another shape.
    pub fn predict(
        &self,
        batch: &Batch,
        embeddings: Embeddings<B>,
        request: &Request,
        taps: &mut dyn Taps,
    ) -> Result<Outputs<B>, ForwardError> {
        let shapes = embeddings.shapes();
        for (embedding, shape) in &shapes {
            let values = Some(shape.iter().product());
            check_shape(*embedding, (shape, values), &self.config, (batch, request))?;
        }
        let given = shapes.into_iter().map(|(embedding, _)| embedding).collect();
        let plan = Plan::on(&given, &self.config, batch, request)?;
        if let Some(missing) = plan.computed.first() {
            return Err(ForwardError::NoEmbedding(missing.name()));
        }
        let organisms = &Organisms::new(batch.organisms(), &self.device);
        Ok(self.run_heads(&plan, embeddings, organisms, request, taps))
    }

    fn run_trunk(
        &self,
        plan: &Plan,
        of: (&Batch, &Request),
        organisms: &Organisms<B>,
        taps: &mut dyn Taps,
    ) -> Trunk<B> {
        let (x, skips) = self.encode(of, plan.decoder(), taps);
        let organism = self.organism(organisms, taps);
        let x = B::add(x, organism.unsqueeze_dim(1), self.arithmetic().roundings());
        let (sequence, pair) = self.tower.forward(x, plan.trunk(), taps);
        Trunk {
            sequence,
            skips,
            pair,
        }
    }

    /// What the encoder gives: the trunk `[B, S / 128, C]` and, if `keep`, what the decoder takes at 1, 2, ... 64 bp. With a
    /// patch it runs on the first sequence, which taps see, and on every sequence's window.
    fn encode(
        &self,
        of @ (batch, request): (&Batch, &Request),
        keep: bool,
        taps: &mut dyn Taps,
    ) -> (Tensor<B, 3>, Vec<Tensor<B, 3>>) {
        let shape = [batch.size(), batch.length(), 4];
        let bases = B::floats(Source::Bases, shape, || batch.one_hot(), &self.device);
        let mut given = Vec::new();
        let mut bases = vec![bases];
        if request.patch.is_some() {
            let window = self.taken(Rows::Patch, vec![bases[0].clone()], of);
            given.push(self.encoder.forward(window, keep, &mut NoTaps));
            bases[0] = bases[0].clone().narrow(0, 0, 1);
        }
        given.insert(0, self.encoder.forward(bases.remove(0), keep, taps));
        let (x, skips): (Vec<_>, Vec<_>) = given.into_iter().unzip();
        let x = self.taken(Rows::Encoded(TRUNK_RESOLUTION), x, of);
        let mut skips: Vec<_> = skips.into_iter().map(Vec::into_iter).collect();
        let next = |resolution: usize| {
            let parts: Vec<_> = skips.iter_mut().filter_map(Iterator::next).collect();
            (!parts.is_empty()).then(|| self.taken(Rows::Encoded(resolution), parts, of))
        };
        let resolutions = std::iter::successors(Some(1), |finer| Some(2 * finer));
        (x, resolutions.map_while(next).collect())
    }

    /// Rows of what was computed of the sequences of a batch; all of it where nothing is left out.
    fn taken(
        &self,
        rows: Rows,
        mut from: Vec<Tensor<B, 3>>,
        of @ (batch, _): (&Batch, &Request),
    ) -> Tensor<B, 3> {
        match self.rows(rows, of) {
            Some(rows) => B::take_rows(from, rows, batch.size()),
            None => from.remove(0),
        }
    }

    /// Which rows are taken; nothing where all are.
    fn rows(&self, rows: Rows, (batch, request): (&Batch, &Request)) -> Option<Tensor<B, 1, Int>> {
        let shape @ [size, length] = [batch.size(), batch.length()];
        let count = [size * rows.each(request, length)];
        let places = || rows.places(request, shape);
        (!rows.is_all(request))
            .then(|| B::integers(Source::Rows(rows), count, places, &self.device))
    }

    fn run_embedders(
        &self,
        plan: &Plan,
        of: (&Batch, &Request),
        trunk: Trunk<B>,
        embeddings: &mut Embeddings<B>,
        organisms: &Organisms<B>,
        taps: &mut dyn Taps,
    ) {
        if plan.computed.contains(&Embedding::Pair) {
            let pair = trunk.pair;
            embeddings.pair = pair.map(|pair| self.output_pair.forward(pair, organisms, taps));
        }
        let Some(x) = trunk.sequence.filter(|_| plan.trunk()) else {
            return;
        };
        if plan.computed.contains(&Embedding::Bins) {
            let bins = self
                .embedder_128bp
                .forward(x.clone(), None, None, organisms, taps);
            embeddings.bins = Some(bins);
        }
        if plan.decoder() {
            let rows = self.rows(Rows::Windows(BLOCK), of);
            let x = self.decoder.forward(x, trunk.skips, rows, taps);
            let bins = embeddings.bins.clone();
            let rows = self.rows(Rows::Windows(TRUNK_RESOLUTION), of);
            let fine = self.embedder_1bp.forward(x, bins, rows, organisms, taps);
            embeddings.one_base_pair = Some(fine);
        }
    }

    /// What the trunk takes from the organisms, `[B, C]` (`Embed`).
    fn organism(&self, organisms: &Organisms<B>, taps: &mut dyn Taps) -> Tensor<B, 2> {
        let _scope = B::scope(EMBED);
        let y = self.organisms.clone().select(0, organisms.indices.clone());
        tap(taps, EMBED, &y);
        y
    }
}
