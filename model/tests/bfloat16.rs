//! Where bfloat16 is rounded, site by site, against numbers rounded by hand; and the CPU's forms against the definitions.

mod support;

use burn::backend::Flex;
use burn::tensor::{Tensor, TensorData};
use half::bf16;
use model::layers::{Affine, Convolution, LayerNorm, Linear, Rotation};
use model::operations::{Activation, Gelu};
use model::precision::{Arithmetic, Roundings};
use model::{AttentionForm, Operations, plain};
use support::{distance, numbers};

const GPU: Roundings = Arithmetic::XlaGpuBf16.roundings();
const CPU: Roundings = Arithmetic::XlaCpuBf16.roundings();

/// The nearest bfloat16, ties to even.
fn r(x: f32) -> f32 {
    bf16::from_f32(x).to_f32()
}

/// bfloat16 numbers between -2 and 2.
fn random<const D: usize>(seed: u64, shape: [usize; D]) -> (Tensor<Flex, D>, Vec<f32>) {
    let values: Vec<f32> = numbers(seed)
        .take(shape.iter().product())
        .map(|x| r(2.0 * x))
        .collect();
    let tensor = Tensor::from_data(TensorData::new(values.clone(), shape), &Default::default());
    (tensor, values)
}

fn values<const D: usize>(x: Tensor<Flex, D>) -> Vec<f32> {
    x.into_data().to_vec().unwrap()
}

/// Holds forms to numbers made by hand: equal, but for the few that float32 noise in a sum carries over an edge.
fn check<const D: usize>(expected: &[f32], forms: impl IntoIterator<Item = Tensor<Flex, D>>) {
    for (form, found) in forms.into_iter().enumerate() {
        let found = values(found);
        assert_eq!(found.len(), expected.len());
        let equal = expected.iter().zip(&found).filter(|(a, b)| a == b).count();
        let far = distance(expected, &found);
        assert!(
            equal * 100 >= expected.len() * 98 && far < 1e-3,
            "form {form}: {equal} of {} are equal, {far:.1e} off",
            expected.len()
        );
    }
}

fn dot(a: &[f32], b: impl Iterator<Item = f32>) -> f32 {
    a.iter()
        .zip(b)
        .map(|(&a, b)| f64::from(a) * f64::from(b))
        .sum::<f64>() as f32
}

fn gelu(x: f32) -> f32 {
    let power = r((-r(1.703_125 * x)).exp());
    r(r(1.0 / r(power + 1.0)) * x)
}

fn norm(seed: u64, channels: usize) -> (Affine<Flex>, Vec<f32>, Vec<f32>) {
    let ((scale, a), (offset, b)) = (random(seed, [channels]), random(seed + 1, [channels]));
    (Affine { scale, offset }, a, b)
}

#[test]
fn sums_with_residuals() {
    let ((x, a), (y, b)) = (random(1, [2, 3, 7]), random(2, [2, 3, 7]));
    let expected: Vec<f32> = a.iter().zip(&b).map(|(a, b)| r(a + b)).collect();
    check(
        &expected,
        [
            plain::add(x.clone(), y.clone(), GPU),
            Flex::add(x.clone(), y.clone(), GPU),
        ],
    );
    let sums: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a + b).collect();
    check(&sums, [Flex::add(x, y, GPU.unfinished())]);
}

#[test]
fn batch_norms_and_gelus() {
    let (x, given) = random(1, [2, 9, 37]);
    let (norm, scale, offset) = norm(2, 37);
    let normed: Vec<f32> = given
        .iter()
        .enumerate()
        .map(|(i, x)| r(r(x * scale[i % 37]) + offset[i % 37]))
        .collect();
    check(
        &normed,
        [
            plain::normalise(x.clone(), &norm, GPU),
            Flex::normalise(x.clone(), &norm, GPU),
        ],
    );
    let tanh = |x: f32| {
        let small = r(0.044_677_734 * r(r(x * x) * x));
        let tanh = r(r(0.796_875 * r(x + small)).tanh());
        r(x * r(0.5 * r(tanh + 1.0)))
    };
    for kind in [Gelu::Sigmoid, Gelu::Tanh] {
        let form = |&x: &f32| match kind {
            Gelu::Sigmoid => gelu(x),
            Gelu::Tanh => tanh(x),
        };
        let expected: Vec<f32> = normed.iter().map(form).collect();
        let defined = plain::activate(plain::normalise(x.clone(), &norm, GPU), kind, GPU);
        check(
            &expected,
            [defined, Flex::normalise_gelu(x.clone(), &norm, kind, GPU)],
        );
    }
}

