//! Attention, pair products and junctions, as defined and as the CPU has them, against loops over float64.

mod support;

use burn::backend::Flex;
use burn::tensor::{Tensor, TensorData};
use half::bf16;
use model::layers::{Rotation, TissueAffine};
use model::precision::{Rounding, Roundings};
use model::{AttentionForm, Operations, plain};
use support::{distance, numbers};

const ROUNDINGS: [Rounding; 2] = [Rounding::None, Rounding::ToBfloat16];

const FLOAT32: Roundings = Roundings::FLOAT32;

/// float32 but for the operands of products.
fn operands(rounding: Rounding) -> Roundings {
    Roundings {
        operands: rounding,
        ..FLOAT32
    }
}

fn random<const D: usize>(seed: u64, shape: [usize; D]) -> (Tensor<Flex, D>, Vec<f64>) {
    let values: Vec<f32> = numbers(seed)
        .take(shape.iter().product())
        .map(|x| 2.0 * x)
        .collect();
    let tensor = Tensor::from_data(TensorData::new(values.clone(), shape), &Default::default());
    (tensor, values.into_iter().map(f64::from).collect())
}

/// Holds all forms to the numbers expected.
///
/// With rounding, a number beside the middle of two bfloat16 may go either way after float32 noise.
fn check<const D: usize>(
    expected: &[f64],
    rounding: Rounding,
    forms: impl IntoIterator<Item = Tensor<Flex, D>>,
) {
    let expected: Vec<f32> = expected.iter().map(|&value| value as f32).collect();
    let tolerance = if rounding == Rounding::None {
        1e-6
    } else {
        1e-4
    };
    for (form, found) in forms.into_iter().enumerate() {
        let distance = distance(&expected, &found.into_data().to_vec::<f32>().unwrap());
        assert!(
            distance <= tolerance,
            "form {form} is {distance:.1e} off with {rounding:?}"
        );
    }
}

fn round(x: f64, rounding: Rounding) -> f64 {
    match rounding {
        Rounding::None => x,
        Rounding::ToBfloat16 => f64::from(bf16::from_f32(x as f32).to_f32()),
    }
}

fn softmax(logits: &[f64]) -> Vec<f64> {
    let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|x| (x - most).exp()).sum();
    logits.iter().map(|x| (x - most).exp() / sum).collect()
}

fn dot(a: &[f64], b: &[f64], rounding: Rounding) -> f64 {
    a.iter()
        .zip(b)
        .map(|(&a, &b)| round(a, rounding) * round(b, rounding))
        .sum()
}

#[test]
fn sequence_attention() {
    let (batch, length, heads, width, value_width, rows) = (2, 64, 3, 8, 6, 4);
    let (queries, q) = random(1, [batch, length, heads, width]);
    let ((keys, k), (values, v)) = (
        random(2, [batch, length, width]),
        random(3, [batch, length, value_width]),
    );
    let (bias, b) = random(4, [batch, heads, rows, rows]);
    for rounding in ROUNDINGS {
        let mut expected = Vec::new();
        for (s, i, h) in
            (0..batch * length * heads).map(|n| (n / heads / length, n / heads % length, n % heads))
        {
            let query = &q[((s * length + i) * heads + h) * width..][..width];
            let logit = |j: usize| {
                let product = dot(query, &k[(s * length + j) * width..][..width], rounding)
                    / (width as f64).sqrt();
                let bias = b[((s * heads + h) * rows + i / 16) * rows + j / 16];
                5.0 * ((product + bias) / 5.0).tanh()
            };
            let weights = softmax(&(0..length).map(logit).collect::<Vec<_>>());
            expected.extend((0..value_width).map(|c| {
                let column: Vec<f64> = (0..length)
                    .map(|j| v[(s * length + j) * value_width + c])
                    .collect();
                dot(&weights, &column, rounding)
            }));
        }
        let given = (queries.clone(), keys.clone(), values.clone(), bias.clone());
        let plain = plain::sequence_attention(
            given.0.clone(),
            given.1.clone(),
            given.2.clone(),
            given.3.clone(),
            5.0,
            operands(rounding),
        );
        let roundings = operands(rounding);
        let fast = Flex::sequence_attention(
            given.0,
            given.1,
            given.2,
            given.3,
            5.0,
            AttentionForm::Fused,
            roundings,
        );
        check(&expected, rounding, [plain, fast]);
    }
}

#[test]
fn row_attention() {
    let (batch, rows, width) = (2, 5, 8);
    let shape = [batch, rows, rows, width];
    let ((queries, q), (keys, k), (values, v)) =
        (random(1, shape), random(2, shape), random(3, shape));
    for rounding in ROUNDINGS {
        let mut expected = Vec::new();
        for row in 0..batch * rows {
            let at = |x: &[f64], i: usize| x[(row * rows + i) * width..][..width].to_vec();
            for i in 0..rows {
                let logit =
                    |j: usize| dot(&at(&q, i), &at(&k, j), rounding) / (width as f64).sqrt();
                let weights = softmax(&(0..rows).map(logit).collect::<Vec<_>>());
                expected.extend((0..width).map(|c| {
                    let column: Vec<f64> = (0..rows).map(|j| at(&v, j)[c]).collect();
                    dot(&weights, &column, rounding)
                }));
            }
        }
        let plain = plain::row_attention(
            queries.clone(),
            keys.clone(),
            values.clone(),
            operands(rounding),
        );
        let fast = Flex::row_attention(
            queries.clone(),
            keys.clone(),
            values.clone(),
            operands(rounding),
        );
        check(&expected, rounding, [plain, fast]);
    }
}

