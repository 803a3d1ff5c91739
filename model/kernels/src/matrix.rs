//! Views of slices as matrices.

/// A matrix to read: element `(i, j)` stands at `i * row_stride + j * column_stride`. Rows may overlap.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// `rows` x `columns`, row after row.
    ///
    /// # Panics
    /// If `values` has another length than `rows * columns`.
    pub fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(
            values.len(),
            rows * columns,
            "a matrix of {rows} x {columns}"
        );
        Self::strided(values, rows, columns, columns)
    }

    /// `rows` x `columns` whose rows begin `row_stride` apart.
    ///
    /// # Panics
    /// If the last row ends behind `values`.
    pub fn strided(values: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        let end = extent(rows, columns, row_stride);
        assert!(
            end <= values.len(),
            "{rows} rows of {columns}, {row_stride} apart, in {}",
            values.len()
        );
        Self {
            values,
            rows,
            columns,
            row_stride,
            column_stride: 1,
        }
    }

    /// The same numbers with rows and columns exchanged.
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// A matrix to write: rows do not overlap.
#[derive(Debug)]
pub struct MatrixMut<'a> {
    pub(crate) values: &'a mut [f32],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) row_stride: usize,
}

impl<'a> MatrixMut<'a> {
    /// `rows` x `columns`, row after row.
    ///
    /// # Panics
    /// If `values` has another length than `rows * columns`.
    pub fn new(values: &'a mut [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(
            values.len(),
            rows * columns,
            "a matrix of {rows} x {columns}"
        );
        Self {
            values,
            rows,
            columns,
            row_stride: columns,
        }
    }

    /// `rows` x `columns` whose rows begin `row_stride` apart; what lies between them stays.
    ///
    /// # Panics
    /// If rows overlap or the last one ends behind `values`.
    pub fn strided(values: &'a mut [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        let end = extent(rows, columns, row_stride);
        assert!(
            end <= values.len(),
            "{rows} rows of {columns}, {row_stride} apart, in {}",
            values.len()
        );
        assert!(
            row_stride >= columns,
            "rows of {columns} overlap at a distance of {row_stride}"
        );
        Self {
            values,
            rows,
            columns,
            row_stride,
        }
    }
}

/// The index behind the last element.
fn extent(rows: usize, columns: usize, row_stride: usize) -> usize {
    match (rows, columns) {
        (0, _) | (_, 0) => 0,
        _ => (rows - 1)
            .checked_mul(row_stride)
            .and_then(|last| last.checked_add(columns))
            .expect("a matrix that fits the address space"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "overlap")]
    fn overlapping_rows_are_refused_in_a_destination() {
        MatrixMut::strided(&mut [0.0; 10], 3, 4, 3);
    }
}
