//! Passes whose embeddings stay where the model runs, and heads on embeddings that are put together there.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::{Context, Result, bail};
use model::{Array, Batch, Embedding, Move, NoTaps, Request, Values};

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
            let outputs = brought(&outputs, wanted)?;
            let embeddings = Embeddings::Device(model.resident()?);
            return Ok(Ran {
                outputs,
                embeddings,
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
                        moves: rearranged.moves,
                        replaced: rearranged.replaced,
                    };
                    Some((which, taken))
                });
                let given = given.collect();
                let outputs = brought(&model.forward_on(batch, request, &given)?, wanted)?;
                let embeddings = Embeddings::Device(model.resident()?);
                Ok(Ran {
                    outputs,
                    embeddings,
                })
            }
            Embeddings::Host(mut held) => {
                let given = given.into_iter().filter_map(|(which, rearranged)| {
                    Some((which, rearranged.of(held.remove(&which)?, batch.size())))
                });
                let mut request = Request {
                    given: given.collect(),
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

    /// Rows of an embedding, `[rows, C]` in float32; those of all sequences are counted on.
    ///
    /// # Errors
    /// Where the embedding was not kept, or the device fails.
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
                let channels = array.shape[array.shape.len() - 1];
                let spans = rows
                    .iter()
                    .map(|run| run.start * channels..run.end * channels);
                Ok(array.values.pick(&spans.collect::<Vec<_>>()).into_f32())
            }
        }
    }
}

/// Outputs that come to the host, by name: rows of the second axis, as ascending runs; nothing for all of it.
pub type Wanted = BTreeMap<String, Option<Vec<Range<usize>>>>;

/// What a pass gave.
pub struct Ran {
    /// Outputs by name.
    pub outputs: BTreeMap<String, Array>,
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

/// An embedding that is put together from rows of another, `[..., C]`.
pub struct Rearranged {
    /// Which rows go where; they fill it from the first to the last.
    pub moves: Vec<Move>,
    /// Rows that are replaced after that, `[C]` each.
    pub replaced: Vec<(usize, Vec<f32>)>,
}

impl Embeddings {
    /// Whether they are here.
    pub fn on_host(&self) -> bool {
        matches!(self, Self::Host(_))
    }
}

impl Rearranged {
    /// All of an embedding, `rows` long, but for some rows.
    pub fn whole(rows: usize, replaced: Vec<(usize, Vec<f32>)>) -> Self {
        Self {
            moves: Move::filling(0..rows),
            replaced,
        }
    }

    fn of(self, source: Array, sequences: usize) -> Array {
        let Array { mut shape, values } = source;
        let channels = shape[shape.len() - 1];
        let rows = self
            .moves
            .iter()
            .map(|step| step.from..step.from + step.count);
        let spans = rows.map(|run| run.start * channels..run.end * channels);
        let spans: Vec<_> = spans.collect();
        let mut values = match spans.as_slice() {
            [all] if *all == (0..values.len()) => values.into_f32(),
            _ => values.pick(&spans).into_f32(),
        };
        for (to, row) in &self.replaced {
            values[to * channels..][..channels].copy_from_slice(row);
        }
        shape[0] = sequences;
        Array {
            shape,
            values: Values::F32(values),
        }
    }
}

#[cfg(feature = "cuda")]
fn brought(outputs: &model::CudaOutputs<'_>, wanted: &Wanted) -> Result<BTreeMap<String, Array>> {
    let mut arrays = BTreeMap::new();
    for (name, rows) in wanted {
        let array = match rows {
            Some(rows) => outputs.rows(name, rows)?,
            None => outputs.array(name)?,
        };
        arrays.extend(array.map(|array| (name.clone(), array)));
    }
    Ok(arrays)
}

fn on_host(mut outputs: BTreeMap<String, Array>, wanted: &Wanted) -> Result<Ran> {
    let embeddings = Embedding::ALL.into_iter().filter_map(|which| {
        let array = outputs.remove(which.name())?;
        Some((which, array))
    });
    let embeddings = Embeddings::Host(embeddings.collect());
    outputs.retain(|name, _| wanted.contains_key(name));
    for (name, array) in &mut outputs {
        if let Some(Some(rows)) = wanted.get(name) {
            *array = array.rows(rows).with_context(|| {
                let shape = &array.shape;
                format!("rows of {name} were asked for that it does not have: it is {shape:?}")
            })?;
        }
    }
    Ok(Ran {
        outputs,
        embeddings,
    })
}
