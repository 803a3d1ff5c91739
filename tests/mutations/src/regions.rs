//! Single faults of passes that run where they are wanted or where sequences differ, and whether they still give the bits of a
//! whole pass.

use std::ops::Range;
use std::sync::Arc;

use anyhow::{Result, ensure};
use burn::backend::Flex;
use model::graph::{Edit, Graph, Operation, edited};
use model::operations::Source;
use model::regions::{BLOCK, Rows};
use model::{AlphaGenome, Arithmetic, Batch, Embedding, NoTaps, Patch, Request, Sequence, Windows};
use serde::Serialize;

use crate::Tiny;

const LENGTH: usize = 4096;
/// A substitution.
const DIFFERS: Range<usize> = 2048..2049;
/// Bases whose window ends where their margin does, on either side.
const WANTED: [usize; 2] = [2041, 2054];
/// As many blocks further on the same is tried: what lies farthest off weighs so little that it does not change each base's bits.
const BLOCKS: usize = 32;

/// A fault of regions.
pub struct Fault {
    /// What is wrong.
    pub name: String,
    make: Make,
}

/// Where it lies.
enum Make {
    /// In the margin of windows, in base pairs too few.
    Margin(usize),
    /// In what the encoder's patch is, of alleles.
    Patch([Vec<u8>; 2], Patch),
    /// In what is computed with a patch.
    Graph(Edit),
}

/// Whether a fault is seen.
#[derive(Clone, Debug, Serialize)]
pub struct SeenRegion {
    /// The fault.
    pub name: String,
    /// Whether it is.
    pub caught: bool,
    /// By what.
    pub by: String,
}

/// Bases that look like chance.
fn bases() -> Vec<u8> {
    let base = |place: u32| (place.wrapping_mul(2_654_435_761) >> 13) as u8 % 4;
    (0..LENGTH as u32).map(base).collect()
}

fn substituted() -> [Vec<u8>; 2] {
    let (first, mut second) = (bases(), bases());
    for base in &mut second[DIFFERS] {
        *base = (*base + 1) % 4;
    }
    [first, second]
}

/// The nodes that take rows of what the encoder gave at a resolution.
fn encoded(graph: &Graph, resolution: usize) -> Vec<usize> {
    let takes = |place: &usize| {
        let node = &graph.nodes[*place];
        let rows = node.inputs.last().map(|rows| &graph.node(*rows).operation);
        node.operation == Operation::TakeRows
            && matches!(rows, Some(Operation::Source(Source::Rows(Rows::Encoded(its)), _)) if *its == resolution)
    };
    (0..graph.nodes.len()).filter(takes).collect()
}

/// Every sequence has what the first one has.
fn stale(resolution: usize) -> Edit {
    Arc::new(move |graph| {
        for place in encoded(graph, resolution) {
            let first = graph.nodes[place].inputs[0];
            graph.nodes[place].operation = Operation::Cat(0);
            graph.nodes[place].inputs = vec![first; 2];
        }
    })
}

/// In the patch, pools begin one position too late.
fn out_of_phase(resolution: usize, window: usize) -> Edit {
    Arc::new(move |graph| {
        let pools = |place: &usize| {
            let node = &graph.nodes[*place];
            node.operation == Operation::MaxPool
                && graph.values[node.inputs[0]].shape[1] == window / resolution
        };
        let pools: Vec<_> = (0..graph.nodes.len()).filter(pools).collect();
        for place in pools {
            graph.turn(place, 0, 1, 1);
        }
    })
}

/// The sound model and its whole passes.
pub struct Regions {
    model: AlphaGenome<Flex>,
}

impl Regions {
    /// Opens the tiny model.
    ///
    /// # Errors
    /// Where it cannot be loaded.
    pub fn open(tiny: &Tiny) -> Result<Self> {
        let model = AlphaGenome::load(&tiny.path(), &Default::default(), Arithmetic::XlaCpuF32)?;
        Ok(Self { model })
    }

    fn batch(&self, alleles: [Vec<u8>; 2]) -> Result<Batch> {
        let sequences = alleles.map(|bases| Sequence::from_indices(&bases));
        let sequences = sequences.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(Batch::new(sequences, vec![0; 2])?)
    }

    fn patch(&self) -> Result<Patch> {
        let patch = Patch::between(self.model.config(), &self.batch(substituted())?, 0);
        Ok(patch.expect("a substitution"))
    }

