//! Passes whose embeddings stay where the model runs, and heads on embeddings that are put together there.

use std::collections::BTreeMap;
#[cfg(feature = "cuda")]
use std::collections::BTreeSet;
use std::ops::Range;

use anyhow::{Context, Result, bail};
use model::folds::{Fold, Within};
use model::{Array, Batch, Embedding, NoTaps, Request, Values};

#[cfg(feature = "cuda")]
use crate::machine::Form;
use crate::machine::Machine;

impl Machine {
    /// Runs a batch; what is `wanted` comes to the host, and embeddings that were asked for stay where the model runs.
    ///
    /// # Errors
    /// Where the batch or the request does not fit the model, an output has no such rows, or the device fails.
    pub fn run_kept(&self, batch: &Batch, request: &Request, wanted: &Wanted) -> Result<Ran> {
        #[cfg(feature = "cuda")]
        if let Form::Cuda(model) = &self.form {
            let mut model = model.borrow_mut();
            let outputs = model.forward(batch, request, &mut NoTaps)?;
            let ran = brought(&outputs, wanted)?;
            return Ok(Ran {
                embeddings: Embeddings::Device(model.resident()?),
                ..ran
            });
        }
        on_host(self.run(batch, request, &mut NoTaps)?, wanted)
    }

    /// Runs heads on embeddings that are put together from those of another pass, and keeps them.
    ///
    /// # Errors
    /// As [`Self::run_kept`], and where heads read an embedding that is not among `given`, or rows lie beyond one.
    pub fn run_on(
        &self,
        embeddings: Embeddings,
        given: BTreeMap<Embedding, Rearranged>,
        batch: &Batch,
        request: &Request,
        wanted: &Wanted,
    ) -> Result<Ran> {
        match embeddings {
            #[cfg(feature = "cuda")]
            Embeddings::Device(held) => {
                let Form::Cuda(model) = &self.form else {
                    bail!("these embeddings are another machine's");
                };
                let mut model = model.borrow_mut();
                let given = given.into_iter().filter_map(|(which, rearranged)| {
                    let taken = model::Taken {
                        from: held.get(&which)?,
                        rows: rearranged.rows,
                        replaced: rearranged.replaced,
                    };
                    Some((which, taken))
                });
                let given = given.collect();
                let ran = brought(&model.forward_on(batch, request, &given)?, wanted)?;
                Ok(Ran {
                    embeddings: Embeddings::Device(model.resident()?),
                    ..ran
                })
            }
            Embeddings::Host(mut held) => {
                let given = given.into_iter().filter_map(|(which, rearranged)| {
                    let source = held.remove(&which)?;
                    let of = rearranged.of(source, batch.size());
                    Some(
                        of.map(|array| (which, array))
                            .with_context(|| beyond(which)),
                    )
                });
                let mut request = Request {
                    given: given.collect::<Result<_>>()?,
                    ..request.clone()
                };
                let mut ran = on_host(self.run(batch, &request, &mut NoTaps)?, wanted)?;
                if let Embeddings::Host(kept) = &mut ran.embeddings {
                    kept.append(&mut request.given);
                }
                Ok(ran)
            }
        }
    }

    /// Whether it makes folds and chooses junctions where the model runs.
    pub fn folds(&self) -> bool {
        self.plans()
    }

    /// Rows of an embedding, `[rows, C]` in float32; those of all sequences are counted on.
    ///
    /// # Errors
    /// Where the embedding was not kept, a row lies beyond it, or the device fails.
    pub fn rows_of(
        &self,
        embeddings: &Embeddings,
        which: Embedding,
        rows: &[Range<usize>],
    ) -> Result<Vec<f32>> {
        let missing = || format!("{} was not kept", which.name());
        match embeddings {
            #[cfg(feature = "cuda")]
            Embeddings::Device(held) => {
                let Form::Cuda(model) = &self.form else {
                    bail!("these embeddings are another machine's");
                };
                let held = held.get(&which).with_context(missing)?;
                let array = model.borrow().resident_rows(held, rows)?;
                Ok(array.values.into_f32())
            }
            Embeddings::Host(held) => {
                let array = held.get(&which).with_context(missing)?;
                let part = array.channel_rows(rows);
                Ok(part.with_context(|| beyond(which))?.values.into_f32())
            }
        }
    }
}

/// What comes to the host.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Outputs by name: rows of the second axis, as ascending runs; nothing for all of it.
    pub outputs: BTreeMap<String, Option<Vec<Range<usize>>>>,
    /// Folds, of a machine that [folds](Machine::folds).
    pub folds: Vec<Fold>,
    /// Junctions that change most, of such a machine: of this output, in each of these stretches.
    pub strongest: Option<(String, Vec<Within>)>,
}

