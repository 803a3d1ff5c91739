//! What could be wrong with a module's weights: each is undone in turn, and the module is run again.

use std::cell::RefCell;

use anyhow::Result;
use burn::backend::Flex;
use half::bf16;
use model::config::Head;
use model::{AlphaGenome, Arithmetic, Batch, Config, Edit, Known, Stage};
use parity_stats::random::SplitMix64;

use super::arrays::gather;
use super::changes::changes;
use super::fit;
use super::kind::{Kind, Trial};
use super::outputs::Outputs;
use super::subject::Subject;

/// AlphaGenome's soft cap of attention logits.
const PUBLISHED_CAP: f32 = 5.0;
/// The number of positions that AlphaGenome's rotary embedding and position features are made for.
const PUBLISHED_POSITIONS: usize = 8192;
/// How far a rounding may move the output, in units of how far it is off, to be the likely reason.
const ALIKE: std::ops::Range<f64> = 0.4..2.5;
/// What explains this much needs no fit of many numbers beside it.
const ENOUGH: f64 = 0.98;

/// A weight of a module.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f32>,
}

impl Key {
    /// What stands before the last segment of the name, and that segment.
    pub(super) fn parts(&self) -> (&str, &str) {
        self.name.rsplit_once('/').unwrap_or(("", &self.name))
    }

    /// The share of values that bfloat16 holds exactly.
    fn in_bfloat16(&self) -> f64 {
        let exact = self
            .values
            .iter()
            .filter(|&&x| bf16::from_f32(x).to_f32() == x)
            .count();
        exact as f64 / self.values.len().max(1) as f64
    }

    fn is_constant(&self) -> bool {
        self.values.windows(2).all(|pair| pair[0] == pair[1])
    }
}

/// A module with its input and its recorded output.
pub(super) struct Probe<'a> {
    pub(super) subject: &'a Subject,
    pub(super) stage: &'a Stage,
    pub(super) batch: &'a Batch,
    pub(super) known: &'a Known,
    /// The output that is held to the recording.
    pub(super) output: &'a str,
    pub(super) outputs: &'a Outputs<'a>,
    pub(super) progress: &'a dyn Fn(&str),
}

type Configure = Box<dyn Fn(&mut Config)>;

