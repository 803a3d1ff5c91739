//! Properties that hold whatever the data: cuts, threads, signs, scales, and degenerate inputs.

use parity_stats::{
    Comparison, FloatType, Options, OutlierScan, Reason, Stat, Summary, Values, compare,
};
use proptest::prelude::*;

fn noisy(n: usize, seed: u64) -> (Vec<f32>, Vec<f32>) {
    let mut state = seed | 1;
    let mut next = move || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        ((state >> 40) as f32 / (1u64 << 24) as f32) - 0.5
    };
    let a: Vec<f32> = (0..n).map(|_| next() * 8.0).collect();
    let b = a.iter().map(|&x| x + 1000.0 * next().powi(21)).collect();
    (a, b)
}

fn in_pieces(a: &[f32], b: &[f32], piece: usize, options: &Options) -> Summary {
    let parts = || {
        a.chunks(piece)
            .map(Values::F32)
            .zip(b.chunks(piece).map(Values::F32))
    };
    let mut comparison = Comparison::new(options.clone());
    parts().for_each(|(a, b)| comparison.push(a, b).unwrap());
    let mut summary = comparison.finish();
    let mut scan = OutlierScan::after(&summary, options).unwrap();
    parts().for_each(|(a, b)| scan.push(a, b).unwrap());
    summary.outliers = Some(scan.finish());
    summary
}

#[test]
fn cuts_and_threads_do_not_matter() {
    let (mut a, mut b) = noisy(400_000, 5);
    for i in (0..a.len()).step_by(977) {
        a[i] = f32::NAN;
    }
    for i in (0..b.len()).step_by(1311) {
        b[i] = f32::INFINITY;
    }
    let options = Options::default();
    let whole = compare(Values::F32(&a), Values::F32(&b), &options).unwrap();
    assert!(
        whole.outliers.as_ref().unwrap().count > 0,
        "the test needs outliers"
    );
    for piece in [1000, 65_535, 65_536, 65_537, 399_999] {
        assert_eq!(
            whole,
            in_pieces(&a, &b, piece, &options),
            "pieces of {piece}"
        );
    }
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let other = pool.install(|| compare(Values::F32(&a), Values::F32(&b), &options).unwrap());
        assert_eq!(whole, other, "{threads} threads");
    }
}

#[test]
fn largest_difference_is_found_at_its_first_place() {
    let mut a = vec![1.0f32; 200_000];
    let mut b = a.clone();
    a[3] = f32::NAN;
    b[70_000] = 3.0;
    // Of the same size: in the same block, the same chunk, another chunk.
    b[70_001] = 3.0;
    b[71_000] = 3.0;
    b[150_001] = -1.0;
    let options = Options {
        listed: 3,
        ..Options::default()
    };
    let summary = compare(Values::F32(&a), Values::F32(&b), &options).unwrap();
    assert_eq!(summary.max.unwrap().index, 70_000);
    assert_eq!(summary.max_abs(), Stat::Defined(2.0));
    assert_eq!(summary.non_finite.first[0].index, 3);
    // The mean difference is a little above zero, so the negative outlier lies farthest from it.
    let worst: Vec<u64> = summary
        .outliers
        .unwrap()
        .worst
        .iter()
        .map(|p| p.index)
        .collect();
    assert_eq!(worst, [150_001, 70_000, 70_001]);
}

#[test]
fn steps_of_a_narrower_type_round_to_even() {
    let steps = |bits: u32, ulp| {
        let (a, b) = ([1.0f32], [f32::from_bits(bits)]);
        let options = Options {
            ulp: Some(ulp),
            ..Options::default()
        };
        compare(Values::F32(&a), Values::F32(&b), &options)
            .unwrap()
            .ulp
            .unwrap()
            .max
    };
    // Ties halfway between 1 and the next bfloat16, and between the next two.
    assert_eq!(steps(0x3f80_8000, FloatType::Bf16), 0);
    assert_eq!(steps(0x3f81_8000, FloatType::Bf16), 2);
    assert_eq!(steps(0x3f80_8001, FloatType::Bf16), 1);
    // The same for float16, whose step at 1 is 2^13 of float32's.
    assert_eq!(steps(0x3f80_1000, FloatType::F16), 0);
    assert_eq!(steps(0x3f80_3000, FloatType::F16), 2);
    // Zero has one representation: 1 is as far from -0 as from +0.
    assert_eq!(
        steps(0x0000_0000, FloatType::F32),
        steps(0x8000_0000, FloatType::F32)
    );
}