    /// All faults.
    ///
    /// # Errors
    /// Never for the tiny model.
    pub fn faults(&self) -> Result<Vec<Fault>> {
        let patch = self.patch()?;
        let fault = |name: String, make| Fault { name, make };
        let mut faults = Vec::new();
        for resolution in [16, 8, 4, 2, 1] {
            let name = format!("halo of the decoder one position of {resolution} bp too small");
            faults.push(fault(name, Make::Margin(resolution)));
        }
        let name = "zero padding at the inner edges of windows".to_owned();
        faults.push(fault(
            name,
            Make::Margin(Windows::margin(self.model.config())),
        ));
        for power in 0..7 {
            let name = format!("what a substitution changed at {} bp is REF's", 1 << power);
            faults.push(fault(name, Make::Graph(stale(1 << power))));
        }
        let name = "the trunk that a substitution changed is REF's".to_owned();
        faults.push(fault(name, Make::Graph(stale(128))));
        for power in 0..7 {
            let name = format!("pool of {} bp out of phase in the patch", 2 << power);
            let edit = out_of_phase(1 << power, patch.window.len());
            faults.push(fault(name, Make::Graph(edit)));
        }
        let cut = |name: &str, alleles, patch| fault(name.to_owned(), Make::Patch(alleles, patch));
        let Patch { window, changed } = patch.clone();
        faults.push(cut(
            "zero padding at an inner edge of the patch",
            substituted(),
            Patch {
                window: changed.clone(),
                ..patch.clone()
            },
        ));
        faults.push(cut(
            "halo of the patch one position of 128 bp too small",
            substituted(),
            Patch {
                changed: changed.start + 128..changed.end,
                ..patch.clone()
            },
        ));
        faults.push(cut(
            "the patch begins between two positions of 128 bp",
            substituted(),
            Patch {
                window: window.start + 1..window.end + 1,
                ..patch.clone()
            },
        ));
        let mut deleted = bases();
        deleted.remove(DIFFERS.start);
        deleted.push(0);
        faults.push(cut(
            "what follows a deletion is REF's",
            [bases(), deleted],
            patch,
        ));
        Ok(faults)
    }

    /// Whether a fault is seen. The pass must be sound without it.
    ///
    /// # Errors
    /// Where a pass cannot be run, or is not that of the whole without a fault.
    pub fn seen(&self, fault: &Fault) -> Result<SeenRegion> {
        let request = Request::embeddings([Embedding::OneBasePair, Embedding::Bins]);
        let (alleles, windows, patch) = match &fault.make {
            Make::Margin(less) => (substituted(), Some(*less), None),
            Make::Graph(_) => (substituted(), None, Some(self.patch()?)),
            Make::Patch(alleles, patch) => (alleles.clone(), None, Some(patch.clone())),
        };
        let batch = self.batch(alleles)?;
        let whole = self.model.run(&batch, &request, &mut NoTaps)?;
        let wanted = |block: usize| WANTED.map(|base| base + block * BLOCK);
        let asked = |block: usize, less: usize, patch| {
            let margin = Windows::margin(self.model.config()) - less;
            let wanted = wanted(block).map(|base| base..base + 1).to_vec();
            let windows = windows.map(|_| Windows::new(LENGTH, vec![wanted; 2], margin, |n| n));
            Request {
                windows,
                patch,
                ..request.clone()
            }
        };
        let differs = |block: usize, request: &Request| -> Result<Option<String>, String> {
            let found = self.model.run(&batch, request, &mut NoTaps);
            let found = found.map_err(|error| error.to_string())?;
            let windows = request.windows.as_ref();
            Ok(whole.iter().find_map(|(name, array)| {
                let bits = |array: &model::Array| -> Vec<u32> {
                    let values = array.values.to_f32().into_iter();
                    values.map(f32::to_bits).collect()
                };
                let channels = array.shape[2];
                let (whole, part) = (bits(array), bits(&found[name]));
                let row = |of: &[u32], at: usize| of[at * channels..][..channels].to_vec();
                let other = match windows.filter(|_| name == "embeddings_1bp") {
                    None => (whole != part).then(|| name.clone()),
                    Some(windows) => (0..2).find_map(|sequence| {
                        let other = |base: &usize| {
                            let at = windows.row(sequence, *base).unwrap_or(0);
                            let at = sequence * windows.rows() + at;
                            row(&whole, sequence * LENGTH + *base) != row(&part, at)
                        };
                        let base = wanted(block).into_iter().find(other)?;
                        Some(format!("{name} at base {base}"))
                    }),
                };
                other.map(|place| format!("other bits: {place}"))
            }))
        };
        let sound_patch = patch.as_ref().map(|_| {
            let sound = Patch::between(self.model.config(), &batch, 0);
            sound.expect("alleles that differ")
        });
        let blocks = windows.map_or(1, |_| BLOCKS);
        let mut found = Ok(None);
        for block in 0..blocks {
            let sound = differs(block, &asked(block, 0, sound_patch.clone()));
            ensure!(
                sound == Ok(None),
                "{}: without the fault: {sound:?}",
                fault.name
            );
            let broken = asked(block, windows.unwrap_or(0), patch.clone());
            found = match &fault.make {
                Make::Graph(edit) => edited(edit.clone(), || differs(block, &broken)),
                _ => differs(block, &broken),
            };
            if found != Ok(None) {
                break;
            }
        }
        let (caught, by) = match found {
            Ok(None) => (false, String::new()),
            Ok(Some(place)) => (true, place),
            Err(refusal) => (true, format!("refused: {refusal}")),
        };
        Ok(SeenRegion {
            name: fault.name.clone(),
            caught,
            by,
        })
    }
}
