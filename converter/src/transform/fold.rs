//! The two folds that inference allows: arithmetic on weights that a model would otherwise repeat at every call.

use crate::tensor::{Shape, Tensor, TensorType, from_f64, to_f64};

use super::Precision;

fn all_float(input: &[TensorType]) -> Result<(), String> {
    match input.iter().find(|kind| !kind.dtype.is_float()) {
        Some(kind) => Err(format!("it takes floating-point tensors, not {kind}")),
        None => Ok(()),
    }
}

/// Whether `shape` is `[channels]` behind any number of axes of length one.
fn is_per_channel(shape: &[usize], channels: usize) -> bool {
    shape.split_last().is_some_and(|(last, leading)| {
        *last == channels && leading.iter().all(|&length| length == 1)
    })
}

pub(super) fn infer_standardize(input: &[TensorType]) -> Result<Vec<TensorType>, String> {
    let [weight, scale] = input else {
        return Err(format!(
            "it takes a weight and its scale, not {} tensors",
            input.len()
        ));
    };
    all_float(input)?;
    match weight.shape.last() {
        Some(&channels) if is_per_channel(&scale.shape, channels) => Ok(vec![weight.clone()]),
        _ => Err(format!(
            "scale {} does not fit weight {}",
            Shape(&scale.shape),
            Shape(&weight.shape)
        )),
    }
}

pub(super) fn infer_norm(input: &[TensorType]) -> Result<Vec<TensorType>, String> {
    let [scale, variance, offset] = input else {
        return Err(format!(
            "it takes scale, variance and offset, not {} tensors",
            input.len()
        ));
    };
    all_float(input)?;
    if scale.shape != variance.shape || scale.shape != offset.shape {
        let shapes = (
            Shape(&scale.shape),
            Shape(&variance.shape),
            Shape(&offset.shape),
        );
        return Err(format!(
            "scale {}, variance {} and offset {} differ in shape",
            shapes.0, shapes.1, shapes.2
        ));
    }
    Ok(vec![scale.clone(), offset.clone()])
}

/// Standardizes a weight `[..., C]` and multiplies it by its scale `[..., C]`.
///
/// `alphagenome_research.model.convolutions.StandardizedConv1D`: the mean is over all axes but the last, the variance is
/// the population's.
pub(super) fn standardize(
    weight: &Tensor,
    scale: &Tensor,
    minimum: f64,
    precision: Precision,
) -> Tensor {
    let round = rounding(precision);
    let channels = scale.kind.shape.last().copied().unwrap_or(1).max(1);
    let size = weight.kind.dtype.size();
    let rows = || {
        weight
            .data
            .chunks(channels * size)
            .map(|row| to_f64(weight.kind.dtype, row))
    };
    let fan_in = (weight.data.len() / (channels * size)) as f64;

    let mut mean = vec![0.0; channels];
    for row in rows() {
        mean.iter_mut()
            .zip(row)
            .for_each(|(sum, value)| *sum = round(*sum + value));
    }
    mean.iter_mut().for_each(|sum| *sum = round(*sum / fan_in));

    let mut variance = vec![0.0; channels];
    for row in rows() {
        for ((sum, value), mean) in variance.iter_mut().zip(row).zip(&mean) {
            let centred = round(value - mean);
            *sum = round(*sum + round(centred * centred));
        }
    }
    let factor: Vec<f64> = variance
        .iter()
        .zip(to_f64(scale.kind.dtype, &scale.data))
        .map(|(sum, scale)| {
            let spread = round(fan_in * round(sum / fan_in)).max(round(minimum));
            round(scale * round(1.0 / round(spread.sqrt())))
        })
        .collect();

    let mut data = Vec::with_capacity(weight.data.len());
    for row in rows() {
        let folded: Vec<f64> = row
            .iter()
            .zip(&mean)
            .zip(&factor)
            .map(|((value, mean), factor)| round(round(value - mean) * factor))
            .collect();
        data.extend_from_slice(&from_f64(weight.kind.dtype, &folded));
    }
    Tensor {
        kind: weight.kind.clone(),
        data,
    }
}

/// Folds a norm's moving variance into its scale; takes `[scale, variance, offset]`, gives `[scale, offset]`.
///
/// `alphagenome_research.model.layers.RMSBatchNorm`: `x * (scale * rsqrt(variance + epsilon)) + offset`.
pub(super) fn norm(input: Vec<Tensor>, epsilon: f64, precision: Precision) -> Vec<Tensor> {
    let round = rounding(precision);
    let mut operands = input.into_iter();
    let (Some(scale), Some(variance), Some(offset)) =
        (operands.next(), operands.next(), operands.next())
    else {
        return Vec::new();
    };
    let folded: Vec<f64> = scale
        .to_f64()
        .into_iter()
        .zip(variance.to_f64())
        .map(|(scale, variance)| {
            let root = round(round(variance + round(epsilon)).sqrt());
            round(scale * round(1.0 / root))
        })
        .collect();
    vec![
        Tensor {
            data: from_f64(scale.kind.dtype, &folded),
            kind: scale.kind,
        },
        offset,
    ]
}

/// One operation in f64 and a rounding to f32 is the operation in f32 (for sums, products, quotients and roots: f64 has
/// more than twice f32's digits; Figueroa, "When is double rounding innocuous?", 1995).
fn rounding(precision: Precision) -> fn(f64) -> f64 {
    match precision {
        Precision::F32 => |value| f64::from(value as f32),
        Precision::F64 => |value| value,
    }
}
