//! Where compared values stand in the full arrays.

use std::collections::BTreeMap;

use crate::recording::kept_shape;

/// Where the values of a pair stand in the full array.
#[derive(Clone, Debug, PartialEq)]
pub enum Layout {
    /// A grid: on each axis the indices kept, or all.
    Grid {
        /// The full shape.
        full_shape: Vec<usize>,
        /// By axis the indices in the full array; an absent axis is whole.
        kept: BTreeMap<usize, Vec<usize>>,
    },
    /// Splice junctions at common positions, strand after strand.
    Junctions(Vec<JunctionBlock>),
}

/// Junctions of one strand of one batch element, `[donors, acceptors, tissues]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JunctionBlock {
    /// Batch element.
    pub batch: usize,
    /// 0 positive, 1 negative.
    pub strand: usize,
    /// Donor positions in base pairs.
    pub donors: Vec<usize>,
    /// Acceptor positions in base pairs.
    pub acceptors: Vec<usize>,
    /// Tissues.
    pub tissues: usize,
}

impl JunctionBlock {
    fn len(&self) -> usize {
        self.donors.len() * self.acceptors.len() * self.tissues
    }
}

impl Layout {
    /// The shape of the compared values.
    pub fn shape(&self) -> Vec<usize> {
        match self {
            Self::Grid { full_shape, kept } => kept_shape(full_shape, kept),
            Self::Junctions(blocks) => {
                let tissues = blocks.first().map_or(0, |block| block.tissues);
                let pairs = blocks
                    .iter()
                    .map(|block| block.donors.len() * block.acceptors.len());
                vec![pairs.sum(), tissues]
            }
        }
    }

    /// The indices in the full array of flat place `index`: by axis for a grid, `[batch, donor, acceptor, channel]` with
    /// positions in base pairs for junctions.
    pub fn place(&self, index: usize) -> Vec<usize> {
        match self {
            Self::Grid { full_shape, kept } => {
                let shape = kept_shape(full_shape, kept);
                let mut rest = index;
                let mut place = vec![0; shape.len()];
                for axis in (0..shape.len()).rev() {
                    let local = rest % shape[axis].max(1);
                    rest /= shape[axis].max(1);
                    place[axis] = kept.get(&axis).map_or(local, |kept| kept[local]);
                }
                place
            }
            Self::Junctions(blocks) => {
                let mut rest = index;
                for block in blocks {
                    if rest < block.len() {
                        let (pair, tissue) = (rest / block.tissues, rest % block.tissues);
                        let donor = block.donors[pair / block.acceptors.len()];
                        let acceptor = block.acceptors[pair % block.acceptors.len()];
                        let channel = block.strand * block.tissues + tissue;
                        return vec![block.batch, donor, acceptor, channel];
                    }
                    rest -= block.len();
                }
                Vec::new()
            }
        }
    }
}
