//! The sequences that the conditions are tried on.

use anyhow::Result;
use model::Sequence;
use model::sequence::{LENGTH_STEP, UNKNOWN};

/// Random bases from a seed, the same on every machine; every other one has a run of N.
pub fn random(length: usize, seed: u64) -> Result<Sequence> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64 ^ (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let bases = (0..length).map(|place| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let unknown = seed % 2 == 1 && (length / 2..length / 2 + 100).contains(&place);
        if unknown {
            UNKNOWN
        } else {
            (state >> 40) as u8 & 3
        }
    });
    Ok(Sequence::from_indices(&bases.collect::<Vec<_>>())?)
}

/// The other strand, read in its own direction.
pub fn reverse_complement(sequence: &Sequence) -> Result<Sequence> {
    let other = |&base: &u8| if base == UNKNOWN { base } else { 3 - base };
    let bases: Vec<u8> = sequence.indices().iter().rev().map(other).collect();
    Ok(Sequence::from_indices(&bases)?)
}

/// The sequence with a run of N behind it.
pub fn padded(sequence: &Sequence) -> Result<Sequence> {
    let mut bases = sequence.indices().to_vec();
    bases.extend([UNKNOWN; LENGTH_STEP]);
    Ok(Sequence::from_indices(&bases)?)
}

/// The sequence as a text of another hand: lower case, and other letters than N where no base is known.
pub fn spelt(sequence: &Sequence) -> Result<Sequence> {
    let mut unknown = "nRyKmswbdhvU".chars().cycle();
    let letter = |&base: &u8| match usize::from(base) {
        base @ 0..4 => ['a', 'c', 'g', 't'][base],
        _ => unknown.next().unwrap_or('n'),
    };
    let text: String = sequence.indices().iter().map(letter).collect();
    Ok(Sequence::parse(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_strand() {
        let text = format!("AACGTN{}", "A".repeat(2042));
        let other = reverse_complement(&Sequence::parse(&text).unwrap()).unwrap();
        let expected = format!("{}NACGTT", "T".repeat(2042));
        assert_eq!(other, Sequence::parse(&expected).unwrap());
        assert_eq!(
            reverse_complement(&other).unwrap(),
            Sequence::parse(&text).unwrap()
        );
    }

    #[test]
    fn other_spellings_are_the_same_sequence() {
        let [a, b] = [0, 1].map(|seed| random(4096, seed).unwrap());
        assert_ne!(a, b);
        assert_eq!(spelt(&a).unwrap(), a);
        assert_eq!(spelt(&b).unwrap(), b);
        assert_eq!(
            b.indices().iter().filter(|&&base| base == UNKNOWN).count(),
            100
        );
        let long = padded(&a).unwrap();
        assert_eq!(&long.indices()[..4096], a.indices());
        assert_eq!(long.indices()[4096..], [UNKNOWN; 2048]);
    }
}
