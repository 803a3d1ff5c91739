//! The choice of splice sites from their probabilities (`splicing.py`).

use std::cmp::Ordering;

/// What stands where there is no splice site.
pub const NO_POSITION: i32 = -1;

/// The `k` best positions of each of the first four channels, ascending, as `[batch, 4, k]`.
///
/// `probabilities` is `[batch, length, channels]`. Ties go to the lower position. A position with a probability under
/// `threshold` becomes [`NO_POSITION`] and stands last, as does what is missing when the sequence is shorter than `k`.
pub fn best_positions(
    probabilities: &[f32],
    [batch, length, channels]: [usize; 3],
    k: usize,
    threshold: f32,
) -> Vec<i32> {
    let mut positions = Vec::with_capacity(batch * 4 * k);
    for sequence in probabilities
        .chunks_exact((length * channels).max(1))
        .take(batch)
    {
        for channel in 0..4 {
            let value = |position: u32| sequence[position as usize * channels + channel];
            let best_first = |&a: &u32, &b: &u32| {
                value(b)
                    .partial_cmp(&value(a))
                    .unwrap_or(Ordering::Equal)
                    .then(a.cmp(&b))
            };
            let mut order: Vec<u32> = (0..length as u32).collect();
            if k < length {
                order.select_nth_unstable_by(k, best_first);
                order.truncate(k);
            }
            order.retain(|&position| value(position) >= threshold);
            order.sort_unstable();
            positions.extend(order.iter().map(|&position| position as i32));
            positions.resize(positions.len() + k - order.len(), NO_POSITION);
        }
    }
    positions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_the_lower_position_and_weak_sites_stand_last() {
        let mut probabilities = vec![0.0; 6 * 5];
        for (position, value) in [0.05, 0.9, 0.5, 0.5, 0.5, 0.09].into_iter().enumerate() {
            probabilities[position * 5] = value;
        }
        let positions = best_positions(&probabilities, [1, 6, 5], 3, 0.1);
        assert_eq!(positions[..3], [1, 2, 3]);
        assert_eq!(positions[3..], [-1; 9]);
        let positions = best_positions(&probabilities, [1, 6, 5], 6, 0.1);
        assert_eq!(positions[..6], [1, 2, 3, 4, -1, -1]);
    }

    #[test]
    fn a_short_sequence_is_padded() {
        let positions = best_positions(&[0.5; 2 * 5], [1, 2, 5], 4, 0.1);
        assert_eq!(positions[..4], [0, 1, -1, -1]);
    }
}
