//! What is tried on a single weight.

use super::kind::Kind;

/// Numbers of groups that channels are regrouped by: halves, and the heads of both attentions.
const GROUPS: [usize; 5] = [2, 4, 8, 16, 32];
/// Pairs of indices are exchanged on axes that are no longer than this.
const SHORT: usize = 6;

/// A change of a weight's values, by its shape.
pub(super) type Change = Box<dyn Fn(&[usize], &mut Vec<f32>)>;
/// A kind of fault, what is done about it in words, and the change that does it.
pub(super) type Attempt = (Kind, String, Change);

/// What is tried on a weight of this shape, the simplest first. The last two axes are inputs and outputs.
pub(super) fn changes(shape: &[usize]) -> Vec<Attempt> {
    let mut all: Vec<Attempt> = Vec::new();
    if let [.., a, b] = *shape
        && a > 1
        && b > 1
    {
        if a == b {
            let turned = |shape: &[usize], values: &mut Vec<f32>| transpose(shape, values);
            all.push((Kind::Transpose, "transposed".into(), Box::new(turned)));
        } else {
            for (what, rows, columns) in [("read", a, b), ("written", b, a)] {
                let turned =
                    move |_: &[usize], values: &mut Vec<f32>| relayout(values, rows, columns);
                let what = format!("{what} in the other order of its axes");
                all.push((Kind::Transpose, what, Box::new(turned)));
            }
        }
    }
    let negated =
        |_: &[usize], values: &mut Vec<f32>| values.iter_mut().for_each(|value| *value = -*value);
    all.push((Kind::Sign, "negated".into(), Box::new(negated)));
    for (axis, &length) in shape.iter().enumerate().filter(|(_, length)| **length > 1) {
        reorders(axis, length, &mut all);
    }
    if shape.len() > 1 {
        for (axis, &length) in shape.iter().enumerate().filter(|(_, length)| **length > 1) {
            for (what, from, to) in [("first", 0, length / 2), ("second", length / 2, length)] {
                let negate = move |shape: &[usize], values: &mut Vec<f32>| {
                    let inner: usize = shape[axis + 1..].iter().product();
                    for (place, value) in values.iter_mut().enumerate() {
                        if (from..to).contains(&(place / inner % length)) {
                            *value = -*value;
                        }
                    }
                };
                let what = format!("with its {what} half along axis {axis} negated");
                all.push((Kind::Sign, what, Box::new(negate)));
            }
        }
    }
    all
}

/// Other orders of one axis.
fn reorders(axis: usize, length: usize, all: &mut Vec<Attempt>) {
    let mut add = |kind, what: &str, from: Box<dyn Fn(usize) -> usize>| {
        let change =
            move |shape: &[usize], values: &mut Vec<f32>| reorder(shape, axis, &from, values);
        all.push((kind, format!("{what} along axis {axis}"), Box::new(change)));
    };
    if length <= SHORT {
        for a in 0..length {
            for b in a + 1..length {
                let exchange = move |i| match i {
                    i if i == a => b,
                    i if i == b => a,
                    i => i,
                };
                add(
                    Kind::Permuted,
                    &format!("with {a} and {b} exchanged"),
                    Box::new(exchange),
                );
            }
        }
    }
    if length > 2 {
        add(
            Kind::Shift,
            "shifted by one",
            Box::new(move |i| (i + 1) % length),
        );
        add(
            Kind::Shift,
            "shifted back by one",
            Box::new(move |i| (i + length - 1) % length),
        );
        add(
            Kind::Permuted,
            "reversed",
            Box::new(move |i| length - 1 - i),
        );
    }
    for groups in GROUPS
        .into_iter()
        .filter(|groups| length.is_multiple_of(*groups) && length > *groups)
    {
        let size = length / groups;
        let there = move |i| i % groups * size + i / groups;
        let back = move |i| i % size * groups + i / size;
        add(
            Kind::Permuted,
            &format!("regrouped by {groups}"),
            Box::new(there),
        );
        if size != groups {
            add(
                Kind::Permuted,
                &format!("regrouped back by {groups}"),
                Box::new(back),
            );
        }
    }
    if length.is_multiple_of(2) && length > 2 {
        add(
            Kind::Permuted,
            "with its halves exchanged",
            Box::new(move |i| (i + length / 2) % length),
        );
        add(
            Kind::Permuted,
            "with neighbours exchanged",
            Box::new(|i| i ^ 1),
        );
    }
}

/// Exchanges the last two axes, which are equal.
fn transpose(shape: &[usize], values: &mut [f32]) {
    let n = shape[shape.len() - 1];
    for matrix in values.chunks_exact_mut(n * n) {
        for row in 0..n {
            for column in 0..row {
                matrix.swap(row * n + column, column * n + row);
            }
        }
    }
}

/// Reads each `rows x columns` matrix as if it were stored column by column.
fn relayout(values: &mut [f32], rows: usize, columns: usize) {
    for matrix in values.chunks_exact_mut(rows * columns) {
        let old = matrix.to_vec();
        for row in 0..rows {
            for column in 0..columns {
                matrix[row * columns + column] = old[column * rows + row];
            }
        }
    }
}

/// Puts slice `from(i)` of an axis at `i`.
pub(super) fn reorder(
    shape: &[usize],
    axis: usize,
    from: &dyn Fn(usize) -> usize,
    values: &mut [f32],
) {
    let length = shape[axis];
    let inner: usize = shape[axis + 1..].iter().product();
    for block in values.chunks_exact_mut(length * inner) {
        let old = block.to_vec();
        for (i, slice) in block.chunks_exact_mut(inner).enumerate() {
            slice.copy_from_slice(&old[from(i) * inner..][..inner]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_undo_themselves() {
        let values: Vec<f32> = (0..24u8).map(f32::from).collect();
        let mut turned = values.clone();
        relayout(&mut turned, 4, 6);
        assert_ne!(turned, values);
        relayout(&mut turned, 6, 4);
        assert_eq!(turned, values);
        let mut square: Vec<f32> = (0..9u8).map(f32::from).collect();
        transpose(&[3, 3], &mut square);
        assert_eq!(square[1], 3.0);
        let mut rolled = vec![1.0, 2.0, 3.0];
        reorder(&[3], 0, &|i| (i + 1) % 3, &mut rolled);
        assert_eq!(rolled, [2.0, 3.0, 1.0]);
    }

    /// A kernel that was rolled, reversed, regrouped or transposed is among the attempts put right.
    #[test]
    fn what_was_done_is_among_what_is_tried() {
        let shape = [3, 8, 8];
        let sound: Vec<f32> = (0..192).map(|i| (i * i % 101) as f32).collect();
        for (kind, what, change) in changes(&shape) {
            let mut broken = sound.clone();
            change(&shape, &mut broken);
            let undone = changes(&shape).into_iter().any(|(other, _, back)| {
                let mut values = broken.clone();
                back(&shape, &mut values);
                other == kind && values == sound
            });
            assert!(undone, "{what}");
        }
    }
}
