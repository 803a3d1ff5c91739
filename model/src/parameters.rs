//! From stored tensors to parameters that are ready to be used.
//!
//! Kernels are standardised and norms folded here, once, with float32 values as JAX computes them at every pass.

use std::collections::BTreeSet;
use std::path::Path;

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use crate::config::Folds;
use crate::layers::{Affine, Convolution, LayerNorm, Linear};
use crate::load::LoadError;
use crate::store::Store;

/// Added to a variance before its root is taken, in every norm.
const EPSILON: f32 = 1e-5;
/// The least `fan_in * variance` of a kernel that is standardised.
const LEAST_KERNEL_VARIANCE: f32 = 1e-4;

/// Hands parameters to the modules by name, and notes which are missing, misshapen or left over.
///
/// A survey reads no values: it finds every fault before the first large read.
pub(crate) struct Loader<'a, B: Backend> {
    store: &'a Store,
    folds: Folds,
    device: &'a B::Device,
    survey: bool,
    used: BTreeSet<String>,
    missing: Vec<String>,
    misshapen: Vec<String>,
}

impl<'a, B: Backend> Loader<'a, B> {
    pub(crate) fn survey(store: &'a Store, folds: Folds, device: &'a B::Device) -> Self {
        let (used, missing, misshapen) = Default::default();
        Self {
            store,
            folds,
            device,
            survey: true,
            used,
            missing,
            misshapen,
        }
    }

    pub(crate) fn reader(store: &'a Store, folds: Folds, device: &'a B::Device) -> Self {
        Self {
            survey: false,
            ..Self::survey(store, folds, device)
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

    /// The values of a tensor; nothing in a survey, or if it is not as it should be.
    pub(crate) fn values(&mut self, name: &str, shape: &[usize]) -> Option<Vec<f32>> {
        let name = name.strip_prefix("alphagenome/").unwrap_or(name);
        self.used.insert(name.to_owned());
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
            None
        } else {
            self.store.values(stored)
        }
    }

    /// A tensor from values; a stand-in where there are none, which no forward pass ever sees.
    pub(crate) fn tensor<const D: usize>(
        &self,
        values: Option<Vec<f32>>,
        shape: [usize; D],
    ) -> Tensor<B, D> {
        match values {
            Some(values) => Tensor::from_data(TensorData::new(values, shape), self.device),
            None => Tensor::zeros([1; D], self.device),
        }
    }

    /// A parameter as it is stored.
    pub(crate) fn parameter<const D: usize>(
        &mut self,
        name: &str,
        shape: [usize; D],
    ) -> Tensor<B, D> {
        let values = self.values(name, &shape);
        self.tensor(values, shape)
    }

    /// `RMSBatchNorm`, folded.
    pub(crate) fn rms_batch_norm(&mut self, path: &str, channels: usize) -> Affine<B> {
        let scale = self.values(&format!("{path}/scale"), &[channels]);
        let scale = if self.folds.rms_batch_norm {
            scale
        } else {
            let variance = self.values(&format!("{path}/var_ema"), &[channels]);
            scale.zip(variance).map(|(scale, variance)| {
                let inverse = variance
                    .iter()
                    .map(|variance| 1.0 / (variance + EPSILON).sqrt());
                scale
                    .iter()
                    .zip(inverse)
                    .map(|(scale, inverse)| scale * inverse)
                    .collect()
            })
        };
        Affine {
            scale: self.tensor(scale, [channels]),
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
        let mut weight = self.values(&format!("{path}/w"), &shape);
        if !self.folds.standardized_conv1d {
            let scale = self.values(&format!("{path}/scale"), &[outputs]);
            if let (Some(weight), Some(scale)) = (&mut weight, scale) {
                standardize(weight, &scale);
            }
        }
        Convolution {
            weight: self.tensor(weight, shape),
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
        let weights = self.values(&format!("{path}/w"), &[organisms, inputs, outputs]);
        let biases = self.values(&format!("{path}/b"), &[organisms, outputs]);
        let part = |values: &Option<Vec<f32>>, organism: usize, size: usize| {
            values
                .as_ref()
                .map(|values| values[organism * size..][..size].to_vec())
        };
        let linear = |organism| Linear {
            weight: self.tensor(
                part(&weights, organism, inputs * outputs),
                [inputs, outputs],
            ),
            bias: Some(self.tensor(part(&biases, organism, outputs), [outputs])),
        };
        (0..organisms).map(linear).collect()
    }
}

/// Takes the mean over `(width, in)` off a kernel `[width, in, out]`, and scales each output channel.
fn standardize(weight: &mut [f32], scale: &[f32]) {
    let outputs = scale.len();
    let fan_in = weight.len() / outputs;
    let means = column_means(weight, outputs, |value| value);
    for row in weight.chunks_exact_mut(outputs) {
        row.iter_mut()
            .zip(&means)
            .for_each(|(value, mean)| *value -= mean);
    }
    let rest = column_means(weight, outputs, |value| value);
    let mut column = 0;
    let variances = column_means(weight, outputs, |value| {
        let centred = value - f64::from(rest[column]);
        column = (column + 1) % outputs;
        centred * centred
    });
    let scales: Vec<f32> = variances
        .iter()
        .zip(scale)
        .map(|(variance, scale)| {
            scale * (1.0 / (fan_in as f32 * variance).max(LEAST_KERNEL_VARIANCE).sqrt())
        })
        .collect();
    for row in weight.chunks_exact_mut(outputs) {
        row.iter_mut()
            .zip(&scales)
            .for_each(|(value, scale)| *value *= scale);
    }
}

/// The mean of `f` over each column, summed in float64: a reference for any order in which XLA may sum.
fn column_means(values: &[f32], columns: usize, mut f: impl FnMut(f64) -> f64) -> Vec<f32> {
    let mut sums = vec![0.0; columns];
    for row in values.chunks_exact(columns) {
        sums.iter_mut()
            .zip(row)
            .for_each(|(sum, value)| *sum += f(f64::from(*value)));
    }
    let rows = (values.len() / columns) as f64;
    sums.iter().map(|sum| (sum / rows) as f32).collect()
}
