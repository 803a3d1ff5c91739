//! What could be wrong with a module's weights: each is undone in turn, and the module is run again.

use anyhow::Result;

use super::changes::changes;
use super::fit::{self, OTHER_VALUES};
use super::kind::{ENOUGH, Kind, MENDED, Trial};
use super::probe::{Key, Probe};

/// What other values of a vector that is zero throughout must explain for it to be called left out.
const LEFT_OUT: f64 = 0.9;

impl Probe<'_> {
    /// Every trial, the simplest first, until one puts the module right.
    pub(super) fn trials(&self, keys: &[Key]) -> Result<Vec<Trial>> {
        // Two matrices that are equal are one that was copied; vectors may be equal by chance.
        let copied = self.twins(keys, &|key| key.shape.len() > 1);
        if !copied.is_empty() {
            return Ok(copied);
        }
        let mut trials = zeros(keys);
        trials.extend(self.precisions(keys)?);
        if mended(&trials) {
            return Ok(trials);
        }
        trials.extend(self.configurations()?);
        trials.extend(self.inputs()?);
        // A vector that is zero throughout is likely to be left out, which a fit shows.
        let empty = |key: &&Key| key.values.len() > 1 && key.values.iter().all(|x| *x == 0.0);
        for key in keys.iter().filter(empty) {
            let fits = self.fitted([key])?;
            let hint = fits.first().filter(|fit| fit.explained >= Some(LEFT_OUT));
            trials.extend(hint.map(|fit| Trial {
                what: format!("{} is zero throughout, and other values explain", key.name),
                explained: None,
                ..fit.clone()
            }));
            trials.extend(fits);
        }
        if mended(&trials) {
            return Ok(trials);
        }
        trials.extend(self.joint(keys)?);
        for key in keys {
            if mended(&trials) {
                return Ok(trials);
            }
            (self.progress)(&format!("trying {}", key.name));
            for (kind, what, change) in changes(&key.shape) {
                let ours = self.with(&key.name, &*change)?;
                self.add(&mut trials, kind, format!("{} {what}", key.name), &ours, 0);
                if mended(&trials) {
                    return Ok(trials);
                }
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
        let direct = self.outputs.trials();
        let best = trials
            .iter()
            .chain(&direct)
            .filter_map(|trial| trial.explained);
        if best.fold(0.0, f64::max) < ENOUGH {
            trials.extend(self.fitted(keys)?);
        }
        let fitted = |key: &Key| {
            let layer = format!("{}/", key.parts().0);
            trials.iter().any(|trial| {
                trial.what.starts_with(&layer)
                    && trial.what.ends_with(OTHER_VALUES)
                    && trial.explained >= Some(ENOUGH)
            })
        };
        let copied = self.twins(keys, &fitted);
        trials.splice(0..0, copied);
        Ok(trials)
    }

    /// Weights among those that `suspected` names that hold the very values of another module's.
    fn twins(&self, keys: &[Key], suspected: &dyn Fn(&Key) -> bool) -> Vec<Trial> {
        let twin = |key: &Key| {
            let twin = self.subject.twin(&key.name, &key.shape, &key.values)?;
            Some(Trial {
                kind: Kind::Permuted,
                what: format!("{} holds the values of {twin}, bit by bit", key.name),
                explained: None,
            })
        };
        let several = keys.iter().filter(|key| !key.is_constant());
        several
            .filter(|key| suspected(key))
            .filter_map(twin)
            .collect()
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
}

/// Whether a trial puts the module right, so that no other need be tried.
fn mended(trials: &[Trial]) -> bool {
    trials
        .iter()
        .any(|trial| trial.explained.is_none_or(|explained| explained >= MENDED))
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
