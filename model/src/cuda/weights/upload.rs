//! Parameters on their way to the device.

mod tables;

use std::collections::BTreeMap;

use ::cuda::{Buffer, Device, Span};

use super::Weights;
use crate::config::{Config, Head};
use crate::cuda::CudaError;
use crate::cuda::heads::columns::{Columns, columns, joint_weights};
use crate::cuda::kernels::Kernels;
use crate::cuda::steps::Argument;
use crate::cuda::tower::numbered;
use crate::metadata::Metadata;
use crate::store::Store;

/// The resolutions of embeddings along the sequence, in bp.
const RESOLUTIONS: [u32; 2] = [1, 128];

/// Puts parameters on the device.
pub(in crate::cuda) struct Uploader<'a> {
    pub(in crate::cuda) device: &'a Device,
    pub(in crate::cuda) kernels: &'a Kernels,
    pub(in crate::cuda) store: &'a Store,
    pub(in crate::cuda) config: &'a Config,
    pub(in crate::cuda) metadata: Option<&'a Metadata>,
    /// Whether parameters that XLA need not round stay exact (excess precision).
    pub(in crate::cuda) excess: bool,
    staging: [Buffer; 2],
    ready: BTreeMap<String, Buffer>,
}

impl<'a> Uploader<'a> {
    pub(in crate::cuda) fn new(
        device: &'a Device,
        kernels: &'a Kernels,
        (store, config, metadata): (&'a Store, &'a Config, Option<&'a Metadata>),
        excess: bool,
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
            excess,
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
        Ok(Weights {
            ready: self.ready,
            tissues,
            element: self.kernels.element(),
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
                self.each(
                    "fold_norm",
                    n,
                    vec![from.into(), variance.into(), to.into(), (n as i32).into()],
                )
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
                let exact = i32::from(self.excess);
                self.each(
                    "softplus_values",
                    n,
                    vec![from.into(), to.into(), (n as i64).into(), exact.into()],
                )
            }
            _ => {
                let (from, n) = self.upload(name)?;
                let to = self.reserve(name, 4 * n)?;
                self.each(
                    "round_values",
                    n,
                    vec![from.into(), to.into(), (n as i64).into()],
                )
            }
        }
    }

    /// A standardised kernel `[width, in, out]`, as `[out, width, in]`.
    fn kernel(&mut self, name: &str, path: &str, shape: &[usize]) -> Result<(), CudaError> {
        let out = shape[2];
        let fan_in = shape[0] * shape[1];
        let (from, n) = self.upload(name)?;
        let to = self.reserve(name, n * self.kernels.element())?;
        let extent = [Argument::Int(fan_in as i32), Argument::Int(out as i32)];
        if self.config.folds.standardized_conv1d {
            let mut arguments = vec![from.into(), to.into()];
            arguments.extend(extent);
            return self.each("transpose", n, arguments);
        }
        let (scale, _) = self.upload(&format!("{path}/scale"))?;
        let mut arguments = vec![from.into(), scale.into(), to.into()];
        arguments.extend(extent);
        arguments.push(i32::from(self.excess).into());
        let grid = [out.div_ceil(32) as u32, 1, 1];
        self.kernels
            .launch("standardize", grid, [32, 8, 1], &arguments)
    }

    /// Whether a linear layer's weights are read together with others'.
    fn is_joined(&self, path: &str) -> bool {
        let leaf = path.rsplit('/').next().unwrap_or_default();
        matches!(
            leaf,
            "q_layer"
                | "k_layer"
                | "v_layer"
                | "linear_q"
                | "linear_k"
                | "linear_v"
                | "linear_y_q"
                | "linear_y_k"
        )
    }

    /// Whether these are weights of a head that is computed together with others.
    fn is_joint_head(&self, path: &str) -> bool {
        let head = path.strip_suffix("/multi_organism_linear");
        let joint = RESOLUTIONS.iter().flat_map(|&r| columns(self.config, r));
        head.is_some_and(|head| joint.into_iter().any(|part| part.path == head))
    }

    /// The heads on one embedding, side by side.
    fn joint_heads(&mut self) -> Result<(), CudaError> {
        let embedders = &self.config.embedders;
        let widths = [embedders.embeddings_1bp, embedders.embeddings_128bp];
        for (resolution, channels) in RESOLUTIONS.into_iter().zip(widths) {
            let parts = columns(self.config, resolution);
            let all = parts.last().map_or(0, Columns::end);
            let rows = self.config.num_organisms * channels;
            for part in parts {
                let from = format!("{}/multi_organism_linear/w", part.path);
                let to = joint_weights(resolution);
                self.matrix(&to, &from, rows, part.count, [rows, all, part.first])?;
            }
        }
        Ok(())
    }

    /// Linear layers on the same input, side by side.
    fn joined(&mut self) -> Result<(), CudaError> {
        let (tower, pair) = (self.config.tower.clone(), self.config.pair.clone());
        for layer in 0..tower.layers {
            let path = format!("transformer_tower/{}", numbered("mha_block", layer));
            let parts = [
                ("q_layer", tower.heads * tower.head_width),
                ("k_layer", tower.head_width),
                ("v_layer", tower.value_width),
            ];
            self.side_by_side(&path, "qkv", tower.channels, &parts)?;
        }
        for index in 0..tower.layers.div_ceil(pair.every) {
            let block = format!("transformer_tower/{}", numbered("pair_update_block", index));
            let path = format!("{block}/sequence_to_pair_block");
            let wide = pair.heads * pair.head_width;
            self.side_by_side(
                &path,
                "qk",
                tower.channels,
                &[("linear_q", wide), ("linear_k", wide)],
            )?;
            let parts = [("linear_y_q", pair.channels), ("linear_y_k", pair.channels)];
            self.side_by_side(&path, "yqk", tower.channels, &parts)?;
            let to = self.reserve(&format!("{path}/qk_r_bias"), 8 * wide)?;
            for (part, name) in ["q_r_bias", "k_r_bias"].into_iter().enumerate() {
                let (from, n) = self.upload(&format!("{path}/{name}"))?;
                let to = to + (4 * part * wide) as u64;
                self.each(
                    "round_values",
                    n,
                    vec![from.into(), to.into(), (n as i64).into()],
                )?;
            }
            let path = format!("{block}/row_attention_block");
            let parts = ["linear_q", "linear_k", "linear_v"].map(|name| (name, pair.row_width));
            self.side_by_side(&path, "qkv", pair.channels, &parts)?;
        }
        Ok(())
    }

    fn side_by_side(
        &mut self,
        path: &str,
        name: &str,
        rows: usize,
        parts: &[(&str, usize)],
    ) -> Result<(), CudaError> {
        let wide = parts.iter().map(|(_, c)| c).sum();
        let mut at = 0;
        for (part, c) in parts {
            let from = format!("{path}/{part}/w");
            self.matrix(&format!("{path}/{name}"), &from, rows, *c, [rows, wide, at])?;
            at += c;
        }
        Ok(())
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
            Some(buffer) => buffer.span().ptr,
            None => {
                let to = self.reserve(name, bytes)?;
                let span = Span {
                    ptr: to,
                    bytes: bytes as u64,
                };
                self.device.fill(span, 0)?;
                to
            }
        };
        let arguments = vec![
            from.into(),
            to.into(),
            (rows as i64).into(),
            (c as i32).into(),
            (stride as i32).into(),
            (at as i32).into(),
        ];
        self.each("store_matrix", rows * c, arguments)
    }

