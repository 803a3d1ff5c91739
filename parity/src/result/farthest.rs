//! The track and the window that are farthest from the reference.

use std::collections::BTreeMap;

use parity_stats::Stat;
use serde::{Deserialize, Serialize};

/// One of many tracks or windows of an output: the farthest of all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Farthest {
    /// The track: its channel; of junctions the tissues of both strands. None for a window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<usize>,
    /// The track's name and strand, where metadata is at hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The window: its first and last position, in units of the output's resolution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positions: Option<[usize; 2]>,
    /// Its finite values.
    pub values: u64,
    /// Its distance.
    pub distance: Stat,
    /// The distance over what chance allows the farthest of so many of so few values: what a bound for many values is held to.
    pub typical: Stat,
    /// The factor by which its reference comes nearest to the candidate.
    pub factor: Stat,
    /// Pearson correlation.
    pub pearson: Stat,
    /// Tracks or windows that hold finite values.
    pub of: usize,
    /// Of those, how many are beyond the bound, where there is one.
    #[serde(default)]
    pub beyond: usize,
}

impl Farthest {
    /// Which one, in words.
    pub fn place(&self) -> String {
        match (self.track, &self.name, self.positions) {
            (Some(track), Some(name), _) => format!("track {track}, {name}"),
            (Some(track), None, _) => format!("track {track}"),
            (None, _, Some([from, to])) => format!("positions {from} to {to}"),
            (None, _, None) => "nowhere".into(),
        }
    }

    /// Which one, and what became of it where it fails, in words.
    pub fn sentence(&self, fails: bool) -> String {
        let mut words = format!("{}; {} values", self.place(), self.values);
        if self.beyond > 0 {
            words.push_str(&format!("; {} of {} beyond", self.beyond, self.of));
        }
        if let (true, Stat::Defined(factor)) = (fails, self.factor) {
            words.push_str(&format!("; {factor:.3} x the reference at best"));
            if let Stat::Defined(r) = self.pearson {
                words.push_str(&format!(", r {r:.4}"));
            }
        }
        words
    }
}

/// What metadata says of a track.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownTrack {
    /// Name and strand.
    pub name: String,
    /// Whether its unscaled predictions are NaN: a track without a mean.
    pub padding: bool,
}

/// The tracks of a model's metadata, by organism and head, in channel order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownTracks(pub BTreeMap<(usize, String), Vec<KnownTrack>>);

impl KnownTracks {
    /// The tracks of a head.
    pub fn of(&self, organism: usize, head: Option<&str>) -> &[KnownTrack] {
        let key = (organism, head.unwrap_or_default().to_owned());
        self.0.get(&key).map_or(&[], Vec::as_slice)
    }
}
