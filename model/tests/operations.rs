//! Norms, linear layers and the ends of heads, as Burn's tensor operations define them and as the CPU has them, against loops over float64.

mod support;

use burn::backend::Flex;
use burn::tensor::{Tensor, TensorData};
use model::layers::{Affine, LayerNorm, Linear};
use model::operations::{Activation, Gelu, Unscale};
use model::precision::Roundings;
use model::{Operations, plain};
use support::{check, gelu, random};

const FLOAT32: Roundings = Roundings::FLOAT32;

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

#[test]
fn gelu_by_hand() {
    let x = Tensor::<Flex, 1>::from_floats([-2.0, 0.0, 1.0, 3.0], &Default::default());
    let sigmoid = [-0.064_341_377, 0.0, 0.845_795_8, 2.981_928_7];
    check(
        &sigmoid,
        [
            plain::activate(x.clone(), Gelu::Sigmoid, FLOAT32),
            Flex::activate(x.clone(), Gelu::Sigmoid, FLOAT32),
        ],
    );
    let tanh = [-0.045_402_306, 0.0, 0.841_191_99, 2.996_363];
    check(
        &tanh,
        [
            plain::activate(x.clone(), Gelu::Tanh, FLOAT32),
            Flex::activate(x, Gelu::Tanh, FLOAT32),
        ],
    );
}

#[test]
fn norms() {
    let (x, values) = random(1, [2, 3, 37]);
    let x = x * 3.0;
    let ((scale, a), (offset, b)) = (random(2, [37]), random(3, [37]));
    let norm = Affine {
        scale: scale.clone(),
        offset: offset.clone(),
    };
    let affine = |index: usize| 3.0 * values[index] * a[index % 37] + b[index % 37];
    let expected: Vec<f64> = (0..values.len()).map(affine).collect();
    check(
        &expected,
        [
            plain::normalise(x.clone(), &norm, FLOAT32),
            Flex::normalise(x.clone(), &norm, FLOAT32),
        ],
    );
    for kind in [Gelu::Sigmoid, Gelu::Tanh] {
        let expected: Vec<f64> = expected.iter().map(|&y| gelu(y, kind)).collect();
        let plain = plain::activate(plain::normalise(x.clone(), &norm, FLOAT32), kind, FLOAT32);
        check(
            &expected,
            [plain, Flex::normalise_gelu(x.clone(), &norm, kind, FLOAT32)],
        );
    }
    for centred in [false, true] {
        let norm = LayerNorm {
            scale: scale.clone(),
            offset: offset.clone(),
            centred,
        };
        let mut expected = Vec::new();
        for row in values.chunks(37) {
            let row: Vec<f64> = row.iter().map(|value| 3.0 * value).collect();
            let mean = if centred {
                row.iter().sum::<f64>() / 37.0
            } else {
                0.0
            };
            let variance = row.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 37.0;
            let inverse = 1.0 / (variance + 1e-5).sqrt();
            expected.extend((0..37).map(|c| (row[c] - mean) * inverse * a[c] + b[c]));
        }
        check(
            &expected,
            [
                plain::layer_normalise(x.clone(), &norm, FLOAT32),
                Flex::layer_normalise(x.clone(), &norm, FLOAT32),
            ],
        );
    }
}

#[test]
fn linear_layers() {
    let (x, values) = random(1, [2, 5, 7]);
    let ((weight, w), (bias, b)) = (random(2, [7, 11]), random(3, [11]));
    for (with_bias, activation) in [
        (true, Activation::Relu),
        (true, Activation::Identity),
        (false, Activation::Relu),
    ] {
        let linear = Linear {
            weight: weight.clone(),
            bias: with_bias.then(|| bias.clone()),
        };
        let mut expected = Vec::new();
        for row in values.chunks(7) {
            for out in 0..11 {
                let sum: f64 = (0..7).map(|i| row[i] * w[i * 11 + out]).sum();
                let y = sum + if with_bias { b[out] } else { 0.0 };
                expected.push(if activation == Activation::Relu {
                    y.max(0.0)
                } else {
                    y
                });
            }
        }
        let forms = [
            plain::project(x.clone(), &linear, activation, FLOAT32),
            Flex::project(x.clone(), &linear, activation, FLOAT32),
        ];
        check(&expected, forms);
    }
}

#[test]
fn tracks_are_unscaled_above_the_soft_clip_too() {
    let (x, values) = random(1, [2, 50, 3]);
    let x = x * 20.0;
    let (scale, factor) = (
        [0.5f32, 1.0, 2.0, 1.5, 0.1, 3.0],
        [1.0f32, f32::NAN, 128.0, 2.0, 0.5, f32::NAN],
    );
    let tensor = |values: [f32; 6]| {
        Tensor::<Flex, 2>::from_data(
            TensorData::new(values.to_vec(), [2, 3]),
            &Default::default(),
        )
    };
    let of = |index: usize| index / 150 * 3 + index % 3;
    let scaled = |(index, x): (usize, &f64)| softplus(20.0 * x) * f64::from(scale[of(index)]);
    let expected: Vec<f64> = values.iter().enumerate().map(scaled).collect();
    assert!(
        expected.iter().any(|&value| value > 10.0) && expected.iter().any(|&value| value < 1e-3)
    );
    for squashing in [false, true] {
        let unscale = |(index, &y): (usize, &f64)| {
            let y = if y > 10.0 {
                (y + 10.0).powi(2) / 40.0
            } else {
                y
            };
            let y = if squashing { y.powf(1.0 / 0.75) } else { y };
            y * f64::from(factor[of(index)])
        };
        let unscaled: Vec<f64> = expected.iter().enumerate().map(unscale).collect();
        let unscale = Unscale {
            factor: tensor(factor),
            squashing,
        };
        let plain = plain::tracks(x.clone(), tensor(scale), Some(&unscale));
        let fast = Flex::tracks(x.clone(), tensor(scale), Some(&unscale));
        check(&expected, [plain.0, fast.0]);
        check(&unscaled, [plain.1.unwrap(), fast.1.unwrap()]);
    }
    let alone = [
        plain::tracks(x.clone(), tensor(scale), None),
        Flex::tracks(x, tensor(scale), None),
    ];
    assert!(alone.iter().all(|(_, unscaled)| unscaled.is_none()));
    check(&expected, alone.map(|(scaled, _)| scaled));
}

#[test]
fn probabilities_and_the_logistic_function() {
    let (x, values) = random(1, [2, 4, 5]);
    let x = x * 4.0;
    let mut expected = Vec::new();
    for row in values.chunks(5) {
        let sum: f64 = row.iter().map(|x| (4.0 * x).exp()).sum();
        expected.extend(row.iter().map(|x| (4.0 * x).exp() / sum));
    }
    check(&expected, [Flex::probabilities(x.clone())]);
    let expected: Vec<f64> = values
        .iter()
        .map(|x| 1.0 / (1.0 + (-4.0 * x).exp()))
        .collect();
    check(&expected, [Flex::logistic(x)]);
}
