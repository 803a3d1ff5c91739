//! DNA as the model reads it.

/// Every sequence is as long as a multiple of this, in base pairs.
pub const LENGTH_STEP: usize = 2_048;
/// The longest sequence, in base pairs.
pub const LONGEST: usize = 1_048_576;
/// The index of a base that is not known: its one-hot row is all zero.
pub const UNKNOWN: u8 = 4;

/// A sequence of DNA of a length that the model accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    indices: Vec<u8>,
}

/// A text or indices that are no sequence for the model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SequenceError {
    /// A character that stands for no base.
    #[error("`{}` at position {position} (from 0) is no base: expected A, C, G, T, N or another IUPAC letter", .letter.escape_default())]
    Letter {
        /// Characters before it.
        position: usize,
        /// The character.
        letter: char,
    },
    /// An index that stands for no base.
    #[error(
        "index {index} at position {position} (from 0) is no base: expected 0 to 3 for A, C, G, T or 4 for N"
    )]
    Index {
        /// Indices before it.
        position: usize,
        /// The index.
        index: u8,
    },
    /// A length that is no multiple of [`LENGTH_STEP`].
    #[error("a sequence of {length} bp is no multiple of 2,048 bp: cut or pad it to {}", next_lengths(*.length))]
    Length {
        /// Base pairs.
        length: usize,
    },
    /// More than [`LONGEST`].
    #[error("a sequence of {length} bp is too long: the model takes at most 1,048,576 bp")]
    TooLong {
        /// Base pairs.
        length: usize,
    },
}

fn next_lengths(length: usize) -> String {
    let below = length / LENGTH_STEP * LENGTH_STEP;
    let above = below + LENGTH_STEP;
    if below == 0 {
        format!("{above} bp")
    } else {
        format!("{below} or {above} bp")
    }
}

/// The index of a letter, after Haiku's one-hot encoder: whatever is not A, C, G or T has no one.
fn index(letter: char) -> Option<u8> {
    match letter.to_ascii_uppercase() {
        'A' => Some(0),
        'C' => Some(1),
        'G' => Some(2),
        'T' => Some(3),
        'N' | 'U' | 'R' | 'Y' | 'S' | 'W' | 'K' | 'M' | 'B' | 'D' | 'H' | 'V' => Some(UNKNOWN),
        _ => None,
    }
}

impl Sequence {
    /// Reads letters, upper or lower case; N and the other IUPAC letters are unknown bases.
    ///
    /// # Errors
    /// [`SequenceError`] for another character, or a length that the model does not take.
    pub fn parse(text: &str) -> Result<Self, SequenceError> {
        let indices = text.chars().enumerate().map(|(position, letter)| {
            index(letter).ok_or(SequenceError::Letter { position, letter })
        });
        Self::of_checked_length(indices.collect::<Result<_, _>>()?)
    }

    /// Takes indices: 0 to 3 for A, C, G, T and 4 for an unknown base.
    ///
    /// # Errors
    /// [`SequenceError`] for another index, or a length that the model does not take.
    pub fn from_indices(indices: &[u8]) -> Result<Self, SequenceError> {
        match indices.iter().position(|&index| index > UNKNOWN) {
            Some(position) => Err(SequenceError::Index {
                position,
                index: indices[position],
            }),
            None => Self::of_checked_length(indices.to_vec()),
        }
    }

    fn of_checked_length(indices: Vec<u8>) -> Result<Self, SequenceError> {
        let length = indices.len();
        if length > LONGEST {
            Err(SequenceError::TooLong { length })
        } else if length == 0 || !length.is_multiple_of(LENGTH_STEP) {
            Err(SequenceError::Length { length })
        } else {
            Ok(Self { indices })
        }
    }

    /// Base pairs.
    #[expect(clippy::len_without_is_empty, reason = "no sequence is empty")]
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// 0 to 3 for A, C, G, T and 4 for an unknown base.
    pub fn indices(&self) -> &[u8] {
        &self.indices
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Batch;

    #[test]
    fn letters_of_any_case_count() {
        let text = "acgtACGTNnRrYySsWwKkMmBbDdHhVvUu";
        let sequence = Sequence::parse(&text.repeat(64)).unwrap();
        assert_eq!(sequence.indices()[..8], [0, 1, 2, 3, 0, 1, 2, 3]);
        assert!(
            sequence.indices()[8..32]
                .iter()
                .all(|&index| index == UNKNOWN)
        );
        let batch = Batch::new(vec![sequence], vec![0]).unwrap();
        let rows = batch.one_hot();
        assert_eq!(rows[4..12], [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
        assert_eq!(rows[32..36], [0.0; 4]);
    }

    #[test]
    fn another_character_is_named_with_its_place() {
        let text = format!("{}X{}", "A".repeat(100), "C".repeat(1947));
        let error = Sequence::parse(&text).unwrap_err();
        assert_eq!(
            error,
            SequenceError::Letter {
                position: 100,
                letter: 'X'
            }
        );
        assert!(error.to_string().contains("`X` at position 100"));
        assert!(
            Sequence::parse(&format!("{}\n", "A".repeat(2047)))
                .unwrap_err()
                .to_string()
                .contains("`\\n`")
        );
        let error = Sequence::from_indices(&[0, 5]).unwrap_err();
        assert_eq!(
            error,
            SequenceError::Index {
                position: 1,
                index: 5
            }
        );
    }

    #[test]
    fn other_lengths_name_the_next_ones() {
        let message = |length: usize| {
            Sequence::from_indices(&vec![0; length])
                .unwrap_err()
                .to_string()
        };
        assert!(message(5000).contains("4096 or 6144 bp"));
        assert!(message(0).ends_with("to 2048 bp"));
        assert!(message(100).ends_with("to 2048 bp"));
        assert!(message(LONGEST + LENGTH_STEP).contains("at most 1,048,576"));
        assert!(Sequence::from_indices(&vec![4; LONGEST]).is_ok());
    }
}
