//! From stored tensors to parameters that are ready to be used.
//!
//! Kernels are standardised and norms folded here, once, as JAX computes them at every pass, with its roundings.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use burn::tensor::Tensor;
use burn::tensor::backend::BackendTypes;

use crate::config::Folds;
use crate::layers::{Affine, Convolution, LayerNorm, Linear};
use crate::load::LoadError;
use crate::operations::{Gelu, Operations, Source};
use crate::precision::Roundings;
use crate::store::Store;

/// Added to a variance before its root is taken, in every norm.
const EPSILON: f32 = 1e-5;
/// The least `fan_in * variance` of a kernel that is standardised.
const LEAST_KERNEL_VARIANCE: f32 = 1e-4;

/// Changes the values of a tensor, by its key and shape.
pub type Edit<'a> = dyn Fn(&str, &[usize], &mut Vec<f32>) + 'a;

/// Parameters on a device, by their keys.
pub(crate) type Parameters<B> = BTreeMap<String, <B as BackendTypes>::FloatTensorPrimitive>;

/// Hands parameters to the modules by name, and notes which are missing, misshapen or left over.
///
/// A survey reads no values: it finds every fault before the first large read.
pub(crate) struct Loader<'a, B: Operations> {
    store: &'a Store,
    folds: Folds,
    roundings: Roundings,
    device: &'a B::Device,
    survey: bool,
    describes: bool,
    parameters: RefCell<Parameters<B>>,
    part: Option<(&'a str, &'a Edit<'a>)>,
    other_gelu: bool,
    used: BTreeSet<String>,
    missing: Vec<String>,
    misshapen: Vec<String>,
}

impl<'a, B: Operations> Loader<'a, B> {
    pub(crate) fn survey(
        store: &'a Store,
        folds: Folds,
        roundings: Roundings,
        device: &'a B::Device,
    ) -> Self {
        let (used, missing, misshapen, parameters) = Default::default();
        Self {
            store,
            folds,
            roundings,
            device,
            survey: true,
            describes: false,
            parameters,
            part: None,
            other_gelu: false,
            used,
            missing,
            misshapen,
        }
    }

    pub(crate) fn reader(
        store: &'a Store,
        folds: Folds,
        roundings: Roundings,
        device: &'a B::Device,
    ) -> Self {
        Self {
            survey: false,
            ..Self::survey(store, folds, roundings, device)
        }
    }

    /// Reads nothing: every parameter has its shape, and values that nobody may look at.
    pub(crate) fn describing(self) -> Self {
        Self {
            describes: true,
            ..self
        }
    }

    /// All parameters that were handed out.
    pub(crate) fn take_parameters(&self) -> Parameters<B> {
        self.parameters.take()
    }

    /// Where the model rounds.
    pub(crate) fn roundings(&self) -> Roundings {
        self.roundings
    }

    /// Reads only tensors whose key begins with `prefix`, and edits them.
    pub(crate) fn part(self, prefix: &'a str, edit: &'a Edit<'a>) -> Self {
        Self {
            part: Some((prefix, edit)),
            ..self
        }
    }

    /// Takes the other form of gelu wherever a module is told which.
    pub(crate) fn with_gelu(self, other: bool) -> Self {
        Self {
            other_gelu: other,
            ..self
        }
    }

    /// The form of gelu that a module is to take.
    pub(crate) fn gelu(&self, right: Gelu) -> Gelu {
        if self.other_gelu {
            right.other()
        } else {
            right
        }
    }

    /// Where the model is to live.
    pub(crate) fn device(&self) -> &B::Device {
        self.device
    }

    /// One error with everything that was noted, or none.
    pub(crate) fn finish(self, dir: &Path) -> Result<(), LoadError> {
        let Self {
            store,
            used,
            missing,
            misshapen,
            ..
        } = self;
        let extra: Vec<String> = store
            .names()
            .filter(|name| !used.contains(*name))
            .cloned()
            .collect();
        if missing.is_empty() && misshapen.is_empty() && extra.is_empty() {
            return Ok(());
        }
        Err(LoadError::Tensors {
            dir: dir.to_owned(),
            missing,
            misshapen,
            extra,
        })
    }

    /// The values of a tensor as JAX reads them; nothing in a survey, or if it is not as it should be.
    pub(crate) fn values(&mut self, name: &str, shape: &[usize]) -> Option<Vec<f32>> {
        let mut values = self.stored(name, shape);
        if let Some(values) = &mut values {
            self.roundings.values.numbers(values);
        }
        values
    }

    /// The values of a tensor before JAX rounds them.
    pub(crate) fn stored(&mut self, name: &str, shape: &[usize]) -> Option<Vec<f32>> {
        if self.describes {
            return None;
        }
        let name = bare(name);
        self.used.insert(name.to_owned());
        if self
            .part
            .is_some_and(|(prefix, _)| !name.starts_with(prefix))
        {
            return None;
        }
        let Some(stored) = self.store.get(name) else {
            self.missing.push(format!("{name} {shape:?}"));
            return None;
        };
        let known = matches!(
            stored.dtype,
            safetensors::Dtype::F32 | safetensors::Dtype::BF16
        );
        if stored.shape != shape || !known {
            let (found, dtype) = (&stored.shape, stored.dtype);
            self.misshapen.push(format!(
                "{name} is {dtype:?} {found:?}, expected F32 or BF16 {shape:?}"
            ));
            return None;
        }
        if self.survey {
            return None;
        }
        let mut values = self.store.values(stored)?;
        if let Some((_, edit)) = self.part {
            edit(name, shape, &mut values);
        }
        Some(values)
    }

