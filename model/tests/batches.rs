//! A batch gives what its sequences give alone, in any order and with organisms mixed.

mod support;

use burn::backend::Flex;
use burn::tensor::Tensor;
use model::layers::Linear;
use model::operations::Activation;
use model::{Arithmetic, Array, Operations, Request, Sequence};
use support::{distance, run, sequence, small_model};

const TOLERANCE: f64 = 1e-6;

/// The part of an array that belongs to one sequence.
fn part(array: &Array, index: usize) -> Vec<f32> {
    let size: usize = array.shape[1..].iter().product();
    array.values.to_f32()[index * size..][..size].to_vec()
}

#[test]
fn batched_equals_single_in_any_order() {
    let (_dir, model) = small_model();
    let of: Vec<(Sequence, usize)> = vec![
        (sequence(4096, 1), 0),
        (sequence(4096, 2), 1),
        (sequence(4096, 3), 0),
    ];
    let request = Request::everything();
    let together = run(&model, &of, &request);
    let order = [2, 0, 1];
    let shuffled = run(&model, &order.map(|index| of[index].clone()), &request);
    assert_eq!(together["embeddings_1bp"].shape[0], 3);
    for (index, single) in of.iter().enumerate() {
        let alone = run(&model, std::slice::from_ref(single), &request);
        assert_eq!(
            alone.keys().collect::<Vec<_>>(),
            together.keys().collect::<Vec<_>>()
        );
        let place = order.iter().position(|&other| other == index).unwrap();
        for (name, array) in &alone {
            let expected = array.values.to_f32();
            for found in [part(&together[name], index), part(&shuffled[name], place)] {
                let distance = distance(&expected, &found);
                assert!(
                    distance <= TOLERANCE,
                    "{name} of sequence {index} is {distance:.1e} off"
                );
            }
        }
    }
}

#[test]
fn organisms_differ() {
    let (_dir, model) = small_model();
    let request = Request::everything();
    let human = run(&model, &[(sequence(2048, 1), 0)], &request);
    let mouse = run(&model, &[(sequence(2048, 1), 1)], &request);
    for (name, array) in human.iter().filter(|(name, _)| !name.contains("junction")) {
        assert!(
            distance(&array.values.to_f32(), &mouse[name].values.to_f32()) > 1e-3,
            "{name}"
        );
    }
}

#[test]
fn bases_matter_and_unknown_ones_are_no_base() {
    let (_dir, model) = small_model();
    let request = Request::heads(["atac"]);
    let base = sequence(2048, 1);
    let mut indices = base.indices().to_vec();
    indices[1000] = 4;
    let unknown = Sequence::from_indices(&indices).unwrap();
    indices[1000] = 0;
    let adenine = Sequence::from_indices(&indices).unwrap();
    let [unknown, adenine] = [unknown, adenine].map(|sequence| {
        run(&model, &[(sequence, 0)], &request)["atac/scaled_predictions_1bp"]
            .values
            .to_f32()
    });
    assert!(distance(&unknown, &adenine) > 1e-6);
}

/// A product of as many rows as a batch has in all may be summed in another order: seen at 2,048 bp, which are one pair.
#[test]
fn a_linear_layer_gives_the_same_bits_alone_and_in_a_batch() {
    for roundings in [
        Arithmetic::XlaCpuF32,
        Arithmetic::XlaGpuTf32,
        Arithmetic::XlaGpuBf16,
    ] {
        let roundings = roundings.roundings();
        for (length, inputs, outputs) in [(16, 1536, 1024), (1, 1536, 768), (256, 128, 256)] {
            let x = support::random(1, [3, length, inputs]).0;
            let linear = Linear {
                weight: support::random(2, [inputs, outputs]).0,
                bias: Some(support::random(3, [outputs]).0),
            };
            let project = |x: Tensor<Flex, 3>| {
                let y = Flex::project(x, &linear, Activation::Identity, roundings);
                y.into_data().to_vec::<f32>().unwrap()
            };
            let together = project(x.clone());
            let alone = (0..3).flat_map(|place| project(x.clone().narrow(0, place, 1)));
            assert!(alone.eq(together), "{length} x {inputs} x {outputs}");
        }
    }
}
