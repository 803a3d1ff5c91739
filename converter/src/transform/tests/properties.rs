//! Properties of transforms on drawn shapes and values.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn a_permutation_and_its_inverse_cancel(shape in prop::collection::vec(0usize..5, 0..5), seed in any::<u64>()) {
        let tensor = counted(&shape);
        let mut axes: Vec<usize> = (0..shape.len()).collect();
        axes.sort_by_key(|&axis| seed.rotate_left(axis as u32 * 7) % 11);
        let mut inverse = vec![0; axes.len()];
        axes.iter().enumerate().for_each(|(at, &axis)| inverse[axis] = at);
        let there = one(Transform::Permute { axes }, tensor.clone());
        prop_assert_eq!(one(Transform::Permute { axes: inverse }, there), tensor);
    }

    #[test]
    fn every_transform_gives_what_it_infers(shape in prop::collection::vec(1usize..4, 1..4), axis in 0usize..3) {
        let tensor = counted(&shape);
        for transform in [
            Transform::Squeeze { axes: vec![axis] },
            Transform::FillNan { value: 0.0 },
            Transform::Cast { dtype: Dtype::F64 },
        ] {
            if let Ok(kinds) = transform.infer(std::slice::from_ref(&tensor.kind)) {
                let output = transform.apply(vec![tensor.clone()]).unwrap();
                prop_assert_eq!(output[0].data.len(), kinds[0].bytes());
                prop_assert_eq!(&output[0].kind, &kinds[0]);
            }
        }
    }

    #[test]
    fn the_weight_fold_follows_its_formula(values in prop::collection::vec(-1f32..1.0, 12), scale in 0.1f32..2.0) {
        let weight: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
        let mean = weight.iter().sum::<f64>() / 12.0;
        let variance = weight.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 12.0;
        let factor = f64::from(scale) / (12.0 * variance).max(1e-4).sqrt();
        for (precision, bound) in [(Precision::F64, 6e-8), (Precision::F32, 2e-6)] {
            let fold = Transform::StandardizeWeight { minimum: 1e-4, precision };
            let input = vec![f32s(&[3, 4, 1], &weight), f32s(&[1, 1, 1], &[f64::from(scale)])];
            let output = fold.apply(input).unwrap()[0].to_f64();
            for (value, weight) in output.iter().zip(&weight) {
                let expected = (weight - mean) * factor;
                prop_assert!((value - expected).abs() <= bound * expected.abs().max(factor), "{value} {expected}");
            }
        }
    }

    #[test]
    fn the_norm_fold_follows_its_formula(scale in -2f32..2.0, variance in 0f32..10.0, offset in -1f32..1.0) {
        let exact = f64::from(scale) / (f64::from(variance) + 1e-5).sqrt();
        for (precision, bound) in [(Precision::F64, 6e-8), (Precision::F32, 4e-7)] {
            let input = [scale, variance, offset].map(|v| f32s(&[1], &[f64::from(v)])).to_vec();
            let output = Transform::FoldNorm { epsilon: 1e-5, precision }.apply(input).unwrap();
            prop_assert!((output[0].to_f64()[0] - exact).abs() <= bound * exact.abs());
            prop_assert_eq!(output[1].to_f64(), vec![f64::from(offset)]);
        }
    }
}
