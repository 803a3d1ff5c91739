//! Every statistic against numpy and scipy: `reference.py` made `reference.json`, whose inputs are
//! drawn again here from the same generator.

mod recipes;

use parity_stats::bias::{BiasOptions, Clusters, bias, track_bias};

use parity_stats::classes::{ClassOptions, Scores, class_parity};
use parity_stats::dependence::dependence;
use parity_stats::effective::effective;
use parity_stats::effects::{Alleles, effect_parity};
use parity_stats::groups::{Grouping, by_group};
use parity_stats::intervals::{Statistic, intervals};
use parity_stats::loss::{LossOptions, track_loss};
use parity_stats::positions::overlap;
use parity_stats::quantile::{difference_quantiles, signal_deciles};
use parity_stats::student::{two_sided, upper_quantile};
use parity_stats::{Options, Values, compare};
use serde_json::{Value, json};

use recipes::{Owned, draw, make};

/// Relative agreement asked for.
const AGREEMENT: f64 = 1e-9;
/// Rounding noise of a sum whose true value is zero, in units of the data (which are about 1).
const ZERO: f64 = 1e-14;
/// Statistics that agree to so many digits however small they are.
const EXACT: [&str; 8] = [
    "one_minus_pearson",
    "one_minus_cosine",
    "relative_l2",
    "mad",
    "rms",
    "std",
    "p",
    "adjusted_p",
];

