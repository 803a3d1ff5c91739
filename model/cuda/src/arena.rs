//! Places in one slab for tensors that live over spans of steps, so that dead space is used again.

/// A tensor to be placed: its size, and the steps at which it holds a value, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tensor {
    /// Size in bytes.
    pub bytes: u64,
    /// The step that writes it.
    pub first: usize,
    /// The last step that reads it. A tensor of one step has `last == first`.
    pub last: usize,
}

impl Tensor {
    fn meets(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// Where the tensors lie in the slab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arena {
    /// The offset of each tensor in bytes, in the order given.
    pub offsets: Vec<u64>,
    /// The size of the slab in bytes.
    pub bytes: u64,
}

/// Assigns offsets that are multiples of `alignment`: two tensors share bytes only if no step needs both.
///
/// Greedy: the largest tensor first, each into the smallest gap that holds it among those placed before whose lives
/// meet its own (Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020: greedy by size,
/// close to the lower bound on networks like this one).
pub fn assign(tensors: &[Tensor], alignment: u64) -> Arena {
    let alignment = alignment.max(1);
    let mut order = (0..tensors.len()).collect::<Vec<_>>();
    order.sort_by_key(|&index| {
        (
            std::cmp::Reverse(tensors[index].bytes),
            tensors[index].first,
            index,
        )
    });
    let mut offsets = vec![0; tensors.len()];
    // Sorted by offset, each with its rounded size.
    let mut placed: Vec<(u64, u64, usize)> = Vec::with_capacity(tensors.len());
    let mut bytes = 0;
    for index in order {
        let size = tensors[index].bytes.next_multiple_of(alignment);
        let living = placed
            .iter()
            .filter(|(_, _, other)| tensors[*other].meets(&tensors[index]));
        let offset = best_gap(living.map(|&(offset, size, _)| (offset, size)), size);
        offsets[index] = offset;
        bytes = bytes.max(offset + size);
        let at = placed.partition_point(|&(other, _, _)| other <= offset);
        placed.insert(at, (offset, size, index));
    }
    Arena { offsets, bytes }
}

/// The start of the smallest gap of at least `size` bytes between the taken ranges, which come sorted by offset and may
/// overlap; their end if there is none.
fn best_gap(taken: impl Iterator<Item = (u64, u64)>, size: u64) -> u64 {
    let mut end = 0;
    let mut best: Option<(u64, u64)> = None;
    for (offset, length) in taken {
        if offset >= end + size && offset > end && best.is_none_or(|(gap, _)| offset - end < gap) {
            best = Some((offset - end, end));
        }
        end = end.max(offset + length);
    }
    best.map_or(end, |(_, start)| start)
}

#[cfg(test)]
mod tests {
    use super::{Arena, Tensor, assign};
    use proptest::prelude::*;

    fn tensor(bytes: u64, first: usize, last: usize) -> Tensor {
        Tensor { bytes, first, last }
    }

    #[test]
    fn nothing_takes_nothing() {
        assert_eq!(
            assign(&[], 256),
            Arena {
                offsets: vec![],
                bytes: 0
            }
        );
    }

    #[test]
    fn a_chain_takes_two_buffers() {
        let chain = (0..10)
            .map(|step| tensor(1024, step, step + 1))
            .collect::<Vec<_>>();
        assert_eq!(assign(&chain, 256).bytes, 2048);
    }

    #[test]
    fn a_skip_stays_while_others_come_and_go() {
        let arena = assign(
            &[tensor(1000, 0, 1), tensor(500, 0, 9), tensor(1000, 2, 9)],
            256,
        );
        assert_eq!(arena.bytes, 1024 + 512);
        assert_eq!(arena.offsets[0], arena.offsets[2]);
    }

    #[test]
    fn the_smallest_gap_that_holds_it_is_taken() {
        // At step 1 a (1 KiB at 3 KiB) has died: gaps of 2 KiB and 1 KiB would both hold the last tensor.
        let tensors = [
            tensor(4096, 0, 0),
            tensor(2048, 1, 1),
            tensor(1024, 0, 1),
            tensor(1024, 1, 1),
        ];
        assert_eq!(assign(&tensors, 256).bytes, 4096 + 1024);
    }

    proptest! {
        #[test]
        fn living_tensors_never_overlap_and_the_slab_is_bounded(
            raw in prop::collection::vec((0u64..5000, 0usize..20, 0usize..20), 0..40),
            alignment in prop::sample::select(vec![1u64, 256, 1024]),
        ) {
            let tensors = raw.iter().map(|&(bytes, a, b)| tensor(bytes, a.min(b), a.max(b))).collect::<Vec<_>>();
            let arena = assign(&tensors, alignment);
            for (i, a) in tensors.iter().enumerate() {
                prop_assert_eq!(arena.offsets[i] % alignment, 0);
                prop_assert!(arena.offsets[i] + a.bytes <= arena.bytes);
                for (j, b) in tensors.iter().enumerate().skip(i + 1) {
                    let together = a.first <= b.last && b.first <= a.last;
                    let apart = arena.offsets[i] + a.bytes <= arena.offsets[j]
                        || arena.offsets[j] + b.bytes <= arena.offsets[i];
                    prop_assert!(!together || apart || a.bytes == 0 || b.bytes == 0, "{} and {}", i, j);
                }
            }
            let rounded = |tensor: &Tensor| tensor.bytes.next_multiple_of(alignment);
            prop_assert!(arena.bytes <= tensors.iter().map(rounded).sum::<u64>());
            let busiest = (0..20).map(|step| {
                tensors.iter().filter(|tensor| tensor.first <= step && step <= tensor.last).map(rounded).sum::<u64>()
            });
            prop_assert!(arena.bytes >= busiest.max().unwrap_or(0));
        }

        #[test]
        fn tensors_that_never_meet_share_their_bytes(sizes in prop::collection::vec(1u64..5000, 1..20)) {
            let tensors = sizes.iter().enumerate().map(|(step, &bytes)| tensor(bytes, step, step)).collect::<Vec<_>>();
            let largest = sizes.iter().map(|bytes| bytes.next_multiple_of(256)).max();
            prop_assert_eq!(Some(assign(&tensors, 256).bytes), largest);
        }
    }
}
