//! Numbers and arithmetics that no tensor holds.

use anyhow::Result;
use half::bf16;
use model::config::Head;
use model::{Arithmetic, Config, Form};
use parity_stats::random::SplitMix64;

use super::kind::{Kind, Trial};
use super::probe::{Key, Probe};

/// AlphaGenome's soft cap of attention logits.
const PUBLISHED_CAP: f32 = 5.0;
/// The number of positions that AlphaGenome's rotary embedding and position features are made for.
const PUBLISHED_POSITIONS: usize = 8192;
/// The number of base pairs that the rotary embedding of its junctions is made for.
const PUBLISHED_BASE_PAIRS: usize = 1 << 20;
/// How far a rounding may move the output, in units of how far it is off, to be the likely reason.
const ALIKE: std::ops::Range<f64> = 0.4..2.5;

/// So many numbers that bfloat16 holds exactly are no chance.
const MANY: usize = 8;

type Configure = Box<dyn Fn(&mut Config)>;

impl Probe<'_> {
    /// Other arithmetics, and weights that were rounded.
    pub(super) fn precisions(&self, keys: &[Key]) -> Result<Vec<Trial>> {
        let mut trials = Vec::new();
        for arithmetic in Arithmetic::ALL {
            if arithmetic.name() != self.subject.arithmetic().name() {
                let model = self
                    .subject
                    .changed(self.stage, arithmetic, &|_| {}, &|_, _, _| {});
                let ours = self.run(&model, self.known)?;
                self.add(
                    &mut trials,
                    Kind::Precision,
                    format!("the module in {arithmetic}"),
                    &ours,
                    0,
                );
            }
        }
        // Short vectors may hold such numbers by chance.
        let rounded: Vec<&Key> = keys
            .iter()
            .filter(|key| key.values.len() >= MANY && !key.is_constant())
            .filter(|key| key.in_bfloat16() == 1.0)
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
        let base = self.outputs.base();
        let square =
            |(a, b): (&f64, &f64)| Some((a - b) * (a - b)).filter(|square| square.is_finite());
        let moved = ours.iter().zip(base).filter_map(square).sum::<f64>().sqrt();
        let off = self.outputs.before().sqrt();
        if off > 0.0 && ALIKE.contains(&(moved / off)) {
            let names: Vec<&str> = rounded.iter().map(|key| key.name.as_str()).collect();
            trials.push(Trial {
                kind: Kind::Precision,
                what: format!(
                    "bfloat16 numbers alone, and rounding to such moves the output {:.2} times as far as it is off: {}",
                    moved / off,
                    names.join(" and ")
                ),
                explained: None,
            });
        }
        Ok(trials)
    }

    /// Numbers of the configuration that no tensor holds: those that AlphaGenome has.
    pub(super) fn configurations(&self) -> Result<Vec<Trial>> {
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
        if let Some(name) = head
            && let Some(Head::SpliceSitesJunction { max_position, .. }) = config.heads.get(name)
            && *max_position != PUBLISHED_BASE_PAIRS
        {
            let name = name.to_string();
            let what = format!("max_position {PUBLISHED_BASE_PAIRS} instead of {max_position}");
            let configure = move |config: &mut Config| {
                if let Some(Head::SpliceSitesJunction { max_position, .. }) =
                    config.heads.get_mut(&name)
                {
                    *max_position = PUBLISHED_BASE_PAIRS;
                }
            };
            changes.push((Kind::Scale, what, Box::new(configure)));
        }
        let mut trials = vec![self.other_gelu()?];
        for (kind, what, configure) in changes {
            let model = self.subject.changed(
                self.stage,
                self.subject.arithmetic(),
                &configure,
                &|_, _, _| {},
            );
            let ours = self.run(&model, self.known)?;
            self.add(&mut trials, kind, what, &ours, 0);
        }
        Ok(trials)
    }

    /// The other form of gelu.
    fn other_gelu(&self) -> Result<Trial> {
        let form = Form {
            arithmetic: self.subject.arithmetic(),
            other_gelu: true,
        };
        let model = self
            .subject
            .changed(self.stage, form, &|_| {}, &|_, _, _| {});
        let ours = self.run(&model, self.known)?;
        Ok(Trial {
            kind: Kind::Activation,
            what: "the other form of gelu".into(),
            explained: Some(self.outputs.explained(&ours, 0)),
        })
    }
}