    fn reserve(&mut self, name: &str, bytes: usize) -> Result<u64, CudaError> {
        let buffer = self.device.allocate(bytes.max(4) as u64)?;
        let address = buffer.span().ptr;
        self.ready.insert(name.to_owned(), buffer);
        Ok(address)
    }

    fn each(
        &self,
        kernel: &'static str,
        n: usize,
        arguments: Vec<Argument>,
    ) -> Result<(), CudaError> {
        let blocks = n.div_ceil(256).clamp(1, 8192) as u32;
        self.kernels
            .launch(kernel, [blocks, 1, 1], [256, 1, 1], &arguments)
    }

    /// A tensor's values as float32 in one of two staging buffers by turns; the address and how many there are.
    fn upload(&mut self, name: &str) -> Result<(u64, usize), CudaError> {
        self.staging.swap(0, 1);
        let to = self.staging[0].span().ptr;
        let device = self.device;
        let write = |bytes: &[u8]| {
            let bytes_of = bytes.len() as u64;
            device.write(
                bytes,
                Span {
                    ptr: to,
                    bytes: bytes_of,
                },
            )?;
            Ok::<_, CudaError>((to, bytes.len() / 4))
        };
        match self.store.with_f32_bytes(name, write) {
            Some(outcome) => outcome,
            None => Err(CudaError::Parameter(name.to_owned())),
        }
    }
}
