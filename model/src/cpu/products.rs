//! Attention, what comes before it, and the pair representation.

use burn::tensor::Tensor;
use burn_flex::Flex;
use kernels::attention::Shape;
use kernels::operands::Operands;
use kernels::pair::Products;
use kernels::rotary::Angles;
use kernels::{pair, rotary};

use super::floats::{Floats, filled, part, sequences};
use crate::layers::Rotation;
use crate::precision::{Rounding, Roundings};

pub(super) fn rotate(x: Tensor<Flex, 4>, rotation: &Rotation<Flex>) -> Tensor<Flex, 4> {
    let [batch, length, heads, channels] = x.dims();
    let [x, cosine, sine] = [
        Floats::new(x),
        Floats::of(&rotation.cosine),
        Floats::of(&rotation.sine),
    ];
    let angles = Angles {
        cosine: cosine.as_slice(),
        sine: sine.as_slice(),
    };
    let size = length * heads * channels;
    filled([batch, length, heads, channels], |y| {
        for (y, x) in sequences(y, size).zip(x.as_slice().chunks(size.max(1))) {
            rotary::rotate(y, x, angles, [length, heads, channels]);
        }
    })
}

pub(super) fn sequence_attention(
    queries: Tensor<Flex, 4>,
    keys: Tensor<Flex, 3>,
    values: Tensor<Flex, 3>,
    bias: Tensor<Flex, 4>,
    soft_cap: f32,
    roundings: Roundings,
) -> Tensor<Flex, 3> {
    let [batch, length, heads, key_width] = queries.dims();
    let (value_width, bias_rows) = (values.dims()[2], bias.dims()[2]);
    let shape = Shape {
        length,
        heads,
        key_width,
        value_width,
        bias_rows,
    };
    let given = [
        Floats::new(queries),
        Floats::new(keys),
        Floats::new(values),
        Floats::new(bias),
    ];
    let size = length * heads * value_width;
    filled([batch, length, heads * value_width], |y| {
        for (sequence, y) in sequences(y, size).enumerate() {
            let of = given.each_ref().map(|x| part(x, sequence, batch));
            kernels::attention::attention(y, of, soft_cap, operands(roundings.operands), shape);
        }
    })
}

pub(super) fn row_attention(
    queries: Tensor<Flex, 4>,
    keys: Tensor<Flex, 4>,
    values: Tensor<Flex, 4>,
    roundings: Roundings,
) -> Tensor<Flex, 4> {
    let [batch, rows, columns, width] = queries.dims();
    let given = [Floats::new(queries), Floats::new(keys), Floats::new(values)];
    let given = given.each_ref().map(Floats::as_slice);
    filled([batch, rows, columns, width], |y| {
        let shape = [batch * rows, columns, width];
        kernels::row_attention::row_attention(y, given, operands(roundings.operands), shape);
    })
}

pub(super) fn pair_products(
    queries: Tensor<Flex, 4>,
    keys: Tensor<Flex, 4>,
    query_bias: Tensor<Flex, 2>,
    key_bias: Tensor<Flex, 2>,
    positions: Tensor<Flex, 3>,
) -> Tensor<Flex, 4> {
    let [batch, length, heads, width] = queries.dims();
    let [queries, keys] = [Floats::new(queries), Floats::new(keys)];
    let [query_bias, key_bias] = [Floats::new(query_bias), Floats::new(key_bias)];
    let positions = Floats::new(positions);
    filled([batch, length, length, heads], |y| {
        for (sequence, y) in sequences(y, length * length * heads).enumerate() {
            let products = Products {
                queries: part(&queries, sequence, batch),
                keys: part(&keys, sequence, batch),
                query_bias: query_bias.as_slice(),
                key_bias: key_bias.as_slice(),
                positions: positions.as_slice(),
            };
            pair::pair_products(y, products, [length, heads, width]);
        }
    })
}

pub(super) fn symmetrise(x: Tensor<Flex, 4>) -> Tensor<Flex, 4> {
    let [batch, length, _, channels] = x.dims();
    let x = Floats::new(x);
    let size = length * length * channels;
    filled([batch, length, length, channels], |y| {
        for (y, x) in sequences(y, size).zip(x.as_slice().chunks(size.max(1))) {
            pair::symmetrise(y, x, [length, channels]);
        }
    })
}

/// The kernels' name of a rounding.
pub(super) fn operands(rounding: Rounding) -> Operands {
    match rounding {
        Rounding::None => Operands::Float32,
        Rounding::ToBfloat16 => Operands::Bfloat16,
    }
}
