//! Heads on one embedding side by side: one product for all of them.

use std::collections::BTreeSet;

use crate::config::{Config, Head};

/// A head's columns in the joint weights of a resolution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cuda) struct Columns {
    /// The head.
    pub(in crate::cuda) head: String,
    /// What the names of its parameters begin with.
    pub(in crate::cuda) path: String,
    /// How many there are; the next head starts at a multiple of eight columns.
    pub(in crate::cuda) count: usize,
    /// The first.
    pub(in crate::cuda) first: usize,
}

impl Columns {
    /// The first column after these.
    pub(in crate::cuda) fn end(&self) -> usize {
        self.first + self.count.next_multiple_of(8)
    }
}

/// The columns of all heads that read the embedding of a resolution (1 or 128 bp).
pub(in crate::cuda) fn columns(config: &Config, resolution: u32) -> Vec<Columns> {
    let mut all: Vec<Columns> = Vec::new();
    for (name, head) in &config.heads {
        let path = match head {
            Head::GenomeTracks { resolutions, .. } if resolutions.contains(&resolution) => {
                format!("head/{name}/resolution_{resolution}")
            }
            Head::SpliceSitesClassification { .. } | Head::SpliceSitesUsage { .. }
                if resolution == 1 =>
            {
                format!("head/{name}")
            }
            _ => continue,
        };
        all.push(Columns {
            first: all.last().map_or(0, Columns::end),
            head: name.clone(),
            count: head.tracks(),
            path,
        });
    }
    all
}

/// The columns of some heads, as runs without gaps of at most `most` heads.
pub(in crate::cuda) fn runs(
    columns: Vec<Columns>,
    heads: &BTreeSet<String>,
    most: usize,
) -> Vec<Vec<Columns>> {
    let mut runs: Vec<Vec<Columns>> = Vec::new();
    for part in columns {
        if !heads.contains(&part.head) {
            continue;
        }
        match runs.last_mut() {
            Some(run) if run.len() < most && run.last().is_some_and(|l| l.end() == part.first) => {
                run.push(part);
            }
            _ => runs.push(vec![part]),
        }
    }
    runs
}

/// The name of the joint weights of a resolution.
pub(in crate::cuda) fn joint_weights(resolution: u32) -> String {
    format!("head/resolution_{resolution}/w")
}
