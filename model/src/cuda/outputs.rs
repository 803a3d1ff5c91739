//! Outputs of a pass on a GPU, and how they come to the host.

use std::collections::BTreeMap;
use std::ops::Range;

use ::cuda::{Span, arguments};
use half::bf16;

use super::heads::Kind;
use super::pass::Pass;
use super::steps::Id;
use super::{CudaAlphaGenome, CudaError, Key};
use crate::array::{Array, Values};
use crate::config::Head;
use crate::heads::junctions::{JunctionMask, SpliceSitePositions};
use crate::rows::spans;
use crate::taps::Taps;

/// How many values of an output are NaN or infinite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonFinite {
    /// The output.
    pub output: String,
    /// How many are.
    pub found: u64,
    /// How many must be: tracks without a mean have no experimental units.
    pub expected: u64,
}

/// Outputs of a pass, still on the device.
pub struct CudaOutputs<'a> {
    pub(super) model: &'a CudaAlphaGenome,
}

impl CudaOutputs<'_> {
    /// Names of all outputs, sorted.
    pub fn names(&self) -> Vec<String> {
        let Some((_, pass)) = &self.model.pass else {
            return Vec::new();
        };
        let mut names: Vec<String> = pass.outputs.keys().cloned().collect();
        names.extend(self.masks().map(|(name, _)| name));
        names.sort();
        names
    }

    /// Brings one output to the host; nothing if there is none of that name.
    ///
    /// # Errors
    /// When the device fails.
    pub fn array(&self, name: &str) -> Result<Option<Array>, CudaError> {
        let Some((key, pass)) = &self.model.pass else {
            return Ok(None);
        };
        if let Some((_, head)) = self.masks().find(|(mask, _)| mask == name) {
            return self.mask(&head, key).map(Some);
        }
        let Some(output) = pass.outputs.get(name) else {
            return Ok(None);
        };
        self.download(pass, output.id, &output.shape, output.kind)
            .map(Some)
    }

    /// Brings rows of the second axis of one output to the host, `[B, rows, ...]`; nothing if there is none of that name.
    ///
    /// # Errors
    /// When a row lies beyond the output, or the device fails.
    pub fn rows(&self, name: &str, rows: &[Range<usize>]) -> Result<Option<Array>, CudaError> {
        let Some((_, pass)) = &self.model.pass else {
            return Ok(None);
        };
        let Some(output) = pass.outputs.get(name) else {
            return Ok(None);
        };
        let (shape, spans) = spans(&output.shape, rows).ok_or_else(|| {
            let (name, shape) = (name.to_owned(), output.shape.clone());
            CudaError::Rows { name, shape }
        })?;
        let whole: usize = output.shape.iter().product();
        let stored = self.stored(output.kind);
        let whole = pass.tensor(output.id, (whole * stored) as u64)?;
        let part = self.model.gathered(&whole, &spans, stored)?;
        self.model.fetch(&part, shape, output.kind).map(Some)
    }

    fn stored(&self, kind: Kind) -> usize {
        match kind {
            Kind::Integer => 4,
            _ => self.model.weights.element(),
        }
    }

    /// Counts NaN and infinity in every output, on the device.
    ///
    /// # Errors
    /// When the device fails.
    pub fn non_finite(&self) -> Result<Vec<NonFinite>, CudaError> {
        let Some((key, pass)) = &self.model.pass else {
            return Ok(Vec::new());
        };
        let counter = self.model.device.allocate(8)?;
        let mut counts = Vec::new();
        for (name, output) in &pass.outputs {
            if output.kind == Kind::Integer {
                continue;
            }
            let n: usize = output.shape.iter().product();
            self.model.device.fill(&counter, 0)?;
            let stored = self.model.weights.element();
            let at = pass.tensor(output.id, (n * stored) as u64)?;
            let arguments = arguments![&at, n as i64, &counter];
            let grid = [n.div_ceil(256).clamp(1, 4096) as u32, 1, 1];
            self.model
                .kernels
                .launch("count_non_finite", grid, [256, 1, 1], &arguments)?;
            let found = self.model.device.download::<u64>(&counter)?;
            counts.push(NonFinite {
                output: name.clone(),
                found: found.first().copied().unwrap_or(0),
                expected: self.model.metadata.as_ref().map_or(0, |metadata| {
                    metadata.non_finite(&self.model.config, &key.organisms, name, &output.shape)
                }),
            });
        }
        Ok(counts)
    }

    /// Brings all outputs to the host.
    ///
    /// # Errors
    /// When the device fails.
    pub fn into_arrays(self) -> Result<BTreeMap<String, Array>, CudaError> {
        let mut arrays = BTreeMap::new();
        for name in self.names() {
            if let Some(array) = self.array(&name)? {
                arrays.insert(name, array);
            }
        }
        Ok(arrays)
    }

    fn masks(&self) -> impl Iterator<Item = (String, String)> {
        let heads = self.model.pass.as_ref().map(|(_, pass)| &pass.outputs);
        let positions = heads.into_iter().flat_map(|outputs| outputs.keys());
        positions.filter_map(|name| {
            let head = name.strip_suffix("/splice_site_positions")?;
            Some((format!("{head}/splice_junction_mask"), head.to_owned()))
        })
    }

    fn mask(&self, head: &str, key: &Key) -> Result<Array, CudaError> {
        let positions = self.array(&format!("{head}/splice_site_positions"))?;
        let most = self.model.config.heads.get(head).map_or(0, Head::tracks);
        let (count, places) = match positions {
            Some(Array {
                shape,
                values: Values::I32(places),
            }) => (shape[2], places),
            _ => (0, Vec::new()),
        };
        let tissues = |&organism: &usize| self.model.weights.tissues(organism, most);
        let tissues = key.organisms.iter().map(tissues).collect();
        let mask = JunctionMask::new(SpliceSitePositions { count, places }, tissues, most);
        Ok(Array {
            shape: mask.shape().to_vec(),
            values: Values::Bool(mask.values()),
        })
    }

    /// Hands module outputs to a listener.
    pub(super) fn hand_out(&self, taps: &mut dyn Taps) -> Result<(), CudaError> {
        let Some((_, pass)) = &self.model.pass else {
            return Ok(());
        };
        for tap in &pass.taps {
            let name = format!("alphagenome/{}", tap.name);
            if taps.wants(&name) {
                let mut array = self.download(pass, tap.id, &tap.shape, Kind::Stored)?;
                if tap.name.contains("attention_bias_block") {
                    array = heads_first(array);
                }
                taps.take(&name, array);
            }
        }
        Ok(())
    }

    fn download(
        &self,
        pass: &Pass,
        id: Id,
        shape: &[usize],
        kind: Kind,
    ) -> Result<Array, CudaError> {
        let count: usize = shape.iter().product();
        let span = pass.tensor(id, (count * self.stored(kind)) as u64)?;
        self.model.fetch(&span, shape.to_vec(), kind)
    }
}

