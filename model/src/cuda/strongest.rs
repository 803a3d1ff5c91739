//! The junctions that change most, chosen on the device: of millions of counts some hundred leave it.

use ::cuda::arguments;

use super::CudaError;
use super::heads::Kind;
use super::outputs::CudaOutputs;
use crate::array::Array;
use crate::folds::Within;

/// Threads of a block, each with a tissue.
const TISSUES: u32 = 128;

impl CudaOutputs<'_> {
    /// For each tissue the donor and acceptor whose count changes most from the first to the second sequence, of equal ones the
    /// first; nothing where there is no junction. `name` is an output of junctions between given sites, the same in both.
    ///
    /// # Errors
    /// When there is no such output of two sequences, or the device fails.
    pub fn strongest(
        &self,
        name: &str,
        within: Within,
    ) -> Result<Vec<Option<[usize; 2]>>, CudaError> {
        let (sites, tracks) = self.sites(name)?;
        let Some((_, pass)) = &self.model.pass else {
            return Ok(Vec::new());
        };
        let tissues = within.tissues.min(tracks / 2);
        let (model, count) = (self.model, 4 * (sites * tissues) as u64);
        let scratch = model.scratch((2 * count + 4 * tissues as u64).max(16))?;
        let (scores, pairs) = (scratch.slice(0, count)?, scratch.slice(count, count)?);
        let best = scratch.slice(2 * count, 4 * tissues as u64)?;
        let x = self.span(name)?;
        let [after, before] = within
            .between
            .map(|at| at.clamp(i32::MIN.into(), i32::MAX.into()) as i32);
        let blocks = (tissues as u32).div_ceil(TISSUES).max(1);
        let given = arguments![
            &x,
            &pass.inputs.positions,
            &scores,
            &pairs,
            sites as i32,
            within.most.min(sites) as i32,
            tissues as i32,
            tracks as i32,
            i32::from(within.negative),
            after,
            before
        ];
        let grid = [blocks, sites as u32, 1];
        model
            .kernels
            .launch("strongest_of_donor", grid, [TISSUES, 1, 1], &given)?;
        let given = arguments![&scores, &pairs, &best, sites as i32, tissues as i32];
        model
            .kernels
            .launch("strongest_of_all", [blocks, 1, 1], [TISSUES, 1, 1], &given)?;
        let best: Vec<i32> = model.device.download(&best)?;
        let pair = |pair: &i32| {
            usize::try_from(*pair)
                .ok()
                .map(|pair| [pair / sites, pair % sites])
        };
        Ok(best[..tissues].iter().map(pair).collect())
    }

    /// The counts of pairs of a donor and an acceptor, of both sequences: `[2 * pairs, tracks]`, the first one's before the
    /// second's.
    ///
    /// # Errors
    /// As [`Self::strongest`], and when a pair lies beyond the sites.
    pub fn counts(&self, name: &str, pairs: &[[usize; 2]]) -> Result<Array, CudaError> {
        let (sites, tracks) = self.sites(name)?;
        if let Some(pair) = pairs
            .iter()
            .find(|pair| pair.iter().any(|site| *site >= sites))
        {
            return Err(CudaError::Rows {
                name: format!("{name} at {pair:?}"),
                shape: vec![2, sites, sites, tracks],
            });
        }
        let of = |sequence: usize| {
            pairs.iter().map(move |[donor, acceptor]| {
                ((sequence * sites + donor) * sites + acceptor) as i32
            })
        };
        let rows: Vec<i32> = of(0).chain(of(1)).collect();
        let model = self.model;
        let values = rows.len() * tracks;
        let bytes = (values * model.weights.element()).next_multiple_of(4) as u64;
        let scratch = model.scratch((bytes + 4 * rows.len() as u64).max(16))?;
        let map = scratch.slice(bytes, 4 * rows.len() as u64)?;
        model.device.write(&rows, &map)?;
        let part = scratch.slice(0, (values * model.weights.element()) as u64)?;
        let given = arguments![&self.span(name)?, &part, &map, values as i64, tracks as i32];
        let blocks = values.div_ceil(256).clamp(1, 1024) as u32;
        model
            .kernels
            .launch("counts_of_pairs", [blocks, 1, 1], [256, 1, 1], &given)?;
        model.fetch(&part, vec![rows.len(), tracks], Kind::Stored)
    }

    /// Sites of a kind, and tracks, of an output of junctions of two sequences.
    fn sites(&self, name: &str) -> Result<(usize, usize), CudaError> {
        match self.shape(name)[..] {
            [2, sites, _, tracks] => Ok((sites, tracks)),
            ref other => Err(CudaError::Rows {
                name: name.to_owned(),
                shape: other.to_vec(),
            }),
        }
    }
}
