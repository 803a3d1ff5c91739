//! Sequences that run together.

use crate::sequence::Sequence;

/// Sequences of one length, each with its organism, that run together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    sequences: Vec<Sequence>,
    organisms: Vec<usize>,
}

/// Sequences that cannot run together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// No sequence.
    #[error("a batch needs at least one sequence")]
    Empty,
    /// Not one organism a sequence.
    #[error("{sequences} sequences came with {organisms} organisms: give one for each")]
    Organisms {
        /// Sequences given.
        sequences: usize,
        /// Organisms given.
        organisms: usize,
    },
    /// Sequences of different lengths.
    #[error("sequence {index} has {length} bp, the first has {first} bp: a batch has one length")]
    Lengths {
        /// The first sequence that differs.
        index: usize,
        /// Its base pairs.
        length: usize,
        /// Base pairs of the first sequence.
        first: usize,
    },
}

impl Batch {
    /// Puts sequences together; `organisms` holds each one's index in the model's configuration.
    ///
    /// # Errors
    /// [`BatchError`] when there is none, lengths differ, or organisms are not as many.
    pub fn new(sequences: Vec<Sequence>, organisms: Vec<usize>) -> Result<Self, BatchError> {
        if sequences.len() != organisms.len() {
            return Err(BatchError::Organisms {
                sequences: sequences.len(),
                organisms: organisms.len(),
            });
        }
        let first = sequences.first().ok_or(BatchError::Empty)?.len();
        match sequences
            .iter()
            .position(|sequence| sequence.len() != first)
        {
            Some(index) => Err(BatchError::Lengths {
                index,
                length: sequences[index].len(),
                first,
            }),
            None => Ok(Self {
                sequences,
                organisms,
            }),
        }
    }

    /// How many sequences there are.
    pub fn size(&self) -> usize {
        self.sequences.len()
    }

    /// Base pairs of each.
    pub fn length(&self) -> usize {
        self.sequences[0].len()
    }

    /// The organism of each.
    pub fn organisms(&self) -> &[usize] {
        &self.organisms
    }

    /// The sequences.
    pub fn sequences(&self) -> &[Sequence] {
        &self.sequences
    }

    /// One-hot rows, `[B, S, 4]`; an unknown base has none.
    pub fn one_hot(&self) -> Vec<f32> {
        let mut rows = vec![0.0; self.size() * self.length() * 4];
        let indices = self
            .sequences
            .iter()
            .flat_map(|sequence| sequence.indices());
        for (row, &index) in rows.chunks_exact_mut(4).zip(indices) {
            if let Some(place) = row.get_mut(usize::from(index)) {
                *place = 1.0;
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_one_length_and_an_organism_for_each() {
        let sequence = |length| Sequence::from_indices(&vec![0; length]).unwrap();
        assert_eq!(Batch::new(vec![], vec![]), Err(BatchError::Empty));
        let error = Batch::new(vec![sequence(2048)], vec![]);
        assert_eq!(
            error,
            Err(BatchError::Organisms {
                sequences: 1,
                organisms: 0
            })
        );
        let error = Batch::new(vec![sequence(2048), sequence(4096)], vec![0, 0]);
        assert_eq!(
            error,
            Err(BatchError::Lengths {
                index: 1,
                length: 4096,
                first: 2048
            })
        );
    }
}