    /// A tensor from values; a stand-in where there are none, which no forward pass ever sees.
    pub(crate) fn tensor<const D: usize>(
        &self,
        key: &str,
        values: Option<Vec<f32>>,
        shape: [usize; D],
    ) -> Tensor<B, D> {
        let key = bare(key).to_owned();
        let tensor = if values.is_none() && !self.describes {
            Tensor::zeros([1; D], self.device)
        } else {
            let values = || values.unwrap_or_default();
            B::floats(Source::Parameter(key.clone()), shape, values, self.device)
        };
        let primitive = tensor.clone().into_primitive().tensor();
        self.parameters.borrow_mut().insert(key, primitive);
        tensor
    }

    /// A parameter as JAX reads it.
    pub(crate) fn parameter<const D: usize>(
        &mut self,
        name: &str,
        shape: [usize; D],
    ) -> Tensor<B, D> {
        let values = self.values(name, &shape);
        self.tensor(name, values, shape)
    }

    /// `RMSBatchNorm`, folded.
    pub(crate) fn rms_batch_norm(&mut self, path: &str, channels: usize) -> Affine<B> {
        let key = format!("{path}/scale");
        let scale = self.values(&key, &[channels]);
        let scale = if self.folds.rms_batch_norm {
            scale
        } else {
            let variance = self.values(&format!("{path}/var_ema"), &[channels]);
            let r = |value| self.roundings.values.number(value);
            let folded = |(scale, variance): (&f32, &f32)| {
                let inverse = 1.0 / r(variance + r(EPSILON)).sqrt();
                r(scale * r(inverse))
            };
            scale
                .zip(variance)
                .map(|(scale, variance)| scale.iter().zip(&variance).map(folded).collect())
        };
        Affine {
            scale: self.tensor(&key, scale, [channels]),
            offset: self.parameter(&format!("{path}/offset"), [channels]),
        }
    }

    /// `LayerNorm`.
    pub(crate) fn layer_norm(
        &mut self,
        path: &str,
        channels: usize,
        centred: bool,
    ) -> LayerNorm<B> {
        let scale = self.parameter(&format!("{path}/scale"), [channels]);
        LayerNorm {
            scale,
            offset: self.parameter(&format!("{path}/offset"), [channels]),
            centred,
        }
    }

    /// `hk.Linear`.
    pub(crate) fn linear(
        &mut self,
        path: &str,
        inputs: usize,
        outputs: usize,
        with_bias: bool,
    ) -> Linear<B> {
        let weight = self.parameter(&format!("{path}/w"), [inputs, outputs]);
        Linear {
            weight,
            bias: with_bias.then(|| self.parameter(&format!("{path}/b"), [outputs])),
        }
    }

    /// `hk.Conv1D`.
    pub(crate) fn convolution(&mut self, path: &str, shape: [usize; 3]) -> Convolution<B> {
        let weight = self.parameter(&format!("{path}/w"), shape);
        Convolution {
            weight,
            bias: self.parameter(&format!("{path}/b"), [shape[2]]),
        }
    }

    /// `StandardizedConv1D`, standardised.
    pub(crate) fn standardized_convolution(
        &mut self,
        path: &str,
        shape: [usize; 3],
    ) -> Convolution<B> {
        let outputs = shape[2];
        let name = format!("{path}/w");
        let weight = if self.folds.standardized_conv1d {
            self.values(&name, &shape)
        } else {
            let mut weight = self.stored(&name, &shape);
            let scale = self.values(&format!("{path}/scale"), &[outputs]);
            if let (Some(weight), Some(scale)) = (&mut weight, scale) {
                standardize(weight, &scale, self.roundings);
            }
            weight
        };
        Convolution {
            weight: self.tensor(&name, weight, shape),
            bias: self.parameter(&format!("{path}/bias"), [outputs]),
        }
    }

    /// `_MultiOrganismLinear`: one linear layer an organism.
    pub(crate) fn organism_linear(
        &mut self,
        path: &str,
        organisms: usize,
        inputs: usize,
        outputs: usize,
    ) -> Vec<Linear<B>> {
        let keys = ["w", "b"].map(|name| format!("{path}/{name}"));
        let weights = self.values(&keys[0], &[organisms, inputs, outputs]);
        let biases = self.values(&keys[1], &[organisms, outputs]);
        let part = |values: &Option<Vec<f32>>, organism: usize, size: usize| {
            values
                .as_ref()
                .map(|values| values[organism * size..][..size].to_vec())
        };
        let linear = |organism| Linear {
            weight: self.tensor(
                &format!("{}[{organism}]", keys[0]),
                part(&weights, organism, inputs * outputs),
                [inputs, outputs],
            ),
            bias: Some(self.tensor(
                &format!("{}[{organism}]", keys[1]),
                part(&biases, organism, outputs),
                [outputs],
            )),
        };
        (0..organisms).map(linear).collect()
    }
}