impl<R: IntoIterator<Item = (String, Option<Vec<Range<usize>>>)>> From<R> for Wanted {
    fn from(outputs: R) -> Self {
        Self {
            outputs: outputs.into_iter().collect(),
            ..Self::default()
        }
    }
}

/// Of each tissue, a donor and an acceptor; nothing where there is no junction.
pub type Chosen = Vec<Option<[usize; 2]>>;

/// What a pass gave.
#[derive(Default)]
pub struct Ran {
    /// Outputs by name.
    pub outputs: BTreeMap<String, Array>,
    /// `[groups, tracks, 2]` of each fold.
    pub folded: Vec<Vec<[f64; 2]>>,
    /// Of each stretch.
    pub strongest: Vec<Chosen>,
    /// The counts of all that were chosen, of both sequences: `[tracks]` each.
    pub counts: BTreeMap<[usize; 2], [Vec<f32>; 2]>,
    /// Embeddings that it handed out or was given.
    pub embeddings: Embeddings,
}

/// Embeddings where the model runs.
pub enum Embeddings {
    /// Here.
    Host(BTreeMap<Embedding, Array>),
    /// On a GPU, until the pass that made them runs again.
    #[cfg(feature = "cuda")]
    Device(BTreeMap<Embedding, model::Resident>),
}

impl Default for Embeddings {
    fn default() -> Self {
        Self::Host(BTreeMap::new())
    }
}

/// An embedding that is put together from rows of another, `[..., C]`.
pub struct Rearranged {
    /// Which rows, from its first to its last.
    pub rows: Vec<Range<usize>>,
    /// Rows that are replaced after that, `[C]` each.
    pub replaced: Vec<(usize, Vec<f32>)>,
}

impl Rearranged {
    /// Nothing where a row lies beyond the embedding.
    fn of(self, source: Array, sequences: usize) -> Option<Array> {
        let (mut shape, channels) = (source.shape.clone(), *source.shape.last()?);
        let all = 0..source.values.len() / channels;
        let taken = match self.rows.as_slice() {
            [run] if *run == all => source,
            runs => source.channel_rows(runs)?,
        };
        let mut values = taken.values.into_f32();
        for (to, row) in &self.replaced {
            let place = to * channels..(to + 1) * channels;
            values.get_mut(place)?.copy_from_slice(row);
        }
        shape[0] = sequences;
        // Of embeddings at 1 bp as many rows as windows have.
        let others = sequences * shape[2..].iter().product::<usize>();
        shape[1] = values.len() / others;
        Some(Array {
            shape,
            values: Values::F32(values),
        })
    }
}

fn beyond(which: Embedding) -> String {
    format!("{}: rows beyond its last were asked for", which.name())
}

#[cfg(feature = "cuda")]
fn brought(outputs: &model::CudaOutputs<'_>, wanted: &Wanted) -> Result<Ran> {
    let mut ran = Ran::default();
    for (name, rows) in &wanted.outputs {
        let array = match rows {
            Some(rows) => outputs.rows(name, rows)?,
            None => outputs.array(name)?,
        };
        ran.outputs.extend(array.map(|array| (name.clone(), array)));
    }
    ran.folded = outputs.folded(&wanted.folds)?;
    let Some((name, stretches)) = &wanted.strongest else {
        return Ok(ran);
    };
    for within in stretches {
        ran.strongest.push(outputs.strongest(name, *within)?);
    }
    let chosen = ran.strongest.iter().flatten().flatten();
    let pairs: Vec<_> = chosen
        .copied()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let counts = outputs.counts(name, &pairs)?;
    let tracks = counts.shape[1];
    let values = counts.values.into_f32();
    let row = |at: usize| values[at * tracks..(at + 1) * tracks].to_vec();
    let both = pairs.iter().enumerate();
    let both = both.map(|(at, pair)| (*pair, [row(at), row(pairs.len() + at)]));
    ran.counts = both.collect();
    Ok(ran)
}

fn on_host(mut outputs: BTreeMap<String, Array>, wanted: &Wanted) -> Result<Ran> {
    if !wanted.folds.is_empty() || wanted.strongest.is_some() {
        bail!("the host folds predictions, not outputs of the model");
    }
    let embeddings = Embedding::ALL.into_iter().filter_map(|which| {
        let array = outputs.remove(which.name())?;
        Some((which, array))
    });
    let embeddings = Embeddings::Host(embeddings.collect());
    outputs.retain(|name, _| wanted.outputs.contains_key(name));
    for (name, array) in &mut outputs {
        if let Some(Some(rows)) = wanted.outputs.get(name) {
            *array = array.rows(rows).with_context(|| {
                let shape = &array.shape;
                format!("rows of {name} were asked for that it does not have: it is {shape:?}")
            })?;
        }
    }
    Ok(Ran {
        outputs,
        embeddings,
        ..Ran::default()
    })
}
