//! TF32: every product takes rounded operands, in all forms and in the whole model; nothing else is rounded.

mod support;

use std::path::Path;

use burn::backend::Flex;
use burn::tensor::{Tensor, TensorData};
use model::layers::{Affine, Convolution, Linear};
use model::operations::{Activation, Gelu};
use model::precision::{Products, Roundings};
use model::{AlphaGenome, Arithmetic, Batch, Known, Operations, Request, plain};
use support::{CONFIG, TRACKS, check, distance, random, run, sequence, tensors, write_model};

const FLOAT32: Roundings = Roundings::FLOAT32;
const TF32: Roundings = Roundings {
    products: Products::Tf32,
    ..FLOAT32
};

/// To 11 significant bits, by the spacing of the numbers around x.
fn tf32(x: f64) -> f64 {
    if x == 0.0 {
        return x;
    }
    let spacing = 2f64.powi(x.abs().log2().floor() as i32 - 10);
    (x / spacing).round_ties_even() * spacing
}

fn rounded<const D: usize>(x: &Tensor<Flex, D>) -> Tensor<Flex, D> {
    let values = x.to_data().to_vec::<f32>().unwrap();
    let values: Vec<f32> = values.iter().map(|&x| tf32(x.into()) as f32).collect();
    Tensor::from_data(TensorData::new(values, x.dims()), &Default::default())
}

fn values<const D: usize>(x: Tensor<Flex, D>) -> Vec<f64> {
    let values = x.into_data().to_vec::<f32>().unwrap();
    values.into_iter().map(f64::from).collect()
}

#[test]
fn linear_layers() {
    let (x, weight, bias) = (
        random(1, [2, 5, 7]).0,
        random(2, [7, 11]).0,
        random(3, [11]).0,
    );
    let linear = |weight| Linear {
        weight,
        bias: Some(bias.clone()),
    };
    let activation = Activation::Identity;
    let (x_rounded, of_rounded) = (rounded(&x), linear(rounded(&weight)));
    let expected = values(plain::project(x_rounded, &of_rounded, activation, FLOAT32));
    let linear = linear(weight);
    let forms = [
        plain::project(x.clone(), &linear, activation, TF32),
        Flex::project(x.clone(), &linear, activation, TF32),
    ];
    check(&expected, forms);
    let exact = plain::project(x, &linear, activation, FLOAT32);
    let expected: Vec<f32> = expected.iter().map(|&x| x as f32).collect();
    let far = distance(&expected, &exact.into_data().to_vec::<f32>().unwrap());
    assert!((1e-5..1e-3).contains(&far), "{far:.1e}");
}

#[test]
fn convolutions() {
    let (x, bias) = (random(1, [2, 30, 6]).0, random(3, [5]).0);
    let weight = random(2, [5, 6, 5]).0;
    let of_rounded = Convolution {
        weight: rounded(&weight),
        bias: bias.clone(),
    };
    let convolution = Convolution { weight, bias };
    let expected = values(plain::convolution(rounded(&x), &of_rounded, FLOAT32));
    let forms = [
        plain::convolution(x.clone(), &convolution, TF32),
        Flex::convolution(x.clone(), &convolution, TF32),
        Flex::stem(x.clone(), &convolution, TF32),
    ];
    check(&expected, forms);

    let norm = Affine {
        scale: random(4, [6]).0,
        offset: random(5, [6]).0,
    };
    let residual = random(6, [2, 30, 5]).0;
    let active = plain::activate(
        plain::normalise(x.clone(), &norm, FLOAT32),
        Gelu::Sigmoid,
        FLOAT32,
    );
    let y = plain::convolution(rounded(&active), &of_rounded, FLOAT32);
    let expected = values(y + residual.clone());
    let block = Flex::convolution_block(x, &norm, &convolution, Some(residual), TF32);
    // What float32 noise carries over a rounding edge is 2^-11 of one operand.
    let expected: Vec<f32> = expected.iter().map(|&x| x as f32).collect();
    let far = distance(&expected, &block.into_data().to_vec::<f32>().unwrap());
    assert!(far < 2e-5, "{far:.1e}");
}