#[test]
fn pair_products() {
    let (batch, length, heads, width) = (2, 5, 3, 4);
    let shape = [batch, length, heads, width];
    let ((queries, q), (keys, k)) = (random(1, shape), random(2, shape));
    let ((query_bias, qb), (key_bias, kb)) = (random(3, [heads, width]), random(4, [heads, width]));
    let (positions, p) = random(5, [2 * length, heads, width]);
    let mut expected = Vec::new();
    for (s, i, j, h) in (0..batch * length * length * heads).map(|n| {
        (
            n / heads / length / length,
            n / heads / length % length,
            n / heads % length,
            n % heads,
        )
    }) {
        let at = |x: &[f64], position: usize| {
            x[((s * length + position) * heads + h) * width..][..width].to_vec()
        };
        let relative = |x: Vec<f64>, bias: &[f64], distance: usize| {
            let biased: Vec<f64> = x
                .iter()
                .zip(&bias[h * width..])
                .map(|(x, bias)| x + bias)
                .collect();
            dot(
                &biased,
                &p[(distance * heads + h) * width..][..width],
                Rounding::None,
            )
        };
        let of_query = relative(at(&q, i), &qb, j + length - i);
        let of_key = relative(at(&k, j), &kb, i + length - j);
        expected.push(dot(&at(&q, i), &at(&k, j), Rounding::None) + 0.5 * (of_query + of_key));
    }
    let given = || {
        (
            queries.clone(),
            keys.clone(),
            query_bias.clone(),
            key_bias.clone(),
            positions.clone(),
        )
    };
    let (q, k, qb, kb, p) = given();
    let plain = plain::pair_products(q, k, qb, kb, p, FLOAT32);
    let (q, k, qb, kb, p) = given();
    check(
        &expected,
        Rounding::None,
        [plain, Flex::pair_products(q, k, qb, kb, p, FLOAT32)],
    );
}

#[test]
fn a_symmetrised_pair() {
    let (x, values) = random(1, [2, 3, 3, 4]);
    let at = |b: usize, i: usize, j: usize, c: usize| values[((b * 3 + i) * 3 + j) * 4 + c];
    let places = (0..72).map(|n| (n / 36, n / 12 % 3, n / 4 % 3, n % 4));
    let expected: Vec<f64> = places
        .map(|(b, i, j, c)| (at(b, i, j, c) + at(b, j, i, c)) / 2.0)
        .collect();
    check(
        &expected,
        Rounding::None,
        [
            plain::symmetrise(x.clone(), FLOAT32),
            Flex::symmetrise(x, FLOAT32),
        ],
    );
}

#[test]
fn junctions() {
    let (donors, acceptors, tissues, width) = (7, 5, 3, 8);
    let side = |seed: u64, count: usize| {
        let ((x, of_x), (scale, of_scale)) = (
            random(seed, [count, width]),
            random(seed + 1, [tissues, width]),
        );
        let ((offset, of_offset), (angle, of_angle)) = (
            random(seed + 2, [tissues, width]),
            random(seed + 3, [count, width / 2]),
        );
        let rotation = Rotation {
            cosine: angle.clone().cos(),
            sine: angle.sin(),
        };
        let channel = move |position: usize, tissue: usize, c: usize| {
            let of = |c: usize| {
                of_x[position * width + c] * of_scale[tissue * width + c]
                    + of_offset[tissue * width + c]
            };
            let (sine, cosine) = of_angle[position * width / 2 + c / 2].sin_cos();
            if c.is_multiple_of(2) {
                of(c) * cosine - of(c + 1) * sine
            } else {
                of(c) * cosine + of(c - 1) * sine
            }
        };
        (x, TissueAffine { scale, offset }, rotation, channel)
    };
    let (d, a) = (side(1, donors), side(11, acceptors));
    for rounding in ROUNDINGS {
        let mut expected = Vec::new();
        for (i, j, t) in (0..donors * acceptors * tissues).map(|n| {
            (
                n / tissues / acceptors,
                n / tissues % acceptors,
                n % tissues,
            )
        }) {
            let product = (0..width)
                .map(|c| round(d.3(i, t, c), rounding) * round(a.3(j, t, c), rounding))
                .sum::<f64>();
            expected.push(product.max(0.0) + (-product.abs()).exp().ln_1p());
        }
        let donors = || (d.0.clone(), &d.1, &d.2);
        let acceptors = || (a.0.clone(), &a.1, &a.2);
        let plain = plain::junctions(donors(), acceptors(), rounding);
        check(
            &expected,
            rounding,
            [plain, Flex::junctions(donors(), acceptors(), rounding)],
        );
        // A place in something larger: what lies around it stays.
        let around = Tensor::<Flex, 3>::full([9, 6, 8], 7.0, &Default::default());
        let (first, shape) = (4, [0..7, 0..5, 4..7]);
        let filled = Flex::fill_junctions(around.clone(), first, donors(), acceptors(), rounding);
        let inside = filled.clone().slice(shape.clone());
        check(&expected, rounding, [inside.clone(), inside]);
        let rest = filled.slice_assign(shape, Tensor::full([7, 5, 3], 7.0, &Default::default()));
        rest.into_data().assert_eq(&around.into_data(), true);
    }
}