#[test]
fn every_statistic_agrees_with_numpy_and_scipy() {
    let fixture: Value = serde_json::from_str(include_str!("../reference.json")).unwrap();
    let mut faults = Vec::new();
    let mut compared = 0;
    for case in fixture["cases"].as_array().unwrap() {
        let name =
            format!("{} {} {}", case["recipe"], case["dtype"], case["shape"]).replace('"', "");
        let found = statistics(case);
        // Values around a million cancel six digits more.
        let zero = if case["recipe"] == "offset" {
            ZERO * 1e6
        } else {
            ZERO
        };
        differences(
            &name,
            &case["expected"],
            &found,
            zero,
            &mut compared,
            &mut faults,
        );
    }
    assert!(compared > 10_000, "only {compared} values compared");
    assert!(
        faults.is_empty(),
        "{} of {compared}:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

#[test]
fn students_distribution_agrees_with_scipy() {
    let fixture: Value = serde_json::from_str(include_str!("../reference.json")).unwrap();
    let rows =
        |key: &str| -> Vec<[f64; 3]> { serde_json::from_value(fixture[key].clone()).unwrap() };
    for [t, freedom, p] in rows("student_two_sided") {
        let found = two_sided(t, freedom);
        assert!(
            (found - p).abs() <= AGREEMENT * p,
            "t {t}, freedom {freedom}: {found} for {p}"
        );
    }
    for [p, freedom, t] in rows("student_quantile") {
        let found = upper_quantile(p, freedom);
        assert!(
            (found - t).abs() <= AGREEMENT * t,
            "p {p}, freedom {freedom}: {found} for {t}"
        );
    }
}

/// Walks both trees together; every field of either must be in the other.
fn differences(
    path: &str,
    expected: &Value,
    found: &Value,
    zero: f64,
    compared: &mut usize,
    faults: &mut Vec<String>,
) {
    match (expected, found) {
        (Value::Object(e), Value::Object(f)) if e.len() == f.len() => {
            for (key, e) in e {
                let f = f.get(key).unwrap_or(&Value::Null);
                // Not where the inputs of a difference are themselves rounded (the logarithms of
                // a softmax), and for a scaled array, whose `1 - r` is zero, only to rounding.
                let rounded = path.contains("logits")
                    || path.contains("probabilities")
                    || path.contains("scaled");
                let exact = EXACT.contains(&key.as_str()) && !rounded;
                let zero = if exact { 1e-27 } else { zero };
                differences(&format!("{path} / {key}"), e, f, zero, compared, faults);
            }
        }
        (Value::Array(e), Value::Array(f)) if e.len() == f.len() => {
            for (i, (e, f)) in e.iter().zip(f).enumerate() {
                differences(&format!("{path} / {i}"), e, f, zero, compared, faults);
            }
        }
        (Value::Number(e), Value::Number(f)) => {
            *compared += 1;
            let (e, f) = (e.as_f64().unwrap(), f.as_f64().unwrap());
            if (e - f).abs() > AGREEMENT * e.abs() + zero {
                faults.push(format!("{path}: expected {e:e}, found {f:e}"));
            }
        }
        _ => {
            *compared += 1;
            if expected != found {
                faults.push(format!("{path}: expected {expected}, found {found}"));
            }
        }
    }
}

fn statistics(case: &Value) -> Value {
    let number = |key: &str| case[key].as_u64().unwrap() as usize;
    let shape: Vec<usize> = serde_json::from_value(case["shape"].clone()).unwrap();
    let n: usize = shape.iter().product();
    let dtype = case["dtype"].as_str().unwrap();
    let (a, b) = make(case["recipe"].as_str().unwrap(), n, number("seed") as u64);
    let (ra, rb) = make("random", n, number("seed") as u64 + 1000);
    let [a, b, ra, rb] = [a, b, ra, rb].map(|x| Owned::rounded(&x, dtype));
    let (a, b) = (a.view(), b.view());

    let options = Options {
        ulp: Some(a.float_type()),
        ..Options::default()
    };
    let probabilities = [0.0, 0.01, 0.5, 0.9, 0.999, 1.0];
    let tracks = Grouping::tracks(&shape);
    let blocks = Grouping::windows(&shape, 1, number("window")).unwrap();
    let clusters = Clusters {
        blocks,
        tracks,
        cut: 0.1,
    };
    let bias_options = BiasOptions {
        margin: 0.012,
        alpha: 0.05,
    };
    use Statistic::{Cosine, Mad, MeanDifference, OneMinusPearson, Pearson, RelativeL2, Rms};
    let statistics = [
        RelativeL2,
        Mad,
        Rms,
        MeanDifference,
        Pearson,
        OneMinusPearson,
        Cosine,
    ];
    let mut classes = ClassOptions::new(shape[2], Scores::Logits, shape[1] as u64);
    classes.edge_bins = vec![0, 2, 8, 16];
    classes.tie = Some(0.05);
    let probabilities_of = ClassOptions {
        scores: Scores::Probabilities,
        ..classes.clone()
    };
    let (pa, pb): (Vec<f64>, Vec<f64>) = {
        let u = draw(50, number("seed") as u64);
        (u[..25].to_vec(), u[25..].to_vec())
    };
    let [pa, pb] = [pa, pb].map(|u| {
        u.iter()
            .map(|u| (u * 60.0 - 3.0) as i64)
            .collect::<Vec<_>>()
    });
    let loss_options = LossOptions {
        tracks: shape[2],
        resolution: number("resolution"),
        positional_weight: 5.0,
    };
    let reference = Alleles {
        reference_allele: ra.view(),
        alternative_allele: a,
    };
    let candidate = Alleles {
        reference_allele: rb.view(),
        alternative_allele: b,
    };
    json!({
        "summary": compare(a, b, &options).unwrap(),
        "quantiles": difference_quantiles(a, b, &probabilities).unwrap(),
        "deciles": signal_deciles(a, b).unwrap(),
        "groups": {
            "tracks": by_group(a, b, tracks).unwrap(),
            "windows": by_group(a, b, blocks).unwrap(),
        },
        "bias": bias(a, b, clusters, bias_options).unwrap(),
        "effective": (shape[1] <= 4096).then(|| effective(a, b, &shape, 1, &dependence(a, b, &shape, 1).unwrap()).unwrap()),
        "track_bias": track_bias(a, b, clusters).unwrap(),
        "intervals": intervals(a, b, clusters, &statistics, 0.1).unwrap(),
        "dependence": (shape[1] <= 4096).then(|| dependence(a, b, &shape, 1).unwrap()),
        "logits": class_parity(a, b, &classes).unwrap(),
        "probabilities": class_parity(
            Values::F64(&softmax(a, shape[2])),
            Values::F64(&softmax(b, shape[2])),
            &probabilities_of,
        )
        .unwrap(),
        "positions": overlap(&pa, &pb),
        "loss": track_loss(a, b, loss_options).unwrap(),
        "effects": effect_parity(reference, candidate).unwrap(),
    })
}

fn softmax(values: Values<'_>, classes: usize) -> Vec<f64> {
    let mut values = values.to_f64();
    for row in values.chunks_mut(classes) {
        let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        row.iter_mut().for_each(|x| *x = (*x - max).exp());
        let sum: f64 = row.iter().sum();
        row.iter_mut().for_each(|x| *x /= sum);
    }
    values
}