#[test]
fn layer_norms_square_in_float32_on_the_cpu_only() {
    let (x, given) = random(1, [2, 20, 48]);
    let (affine, scale, offset) = norm(2, 48);
    let mut both = Vec::new();
    for (roundings, rounds_squares) in [(GPU, true), (CPU, false)] {
        for centred in [false, true] {
            let mut expected = Vec::new();
            for row in given.chunks(48) {
                let mean = if centred {
                    r(row.iter().map(|&x| f64::from(x)).sum::<f64>() as f32 / 48.0)
                } else {
                    0.0
                };
                let row: Vec<f32> = row.iter().map(|x| r(x - mean)).collect();
                let square = |x: &f32| f64::from(if rounds_squares { r(x * x) } else { x * x });
                let mean = (row.iter().map(square).sum::<f64>() / 48.0) as f32;
                let inverse = r(1.0 / (mean + 1e-5).sqrt());
                expected.extend((0..48).map(|c| r(r(r(scale[c] * inverse) * row[c]) + offset[c])));
            }
            let norm = LayerNorm {
                scale: affine.scale.clone(),
                offset: affine.offset.clone(),
                centred,
            };
            check(
                &expected,
                [
                    plain::layer_normalise(x.clone(), &norm, roundings),
                    Flex::layer_normalise(x.clone(), &norm, roundings),
                ],
            );
            both.push(values(plain::layer_normalise(x.clone(), &norm, roundings)));
        }
    }
    assert_ne!(both[1], both[3], "the rounded squares change something");
}

#[test]
fn linear_layers_round_before_and_after_the_bias() {
    let (x, given) = random(1, [2, 10, 24]);
    let ((weight, w), (bias, b)) = (random(2, [24, 33]), random(3, [33]));
    for with_bias in [false, true] {
        for relu in [false, true] {
            let linear = Linear {
                weight: weight.clone(),
                bias: with_bias.then(|| bias.clone()),
            };
            let activation = if relu {
                Activation::Relu
            } else {
                Activation::Identity
            };
            let mut expected = Vec::new();
            for row in given.chunks(24) {
                expected.extend((0..33).map(|o| {
                    let y = r(dot(row, (0..24).map(|i| w[i * 33 + o])));
                    let y = if with_bias { r(y + b[o]) } else { y };
                    if relu { y.max(0.0) } else { y }
                }));
            }
            check(
                &expected,
                [
                    plain::project(x.clone(), &linear, activation, GPU),
                    Flex::project(x.clone(), &linear, activation, GPU),
                ],
            );
        }
    }
}

#[test]
fn convolutions_round_once_on_a_gpu_and_three_times_on_the_cpu() {
    let (length, inputs, outputs) = (12, 6, 9);
    let (x, given) = random(1, [1, length, inputs]);
    let ((weight, w), (bias, b)) = (random(2, [5, inputs, outputs]), random(3, [outputs]));
    let convolution = Convolution { weight, bias };
    let (affine, scale, offset) = norm(5, inputs);
    let active: Vec<f32> = given
        .iter()
        .enumerate()
        .map(|(i, x)| gelu(r(r(x * scale[i % inputs]) + offset[i % inputs])))
        .collect();
    for channels in [outputs - 2, outputs, outputs + 3] {
        let (residual, of_residual) = random(7, [1, length, channels]);
        for (roundings, steps) in [(GPU, false), (CPU, true)] {
            let step = |x: f32| if steps { r(x) } else { x };
            let mut expected = Vec::new();
            for (s, o) in (0..length * outputs).map(|i| (i / outputs, i % outputs)) {
                let mut sum = 0.0f64;
                for t in 0..5 {
                    let Some(from) = (s + t).checked_sub(2).filter(|&from| from < length) else {
                        continue;
                    };
                    let row = &active[from * inputs..][..inputs];
                    let column = (0..inputs).map(|i| w[(t * inputs + i) * outputs + o]);
                    sum += f64::from(dot(row, column));
                }
                let y = step(step(sum as f32) + b[o]);
                let more = if o < channels {
                    of_residual[s * channels + o]
                } else {
                    0.0
                };
                expected.push(r(y + more));
            }
            let h = plain::normalise(x.clone(), &affine, roundings);
            let h = plain::activate(h, Gelu::Sigmoid, roundings);
            let y = plain::convolution(h, &convolution, roundings.unfinished());
            let defined = plain::add_channels(y, residual.clone(), roundings);
            let given = (x.clone(), Some(residual.clone()));
            let fast = Flex::convolution_block(given.0, &affine, &convolution, given.1, roundings);
            check(&expected, [defined, fast]);
        }
    }
    for roundings in [GPU, CPU] {
        let defined = values(plain::convolution(x.clone(), &convolution, roundings));
        check(
            &defined,
            [Flex::convolution(x.clone(), &convolution, roundings)],
        );
        assert!(defined.iter().all(|&y| y == r(y)));
    }
}