impl CudaAlphaGenome {
    /// Brings a tensor to the host.
    pub(super) fn fetch(
        &self,
        span: &Span,
        shape: Vec<usize>,
        kind: Kind,
    ) -> Result<Array, CudaError> {
        let device = &self.device;
        let (values, stored) = match (kind, self.weights.element()) {
            (Kind::Integer, stored) => (Values::I32(device.download(span)?), stored),
            (_, 2) => (Values::Bf16(device.download::<bf16>(span)?), 2),
            (_, stored) => (Values::F32(device.download(span)?), stored),
        };
        let array = Array { shape, values };
        Ok(match (kind, stored) {
            (Kind::Half, 4) => array.into_f16(),
            _ => array,
        })
    }
}

/// `[B, P, P, H]` to `[B, H, P, P]`.
fn heads_first(array: Array) -> Array {
    fn turn<T: Copy>(values: &[T], [b, p, q, h]: [usize; 4]) -> Vec<T> {
        let places = (0..b * h * p * q).map(|index| {
            let (column, rest) = (index % q, index / q);
            let (row, rest) = (rest % p, rest / p);
            let (head, sequence) = (rest % h, rest / h);
            values[((sequence * p + row) * q + column) * h + head]
        });
        places.collect()
    }
    let Ok(shape) = <[usize; 4]>::try_from(array.shape.as_slice()) else {
        return array;
    };
    let values = match array.values {
        Values::F32(values) => Values::F32(turn(&values, shape)),
        Values::Bf16(values) => Values::Bf16(turn(&values, shape)),
        other => other,
    };
    let [b, p, q, h] = shape;
    Array {
        shape: vec![b, h, p, q],
        values,
    }
}