#[test]
fn pair_products() {
    let (length, heads, width) = (5, 3, 4);
    let shape = [2, length, heads, width];
    let (queries, keys) = (random(1, shape).0, random(2, shape).0);
    let positions = random(3, [2 * length, heads, width]).0;
    let none = Tensor::<Flex, 2>::zeros([heads, width], &Default::default());
    let products = |q: &Tensor<Flex, 4>, k: &Tensor<Flex, 4>, b: &Tensor<Flex, 2>, p, roundings| {
        let (q, k) = (q.clone(), k.clone());
        [
            plain::pair_products(
                q.clone(),
                k.clone(),
                b.clone(),
                b.clone(),
                Clone::clone(p),
                roundings,
            ),
            Flex::pair_products(q, k, b.clone(), b.clone(), Clone::clone(p), roundings),
        ]
    };
    let steps = rounded(&positions);
    let [expected, _] = products(&rounded(&queries), &rounded(&keys), &none, &steps, FLOAT32);
    let found = products(&queries, &keys, &none, &positions, TF32);
    check(&values(expected), found);

    // With a bias, the sum is rounded: of zero queries, the bias.
    let bias = random(4, [heads, width]).0;
    let zeros = Tensor::<Flex, 4>::zeros(shape, &Default::default());
    let [expected, _] = products(&zeros, &zeros, &rounded(&bias), &steps, FLOAT32);
    let found = products(&zeros, &zeros, &bias, &positions, TF32);
    check(&values(expected), found);
}

/// A whole run in float32 and in TF32.
fn models(dir: &Path) -> [AlphaGenome<Flex>; 2] {
    write_model(dir, CONFIG, Some(TRACKS), &tensors(CONFIG, 1));
    [Arithmetic::XlaGpuF32, Arithmetic::XlaGpuTf32]
        .map(|arithmetic| AlphaGenome::load(dir, &Default::default(), arithmetic).unwrap())
}

#[test]
fn the_whole_model() {
    let dir = tempfile::tempdir().unwrap();
    let [float32, tf32] = models(dir.path())
        .map(|model| run(&model, &[(sequence(4096, 3), 0)], &Request::everything()));
    for (name, array) in &float32 {
        // Which sites are chosen may differ, and with them everything at them.
        if name.starts_with("splice_sites_junction/") {
            continue;
        }
        let far = distance(&array.values.to_f32(), &tf32[name].values.to_f32());
        assert!((2e-5..3e-2).contains(&far), "{name}: {far:.1e}");
    }
}

#[test]
fn every_head_rounds_its_operands() {
    let dir = tempfile::tempdir().unwrap();
    let [float32, tf32] = models(dir.path());
    let bases = sequence(4096, 3);
    let arrays = run(&float32, &[(bases.clone(), 0)], &Request::everything());
    let batch = Batch::new(vec![bases], vec![0]).unwrap();
    let mut known: Known = arrays.clone();
    for (path, name) in [
        ("alphagenome/output_pair", "embeddings_pair"),
        ("alphagenome/output_embedder", "embeddings_128bp"),
        ("alphagenome/output_embedder_1", "embeddings_1bp"),
    ] {
        known.insert(path.into(), arrays[name].clone());
    }
    let mut heads = 0;
    for stage in float32.stages() {
        if !stage.path.starts_with("alphagenome/head/") {
            continue;
        }
        heads += 1;
        let outputs = |model: &AlphaGenome<Flex>| model.run_stage(&stage.path, &batch, &known);
        let (float32, tf32) = (outputs(&float32).unwrap(), outputs(&tf32).unwrap());
        assert!(!float32.is_empty(), "{}", stage.path);
        for ((name, a), (_, b)) in float32.iter().zip(&tf32) {
            let far = distance(&a.values.to_f32(), &b.values.to_f32());
            assert!((1e-5..1e-2).contains(&far), "{name}: {far:.1e}");
        }
    }
    assert_eq!(heads, 9);
}