#[test]
fn pools_and_upsampling() {
    let (x, given) = random(1, [1, 32, 5]);
    let mean = |i: usize| {
        let (window, c) = (i / 5, i % 5);
        let place = |k: usize| given[(window * 16 + k) * 5 + c];
        (0..16).fold(0.0, |sum, k| r(sum + place(k))) / 16.0
    };
    let expected: Vec<f32> = (0..10).map(mean).collect();
    check(
        &expected,
        [
            plain::mean_pool(x.clone(), 16, GPU),
            Flex::mean_pool(x.clone(), 16, GPU),
        ],
    );
    let (skip, s) = random(2, [1, 64, 5]);
    let scale = r(0.9);
    let tensor = Tensor::<Flex, 1>::from_floats([scale], &Default::default());
    let expected: Vec<f32> = (0..320)
        .map(|i| r(r(given[i / 10 * 5 + i % 5] * scale) + s[i]))
        .collect();
    check(
        &expected,
        [
            plain::upsample_add(x.clone(), tensor.clone(), skip.clone(), GPU),
            Flex::upsample_add(x, tensor, skip, GPU),
        ],
    );
}

#[test]
fn rotations_round_products_and_leave_an_operands_sum() {
    let (x, given) = random(1, [1, 6, 2, 8]);
    let ((cosine, c), (sine, s)) = (random(2, [6, 4]), random(3, [6, 4]));
    let rotation = Rotation { cosine, sine };
    let mut sums = Vec::new();
    for (index, pair) in given.chunks(2).enumerate() {
        let angle = index / 8 * 4 + index % 4;
        sums.push(r(pair[0] * c[angle]) - r(pair[1] * s[angle]));
        sums.push(r(pair[1] * c[angle]) + r(pair[0] * s[angle]));
    }
    check(
        &sums,
        [Flex::rotate(x.clone(), &rotation, GPU.unfinished())],
    );
    let rounded: Vec<f32> = sums.into_iter().map(r).collect();
    check(
        &rounded,
        [
            plain::rotate(x.clone(), &rotation, GPU),
            Flex::rotate(x, &rotation, GPU),
        ],
    );
}

#[test]
fn output_embeddings() {
    let (x, given) = random(1, [2, 6, 5]);
    let ((skip, k), (organism, o)) = (random(2, [2, 2, 5]), random(3, [2, 5]));
    let (affine, scale, offset) = norm(4, 5);
    for with_skip in [false, true] {
        let embed = |(index, &x): (usize, &f32)| {
            let (batch, position, c) = (index / 30, index / 5 % 6, index % 5);
            let x = if with_skip {
                r(x + k[(batch * 2 + position / 3) * 5 + c])
            } else {
                x
            };
            gelu(r(r(r(x * scale[c]) + offset[c]) + o[batch * 5 + c]))
        };
        let expected: Vec<f32> = given.iter().enumerate().map(embed).collect();
        let skip = with_skip.then(|| skip.clone());
        check(
            &expected,
            [
                plain::output_embedding(x.clone(), skip.clone(), &affine, organism.clone(), GPU),
                Flex::output_embedding(x.clone(), skip, &affine, organism.clone(), GPU),
            ],
        );
    }
}

