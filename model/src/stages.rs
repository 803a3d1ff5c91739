//! The model's modules one by one: what each reads, and how to run one alone on given values.
//!
//! A forward pass carries errors along. To tell a module that makes one from a module that is only handed one, it is run
//! alone on values that somebody recorded: [`AlphaGenome::stages`] lists the modules in the order of the data, and
//! [`AlphaGenome::run_stage`] runs one. Sums that stand between modules (the residual streams of trunk and pair) are made
//! from what was added to them, in the model's order and with its roundings.

use std::collections::BTreeMap;

use burn::tensor::{Int, Tensor, TensorData};

use crate::array::{Array, Values};
use crate::batch::Batch;
use crate::config::Head as HeadConfig;
use crate::decoder::numbered;
use crate::faults;
use crate::forward::AlphaGenome;
use crate::heads::Head;
use crate::heads::junctions::SpliceSitePositions;
use crate::operations::Operations;
use crate::taps::NoTaps;
use crate::tower::PATH as TOWER;

/// Haiku's path of the organisms' embedding.
pub(crate) const EMBED: &str = "alphagenome/embed";
const ENCODER: &str = "alphagenome/sequence_encoder";
const DECODER: &str = "alphagenome/sequence_decoder/up_res_block";

/// A module of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Haiku's path.
    pub path: String,
    /// Paths of the modules whose outputs it reads, in the order of the data.
    pub inputs: Vec<String>,
    /// Whether it also reads the bases.
    pub reads_sequence: bool,
    /// Names of what it gives: its path for a module that has a tap, names of outputs for others.
    pub outputs: Vec<String>,
    /// What the keys of its weights begin with.
    pub weights: String,
}

/// A module that cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StageError {
    /// The model has no such module.
    #[error("the model has no module `{0}`")]
    Unknown(String),
    /// A value that the module reads is not there.
    #[error("module `{stage}` reads the output of `{input}`, which was not given")]
    Missing {
        /// The module.
        stage: String,
        /// What it reads.
        input: String,
    },
    /// A value has another shape than the module reads.
    #[error("module `{stage}`: the output of `{input}` is {found:?}, expected {expected}")]
    Shape {
        /// The module.
        stage: String,
        /// What it reads.
        input: String,
        /// Its shape.
        found: Vec<usize>,
        /// What it should be.
        expected: String,
    },
}

/// Outputs of modules by path, whole; for the junctions also `HEAD/splice_site_positions`, int32 `[B, 4, K]`.
pub type Known = BTreeMap<String, Array>;

impl<B: Operations> AlphaGenome<B> {
    /// The modules in the order of the data.
    pub fn stages(&self) -> Vec<Stage> {
        let config = self.config();
        let mut stages = Vec::new();
        let mut add = |path: String, inputs: Vec<String>, more: &[&str]| {
            let outputs =
                std::iter::once(path.clone()).chain(more.iter().map(|name| name.to_string()));
            stages.push(Stage {
                weights: format!("{}/", path.trim_start_matches("alphagenome/")),
                reads_sequence: inputs.is_empty() && path.starts_with(ENCODER),
                outputs: outputs.collect(),
                inputs,
                path: path.clone(),
            });
            path
        };
        let mut encoded = vec![add(format!("{ENCODER}/dna_embedder"), Vec::new(), &[])];
        for index in 0..config.encoder.channels.len() - 1 {
            let input = encoded.last().cloned().into_iter().collect();
            encoded.push(add(format!("{ENCODER}/downres_block_{index}"), input, &[]));
        }
        let embed = add(EMBED.into(), Vec::new(), &[]);
        // What was added to the trunk so far, and to the pair.
        let mut trunk: Vec<String> = encoded.last().cloned().into_iter().chain([embed]).collect();
        let mut pair: Option<String> = None;
        for layer in 0..config.tower.layers {
            if layer.is_multiple_of(config.pair.every) {
                let path = numbered(
                    &format!("{TOWER}/pair_update_block"),
                    layer / config.pair.every,
                );
                let mut parts: Vec<String> = pair.iter().cloned().collect();
                parts.push(add(
                    format!("{path}/sequence_to_pair_block"),
                    trunk.clone(),
                    &[],
                ));
                parts.push(add(
                    format!("{path}/row_attention_block"),
                    parts.clone(),
                    &[],
                ));
                parts.push(add(format!("{path}/pair_mlp_block"), parts.clone(), &[]));
                pair = Some(add(path, parts, &[]));
            }
            let Some(pair) = &pair else { continue };
            let bias = add(
                numbered(&format!("{TOWER}/attention_bias_block"), layer),
                vec![pair.clone()],
                &[],
            );
            let inputs = trunk.iter().cloned().chain([bias]).collect();
            trunk.push(add(
                numbered(&format!("{TOWER}/mha_block"), layer),
                inputs,
                &[],
            ));
            trunk.push(add(
                numbered(&format!("{TOWER}/mlp_block"), layer),
                trunk.clone(),
                &[],
            ));
        }
        let output_pair = add(
            "alphagenome/output_pair".into(),
            pair.into_iter().collect(),
            &["embeddings_pair"],
        );
        let bins = add(
            "alphagenome/output_embedder".into(),
            trunk.clone(),
            &["embeddings_128bp"],
        );
        let mut last: Option<String> = None;
        for (index, skip) in encoded.iter().rev().enumerate() {
            let mut inputs = match last {
                None => trunk.clone(),
                Some(last) => vec![last],
            };
            inputs.push(skip.clone());
            last = Some(add(numbered(DECODER, index), inputs, &[]));
        }
        let inputs = last.into_iter().chain([bins.clone()]).collect();
        let fine = add(
            "alphagenome/output_embedder_1".into(),
            inputs,
            &["embeddings_1bp"],
        );
        self.head_stages(&mut stages, &output_pair, &bins, &fine);
        stages
    }

