//! One module run alone.

use super::{DECODER, EMBED, ENCODER, Known, Stage, StageError};
use crate::array::{Array, Values};
use crate::batch::Batch;
use crate::faults;
use crate::forward::AlphaGenome;
use crate::heads::Head;
use crate::heads::junctions::SpliceSitePositions;
use crate::operations::Operations;
use crate::outputs::{Output, Outputs};
use crate::precision::Roundings;
use crate::taps::NoTaps;
use crate::tower::PATH as TOWER;

/// One run of one module.
pub(super) struct Run<'a, B: Operations> {
    pub(super) model: &'a AlphaGenome<B>,
    pub(super) stage: &'a Stage,
    pub(super) batch: &'a Batch,
    pub(super) known: &'a Known,
    /// Of the sums between modules.
    pub(super) sums: Roundings,
}

impl<B: Operations> Run<'_, B> {
    /// What the module gives, by the names of its outputs.
    pub(super) fn run(&self) -> Result<Vec<(String, Array)>, StageError> {
        let taps = &mut NoTaps;
        let (model, stage) = (self.model, self.stage);
        let inputs = &stage.inputs;
        let path = stage.path.as_str();
        let unknown = || StageError::Unknown(path.into());
        if let Some(name) = path.strip_prefix("alphagenome/head/") {
            return self.head(name.split('/').next().unwrap_or(name));
        }
        if let Some(rest) = path.strip_prefix(ENCODER) {
            let y = match rest.strip_prefix("/downres_block_") {
                None => model.encoder.embedder.forward(self.bases(), taps),
                Some(index) => {
                    let block = index
                        .parse()
                        .ok()
                        .and_then(|index: usize| model.encoder.stages.get(index));
                    let x = faults::max_pool(self.sequence(&inputs[0])?, path);
                    block.ok_or_else(unknown)?.forward(x, taps)
                }
            };
            return Ok(self.named(Array::from_floats(y)));
        }
        if path.starts_with(DECODER) {
            let block = model.decoder.stages.get(number(path)).ok_or_else(unknown)?;
            let (skip, inputs) = inputs.split_last().ok_or_else(unknown)?;
            let x = match inputs {
                [last] => self.sequence(last)?,
                trunk => self.trunk(trunk)?,
            };
            return Ok(self.named(Array::from_floats(block.forward(
                x,
                self.sequence(skip)?,
                taps,
            ))));
        }
        let array = match path {
            EMBED => Array::from_floats(model.organisms.clone().select(0, self.organisms())),
            "alphagenome/output_pair" => {
                let pair = self.pairs(&inputs[0])?;
                Array::from_floats(model.output_pair.forward(pair, self.organisms(), taps))
            }
            "alphagenome/output_embedder" => {
                let x = self.trunk(inputs)?;
                Array::from_floats(
                    model
                        .embedder_128bp
                        .forward(x, None, self.organisms(), taps),
                )
            }
            "alphagenome/output_embedder_1" => {
                let (x, bins) = (self.sequence(&inputs[0])?, self.sequence(&inputs[1])?);
                Array::from_floats(model.embedder_1bp.forward(
                    x,
                    Some(bins),
                    self.organisms(),
                    taps,
                ))
            }
            _ => self.tower(path.strip_prefix(TOWER).ok_or_else(unknown)?)?,
        };
        Ok(self.named(array))
    }

    /// A module of the tower; `rest` is its path below it.
    fn tower(&self, rest: &str) -> Result<Array, StageError> {
        let taps = &mut NoTaps;
        let inputs = &self.stage.inputs;
        let unknown = || StageError::Unknown(self.stage.path.clone());
        let mut segments = rest.trim_start_matches('/').split('/');
        let module = segments.next().unwrap_or("");
        let index = number(module);
        let tower = &self.model.tower;
        let layer = |index: usize| tower.layers.get(index).ok_or_else(unknown);
        if module.starts_with("pair_update_block") {
            let update = layer(index * self.model.config().pair.every)?
                .pair_update
                .as_ref()
                .ok_or_else(unknown)?;
            let y = match segments.next() {
                Some("sequence_to_pair_block") => {
                    update.from_sequence.forward(self.trunk(inputs)?, taps)
                }
                Some("row_attention_block") => {
                    update.row_attention.forward(self.pair_sum(inputs)?, taps)
                }
                Some("pair_mlp_block") => update.mlp.forward(self.pair_sum(inputs)?, taps),
                Some(_) => return Err(unknown()),
                None => self.pair_sum(inputs)?,
            };
            return Ok(Array::from_floats(y));
        }
        let layer = layer(index)?;
        Ok(
            match module.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_') {
                "attention_bias_block" => {
                    Array::from_floats(layer.bias.forward(self.pairs(&inputs[0])?, taps))
                }
                "mha_block" => {
                    let (bias, trunk) = inputs.split_last().ok_or_else(unknown)?;
                    let x = self.trunk(trunk)?;
                    let rotation = tower.rotation(x.dims()[1], &x.device());
                    let bias = self.pairs(bias)?;
                    Array::from_floats(layer.attention.forward(x, bias, &rotation, taps))
                }
                "mlp_block" => Array::from_floats(layer.mlp.forward(self.trunk(inputs)?, taps)),
                _ => return Err(unknown()),
            },
        )
    }

    fn head(&self, name: &str) -> Result<Vec<(String, Array)>, StageError> {
        let stage = self.stage;
        let head = self
            .model
            .heads
            .get(name)
            .ok_or_else(|| StageError::Unknown(stage.path.clone()))?;
        let organisms = self.batch.organisms();
        let input = &stage.inputs[0];
        // As the outputs of a pass are brought to the host, with their last rounding.
        let mut outputs = Outputs::new(self.model.arithmetic());
        let mut names = stage.outputs.iter();
        let mut give = |output| {
            if let Some(name) = names.next() {
                outputs.insert(name, output);
            }
        };
        match head {
            Head::ContactMaps(head) => {
                give(Output::Pair(head.forward(self.pairs(input)?, organisms)));
            }
            Head::GenomeTracks(head) => {
                let base_pairs = number(&stage.path) as u32;
                let x = self.sequence(input)?;
                let given = head.forward(base_pairs, x, organisms, self.organisms(), &mut NoTaps);
                if let Some(given) = given {
                    give(Output::Sequence(given.scaled));
                    given
                        .unscaled
                        .map(Output::Sequence)
                        .into_iter()
                        .for_each(give);
                }
            }
            Head::SpliceSitesClassification(head) => {
                let given = head.forward(self.sequence(input)?, organisms);
                given.map(Output::Sequence).into_iter().for_each(give);
            }
            Head::SpliceSitesUsage(head) => {
                let [logits, usage] = head.forward(self.sequence(input)?, organisms);
                give(Output::Sequence(logits));
                give(Output::Half(usage));
            }
            Head::SpliceSitesJunction(head) => {
                let sites = format!("{name}/splice_site_positions");
                let missing = || StageError::Missing {
                    stage: stage.path.clone(),
                    input: sites.clone(),
                };
                let sites = self.known.get(&sites).ok_or_else(missing)?;
                let (Values::I32(places), [_, 4, count]) = (&sites.values, &sites.shape[..]) else {
                    return Err(missing());
                };
                let positions = SpliceSitePositions {
                    count: *count,
                    places: places.clone(),
                };
                let (counts, _) = head.forward(self.sequence(input)?, &positions, organisms);
                give(Output::Pair(counts));
            }
        }
        Ok(outputs.into_arrays().into_iter().collect())
    }

    /// The splice sites that the model chooses, `[B, 4, K]`, those below `threshold` left out; nothing without such heads.
    pub(super) fn sites(&self, threshold: Option<f32>) -> Result<Option<Array>, StageError> {
        let heads = self.model.heads.values();
        let (mut classes, mut junctions) = (None, None);
        for head in heads {
            match head {
                Head::SpliceSitesClassification(head) => classes = Some(head),
                Head::SpliceSitesJunction(head) => junctions = Some(head),
                _ => {}
            }
        }
        let (Some(classes), Some(junctions)) = (classes, junctions) else {
            return Ok(None);
        };
        let x = self.sequence(&self.stage.inputs[0])?;
        let [_, probabilities] = classes.forward(x, self.batch.organisms());
        let threshold = threshold.unwrap_or(junctions.threshold);
        let sites = B::best_positions(probabilities, junctions.top_k, threshold);
        Ok(Some(Array::from_ints(sites)))
    }

    /// The same value under all names of a stage with one output.
    fn named(&self, array: Array) -> Vec<(String, Array)> {
        self.stage
            .outputs
            .iter()
            .map(|name| (name.clone(), array.clone()))
            .collect()
    }
}

/// The number at the end of a module's name: Haiku gives the first of a name none.
fn number(name: &str) -> usize {
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit());
    match bare.ends_with('_') {
        true => name[bare.len()..].parse().unwrap_or(0),
        false => 0,
    }
}