impl Probe<'_> {
    /// The module's weights.
    pub(super) fn keys(&self) -> Result<Vec<Key>> {
        let keys = RefCell::new(Vec::new());
        let note = |name: &str, shape: &[usize], values: &mut Vec<f32>| {
            keys.borrow_mut().push(Key {
                name: name.into(),
                shape: shape.to_vec(),
                values: values.clone(),
            });
        };
        self.subject
            .changed(self.stage, self.subject.arithmetic(), &|_| {}, &note)?;
        Ok(keys.into_inner())
    }

    /// Every trial, the simplest first.
    pub(super) fn trials(&self, keys: &[Key]) -> Result<Vec<Trial>> {
        let mut trials = zeros(keys);
        trials.extend(self.precisions(keys)?);
        trials.extend(self.configurations()?);
        trials.extend(self.joint(keys)?);
        for key in keys {
            (self.progress)(&format!("trying {}", key.name));
            for (kind, what, change) in changes(&key.shape) {
                let ours = self.with(&key.name, &*change)?;
                self.add(&mut trials, kind, format!("{} {what}", key.name), &ours, 0);
            }
            self.channels(key, &mut trials)?;
            trials.extend(self.epsilon(key)?);
            trials.extend(self.scaled(&[key])?);
        }
        for pair in keys
            .windows(2)
            .filter(|pair| pair[0].parts().0 == pair[1].parts().0)
        {
            trials.extend(self.scaled(&[&pair[0], &pair[1]])?);
        }
        let best = trials
            .iter()
            .filter_map(|trial| trial.explained)
            .fold(0.0, f64::max);
        if best < ENOUGH {
            trials.extend(self.fitted(keys)?);
        }
        Ok(trials)
    }

    /// Notes what a change of the module explains.
    pub(super) fn add(
        &self,
        trials: &mut Vec<Trial>,
        kind: Kind,
        what: String,
        ours: &[f64],
        fitted: usize,
    ) {
        let explained = Some(self.outputs.explained(ours, fitted));
        trials.push(Trial {
            kind,
            what,
            explained,
        });
    }

    /// The output with one weight changed, at the recorded places.
    pub(super) fn with(
        &self,
        key: &str,
        change: &dyn Fn(&[usize], &mut Vec<f32>),
    ) -> Result<Vec<f64>> {
        self.with_all(&|name, shape, values| {
            if name == key {
                change(shape, values);
            }
        })
    }

    /// The output with several weights changed.
    pub(super) fn with_all(&self, change: &Edit<'_>) -> Result<Vec<f64>> {
        self.run(
            &self
                .subject
                .changed(self.stage, self.subject.arithmetic(), &|_| {}, change)?,
        )
    }

    fn run(&self, model: &AlphaGenome<Flex>) -> Result<Vec<f64>> {
        let given = model.run_stage(&self.stage.path, self.batch, self.known)?;
        let array = given.into_iter().find(|(name, _)| name == self.output);
        Ok(array.map_or(Vec::new(), |(_, array)| {
            gather(&array.values.to_f32(), self.outputs.places)
        }))
    }

    /// Single channels of a weight that ends in the module's channels, where few of them hold the difference.
    fn channels(&self, key: &Key, trials: &mut Vec<Trial>) -> Result<()> {
        if key.shape.len() < 2
            || key.shape.last() != Some(&self.outputs.shape[self.outputs.channels])
        {
            return Ok(());
        }
        for channel in self.outputs.focus() {
            let ours = self.with(&key.name, &|shape, values| {
                let width = shape[shape.len() - 1];
                values
                    .iter_mut()
                    .skip(channel)
                    .step_by(width)
                    .for_each(|value| *value = -*value);
            })?;
            self.add(
                trials,
                Kind::Sign,
                format!("{} with channel {channel} negated", key.name),
                &ours,
                0,
            );
        }
        Ok(())
    }

    /// Other arithmetics, and weights that were rounded.
    fn precisions(&self, keys: &[Key]) -> Result<Vec<Trial>> {
        let mut trials = Vec::new();
        for arithmetic in Arithmetic::ALL {
            if arithmetic.name() != self.subject.arithmetic().name() {
                let model = self
                    .subject
                    .changed(self.stage, arithmetic, &|_| {}, &|_, _, _| {})?;
                let ours = self.run(&model)?;
                self.add(
                    &mut trials,
                    Kind::Precision,
                    format!("the module in {arithmetic}"),
                    &ours,
                    0,
                );
            }
        }
        let kernels = || {
            keys.iter()
                .filter(|key| key.values.len() > 1 && !key.is_constant())
        };
        if kernels().all(|key| key.in_bfloat16() == 1.0) {
            // Whoever stored all weights so knows it.
            return Ok(trials);
        }
        let rounded: Vec<&Key> = kernels()
            .filter(|key| key.shape.len() > 1 && key.in_bfloat16() == 1.0)
            .collect();
        if rounded.is_empty() {
            return Ok(trials);
        }
        // What was rounded away is lost; how far rounding moves the output is not.
        let unit = bf16::EPSILON.to_f64() / 2.0;
        let ours = self.with_all(&|name, _, values| {
            if rounded.iter().any(|key| key.name == name) {
                let mut random = SplitMix64::new(1);
                for value in values {
                    let uniform = (random.next_bits() >> 11) as f64 / (1u64 << 52) as f64 - 1.0;
                    *value = (f64::from(*value) * (1.0 + unit * uniform)) as f32;
                }
            }
        })?;
        let base = self.outputs.gathered();
        let square =
            |(a, b): (&f64, &f64)| Some((a - b) * (a - b)).filter(|square| square.is_finite());
        let moved = ours
            .iter()
            .zip(&base)
            .filter_map(square)
            .sum::<f64>()
            .sqrt();
        let off = self.outputs.squares(base.iter().copied()).sqrt();
        if off > 0.0 && ALIKE.contains(&(moved / off)) {
            let names: Vec<&str> = rounded.iter().map(|key| key.name.as_str()).collect();
            trials.push(Trial {
                kind: Kind::Precision,
                what: format!(
                    "{} holds bfloat16 numbers alone, unlike other weights here, and rounding them so moves the output {:.2} \
                     times as far as it is off",
                    names.join(" and "),
                    moved / off
                ),
                explained: None,
            });
        }
        Ok(trials)
    }

    /// Numbers of the configuration that no tensor holds: those that AlphaGenome has.
    fn configurations(&self) -> Result<Vec<Trial>> {
        let config = self.subject.config();
        let path = &self.stage.path;
        let mut changes: Vec<(Kind, String, Configure)> = Vec::new();
        let (cap, longest) = (config.tower.soft_cap, config.tower.max_position);
        if path.contains("mha_block") && cap != PUBLISHED_CAP {
            // So large a cap changes nothing: it is as good as none.
            let kind = if cap > 100.0 {
                Kind::Dropped
            } else {
                Kind::Activation
            };
            let configure = |config: &mut Config| config.tower.soft_cap = PUBLISHED_CAP;
            changes.push((
                kind,
                format!("a soft cap of {PUBLISHED_CAP} instead of {cap}"),
                Box::new(configure),
            ));
        }
        let has_positions = path.contains("mha_block") || path.contains("sequence_to_pair_block");
        if has_positions && longest != PUBLISHED_POSITIONS {
            let configure = |config: &mut Config| config.tower.max_position = PUBLISHED_POSITIONS;
            let what = format!("max_position {PUBLISHED_POSITIONS} instead of {longest}");
            changes.push((Kind::Scale, what, Box::new(configure)));
        }
        let head = path
            .strip_prefix("alphagenome/head/")
            .and_then(|rest| rest.split('/').next());
        if let Some(name) = head
            && let Some(Head::GenomeTracks { squashing, .. }) = config.heads.get(name)
        {
            let (squashed, name) = (*squashing, name.to_string());
            let kind = if squashed {
                Kind::Activation
            } else {
                Kind::Dropped
            };
            let what = format!(
                "the power of squashed targets {}",
                if squashed { "left out" } else { "put in" }
            );
            let configure = move |config: &mut Config| {
                if let Some(Head::GenomeTracks { squashing, .. }) = config.heads.get_mut(&name) {
                    *squashing = !squashed;
                }
            };
            changes.push((kind, what, Box::new(configure)));
        }
        let mut trials = Vec::new();
        for (kind, what, configure) in changes {
            let model = self.subject.changed(
                self.stage,
                self.subject.arithmetic(),
                &configure,
                &|_, _, _| {},
            )?;
            let ours = self.run(&model)?;
            self.add(&mut trials, kind, what, &ours, 0);
        }
        Ok(trials)
    }
}

/// Weights that are zero throughout, which training does not leave behind.
fn zeros(keys: &[Key]) -> Vec<Trial> {
    let zero = keys
        .iter()
        .filter(|key| key.values.iter().all(|&value| value == 0.0));
    let trial = |key: &Key| {
        let kind = match key.parts().1 {
            "w" | "scale" | "embeddings" => Kind::Dropped,
            // Shorter ones are fitted.
            "b" | "bias" | "offset" | "q_r_bias" | "k_r_bias" if key.values.len() > fit::LENGTH => {
                Kind::Offset
            }
            _ => return None,
        };
        Some(Trial {
            kind,
            what: format!("{} is zero throughout", key.name),
            explained: None,
        })
    };
    let mut trials: Vec<Trial> = zero.filter_map(trial).collect();
    trials.sort_by_key(|trial| trial.kind != Kind::Dropped);
    trials
}
