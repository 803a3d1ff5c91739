//! Parameters on the device, in the form in which the kernels read them.

pub(super) mod upload;

use std::collections::BTreeMap;

use ::cuda::Span;

use super::steps::{Fixed, Source};
#[cfg(test)]
use crate::config::Config;

/// Prepared parameters, and their numbers by their names in the conversion.
pub(super) struct Weights {
    spans: Vec<Span>,
    numbers: BTreeMap<String, usize>,
    tissues: Vec<usize>,
    element: usize,
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

    /// How many tissues an organism has.
    pub(super) fn tissues(&self, organism: usize, most: usize) -> usize {
        self.tissues.get(organism).copied().unwrap_or(most)
    }

    /// Device memory of all parameters, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.spans.iter().map(Span::bytes).sum()
    }

    /// Bytes of a stored value.
    pub(super) fn element(&self) -> usize {
        self.element
    }
}
