//! What is tried on several weights at once.

use anyhow::Result;
use model::Edit;

use super::changes::reorder;
use super::kind::{Kind, Trial};
use super::probe::{Key, Probe};

/// Exchanges of one weight with another that are tried at most.
const MOST_EXCHANGES: usize = 24;

impl Probe<'_> {
    /// Weights exchanged with each other, or all changed in the same way.
    pub(super) fn joint(&self, keys: &[Key]) -> Result<Vec<Trial>> {
        let mut trials = self.exchanged(keys)?;
        let channels = self.outputs.shape[self.outputs.channels];
        let last = |shape: &[usize]| shape.last() == Some(&channels);
        if keys
            .iter()
            .filter(|key| key.shape.len() > 1 && key.shape[0] == 2)
            .count()
            > 1
        {
            for only in ["", "linear"] {
                let what =
                    format!("the organisms of all its {only} weights exchanged").replace("  ", " ");
                self.try_all(&mut trials, Kind::Permuted, what, &|name, shape, values| {
                    if shape.len() > 1 && shape[0] == 2 && name.contains(only) {
                        reorder(shape, 0, &|i| 1 - i, values);
                    }
                })?;
            }
        }
        if keys.iter().filter(|key| last(&key.shape)).count() > 1 && channels > 2 {
            for (what, step) in [("shifted by one", 1), ("shifted back by one", channels - 1)] {
                // All of them, or only those of the linear layer.
                for only in ["", "linear"] {
                    let what =
                        format!("the outputs of all its {only} weights {what}").replace("  ", " ");
                    self.try_all(&mut trials, Kind::Shift, what, &|name, shape, values| {
                        if last(shape) && name.contains(only) {
                            reorder(shape, shape.len() - 1, &|i| (i + step) % channels, values);
                        }
                    })?;
                }
            }
        }
        self.rotary(keys, &mut trials)?;
        Ok(trials)
    }

    fn try_all(
        &self,
        trials: &mut Vec<Trial>,
        kind: Kind,
        what: String,
        change: &Edit<'_>,
    ) -> Result<()> {
        let ours = self.with_all(change)?;
        self.add(trials, kind, what, &ours, 0);
        Ok(())
    }

    /// One weight with another of its layer, and all of a layer with all of another.
    fn exchanged(&self, keys: &[Key]) -> Result<Vec<Trial>> {
        let mut layers: Vec<&str> = keys.iter().map(|key| key.parts().0).collect();
        layers.dedup();
        let of = |layer: &str| -> Vec<&Key> {
            keys.iter().filter(|key| key.parts().0 == layer).collect()
        };
        let mut exchanges: Vec<(Vec<&Key>, Vec<&Key>)> = Vec::new();
        for (index, a) in layers.iter().enumerate() {
            for b in &layers[index + 1..] {
                let (a, b) = (of(a), of(b));
                let alike =
                    |(a, b): (&&Key, &&Key)| a.shape == b.shape && a.parts().1 == b.parts().1;
                if a.len() == b.len() && a.iter().zip(&b).all(alike) {
                    exchanges.push((a, b));
                }
            }
        }
        for (index, a) in keys.iter().enumerate() {
            let same =
                |b: &&Key| b.parts().0 == a.parts().0 && b.shape == a.shape && a.shape.len() > 1;
            exchanges.extend(
                keys[index + 1..]
                    .iter()
                    .filter(same)
                    .map(|b| (vec![a], vec![b])),
            );
        }
        let mut trials = Vec::new();
        for (a, b) in exchanges.iter().take(MOST_EXCHANGES) {
            let names = |keys: &[&Key]| {
                keys.iter()
                    .map(|key| key.name.as_str())
                    .collect::<Vec<_>>()
                    .join(" and ")
            };
            let what = format!("{} exchanged with {}", names(a), names(b));
            self.try_all(&mut trials, Kind::Permuted, what, &|name, _, values| {
                let pairs = a.iter().zip(b.iter()).flat_map(|(a, b)| [(a, b), (b, a)]);
                for (_, other) in pairs.filter(|(key, _)| key.name == name) {
                    values.clone_from(&other.values);
                }
            })?;
        }
        Ok(trials)
    }

    /// A rotary embedding pairs neighbours, or the halves of a head.
    fn rotary(&self, keys: &[Key], trials: &mut Vec<Trial>) -> Result<()> {
        let Some(key) = keys.iter().find(|key| key.name.ends_with("norm_k/scale")) else {
            return Ok(());
        };
        let (width, half) = (key.values.len(), key.values.len() / 2);
        let layers = ["q_layer/", "k_layer/", "norm_q/", "norm_k/"];
        let orders: [(&str, &dyn Fn(usize) -> usize); 2] = [
            ("halves", &|i| {
                i / width * width + i % width / 2 + i % 2 * half
            }),
            ("neighbours", &|i| {
                i / width * width + i % width % half * 2 + i % width / half
            }),
        ];
        for (what, from) in orders
            .into_iter()
            .filter(|_| half > 0 && width.is_multiple_of(2))
        {
            let what = format!("queries and keys with the rotary embedding's pairs as {what}");
            self.try_all(trials, Kind::Permuted, what, &|name, shape, values| {
                let rotary = layers.iter().any(|layer| name.contains(layer));
                if rotary
                    && shape
                        .last()
                        .is_some_and(|length| length.is_multiple_of(width))
                {
                    reorder(shape, shape.len() - 1, from, values);
                }
            })?;
        }
        Ok(())
    }
}
