//! Parameters on the device, in the form in which the kernels read them.

pub(super) mod upload;

use std::collections::BTreeMap;

use ::cuda::{Device, Span, arguments};

use super::CudaError;
use super::kernels::Kernels;
use super::steps::{Fixed, Source, Steps};
#[cfg(test)]
use crate::config::Config;

/// Prepared parameters, and their numbers by their names in the conversion.
pub(super) struct Weights {
    spans: Vec<Span>,
    numbers: BTreeMap<String, usize>,
    tissues: Vec<usize>,
    element: usize,
    /// By the parameter's number and how many values of it are a row.
    parts: BTreeMap<(usize, usize), Span>,
    #[cfg(test)]
    imaginary: Vec<String>,
}

#[cfg(test)]
impl Weights {
    /// Parameters that are nowhere, for plans that do not run.
    pub(super) fn imaginary(config: &Config, element: usize) -> Self {
        let tracks = config.heads.keys().map(|name| format!("head/{name}/"));
        Self {
            spans: Vec::new(),
            numbers: BTreeMap::new(),
            imaginary: tracks.collect(),
            tissues: Vec::new(),
            element,
            parts: BTreeMap::new(),
        }
    }
}

impl Weights {
    fn at(&self, name: &str) -> Fixed {
        // Names come from the configuration, against which the conversion was checked before anything was uploaded.
        self.find(name)
            .unwrap_or_else(|| unreachable!("no parameter is called {name}"))
    }

    /// A parameter that may be absent.
    pub(super) fn find(&self, name: &str) -> Option<Fixed> {
        #[cfg(test)]
        if !self.imaginary.is_empty() {
            return Some(Source::Parameter(0).into());
        }
        let number = self.numbers.get(name);
        number.map(|&number| Source::Parameter(number).into())
    }

    /// Float32 values, rounded as they are read.
    pub(super) fn values(&self, name: &str) -> Fixed {
        self.at(name)
    }

    /// A matrix or bias in the storage type.
    pub(super) fn stored(&self, name: &str) -> Fixed {
        self.at(name)
    }

    /// Folded scale and offset of an `RMSBatchNorm`.
    pub(super) fn norm(&self, path: &str) -> [Fixed; 2] {
        ["scale", "offset"].map(|part| self.at(&format!("{path}/{part}")))
    }

    /// Kernel and bias of a convolution block.
    pub(super) fn convolution(&self, block: &str) -> [Fixed; 2] {
        ["w", "bias"].map(|part| self.at(&format!("{block}/standardized_conv1_d/{part}")))
    }

    /// Kernel and bias of the first convolution.
    pub(super) fn stem(&self) -> [Fixed; 2] {
        ["w", "b"].map(|part| self.at(&format!("sequence_encoder/dna_embedder/conv1_d/{part}")))
    }

    /// Cosines and sines of the tower's rotary embedding.
    pub(super) fn rotary(&self) -> [Fixed; 2] {
        ["rotary/cosines", "rotary/sines"].map(|name| self.at(name))
    }

    /// Distances below which a mask feature is one.
    pub(super) fn position_widths(&self) -> Fixed {
        self.at("position_widths")
    }

    /// The memory of the parameter of this number.
    pub(super) fn span(&self, number: usize) -> Option<&Span> {
        self.spans.get(number)
    }

    /// The parts of a parameter for products of bfloat16.
    pub(super) fn parts(&self, number: usize, row: usize) -> Option<&Span> {
        self.parts.get(&(number, row))
    }

    /// Makes the parts that steps read, where they are not there.
    pub(super) fn split(
        &mut self,
        device: &Device,
        kernels: &Kernels,
        steps: &Steps,
    ) -> Result<(), CudaError> {
        for (weights, _) in steps.steps.iter().filter_map(|step| step.work.weights()) {
            let Source::Parts(number, row) = weights.source else {
                continue;
            };
            let (false, Some(from)) = (self.parts.contains_key(&(number, row)), self.span(number))
            else {
                continue;
            };
            let values = from.bytes() / 4;
            let to = device.allocate(3 * 2 * values)?;
            let blocks = values.div_ceil(256).clamp(1, 8192) as u32;
            let arguments = arguments![from, &to, values as i64, row as i32];
            kernels.launch("parameter_parts", [blocks, 1, 1], [256, 1, 1], &arguments)?;
            self.parts.insert((number, row), to);
        }
        Ok(())
    }

    /// How many tissues an organism has.
    pub(super) fn tissues(&self, organism: usize, most: usize) -> usize {
        self.tissues.get(organism).copied().unwrap_or(most)
    }

    /// Device memory of all parameters, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        let all = self.spans.iter().chain(self.parts.values());
        all.map(Span::bytes).sum()
    }

    /// Bytes of a stored value.
    pub(super) fn element(&self) -> usize {
        self.element
    }
}
