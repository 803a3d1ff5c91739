//! What scores make of the outputs of both alleles, so that a device hands out sums and a choice in place of rows.

/// What becomes of the values of REF and ALT at a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Folding {
    /// The sum of each.
    Sums = 0,
    /// The sum of `log2(1 + x)` of each.
    SumsOfLog2 = 1,
    /// The sum of squared differences, in the second place.
    Squares = 2,
    /// The same of `ln(1 + x)`.
    SquaresOfLog1p = 3,
    /// The largest difference, in the second place; NaN where one is.
    Largest = 4,
}

/// Rows of REF, and those of ALT that they are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pairs {
    /// The first row of REF.
    pub reference: usize,
    /// How many rows.
    pub rows: usize,
    /// What they are compared with.
    pub alternate: Alternate,
}

/// Rows of ALT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Alternate {
    /// As many rows from this one on.
    From(usize),
    /// The largest value of so many rows from this one on; of one row.
    Largest(usize, usize),
    /// Zeros.
    Zero,
}

/// A fold of an output of two sequences, REF's and ALT's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fold {
    /// The output's name.
    pub output: String,
    /// What is summed up.
    pub folding: Folding,
    /// The rows of each result.
    pub groups: Vec<Vec<Pairs>>,
}

/// Where junctions are looked for.
#[derive(Clone, Copy, Debug)]
pub struct Within {
    /// Whether they are those of the negative strand.
    pub negative: bool,
    /// Introns start behind this base, and end before that one, counted from the sequence's start.
    pub between: [i64; 2],
    /// The first sites of each kind that count.
    pub most: usize,
    /// How many tissues count.
    pub tissues: usize,
}
