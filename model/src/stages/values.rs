//! What a module reads, from the known outputs of others.

use burn::tensor::{Int, Tensor, TensorData};

use super::StageError;
use super::run::Run;
use crate::faults;
use crate::operations::Operations;

impl<B: Operations> Run<'_, B> {
    /// The trunk `[B, S / 128, C]`: the pooled encoder, the organism, and what every block added.
    pub(super) fn trunk(&self, parts: &[String]) -> Result<Tensor<B, 3>, StageError> {
        let roundings = self.sums;
        let [encoded, embed, rest @ ..] = parts else {
            return Err(StageError::Unknown(self.stage.path.clone()));
        };
        let x = B::max_pool(self.sequence(encoded)?);
        let organism: Tensor<B, 2> = self.value(embed, "[batch, channels]")?;
        let mut x = B::add(x, organism.unsqueeze_dim(1), roundings);
        for part in rest {
            x = faults::residual(x, self.sequence(part)?, roundings, part);
        }
        Ok(x)
    }

    /// The pair `[B, P, P, F]`: what every block added.
    pub(super) fn pair_sum(&self, parts: &[String]) -> Result<Tensor<B, 4>, StageError> {
        let roundings = self.sums;
        let (first, rest) = parts
            .split_first()
            .ok_or_else(|| StageError::Unknown(self.stage.path.clone()))?;
        let mut x = self.pairs(first)?;
        for part in rest {
            x = faults::residual(x, self.pairs(part)?, roundings, part);
        }
        Ok(x)
    }

    /// An output `[B, S, C]`.
    pub(super) fn sequence(&self, path: &str) -> Result<Tensor<B, 3>, StageError> {
        self.value(path, "[batch, positions, channels]")
    }

    /// An output `[B, P, P, F]`, or a bias `[B, H, P, P]`.
    pub(super) fn pairs(&self, path: &str) -> Result<Tensor<B, 4>, StageError> {
        self.value(path, "[batch, rows, columns, channels]")
    }

    fn value<const D: usize>(
        &self,
        path: &str,
        expected: &str,
    ) -> Result<Tensor<B, D>, StageError> {
        let array = self.known.get(path).ok_or_else(|| StageError::Missing {
            stage: self.stage.path.clone(),
            input: path.into(),
        })?;
        let shape: [usize; D] =
            array
                .shape
                .as_slice()
                .try_into()
                .map_err(|_| StageError::Shape {
                    stage: self.stage.path.clone(),
                    input: path.into(),
                    found: array.shape.clone(),
                    expected: expected.into(),
                })?;
        Ok(Tensor::from_data(
            TensorData::new(array.values.to_f32(), shape),
            &self.model.device,
        ))
    }

    /// The bases `[B, S, 4]`.
    pub(super) fn bases(&self) -> Tensor<B, 3> {
        let shape = [self.batch.size(), self.batch.length(), 4];
        Tensor::from_data(
            TensorData::new(self.batch.one_hot(), shape),
            &self.model.device,
        )
    }

    /// The organisms `[B]`.
    pub(super) fn organisms(&self) -> Tensor<B, 1, Int> {
        let indices: Vec<i32> = self
            .batch
            .organisms()
            .iter()
            .map(|&organism| organism as i32)
            .collect();
        Tensor::from_data(
            TensorData::new(indices, [self.batch.size()]),
            &self.model.device,
        )
    }
}
