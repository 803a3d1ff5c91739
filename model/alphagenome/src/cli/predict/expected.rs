//! What predictions are expected to take: said before any is made.

use std::ops::Range;

use anyhow::Result;
use results::{Selection, Window};
use scorers::OutputType;
use serde_json::json;

use super::asked::Asked;
use crate::predicted::{Header, Kind};

/// What passes take.
pub struct Expected<'a> {
    header: &'a Header,
    /// Regions or variants, those included that cannot be predicted.
    subjects: u64,
    /// Windows that the model sees.
    windows: u64,
    /// Those of the input.
    all: u64,
    /// Bytes of the values as float32, without those of junctions: sites are not known before.
    bytes: u64,
}

impl<'a> Expected<'a> {
    /// Of passes, counted from 0.
    ///
    /// # Errors
    /// Where variants cannot be read.
    pub fn new(asked: &'a Asked<'_>, range: Range<u64>) -> Result<Self> {
        let header = &asked.header;
        let mut expected = Self {
            header,
            subjects: 0,
            windows: 0,
            all: asked.passes.items,
            bytes: 0,
        };
        let items = asked.items()?.skip(range.start as usize);
        for item in items.take((range.end - range.start) as usize) {
            let Ok(pass) = item? else {
                expected.subjects += 1;
                continue;
            };
            expected.subjects += u64::from(pass.last);
            expected.windows += 1;
            let alleles = match header.kind {
                Kind::Regions => 1,
                Kind::Variants => 2,
            };
            expected.bytes += alleles * bytes(&header.selection, &pass.window);
        }
        Ok(expected)
    }

    /// As text, or as JSON.
    #[must_use]
    pub fn text(&self, json: bool) -> String {
        let (what, tracks) = (self.header.kind.name(), self.header.selection.len());
        let Self {
            subjects, windows, ..
        } = self;
        let gb = self.bytes as f64 / 1e9;
        if json {
            let document = json!({
                what: subjects,
                "windows": windows,
                "passes_of_the_input": self.all,
                "tracks": tracks,
                "disk_gb": gb,
            });
            return format!("{document:#}\n");
        }
        format!(
            "{subjects} {what}, {windows} windows (the input takes {} passes), {tracks} tracks\n\
             values (float32, not compressed, without junctions): {gb:.3} GB\n",
            self.all
        )
    }
}

/// Bytes of what a window keeps of one allele.
fn bytes(selection: &Selection, window: &Window) -> u64 {
    let outputs = selection.0.iter().map(|(output, selected)| {
        let bins = window.bins(output.resolution());
        let bins = bins.len() as u64;
        let rows = match output {
            OutputType::ContactMaps => bins * bins,
            OutputType::SpliceJunctions => 0,
            _ => bins,
        };
        4 * rows * selected.kept.len() as u64
    });
    outputs.sum()
}