    fn head_stages(&self, stages: &mut Vec<Stage>, pair: &str, bins: &str, fine: &str) {
        for (name, head) in &self.config().heads {
            let path = format!("alphagenome/head/{name}");
            let mut add = |path: String, input: &str, outputs: Vec<String>| {
                stages.push(Stage {
                    weights: format!("{}/", path.trim_start_matches("alphagenome/")),
                    inputs: vec![input.into()],
                    reads_sequence: false,
                    outputs,
                    path,
                });
            };
            match head {
                HeadConfig::GenomeTracks { resolutions, .. } => {
                    for base_pairs in resolutions {
                        let input = if *base_pairs == 1 { fine } else { bins };
                        let output = |kind: &str| format!("{name}/{kind}_{base_pairs}bp");
                        add(
                            format!("{path}/resolution_{base_pairs}"),
                            input,
                            vec![output("scaled_predictions"), output("predictions")],
                        );
                    }
                }
                HeadConfig::ContactMaps { .. } => {
                    add(path, pair, vec![format!("{name}/predictions")])
                }
                HeadConfig::SpliceSitesClassification { .. }
                | HeadConfig::SpliceSitesUsage { .. } => {
                    add(
                        path,
                        fine,
                        vec![format!("{name}/logits"), format!("{name}/predictions")],
                    );
                }
                HeadConfig::SpliceSitesJunction { .. } => {
                    add(path, fine, vec![format!("{name}/predictions")]);
                }
            }
        }
    }

    /// Runs the module at `path` alone on `known` outputs of others, and gives what it gives, by the names of
    /// [`Stage::outputs`].
    ///
    /// # Errors
    /// [`StageError`] where there is no such module, or what it reads is missing or of another shape.
    pub fn run_stage(
        &self,
        path: &str,
        batch: &Batch,
        known: &Known,
    ) -> Result<Vec<(String, Array)>, StageError> {
        let stages = self.stages();
        let stage = stages
            .iter()
            .find(|stage| stage.path == path)
            .ok_or_else(|| StageError::Unknown(path.into()))?;
        let run = Run {
            model: self,
            stage,
            batch,
            known,
        };
        run.run()
    }
}

/// One run of one module.
struct Run<'a, B: Operations> {
    model: &'a AlphaGenome<B>,
    stage: &'a Stage,
    batch: &'a Batch,
    known: &'a Known,
}

