//! Whether track metadata fits the heads of a model.

use super::{OrganismTracks, OutputType};

/// What metadata a head needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadWidth {
    /// The head's name, for messages: `rna_seq`.
    pub head: String,
    /// What it predicts, as in `config.json`: `RNA_SEQ`.
    pub output_type: String,
    /// Its channels; for `SPLICE_JUNCTIONS` its tissues, which are half its channels.
    pub width: usize,
}

impl HeadWidth {
    /// Everything in which the head and the organisms' metadata disagree, one line each.
    pub(super) fn mismatches(&self, organisms: &[OrganismTracks]) -> Vec<String> {
        let Self {
            head,
            output_type,
            width,
        } = self;
        let Some(known) = OutputType::from_name(output_type) else {
            return vec![format!(
                "{head}: {output_type} is not an output type that track metadata knows"
            )];
        };
        let counts: Vec<(&str, Option<usize>)> = organisms
            .iter()
            .map(|organism| (organism.name, organism.outputs.get(&known).map(Vec::len)))
            .collect();
        if counts.iter().all(|(_, count)| count.is_none()) {
            return vec![format!(
                "{head}: no organism has metadata for {output_type}; the head has {}",
                self.channels(known)
            )];
        }
        match known {
            OutputType::SpliceJunctions => self.tissue_mismatches(&counts),
            _ => counts
                .iter()
                .filter_map(|&(organism, count)| {
                    Some((organism, count.filter(|count| count != width)?))
                })
                .map(|(organism, count)| {
                    format!(
                        "{head}: {organism} has {count} {output_type} tracks, the head has {}",
                        self.channels(known)
                    )
                })
                .collect(),
        }
    }

    fn tissue_mismatches(&self, counts: &[(&str, Option<usize>)]) -> Vec<String> {
        let Self {
            head,
            output_type,
            width,
        } = self;
        let mut mismatches: Vec<String> = counts
            .iter()
            .filter(|(_, count)| count.is_none())
            .map(|(organism, _)| format!("{head}: {organism} has no metadata for {output_type}, which every organism needs"))
            .collect();
        let most = counts
            .iter()
            .filter_map(|&(organism, count)| Some((count?, organism)))
            .max_by_key(|(count, _)| *count);
        if let Some((count, organism)) = most.filter(|(count, _)| count != width) {
            let head_has = self.channels(OutputType::SpliceJunctions);
            mismatches.push(format!("{head}: {organism} has most {output_type} tissues, {count}; the head has {head_has}"));
        }
        mismatches
    }

    fn channels(&self, output_type: OutputType) -> String {
        let unit = if output_type == OutputType::SpliceJunctions {
            "tissues"
        } else {
            "channels"
        };
        format!("{} {unit}", self.width)
    }
}