/// A key without the name of the model.
fn bare(key: &str) -> &str {
    key.strip_prefix("alphagenome/").unwrap_or(key)
}

/// Takes the mean over `(width, in)` off a kernel `[width, in, out]`, and scales each output channel.
///
/// `weight` is as stored, `scale` as read. The mean and the variance are summed in float32 and then rounded.
fn standardize(weight: &mut [f32], scale: &[f32], roundings: Roundings) {
    let outputs = scale.len();
    let fan_in = weight.len() / outputs;
    let r = |value| roundings.values.number(value);
    roundings.kernels_for_mean.numbers(weight);
    let means = column_means(weight, outputs, f64::from);
    for row in weight.chunks_exact_mut(outputs) {
        row.iter_mut()
            .zip(&means)
            .for_each(|(value, mean)| *value = r(*value) - r(*mean));
    }
    let centred = |value: f32| f64::from(roundings.kernels_for_variance.number(value));
    let rest = column_means(weight, outputs, centred);
    let mut column = 0;
    let variances = column_means(weight, outputs, |value| {
        let centred = centred(value) - f64::from(rest[column]);
        column = (column + 1) % outputs;
        centred * centred
    });
    let least = r(LEAST_KERNEL_VARIANCE);
    let factor = |(variance, scale): (&f32, &f32)| {
        let total = r(r(fan_in as f32) * r(*variance)).max(least);
        r(scale * r(1.0 / total.sqrt()))
    };
    let factors: Vec<f32> = variances.iter().zip(scale).map(factor).collect();
    for row in weight.chunks_exact_mut(outputs) {
        row.iter_mut()
            .zip(&factors)
            .for_each(|(value, factor)| *value = r(r(*value) * factor));
    }
}

/// The mean of `f` over each column, summed in float64: a reference for any order in which XLA may sum.
fn column_means(values: &[f32], columns: usize, mut f: impl FnMut(f32) -> f64) -> Vec<f32> {
    let mut sums = vec![0.0; columns];
    for row in values.chunks_exact(columns) {
        sums.iter_mut()
            .zip(row)
            .for_each(|(sum, value)| *sum += f(*value));
    }
    let rows = (values.len() / columns) as f64;
    sums.iter().map(|sum| (sum / rows) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::precision::Arithmetic;

    /// Kernels that tell the arithmetics apart, standardised by hand with `r` where each of them rounds.
    #[test]
    fn kernels_are_standardised_as_each_arithmetic_rounds() {
        let r = |x: f32| half::bf16::from_f32(x).to_f32();
        let (rows, outputs, scale) = (7, 40, 1.25);
        let stored: Vec<f32> = (0..rows * outputs)
            .map(|i| 0.1 + 0.3 * (12.9898 * i as f32).sin())
            .collect();
        let mean = |values: &[f32]| {
            (values.iter().map(|&x| f64::from(x)).sum::<f64>() / values.len() as f64) as f32
        };
        let variance = |values: &[f32]| {
            let middle = f64::from(mean(values));
            let squares = values.iter().map(|&x| (f64::from(x) - middle).powi(2));
            (squares.sum::<f64>() / values.len() as f64) as f32
        };
        let mut all = Vec::new();
        for (arithmetic, of_read, of_rounded) in [
            (Arithmetic::XlaGpuBf16, false, true),
            (Arithmetic::XlaGpuBf16Strict, true, true),
            (Arithmetic::XlaCpuBf16, true, false),
        ] {
            let mut kernel = stored.clone();
            standardize(&mut kernel, &vec![scale; outputs], arithmetic.roundings());
            for output in 0..outputs {
                let column = |of: &[f32]| -> Vec<f32> {
                    of[output..].iter().step_by(outputs).copied().collect()
                };
                let stored = column(&stored);
                let read: Vec<f32> = stored.iter().map(|&x| r(x)).collect();
                let middle = r(mean(if of_read { &read } else { &stored }));
                let exact: Vec<f32> = read.iter().map(|x| x - middle).collect();
                let rounded: Vec<f32> = exact.iter().map(|&x| r(x)).collect();
                let spread = r(variance(if of_rounded { &rounded } else { &exact }));
                let factor = r(scale * r(1.0 / r(7.0 * spread).max(r(1e-4)).sqrt()));
                let expected: Vec<f32> = rounded.iter().map(|x| r(x * factor)).collect();
                assert_eq!(column(&kernel), expected, "{arithmetic}, output {output}");
            }
            all.push(kernel);
        }
        assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
    }

    #[test]
    fn a_kernel_without_variance_is_scaled_by_the_least_one() {
        let mut kernel = [0.5, 0.5, 0.5, 0.5];
        standardize(&mut kernel, &[1.0], Roundings::FLOAT32);
        assert_eq!(kernel, [0.0; 4]);
    }
}