#[test]
fn attention_rounds_its_operands_on_a_gpu_and_its_result_everywhere() {
    let (length, heads, width) = (32, 2, 8);
    let (queries, _) = random(1, [1, length, heads, width]);
    let ((keys, _), (weights, _)) = (random(2, [1, length, width]), random(3, [1, length, width]));
    let (bias, _) = random(4, [1, heads, 2, 2]);
    let mut both = Vec::new();
    for roundings in [GPU, CPU] {
        // Operands as the CPU has them: not rounded yet.
        let (q, k, v) = (
            queries.clone() * 0.37,
            keys.clone() * 0.73,
            weights.clone() * 0.57,
        );
        let unfinished = roundings.unfinished();
        let exact = plain::sequence_attention(
            q.clone(),
            k.clone(),
            v.clone(),
            bias.clone(),
            5.0,
            unfinished,
        );
        let expected: Vec<f32> = values(exact.clone()).into_iter().map(r).collect();
        check(
            &expected,
            [
                plain::sequence_attention(
                    q.clone(),
                    k.clone(),
                    v.clone(),
                    bias.clone(),
                    5.0,
                    roundings,
                ),
                Flex::sequence_attention(
                    q,
                    k,
                    v,
                    bias.clone(),
                    5.0,
                    AttentionForm::Fused,
                    roundings,
                ),
            ],
        );
        both.push(values(exact));
    }
    assert!(distance(&both[0], &both[1]) > 1e-4);

    let rows = |seed| random(seed, [1, 5, 5, width]).0 * 0.37;
    for roundings in [GPU, CPU] {
        let exact = plain::row_attention(rows(1), rows(2), rows(3), roundings.unfinished());
        let expected: Vec<f32> = values(exact).into_iter().map(r).collect();
        check(
            &expected,
            [
                plain::row_attention(rows(1), rows(2), rows(3), roundings),
                Flex::row_attention(rows(1), rows(2), rows(3), roundings),
            ],
        );
    }
}

#[test]
fn pairs() {
    let (length, heads, width) = (5, 3, 4);
    let shape = [1, length, heads, width];
    let ((queries, q), (keys, k)) = (random(1, shape), random(2, shape));
    let ((query_bias, qb), (key_bias, kb)) = (random(3, [heads, width]), random(4, [heads, width]));
    let (positions, p) = random(5, [2 * length, heads, width]);
    let mut expected = Vec::new();
    for (i, j, h) in
        (0..length * length * heads).map(|n| (n / heads / length, n / heads % length, n % heads))
    {
        let at = |x: &[f32], position: usize| x[(position * heads + h) * width..][..width].to_vec();
        let relative = |x: Vec<f32>, bias: &[f32], distance: usize| {
            let biased: Vec<f32> = x
                .iter()
                .zip(&bias[h * width..])
                .map(|(x, b)| r(x + b))
                .collect();
            r(dot(&biased, at(&p, distance).into_iter()))
        };
        let of_query = relative(at(&q, i), &qb, j + length - i);
        let of_key = relative(at(&k, j), &kb, i + length - j);
        let product = r(dot(&at(&q, i), at(&k, j).into_iter()));
        expected.push(r(product + r(r(of_query + of_key) * 0.5)));
    }
    let products = |form: fn(_, _, _, _, _, _) -> Tensor<Flex, 4>| {
        form(
            queries.clone(),
            keys.clone(),
            query_bias.clone(),
            key_bias.clone(),
            positions.clone(),
            GPU,
        )
    };
    check(
        &expected,
        [
            products(plain::pair_products),
            products(Flex::pair_products),
        ],
    );
    let (x, given) = random(6, [1, 4, 4, 3]);
    let expected: Vec<f32> = (0..48)
        .map(|n| {
            let (i, j, c) = (n / 12, n / 3 % 4, n % 3);
            r((given[n] + given[(j * 4 + i) * 3 + c]) / 2.0)
        })
        .collect();
    check(
        &expected,
        [plain::symmetrise(x.clone(), GPU), Flex::symmetrise(x, GPU)],
    );
}
