//! Products of float32 as three of bfloat16: operands with three channels for each.
//!
//! A value is the nearest bfloat16 `h` and what bfloat16 keeps of the rest, `l`. Activations become `h h l` and parameters
//! `h l h`, so that one product over three times as many channels sums `h h`, `h l` and `l h` in float32.

use std::collections::BTreeMap;

use super::{Convolution, Fixed, Id, Place, Product, Source, Steps};
use crate::cuda::forward::arguments;

/// Parts of a value.
const PARTS: usize = 3;

/// Where the parts of activations are: by their tensor, then by first byte, rows, channels and values from a row to the next.
#[derive(Debug, Default)]
pub(super) struct Made(BTreeMap<Id, BTreeMap<[usize; 4], Id>>);

impl Steps {
    /// A product of parts in place of one with a parameter, where products are split.
    pub(super) fn parts_of_product(
        &mut self,
        product: Product,
        a: Place,
        b: Place,
    ) -> (Product, Place, Place) {
        let Product { m, k, row, .. } = product;
        let (Some(_), Place::Tensor(id, first), Place::Fixed(weights)) = (&self.split, a, b) else {
            return (product, a, b);
        };
        let apart = product.bfloat16_operands || product.batch > 1;
        // What is loaded at once are eight channels.
        let aligned = [k, row[0], row[1]]
            .iter()
            .all(|size| size.is_multiple_of(8));
        let each = if product.transposed { 0 } else { row[1] };
        let Some(weights) = parts_of(weights, each).filter(|_| aligned && !apart) else {
            return (product, a, b);
        };
        let of = Product {
            k: PARTS * k,
            row: [
                PARTS * k,
                if product.transposed {
                    PARTS * row[1]
                } else {
                    row[1]
                },
                row[2],
            ],
            bfloat16_operands: true,
            float32_result: true,
            ..product
        };
        let x = self.parts_of_rows((id, first), [m, k, row[0]]);
        (of, x.into(), weights.into())
    }

    /// The same of a convolution.
    pub(super) fn parts_of_convolution(
        &mut self,
        convolution: Convolution,
        x: Place,
        w: Fixed,
    ) -> (Convolution, Place, Fixed) {
        let Convolution { b, s, inputs, .. } = convolution;
        let (Some(_), Place::Tensor(id, first), Some(parts)) = (&self.split, x, parts_of(w, 0))
        else {
            return (convolution, x, w);
        };
        let of = Convolution {
            inputs: PARTS * inputs,
            bfloat16_operands: true,
            ..convolution
        };
        let x = self.parts_of_rows((id, first), [b * s, inputs, inputs]);
        (of, x.into(), parts)
    }

    /// The parts of `[rows, channels]` that lie `stride` values apart, which are made where they are not there.
    fn parts_of_rows(
        &mut self,
        (id, first): (Id, u64),
        [rows, channels, stride]: [usize; 3],
    ) -> Id {
        let key = [first as usize, rows, channels, stride];
        let made = self
            .split
            .as_ref()
            .and_then(|Made(made)| made.get(&id)?.get(&key));
        if let Some(made) = made {
            return *made;
        }
        let parts = self.tensor(PARTS * 2 * rows * channels);
        self.each(
            "activation_parts",
            rows * channels / 8,
            arguments![
                Place::Tensor(id, first),
                parts,
                rows as i64,
                channels as i32,
                stride as i32
            ],
        );
        if let Some(Made(made)) = &mut self.split {
            made.entry(id).or_default().insert(key, parts);
        }
        parts
    }

    /// Parts of a tensor are not its own any more once something else may have written it.
    pub(super) fn written(&mut self, place: Place) {
        if let (Some(Made(made)), Place::Tensor(id, _)) = (&mut self.split, place) {
            made.remove(&id);
        }
    }
}

/// The parts of a parameter that begin where the values do, in rows of `row` values or one by one.
fn parts_of(Fixed { source, offset }: Fixed, row: usize) -> Option<Fixed> {
    let Source::Parameter(number) = source else {
        return None;
    };
    let first = offset as usize / 4;
    let at = match row {
        0 => PARTS * first,
        row => PARTS * (first / row) * row + first % row,
    };
    Some(Fixed {
        source: Source::Parts(number, row),
        offset: 2 * at as u64,
    })
}