impl<B: Operations> Run<'_, B> {
    fn run(&self) -> Result<Vec<(String, Array)>, StageError> {
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
        let both = |values: [Tensor<B, 3>; 2]| {
            let arrays = values.map(Array::from_floats);
            stage.outputs.iter().cloned().zip(arrays).collect()
        };
        Ok(match head {
            Head::ContactMaps(head) => {
                let contacts = head.forward(self.pairs(input)?, organisms);
                self.named(Array::from_floats(contacts))
            }
            Head::GenomeTracks(head) => {
                let base_pairs = number(&stage.path) as u32;
                let x = self.sequence(input)?;
                let given = head.forward(base_pairs, x, organisms, self.organisms(), &mut NoTaps);
                let Some(given) = given else {
                    return Ok(Vec::new());
                };
                let arrays = std::iter::once(given.scaled).chain(given.unscaled);
                stage
                    .outputs
                    .iter()
                    .cloned()
                    .zip(arrays.map(Array::from_floats))
                    .collect()
            }
            Head::SpliceSitesClassification(head) => {
                both(head.forward(self.sequence(input)?, organisms))
            }
            Head::SpliceSitesUsage(head) => {
                let [logits, usage] = head.forward(self.sequence(input)?, organisms);
                // As `Output::Half` is on the host.
                let arrays = [
                    Array::from_floats(logits),
                    Array::from_floats(usage).into_f16(),
                ];
                stage.outputs.iter().cloned().zip(arrays).collect()
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
                self.named(Array::from_floats(counts))
            }
        })
    }

    /// The same value under all names of a stage with one output.
    fn named(&self, array: Array) -> Vec<(String, Array)> {
        self.stage
            .outputs
            .iter()
            .map(|name| (name.clone(), array.clone()))
            .collect()
    }

    /// The trunk `[B, S / 128, C]`: the pooled encoder, the organism, and what every block added.
    fn trunk(&self, parts: &[String]) -> Result<Tensor<B, 3>, StageError> {
        let roundings = self.model.arithmetic().roundings();
        let [encoded, embed, rest @ ..] = parts else {
            return Err(StageError::Unknown(self.stage.path.clone()));
        };
        let x = B::max_pool(self.sequence(encoded)?);
        let organism: Tensor<B, 2> = self.value(embed, "[batch, channels]")?;
        let mut x = B::add(x, organism.unsqueeze_dim(1), roundings);
        for part in rest {
            x = faults::residual(x, self.sequence(part)?, roundings, part);
        }
        Ok(x)
    }

    /// The pair `[B, P, P, F]`: what every block added.
    fn pair_sum(&self, parts: &[String]) -> Result<Tensor<B, 4>, StageError> {
        let roundings = self.model.arithmetic().roundings();
        let (first, rest) = parts
            .split_first()
            .ok_or_else(|| StageError::Unknown(self.stage.path.clone()))?;
        let mut x = self.pairs(first)?;
        for part in rest {
            x = faults::residual(x, self.pairs(part)?, roundings, part);
        }
        Ok(x)
    }

    fn sequence(&self, path: &str) -> Result<Tensor<B, 3>, StageError> {
        self.value(path, "[batch, positions, channels]")
    }

    fn pairs(&self, path: &str) -> Result<Tensor<B, 4>, StageError> {
        self.value(path, "[batch, rows, columns, channels]")
    }

    fn value<const D: usize>(
        &self,
        path: &str,
        expected: &str,
    ) -> Result<Tensor<B, D>, StageError> {
        let array = self.known.get(path).ok_or_else(|| StageError::Missing {
            stage: self.stage.path.clone(),
            input: path.into(),
        })?;
        let shape: [usize; D] =
            array
                .shape
                .as_slice()
                .try_into()
                .map_err(|_| StageError::Shape {
                    stage: self.stage.path.clone(),
                    input: path.into(),
                    found: array.shape.clone(),
                    expected: expected.into(),
                })?;
        Ok(Tensor::from_data(
            TensorData::new(array.values.to_f32(), shape),
            &self.model.device,
        ))
    }

    fn bases(&self) -> Tensor<B, 3> {
        let shape = [self.batch.size(), self.batch.length(), 4];
        Tensor::from_data(
            TensorData::new(self.batch.one_hot(), shape),
            &self.model.device,
        )
    }

    fn organisms(&self) -> Tensor<B, 1, Int> {
        let indices: Vec<i32> = self
            .batch
            .organisms()
            .iter()
            .map(|&organism| organism as i32)
            .collect();
        Tensor::from_data(
            TensorData::new(indices, [self.batch.size()]),
            &self.model.device,
        )
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
