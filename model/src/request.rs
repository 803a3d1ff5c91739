//! What a caller wants from a forward pass.

use std::collections::{BTreeMap, BTreeSet};

use crate::array::Array;
use crate::heads::junctions::SpliceSitePositions;
use crate::regions::{Patch, Windows};

/// An embedding that heads read, and a caller may want.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Embedding {
    /// `embeddings_1bp`, `[B, S, C]`.
    OneBasePair,
    /// `embeddings_128bp`, `[B, S / 128, C]`.
    Bins,
    /// `embeddings_pair`, `[B, S / 2048, S / 2048, F]`.
    Pair,
}

impl Embedding {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::OneBasePair, Self::Bins, Self::Pair];

    /// The name among the outputs.
    pub fn name(self) -> &'static str {
        match self {
            Self::OneBasePair => "embeddings_1bp",
            Self::Bins => "embeddings_128bp",
            Self::Pair => "embeddings_pair",
        }
    }
}

/// What a caller wants; what is not wanted is not computed.
///
/// A head gives an output when it is chosen and so is the output's resolution. Splice-site outputs are 1 bp ones;
/// contact maps belong to neither resolution, choosing the head is enough.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Heads by name; nothing for all heads of the model.
    pub heads: Option<BTreeSet<String>>,
    /// Resolutions in bp: 1, 128 or both.
    pub resolutions: BTreeSet<u32>,
    /// Embeddings to hand out. Those that heads read are computed in any case.
    pub embeddings: BTreeSet<Embedding>,
    /// The splice sites between which junctions are predicted; nothing to take the model's best ones.
    pub splice_site_positions: Option<SpliceSitePositions>,
    /// Embeddings that are read instead of the model's own, stitched ones for example. What leads to them is not computed,
    /// and of the sequence nothing but its length counts where nothing else reads it.
    pub given: BTreeMap<Embedding, Array>,
    /// Where the modules and heads at 1 bp run; nothing for the whole sequences. `embeddings_1bp`, handed out or given, has these
    /// rows then, and splice sites must be given.
    pub windows: Option<Windows>,
    /// Where sequences may differ from the first of the batch; nothing where they have nothing in common.
    pub patch: Option<Patch>,
}

impl Default for Request {
    fn default() -> Self {
        Self::everything()
    }
}

impl Request {
    /// All heads, resolutions and embeddings.
    pub fn everything() -> Self {
        Self {
            heads: None,
            resolutions: BTreeSet::from([1, 128]),
            embeddings: BTreeSet::from(Embedding::ALL),
            splice_site_positions: None,
            given: BTreeMap::new(),
            windows: None,
            patch: None,
        }
    }

    /// Embeddings alone.
    pub fn embeddings(wanted: impl IntoIterator<Item = Embedding>) -> Self {
        Self {
            heads: Some(BTreeSet::new()),
            embeddings: wanted.into_iter().collect(),
            ..Self::everything()
        }
    }

    /// Some heads at all their resolutions, without embeddings.
    pub fn heads<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        Self {
            heads: Some(names.into_iter().map(Into::into).collect()),
            embeddings: BTreeSet::new(),
            ..Self::everything()
        }
    }
}
