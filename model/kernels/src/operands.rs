//! The operands of attention's products: float32, or rounded to bfloat16.

use crate::parallel::vectorised;
use crate::round::round_all;
use crate::softmax::softmax_row;

/// What happens to the operands of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operands {
    /// They are used as they are.
    Float32,
    /// They are rounded to the nearest bfloat16, ties to even; sums stay float32.
    Bfloat16,
}

/// An operand as the product takes it: itself, or its rounded copy in `buffer`.
pub(crate) fn operand<'a>(buffer: &'a mut Vec<f32>, x: &'a [f32], operands: Operands) -> &'a [f32] {
    match operands {
        Operands::Float32 => x,
        Operands::Bfloat16 => {
            let copy = scratch_of(buffer, x.len());
            copy.copy_from_slice(x);
            vectorised(
                #[inline(always)]
                || round_all(copy),
            );
            copy
        }
    }
}

/// Turns a row of logits into the weights that enter the second product.
#[inline(always)]
pub(crate) fn weights(row: &mut [f32], operands: Operands) {
    softmax_row(row);
    if operands == Operands::Bfloat16 {
        round_all(row);
    }
}

/// The first `length` numbers of a buffer that grows to what is needed; their values are whatever was there.
pub(crate) fn scratch_of(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if buffer.len() < length {
        buffer.resize(length, 0.0);
    }
    &mut buffer[..length]
}
