//! What is known of the module at fault, and what is likely wrong with it.

use anyhow::Result;
use model::Stage;

use super::arrays::{distance, gather};
use super::crop::crop;
use super::inputs::RESIDUAL;
use super::kind::{Kind, MENDED, NAMED, Trial, ranked};
use super::outputs::Outputs;
use super::probe::{Key, Probe};
use super::recorded::Recorded;
use super::report::{Culprit, Row};
use super::walk::{Given, Walk};
use crate::evidence::{Change, Changes};

impl Walk<'_> {
    /// Tries what could be wrong with a module, given what was recorded of it and inside it and what it gives itself.
    pub(super) fn culprit(
        &self,
        stage: &Stage,
        (recorded, given, inner): (&[Recorded], &Given, &Given),
        row: &Row,
    ) -> Result<Culprit> {
        let limit = row.floor.unwrap_or(0.0) * row.limit.unwrap_or(1.0);
        let ours = |recorded: &Recorded| {
            let mut all = given.iter();
            let array = all.find(|(name, _)| *name == recorded.output);
            array.map(|(_, array)| (array.values.to_f32(), array.shape.clone()))
        };
        // What comes first inside the module tells more than what is made of it.
        let first = recorded.iter().find_map(|recorded| {
            let (values, shape) = ours(recorded)?;
            let reference = recorded.array.values.to_f64();
            let far = distance(&reference, &gather(&values, &recorded.places));
            (far > limit).then_some((recorded, shape))
        });
        let (mut trials, mut keys) = (Vec::new(), Vec::new());
        if let Some((recorded, shape)) = first {
            // An attention bias has its heads before the positions.
            let channels = match stage.path.contains("attention_bias_block") {
                true => 1,
                false => shape.len() - 1,
            };
            let crop = crop(stage, &self.known, recorded, inner, &shape);
            let values = self.subject.run(&stage.path, &self.batch, &crop.known)?;
            let values = values
                .into_iter()
                .find(|(name, _)| *name == recorded.output);
            let values = values.map_or(Vec::new(), |(_, array)| array.values.to_f32());
            let outputs = Outputs::new(
                &crop.reference,
                &values,
                &crop.shape,
                &crop.places,
                channels,
            );
            let probe = Probe {
                subject: self.subject,
                stage,
                batch: &self.batch,
                known: &crop.known,
                inner: &crop.inner,
                output: &recorded.output,
                outputs: &outputs,
                progress: self.settings.progress,
            };
            // A sum has no weights of its own.
            let name = stage.path.rsplit('/').next().unwrap_or("");
            if name.starts_with("pair_update_block") {
                trials = probe.inputs()?;
            } else {
                keys = probe.keys();
                // What the ledger tells of the weights comes first, and only those that changed are suspects.
                let changes = self.subject.changes(stage).unwrap_or_default();
                let changed = |key: &&Key| changes.changed.contains_key(&key.name);
                let suspects: Vec<Key> = match keys.iter().any(|key| changed(&key)) {
                    true => keys.iter().filter(changed).cloned().collect(),
                    false => keys.clone(),
                };
                trials = told(&changes);
                if trials.is_empty() {
                    trials = probe.trials(&suspects)?;
                }
            }
            trials.extend(outputs.trials());
        }
        let trials = ranked(trials);
        let best = trials
            .first()
            .filter(|best| best.explained.is_none_or(|explained| explained >= NAMED));
        let mut culprit = Culprit {
            module: stage.path.clone(),
            seen_in: None,
            output: row.output.clone(),
            weights: keys.into_iter().map(|key| key.name).collect(),
            kind: best.map(|best| best.kind),
            trials: Vec::new(),
            command: self.settings.command.clone(),
        };
        if let Some(module) = best.and_then(left_out) {
            culprit.weights.clear();
            culprit.seen_in = Some(std::mem::replace(&mut culprit.module, module.to_owned()));
        }
        culprit.trials = trials;
        Ok(culprit)
    }
}

/// What the ledger alone tells of a module's weights.
fn told(changes: &Changes) -> Vec<Trial> {
    let named = |of: &dyn Fn(&Change) -> bool| {
        let names = changes.changed.iter().filter(|(_, change)| of(change));
        names
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>()
            .join(" and ")
    };
    let mut trials = Vec::new();
    let mut add = |kind, what: String| {
        trials.push(Trial {
            kind,
            what,
            explained: None,
        });
    };
    for (name, change) in &changes.changed {
        if let Change::Copied(other) = change {
            let what = format!("{name} holds the values that the checkpoint gives {other}");
            add(Kind::Permuted, what);
        }
    }
    let rounded = named(&|change| *change == Change::Rounded);
    if !rounded.is_empty() {
        add(
            Kind::Precision,
            format!("rounded to bfloat16 since the conversion: {rounded}"),
        );
    }
    trials
}

/// The module whose residual a trial puts back, where that puts everything right.
fn left_out(best: &Trial) -> Option<&str> {
    let module = best.what.strip_prefix(RESIDUAL)?;
    best.explained
        .is_some_and(|explained| explained >= MENDED)
        .then_some(module)
}
