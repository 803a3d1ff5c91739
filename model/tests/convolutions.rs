//! Convolutions, pools and rotations, as Burn's tensor operations define them and as the CPU has them, against loops over float64.

mod support;

use burn::backend::Flex;
use burn::tensor::Tensor;
use model::layers::{Affine, Convolution, Rotation};
use model::operations::Gelu;
use model::precision::Roundings;
use model::{Operations, plain};
use support::{check, gelu, random};

/// Convolution with SAME padding of `[B, S, in]`, in float64.
const FLOAT32: Roundings = Roundings::FLOAT32;

fn convolve(
    x: &[f64],
    w: &[f64],
    b: &[f64],
    [batch, length, inputs, outputs, width]: [usize; 5],
) -> Vec<f64> {
    let mut y = Vec::new();
    for (sequence, position, out) in (0..batch * length * outputs)
        .map(|i| (i / outputs / length, i / outputs % length, i % outputs))
    {
        let mut sum = b[out];
        for tap in 0..width {
            let Some(place) = (position + tap)
                .checked_sub(width / 2)
                .filter(|&place| place < length)
            else {
                continue;
            };
            for input in 0..inputs {
                let x = x[(sequence * length + place) * inputs + input];
                sum += x * w[(tap * inputs + input) * outputs + out];
            }
        }
        y.push(sum);
    }
    y
}

#[test]
fn convolutions() {
    for (batch, length, inputs, outputs, width) in [
        (2, 9, 3, 4, 5),
        (1, 64, 4, 16, 15),
        (1, 300, 24, 40, 5),
        (1, 2, 3, 3, 5),
    ] {
        let (x, values) = random(1, [batch, length, inputs]);
        let ((weight, w), (bias, b)) = (random(2, [width, inputs, outputs]), random(3, [outputs]));
        let convolution = Convolution { weight, bias };
        let shape = [batch, length, inputs, outputs, width];
        let expected = convolve(&values, &w, &b, shape);
        check(
            &expected,
            [
                plain::convolution(x.clone(), &convolution, FLOAT32),
                Flex::convolution(x.clone(), &convolution, FLOAT32),
            ],
        );
        check(&expected, [Flex::stem(x.clone(), &convolution, FLOAT32)]);

        let ((scale, s), (offset, o)) = (random(4, [inputs]), random(5, [inputs]));
        let norm = Affine { scale, offset };
        let active: Vec<f64> = values
            .iter()
            .enumerate()
            .map(|(i, x)| gelu(x * s[i % inputs] + o[i % inputs], Gelu::Sigmoid))
            .collect();
        let block = convolve(&active, &w, &b, shape);
        check(
            &block,
            [Flex::convolution_block(
                x.clone(),
                &norm,
                &convolution,
                None,
                FLOAT32,
            )],
        );
        for channels in [outputs - 1, outputs, outputs + 2] {
            let (residual, r) = random(6, [batch, length, channels]);
            let add = |(i, y): (usize, &f64)| {
                let (row, out) = (i / outputs, i % outputs);
                y + if out < channels {
                    r[row * channels + out]
                } else {
                    0.0
                }
            };
            let expected: Vec<f64> = block.iter().enumerate().map(add).collect();
            let plain = plain::convolution(
                plain::activate(
                    plain::normalise(x.clone(), &norm, FLOAT32),
                    Gelu::Sigmoid,
                    FLOAT32,
                ),
                &convolution,
                FLOAT32,
            );
            let plain = plain::add_channels(plain, residual.clone(), FLOAT32);
            check(
                &expected,
                [
                    plain,
                    Flex::convolution_block(
                        x.clone(),
                        &norm,
                        &convolution,
                        Some(residual),
                        FLOAT32,
                    ),
                ],
            );
        }
    }
}

#[test]
fn pools_and_upsampling() {
    let (x, values) = random(1, [2, 32, 3]);
    let at = |b: usize, s: usize, c: usize| values[(b * 32 + s) * 3 + c];
    let places =
        |length: usize| (0..2 * length * 3).map(move |i| (i / 3 / length, i / 3 % length, i % 3));
    let expected: Vec<f64> = places(16)
        .map(|(b, s, c)| at(b, 2 * s, c).max(at(b, 2 * s + 1, c)))
        .collect();
    check(
        &expected,
        [plain::max_pool(x.clone()), Flex::max_pool(x.clone())],
    );
    let mean = |(b, s, c)| (0..16).map(|i| at(b, 16 * s + i, c)).sum::<f64>() / 16.0;
    let expected: Vec<f64> = places(2).map(mean).collect();
    check(
        &expected,
        [
            plain::mean_pool(x.clone(), 16, FLOAT32),
            Flex::mean_pool(x.clone(), 16, FLOAT32),
        ],
    );
    let (skip, s) = random(2, [2, 64, 3]);
    let scale = Tensor::<Flex, 1>::from_floats([0.7], &Default::default());
    let expected: Vec<f64> = places(64)
        .zip(&s)
        .map(|((b, position, c), skip)| 0.7f32 as f64 * at(b, position / 2, c) + skip)
        .collect();
    check(
        &expected,
        [
            plain::upsample_add(x.clone(), scale.clone(), skip.clone(), FLOAT32),
            Flex::upsample_add(x, scale, skip, FLOAT32),
        ],
    );
}

#[test]
fn rotation_turns_pairs_of_neighbours() {
    let (x, values) = random(1, [2, 3, 2, 4]);
    let ((cosine, c), (sine, s)) = (random(2, [3, 2]), random(3, [3, 2]));
    let rotation = Rotation { cosine, sine };
    let mut expected = Vec::new();
    for (index, pair) in values.chunks(2).enumerate() {
        let angle = index / 4 % 3 * 2 + index % 2;
        expected.push(pair[0] * c[angle] - pair[1] * s[angle]);
        expected.push(pair[1] * c[angle] + pair[0] * s[angle]);
    }
    check(
        &expected,
        [
            plain::rotate(x.clone(), &rotation, FLOAT32),
            Flex::rotate(x, &rotation, FLOAT32),
        ],
    );
}

#[test]
fn output_embeddings() {
    let (x, values) = random(1, [2, 6, 5]);
    let ((skip, k), (organism, o)) = (random(2, [2, 2, 5]), random(3, [2, 5]));
    let ((scale, a), (offset, b)) = (random(4, [5]), random(5, [5]));
    let norm = Affine { scale, offset };
    for with_skip in [false, true] {
        let embed = |(index, x): (usize, &f64)| {
            let (batch, position, c) = (index / 30, index / 5 % 6, index % 5);
            let skip = if with_skip {
                k[(batch * 2 + position / 3) * 5 + c]
            } else {
                0.0
            };
            gelu((x + skip) * a[c] + b[c] + o[batch * 5 + c], Gelu::Sigmoid)
        };
        let expected: Vec<f64> = values.iter().enumerate().map(embed).collect();
        let skip = with_skip.then(|| skip.clone());
        let plain =
            plain::output_embedding(x.clone(), skip.clone(), &norm, organism.clone(), FLOAT32);
        check(
            &expected,
            [
                plain,
                Flex::output_embedding(x.clone(), skip, &norm, organism.clone(), FLOAT32),
            ],
        );
    }
}
