//! Matrix products.

use gemm::Parallelism;

pub use crate::matrix::{Matrix, MatrixMut};

/// Multiplications below which waking the other threads costs more than it brings.
const WORTH_SHARING: usize = 1 << 18;

/// Which threads work on a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// The calling one: for callers that have cut their work themselves.
    One,
    /// Those of the current rayon pool, if the product is large enough.
    All,
}

/// `destination = left * right`.
///
/// Sums run along `left`'s columns in blocks whose size depends on the shapes and the machine's caches, not on the
/// number of threads.
///
/// # Panics
/// If the shapes do not fit one another.
pub fn multiply(destination: MatrixMut<'_>, left: Matrix<'_>, right: Matrix<'_>, threads: Threads) {
    let (m, n, k) = (destination.rows, destination.columns, left.columns);
    assert_eq!(
        (left.rows, right.columns),
        (m, n),
        "the shape of the product"
    );
    assert_eq!(right.rows, k, "the inner dimension of the product");
    if m == 0 || n == 0 {
        return;
    }
    let parallelism = match threads {
        Threads::All if m * n * k >= WORTH_SHARING => Parallelism::Rayon(0),
        _ => Parallelism::None,
    };
    let stride =
        |stride: usize| isize::try_from(stride).expect("a stride within the address space");
    // SAFETY: the constructors checked that every index of each of the three matrices lies inside its slice, the rows
    // of the destination do not overlap (so that threads write to disjoint places), and it is borrowed mutably, so that
    // it does not alias what is read. `gemm` is told not to read the destination, which is initialised in any case.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            destination.values.as_mut_ptr(),
            1,
            stride(destination.row_stride),
            false,
            left.values.as_ptr(),
            stride(left.column_stride),
            stride(left.row_stride),
            right.values.as_ptr(),
            stride(right.column_stride),
            stride(right.row_stride),
            0.0f32,
            1.0f32,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// The fewest rows, two or more, whose sums run as those of any more do. `gemm` has other ways for few: one for a single row or
/// column, and one that does not balance its blocks along a long inner dimension.
pub(crate) fn fewest_rows(inputs: usize, outputs: usize) -> usize {
    match outputs {
        1 => 257,
        2..=64 if inputs > 512 => 65,
        _ => 2,
    }
}

/// `destination = left * right` on all threads, where a row's sums do not depend on how many others there are.
///
/// # Panics
/// As [`multiply`].
pub(crate) fn multiply_rows(destination: MatrixMut<'_>, left: Matrix<'_>, right: Matrix<'_>) {
    let (rows, inputs, outputs) = (left.rows, left.columns, right.columns);
    let fewest = fewest_rows(inputs, outputs);
    if rows >= fewest || rows * inputs * outputs == 0 {
        return multiply(destination, left, right, Threads::All);
    }
    let mut padded = vec![0.0; fewest * inputs];
    for (row, to) in padded.chunks_exact_mut(inputs).take(rows).enumerate() {
        for (column, to) in to.iter_mut().enumerate() {
            *to = left.values[row * left.row_stride + column * left.column_stride];
        }
    }
    let mut products = vec![0.0; fewest * outputs];
    multiply(
        MatrixMut::new(&mut products, fewest, outputs),
        Matrix::new(&padded, fewest, inputs),
        right,
        Threads::All,
    );
    for (row, product) in products.chunks_exact(outputs).take(rows).enumerate() {
        destination.values[row * destination.row_stride..][..outputs].copy_from_slice(product);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, numbers, on_threads};
    use proptest::prelude::*;

    fn exact(left: Matrix<'_>, right: Matrix<'_>) -> Vec<f64> {
        let at = |x: &Matrix<'_>, i, j| x.values[i * x.row_stride + j * x.column_stride] as f64;
        let cell = |i, j| {
            (0..left.columns)
                .map(|k| at(&left, i, k) * at(&right, k, j))
                .sum()
        };
        (0..left.rows)
            .flat_map(|i| (0..right.columns).map(move |j| (i, j)))
            .map(|(i, j)| cell(i, j))
            .collect()
    }

    proptest! {
        #[test]
        fn any_shape(m in 0usize..40, n in 0usize..40, k in 0usize..70, gap in 0usize..3, seed: u64) {
            let a = numbers(seed, m * (k + gap));
            let b = numbers(!seed, n * k);
            let left = Matrix::strided(&a, m, k, k + gap);
            let right = Matrix::new(&b, n, k).transposed();
            let mut c = vec![f32::NAN; m * n];
            multiply(MatrixMut::new(&mut c, m, n), left, right, Threads::All);
            let truth = exact(left, right);
            assert_close(&c, &truth, 1e-5);
        }
    }

    #[test]
    fn bits_do_not_depend_on_the_number_of_threads() {
        for (m, n, k) in [
            (300, 200, 1500),
            (32, 700, 400),
            (1, 999, 513),
            (2000, 5, 60),
        ] {
            let (a, b) = (numbers(1, m * k), numbers(2, k * n));
            let run = || {
                let mut c = vec![0.0; m * n];
                let (left, right) = (Matrix::new(&a, m, k), Matrix::new(&b, k, n));
                multiply(MatrixMut::new(&mut c, m, n), left, right, Threads::All);
                c
            };
            let alone = on_threads(1, run);
            assert!(
                on_threads(2, run) == alone && on_threads(3, run) == alone,
                "{m} x {n} x {k}"
            );
        }
    }

    /// Shapes where `gemm` changes its way with the number of rows, and widths of the model.
    #[test]
    fn rows_do_not_depend_on_their_company() {
        let (most, counts) = (600, [1, 2, 3, 15, 16, 64, 65, 130, 256, 257, 599]);
        for (inputs, outputs) in [
            (600, 1),
            (600, 64),
            (1536, 5),
            (520, 65),
            (40, 7),
            (3, 2),
            (700, 96),
        ] {
            let (a, b) = (numbers(1, most * inputs), numbers(2, inputs * outputs));
            let product = |first: usize, rows: usize| {
                let mut c = vec![f32::NAN; rows * outputs];
                let left = Matrix::new(&a[first * inputs..][..rows * inputs], rows, inputs);
                let right = Matrix::new(&b, inputs, outputs);
                multiply_rows(MatrixMut::new(&mut c, rows, outputs), left, right);
                c
            };
            let whole = product(0, most);
            for rows in counts {
                for first in [0, 1, most - rows] {
                    let expected = &whole[first * outputs..][..rows * outputs];
                    assert!(
                        product(first, rows) == expected,
                        "{first}, {rows} x {inputs} x {outputs}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_gap_between_rows_stays() {
        let mut c = vec![7.0; 11];
        let (a, b) = ([1.0, 2.0], [3.0, 4.0, 5.0]);
        let product = MatrixMut::strided(&mut c, 2, 3, 5);
        multiply(
            product,
            Matrix::new(&a, 2, 1),
            Matrix::new(&b, 1, 3),
            Threads::All,
        );
        assert_eq!(c, [3.0, 4.0, 5.0, 7.0, 7.0, 6.0, 8.0, 10.0, 7.0, 7.0, 7.0]);
    }

    #[test]
    #[should_panic(expected = "inner dimension")]
    fn shapes_that_do_not_fit_are_refused() {
        let (a, b) = ([0.0; 6], [0.0; 8]);
        let mut c = [0.0; 8];
        let (left, right) = (Matrix::new(&a, 2, 3), Matrix::new(&b, 2, 4));
        multiply(MatrixMut::new(&mut c, 2, 4), left, right, Threads::One);
    }
}
