//! Parameters on their way to the device.

mod joined;
mod tables;

use std::collections::BTreeMap;

use ::cuda::module::Argument;
use ::cuda::{Device, Span, arguments};

use super::Weights;
use crate::config::{Config, Head};
use crate::cuda::CudaError;
use crate::cuda::kernels::Kernels;
use crate::metadata::Metadata;
use crate::precision::{Rounding, Roundings};
use crate::store::Store;

/// Puts parameters on the device.
pub(in crate::cuda) struct Uploader<'a> {
    pub(in crate::cuda) device: &'a Device,
    pub(in crate::cuda) kernels: &'a Kernels,
    pub(in crate::cuda) store: &'a Store,
    pub(in crate::cuda) config: &'a Config,
    pub(in crate::cuda) metadata: Option<&'a Metadata>,
    pub(in crate::cuda) roundings: Roundings,
    staging: [Span; 2],
    ready: BTreeMap<String, Span>,
}

impl<'a> Uploader<'a> {
    pub(in crate::cuda) fn new(
        device: &'a Device,
        kernels: &'a Kernels,
        (store, config, metadata): (&'a Store, &'a Config, Option<&'a Metadata>),
        roundings: Roundings,
    ) -> Result<Self, CudaError> {
        let values = |name: &String| {
            store
                .get(name)
                .map_or(0, |stored| stored.shape.iter().product())
        };
        let most: usize = store.names().map(values).max().unwrap_or(0);
        let staging = [(); 2].map(|()| device.allocate(4 * most.max(1) as u64));
        let [first, second] = staging;
        let staging = [first?, second?];
        Ok(Self {
            device,
            kernels,
            store,
            config,
            metadata,
            roundings,
            staging,
            ready: BTreeMap::new(),
        })
    }

    /// Uploads everything that the forward pass reads.
    pub(in crate::cuda) fn finish(mut self) -> Result<Weights, CudaError> {
        let names: Vec<String> = self.store.names().cloned().collect();
        for name in &names {
            self.parameter(name)?;
        }
        self.joined()?;
        self.joint_heads()?;
        self.tables()?;
        self.device.synchronize()?;
        let most = |head: &Head| match head {
            Head::SpliceSitesJunction { output_type, .. } => Some(output_type.clone()),
            _ => None,
        };
        let output = self.config.heads.values().find_map(most);
        let tissues = match (self.metadata, output) {
            (Some(metadata), Some(output)) => (0..self.config.num_organisms)
                .map(|organism| metadata.tracks(organism, &output).len())
                .collect(),
            _ => Vec::new(),
        };
        let (names, spans): (Vec<_>, Vec<_>) = self.ready.into_iter().unzip();
        Ok(Weights {
            numbers: names.into_iter().zip(0..).collect(),
            spans,
            tissues,
            element: self.kernels.element(),
            parts: BTreeMap::new(),
            #[cfg(test)]
            imaginary: Vec::new(),
        })
    }

    fn parameter(&mut self, name: &str) -> Result<(), CudaError> {
        let (path, leaf) = name.rsplit_once('/').unwrap_or(("", name));
        let shape = self
            .store
            .get(name)
            .map(|stored| stored.shape.clone())
            .unwrap_or_default();
        let folds = self.config.folds;
        match leaf {
            "var_ema" => Ok(()),
            "scale" if path.ends_with("standardized_conv1_d") => Ok(()),
            "scale" if path.contains("rms_batch_norm") && !folds.rms_batch_norm => {
                let (from, n) = self.upload(name)?;
                let (variance, _) = self.upload(&format!("{path}/var_ema"))?;
                let to = self.reserve(name, 4 * n)?;
                self.each("fold_norm", n, &arguments![&from, &variance, &to, n as i32])
            }
            "w" if path.ends_with("standardized_conv1_d") => self.kernel(name, path, &shape),
            "w" if shape.len() == 3 && path.ends_with("conv1_d") => {
                let rows = shape[0] * shape[1];
                self.matrix(
                    name,
                    name,
                    rows,
                    shape[2],
                    [rows.next_multiple_of(8), shape[2], 0],
                )
            }
            "b" if path.ends_with("dna_embedder/conv1_d") => {
                self.matrix(name, name, 1, shape[0], [1, shape[0], 0])
            }
            "bias" => self.matrix(name, name, 1, shape[0], [1, shape[0], 0]),
            "w" if self.is_joined(path) => Ok(()),
            "w" if self.is_joint_head(path) => Ok(()),
            "w" => {
                let c = shape.last().copied().unwrap_or(1);
                let rows = shape.iter().product::<usize>() / c.max(1);
                self.matrix(name, name, rows, c, [rows, c.next_multiple_of(8), 0])
            }
            "learnt_scale" => {
                let (from, n) = self.upload(name)?;
                let to = self.reserve(name, 4 * n)?;
                let exact = i32::from(self.roundings.learnt_scales == Rounding::None);
                self.each(
                    "softplus_values",
                    n,
                    &arguments![&from, &to, n as i64, exact],
                )
            }
            _ => {
                let (from, n) = self.upload(name)?;
                let to = self.reserve(name, 4 * n)?;
                self.each("round_values", n, &arguments![&from, &to, n as i64])
            }
        }
    }

    /// A standardised kernel `[width, in, out]`, as `[out, width, in]`.
    fn kernel(&mut self, name: &str, path: &str, shape: &[usize]) -> Result<(), CudaError> {
        let out = shape[2];
        let fan_in = shape[0] * shape[1];
        let (from, n) = self.upload(name)?;
        let to = self.reserve(name, n * self.kernels.element())?;
        if self.config.folds.standardized_conv1d {
            let arguments = arguments![&from, &to, fan_in as i32, out as i32];
            return self.each("transpose", n, &arguments);
        }
        let (scale, _) = self.upload(&format!("{path}/scale"))?;
        let exact = i32::from(self.roundings.kernels_for_mean == Rounding::None);
        let arguments = arguments![&from, &scale, &to, fan_in as i32, out as i32, exact];
        let grid = [out.div_ceil(32) as u32, 1, 1];
        self.kernels
            .launch("standardize", grid, [32, 8, 1], &arguments)
    }

    /// A matrix in the storage type: the tensor `from` `[rows, c]` into `[rows', stride]` at a column, the rest zero.
    fn matrix(
        &mut self,
        name: &str,
        from: &str,
        rows: usize,
        c: usize,
        [all_rows, stride, at]: [usize; 3],
    ) -> Result<(), CudaError> {
        let (from, _) = self.upload(from)?;
        let bytes = all_rows * stride * self.kernels.element();
        let to = match self.ready.get(name) {
            Some(span) => span.clone(),
            None => {
                let to = self.reserve(name, bytes)?;
                self.device.fill(&to, 0)?;
                to
            }
        };
        let arguments = arguments![&from, &to, rows as i64, c as i32, stride as i32, at as i32];
        self.each("store_matrix", rows * c, &arguments)
    }

    fn reserve(&mut self, name: &str, bytes: usize) -> Result<Span, CudaError> {
        let span = self.device.allocate(bytes.max(4) as u64)?;
        self.ready.insert(name.to_owned(), span.clone());
        Ok(span)
    }

    fn each(
        &self,
        kernel: &'static str,
        n: usize,
        arguments: &[Argument],
    ) -> Result<(), CudaError> {
        let blocks = n.div_ceil(256).clamp(1, 8192) as u32;
        self.kernels
            .launch(kernel, [blocks, 1, 1], [256, 1, 1], arguments)
    }

    /// A tensor's values as float32 in one of two staging buffers by turns; where they are and how many.
    fn upload(&mut self, name: &str) -> Result<(Span, usize), CudaError> {
        self.staging.swap(0, 1);
        let staging = &self.staging[0];
        let device = self.device;
        let write = |bytes: &[u8]| {
            let to = staging.slice(0, bytes.len() as u64)?;
            device.write(bytes, &to)?;
            Ok::<_, CudaError>((to, bytes.len() / 4))
        };
        match self.store.with_f32_bytes(name, write) {
            Some(outcome) => outcome,
            None => Err(CudaError::Parameter(name.to_owned())),
        }
    }
}