#[test]
fn degenerate_inputs_have_reasons() {
    let options = Options::default();
    let of = |a: &[f64], b: &[f64]| compare(Values::F64(a), Values::F64(b), &options).unwrap();

    let empty = of(&[], &[]);
    assert_eq!(empty.relative_l2, Stat::Undefined(Reason::Empty));
    assert_eq!(empty.pearson, Stat::Undefined(Reason::Empty));
    assert_eq!(empty.sign.share, Stat::Undefined(Reason::Empty));
    assert_eq!(empty.max, None);
    assert!(empty.identical);

    let nan = of(&[f64::NAN; 3], &[f64::NAN; 3]);
    assert_eq!((nan.finite, nan.non_finite.mismatches), (0, 0));
    assert_eq!(nan.mad, Stat::Undefined(Reason::Empty));

    let one = of(&[1.0], &[1.5]);
    assert_eq!(one.relative_l2, Stat::Defined(0.5));
    assert_eq!(one.pearson, Stat::Undefined(Reason::TooFew));
    assert_eq!(one.t_test.p, Stat::Undefined(Reason::TooFew));

    let constant = of(&[0.1; 1000], &[0.1; 1000]);
    assert_eq!(constant.pearson, Stat::Undefined(Reason::Constant));
    assert_eq!(constant.relative_l2, Stat::Defined(0.0));
    assert_eq!(constant.reference.std, Stat::Defined(0.0));
    assert_eq!(constant.cosine, Stat::Defined(1.0));

    let zero = of(&[0.0, -0.0], &[0.0, 0.0]);
    assert_eq!(zero.relative_l2, Stat::Defined(0.0));
    assert_eq!(zero.cosine, Stat::Undefined(Reason::ZeroNorm));
    assert_eq!(zero.equal, 2);
    assert_eq!(zero.sign.count, 2);

    let against_zero = of(&[0.0, 0.0], &[0.0, 1.0]);
    assert_eq!(against_zero.relative_l2, Stat::Undefined(Reason::ZeroNorm));

    let shifted = of(&[1.0, 2.0], &[2.0, 3.0]);
    assert_eq!(
        shifted.t_test.t,
        Stat::Undefined(Reason::ConstantDifference)
    );
    assert_eq!(shifted.outliers.unwrap().count, 0);

    let huge = of(&[1e200, -1e200], &[1e200, 1e200]);
    assert_eq!(huge.relative_l2, Stat::Undefined(Reason::NotFinite));
    let beyond = of(&[f64::MAX, 1.0], &[-f64::MAX, 1.0]);
    assert_eq!(beyond.mad, Stat::Undefined(Reason::NotFinite));
    let json = serde_json::to_string(&beyond).unwrap();
    assert_eq!(beyond, serde_json::from_str(&json).unwrap());
}

proptest! {
    #[test]
    fn bit_equal_arrays_do_not_differ(a in prop::collection::vec(-1e6f32..1e6, 2..3000)) {
        let s = compare(Values::F32(&a), Values::F32(&a), &Options::default()).unwrap();
        prop_assert!(s.identical);
        prop_assert_eq!(s.relative_l2, Stat::Defined(0.0));
        prop_assert_eq!(s.pearson, Stat::Defined(1.0));
        prop_assert_eq!(s.one_minus_pearson, Stat::Defined(0.0));
        prop_assert_eq!(s.ulp.unwrap().max, 0);
    }

    #[test]
    fn signs_and_powers_of_two_do_not_matter(seed in any::<u64>(), n in 2usize..2000) {
        let (a, b) = noisy(n, seed);
        let options = Options { ulp: Some(FloatType::F32), ..Options::default() };
        let s = compare(Values::F32(&a), Values::F32(&b), &options).unwrap();
        for factor in [-1.0f32, 4.0] {
            let scale = |x: &[f32]| x.iter().map(|x| x * factor).collect::<Vec<_>>();
            let scaled =
                compare(Values::F32(&scale(&a)), Values::F32(&scale(&b)), &options).unwrap();
            prop_assert_eq!(s.relative_l2, scaled.relative_l2);
            prop_assert_eq!(s.pearson, scaled.pearson);
            prop_assert_eq!(s.one_minus_pearson, scaled.one_minus_pearson);
            prop_assert_eq!(s.cosine, scaled.cosine);
            prop_assert_eq!(s.sign, scaled.sign);
            prop_assert_eq!(s.t_test.p, scaled.t_test.p);
            prop_assert_eq!(s.max.map(|m| m.index), scaled.max.map(|m| m.index));
        }
        prop_assert!(s.cosine.value().unwrap() <= 1.0);
        prop_assert!(s.pearson.value().unwrap().abs() <= 1.0);
    }

    #[test]
    fn negating_the_candidate_negates_the_correlation(seed in any::<u64>(), n in 3usize..500) {
        let (a, b) = noisy(n, seed);
        let negated: Vec<f32> = b.iter().map(|x| -x).collect();
        let options = Options::default();
        let s = compare(Values::F32(&a), Values::F32(&b), &options).unwrap();
        let t = compare(Values::F32(&a), Values::F32(&negated), &options).unwrap();
        let (r, q) = (s.pearson.value().unwrap(), t.pearson.value().unwrap());
        prop_assert!((r + q).abs() < 1e-12);
        prop_assert!((t.one_minus_pearson.value().unwrap() - (1.0 + r)).abs() < 1e-12);
    }

    #[test]
    fn steps_count_the_values_between(a in any::<f32>(), steps in 0u32..100_000) {
        prop_assume!(a.is_finite() && a.abs() < 1e38 && a != 0.0);
        let b = f32::from_bits(a.to_bits() + steps);
        let s = compare(Values::F32(&[a]), Values::F32(&[b]), &Options::default()).unwrap();
        prop_assert_eq!(s.ulp.unwrap().max, u64::from(steps));
    }
}
