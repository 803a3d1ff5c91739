//! The heads on the embeddings that they read.

use burn::tensor::Tensor;

use super::Head;
use crate::embeddings::Embeddings;
use crate::forward::AlphaGenome;
use crate::operations::{Operations, Organisms, Source};
use crate::outputs::{Output, Outputs};
use crate::plan::Plan;
use crate::request::{Embedding, Request};
use crate::taps::Taps;

impl<B: Operations> AlphaGenome<B> {
    /// The heads of a plan on what they read.
    pub(crate) fn run_heads(
        &self,
        plan: &Plan,
        embeddings: Embeddings<B>,
        organisms: &Organisms<B>,
        request: &Request,
        taps: &mut dyn Taps,
    ) -> Outputs<B> {
        let mut outputs = Outputs::new(self.arithmetic());
        let read = |embedding| plan.read.contains(&embedding);
        if let Some(pair) = embeddings.pair.filter(|_| read(Embedding::Pair)) {
            self.pair_outputs(plan, pair, organisms, &mut outputs);
        }
        if let Some(bins) = embeddings.bins {
            self.tracks((plan, 128), &bins, organisms, taps, &mut outputs);
            if plan.embeddings.contains(&Embedding::Bins) {
                outputs.insert(Embedding::Bins.name(), Output::Sequence(bins));
            }
        }
        let fine = embeddings.one_base_pair;
        if let Some(x) = fine.filter(|_| read(Embedding::OneBasePair)) {
            self.tracks((plan, 1), &x, organisms, taps, &mut outputs);
            self.splice_sites(plan, x, organisms, request, &mut outputs);
        }
        outputs
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
            let rows = request
                .windows
                .as_ref()
                .zip(request.splice_site_positions.as_ref());
            let rows = rows.map(|(windows, given)| {
                let shape = [organisms.host.len(), 4, given.count];
                B::integers(
                    Source::SiteRows,
                    shape,
                    || windows.site_rows(given),
                    &self.device,
                )
            });
            let counts = head.forward(x.clone(), sites.clone(), rows, organisms);
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
