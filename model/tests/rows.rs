//! Rows of arrays, and runs of rows.

use model::{Array, Values, runs};

#[test]
fn rows_of_every_sequence_are_taken_in_order() {
    let array = Array {
        shape: vec![2, 4, 3],
        values: Values::I32((0..24).collect()),
    };
    let rows = array.rows(&[0..1, 2..4]).unwrap();
    assert_eq!(rows.shape, [2, 3, 3]);
    let expected = [
        0, 1, 2, 6, 7, 8, 9, 10, 11, 12, 13, 14, 18, 19, 20, 21, 22, 23,
    ];
    assert_eq!(rows.values, Values::I32(expected.into()));
    assert_eq!(array.rows(&[]).unwrap().shape, [2, 0, 3]);
    assert_eq!(array.rows(&[0..1, 3..5]), None);
}

#[test]
fn rows_that_stand_together_are_one_run() {
    let runs = runs([5, 6, 7, 0, 1, 1, 9]);
    assert_eq!(runs, [5..8, 0..2, 1..2, 9..10]);
}
