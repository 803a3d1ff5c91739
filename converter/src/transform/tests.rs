mod properties;

use super::*;
use crate::tensor::from_f64;

fn f32s(shape: &[usize], values: &[f64]) -> Tensor {
    let kind = TensorType {
        shape: shape.to_vec(),
        dtype: Dtype::F32,
    };
    assert_eq!(kind.checked_elements(), Some(values.len()));
    Tensor {
        kind,
        data: from_f64(Dtype::F32, values),
    }
}

fn one(transform: Transform, input: Tensor) -> Tensor {
    let mut output = transform.apply(vec![input]).unwrap();
    assert_eq!(output.len(), 1);
    output.pop().unwrap()
}

fn counted(shape: &[usize]) -> Tensor {
    let elements = shape.iter().product::<usize>();
    f32s(shape, &(0..elements).map(|i| i as f64).collect::<Vec<_>>())
}

#[test]
fn reshape_and_squeeze_leave_the_bytes() {
    let tensor = counted(&[1, 1, 6]);
    for (transform, shape) in [
        (Transform::Reshape { shape: vec![2, 3] }, vec![2, 3]),
        (Transform::Squeeze { axes: vec![0] }, vec![1, 6]),
        (Transform::SqueezeLeading { keep_last: 1 }, vec![6]),
    ] {
        assert!(transform.keeps_bytes());
        let output = one(transform, tensor.clone());
        assert_eq!(
            (output.kind.shape, output.data),
            (shape, tensor.data.clone())
        );
    }
}

#[test]
fn squeezing_keeps_a_channel_axis_of_length_one() {
    assert_eq!(
        one(
            Transform::SqueezeLeading { keep_last: 1 },
            counted(&[1, 1, 1])
        )
        .kind
        .shape,
        [1]
    );
}

#[test]
fn a_permutation_is_held_once_and_a_piece_of_it() {
    let kernel = TensorType {
        shape: vec![5, 1536, 1408],
        dtype: Dtype::F32,
    };
    let turned = Transform::Permute {
        axes: vec![2, 1, 0],
    };
    let whole = infer_chain(std::slice::from_ref(&turned), vec![kernel.clone()]);
    assert_eq!(whole.unwrap().1, 2 * kernel.bytes());
    let held = peak_in_pieces(std::slice::from_ref(&turned), &kernel).unwrap();
    assert!((kernel.bytes()..kernel.bytes() + (2 << 20)).contains(&held));
    let mut largest = 0;
    let data = vec![0; kernel.bytes()];
    let Ok(()) = permute(&data, &kernel, &[2, 1, 0], &mut |piece| {
        largest = largest.max(piece.len());
        Ok::<_, std::convert::Infallible>(())
    });
    assert_eq!(largest, held - kernel.bytes());
    // The axes are those of what is permuted, and two permutations are none in pieces.
    let flat = TensorType {
        shape: vec![6],
        dtype: Dtype::F32,
    };
    let reshape = Transform::Reshape { shape: vec![2, 3] };
    let turn = Transform::Permute { axes: vec![1, 0] };
    assert_eq!(peak_in_pieces(&[reshape, turn.clone()], &flat), Some(48));
    assert_eq!(peak_in_pieces(&[turn.clone(), turn], &flat), None);
}

#[test]
fn permute_moves_axes() {
    let output = one(
        Transform::Permute {
            axes: vec![2, 0, 1],
        },
        counted(&[2, 1, 3]),
    );
    assert_eq!(output, f32s(&[3, 2, 1], &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]));
}

/// Longer than the tiles and pieces in which elements are moved.
#[test]
fn permute_moves_large_axes() {
    for (shape, axes) in [
        (vec![5, 70, 83], vec![2, 1, 0]),
        (vec![15, 4, 40], vec![2, 1, 0]),
        (vec![2, 37, 41], vec![0, 2, 1]),
        (vec![700, 600], vec![1, 0]),
        (vec![3, 1, 50, 7], vec![2, 3, 0, 1]),
        (vec![6, 20, 33], vec![1, 0, 2]),
    ] {
        let tensor = counted(&shape);
        let output = one(Transform::Permute { axes: axes.clone() }, tensor.clone());
        let values = tensor.to_f64();
        let lengths: Vec<usize> = axes.iter().map(|&axis| shape[axis]).collect();
        assert_eq!(output.kind.shape, lengths);
        for (at, value) in output.to_f64().into_iter().enumerate() {
            let (mut rest, mut place) = (at, vec![0; shape.len()]);
            for (&axis, &length) in axes.iter().zip(&lengths).rev() {
                place[axis] = rest % length;
                rest /= length;
            }
            let from = place
                .iter()
                .zip(&shape)
                .fold(0, |from, (at, length)| from * length + at);
            assert_eq!(value, values[from], "{shape:?} {axes:?} {at}");
        }
    }
}

#[test]
fn casts_round_to_nearest_even() {
    let tensor = f32s(&[4], &[1.0, 1.00390625, 1.01171875, -3.0]);
    let output = one(Transform::Cast { dtype: Dtype::Bf16 }, tensor);
    assert_eq!(output.to_f64(), [1.0, 1.0, 1.015625, -3.0]);
    assert_eq!(
        output.data,
        [0x80, 0x3f, 0x80, 0x3f, 0x82, 0x3f, 0x40, 0xc0]
    );
    let back = one(Transform::Cast { dtype: Dtype::F32 }, output);
    assert_eq!(back, f32s(&[4], &[1.0, 1.0, 1.015625, -3.0]));
    let half = one(
        Transform::Cast { dtype: Dtype::F16 },
        f32s(&[2], &[0.1, 65504.0]),
    );
    assert_eq!(half.data, [0x66, 0x2e, 0xff, 0x7b]);
}

#[test]
fn what_does_not_fit_is_refused_before_any_data() {
    let kind = counted(&[2, 3]).kind;
    let refused = |transform: Transform| transform.infer(std::slice::from_ref(&kind)).unwrap_err();
    assert_eq!(
        refused(Transform::Permute { axes: vec![0, 0] }),
        "[0, 0] is no permutation of the axes of [2, 3]"
    );
    assert_eq!(
        refused(Transform::Reshape { shape: vec![4] }),
        "[4] does not hold as many elements as [2, 3]"
    );
    assert_eq!(
        refused(Transform::Squeeze { axes: vec![0] }),
        "axis 0 of [2, 3] is not of length 1"
    );
    assert_eq!(
        refused(Transform::SqueezeLeading { keep_last: 3 }),
        "[2, 3] has fewer than 3 axes"
    );
    let fold = Transform::FoldNorm {
        epsilon: 1e-5,
        precision: Precision::F64,
    };
    assert_eq!(
        refused(fold),
        "it takes scale, variance and offset, not 1 tensors"
    );
    let integers = TensorType {
        shape: vec![2],
        dtype: Dtype::I32,
    };
    let cast = Transform::Cast { dtype: Dtype::F32 }.infer(&[integers]);
    assert_eq!(
        cast.unwrap_err(),
        "only floating-point types can be cast, not int32 to float32"
    );
}

#[test]
fn the_peak_of_a_chain_counts_operands_and_results() {
    let chain = [
        Transform::SqueezeLeading { keep_last: 1 },
        Transform::Cast { dtype: Dtype::Bf16 },
    ];
    let (kinds, peak) = infer_chain(&chain, vec![counted(&[1, 8]).kind]).unwrap();
    assert_eq!(
        (kinds[0].shape.clone(), kinds[0].dtype, peak),
        (vec![8], Dtype::Bf16, 32 + 16)
    );
}

#[test]
fn nan_is_filled_in_floats_alone() {
    let output = one(
        Transform::FillNan { value: 0.5 },
        f32s(&[3], &[1.0, f64::NAN, f64::INFINITY]),
    );
    assert_eq!(output, f32s(&[3], &[1.0, 0.5, f64::INFINITY]));
    let integers = TensorType {
        shape: vec![2],
        dtype: Dtype::I32,
    };
    let refused = Transform::FillNan { value: 0.5 }.infer(&[integers]);
    assert_eq!(refused.unwrap_err(), "int32 has no NaN");
}

#[test]
fn a_standardized_weight_has_literal_values() {
    // One output channel, fan-in 4: mean 2.5, population variance 1.25, so w - 2.5 times 2 / sqrt(4 * 1.25).
    let weight = f32s(&[2, 2, 1], &[1.0, 2.0, 3.0, 4.0]);
    let scale = f32s(&[1, 1, 1], &[2.0]);
    let fold = Transform::StandardizeWeight {
        minimum: 1e-4,
        precision: Precision::F64,
    };
    let output = fold.apply(vec![weight, scale]).unwrap();
    let factor = 2.0 / 5f64.sqrt();
    assert_eq!(
        output,
        [f32s(
            &[2, 2, 1],
            &[-1.5 * factor, -0.5 * factor, 0.5 * factor, 1.5 * factor]
        )]
    );
}

#[test]
fn a_flat_weight_is_held_by_the_minimum() {
    let weight = f32s(&[2, 1, 1], &[0.001, 0.003]);
    let fold = Transform::StandardizeWeight {
        minimum: 1e-4,
        precision: Precision::F64,
    };
    let output = fold.apply(vec![weight, f32s(&[1, 1, 1], &[1.0])]).unwrap();
    let expected = [-0.1, 0.1];
    for (value, expected) in output[0].to_f64().iter().zip(expected) {
        assert!((value - expected).abs() < 1e-7, "{value}");
    }
}

#[test]
fn a_folded_norm_has_literal_values_and_keeps_its_offset() {
    let input = vec![
        f32s(&[1, 2], &[1.0, -3.0]),
        f32s(&[1, 2], &[0.25, 4.0]),
        f32s(&[1, 2], &[0.5, 0.75]),
    ];
    let output = Transform::FoldNorm {
        epsilon: 0.0,
        precision: Precision::F64,
    }
    .apply(input)
    .unwrap();
    assert_eq!(
        output,
        [f32s(&[1, 2], &[2.0, -1.5]), f32s(&[1, 2], &[0.5, 0.75])]
    );
}
