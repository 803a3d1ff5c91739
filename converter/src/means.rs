//! The tracks' means as leaves of a checkpoint, for a spec that writes them as tensors.
//!
//! JAX takes them from the track metadata, and no checkpoint holds them.

use std::collections::BTreeMap;

use orbax::Key;
use serde::Deserialize;

use crate::{
    checkpoint::{Checkpoint, Leaf, Other, ReadError},
    metadata::HeadWidth,
    spec::Spec,
    tensor::{Dtype, TensorType},
};

/// The first key of the means' leaves; no key of a tree is called so.
pub const MEANS: &str = "(track means)";

/// The name of every such leaf behind its head's.
const NAME: &str = "nonzero_mean";

/// What is read of a `tracks.json`.
#[derive(Debug, Deserialize)]
struct Tracks {
    organisms: Vec<Organism>,
}

#[derive(Debug, Deserialize)]
struct Organism {
    index: usize,
    outputs: BTreeMap<String, Vec<Track>>,
}

#[derive(Debug, Deserialize)]
struct Track {
    nonzero_mean: Option<f32>,
}

impl Organism {
    /// The means of an output's `width` tracks, as JAX scales by them: NaN for a track without one, but 1 where none has.
    /// Nothing if there are not as many tracks.
    fn means(&self, output_type: &str, width: usize) -> Option<Vec<f32>> {
        let tracks = self.outputs.get(output_type).map_or(&[][..], Vec::as_slice);
        if tracks.iter().all(|track| track.nonzero_mean.is_none()) {
            return Some(vec![1.0; width]);
        }
        let mean = |track: &Track| track.nonzero_mean.unwrap_or(f32::NAN);
        (tracks.len() == width).then(|| tracks.iter().map(mean).collect())
    }
}

/// A checkpoint with the tracks' means as further leaves: `HEAD/nonzero_mean`, float32 `[organisms, tracks]`.
pub struct WithMeans<C> {
    inner: C,
    leaves: Vec<Leaf>,
    means: Vec<Vec<u8>>,
}

impl<C: Checkpoint> WithMeans<C> {
    /// Adds nothing.
    pub fn none(inner: C) -> Self {
        WithMeans {
            leaves: inner.leaves().to_vec(),
            means: Vec::new(),
            inner,
        }
    }

    /// Adds the means in `tracks`, the text of a `tracks.json`, of each of `heads` for the first `organisms`. A head that the
    /// metadata does not fit gets none.
    ///
    /// # Errors
    /// If the text is no track metadata.
    pub fn new(
        inner: C,
        spec: &Spec,
        heads: &[HeadWidth],
        organisms: usize,
        tracks: &[u8],
    ) -> Result<Self, serde_json::Error> {
        let tracks: Tracks = serde_json::from_slice(tracks)?;
        let mut with = WithMeans::none(inner);
        for HeadWidth {
            head,
            output_type,
            width,
        } in heads
        {
            let of = |index| {
                tracks
                    .organisms
                    .iter()
                    .find(|organism| organism.index == index)
            };
            let rows = (0..organisms).map(|index| of(index)?.means(output_type, *width));
            let Some(rows) = rows.collect::<Option<Vec<_>>>() else {
                continue;
            };
            let modules = [spec.source_root.as_str(), head]
                .into_iter()
                .filter(|part| !part.is_empty());
            let module = modules.collect::<Vec<_>>().join("/");
            with.leaves.push(Leaf {
                name: format!("{MEANS}.{head}.{NAME}"),
                path: [MEANS, &module, NAME]
                    .map(|key| Key::Name(key.to_owned()))
                    .to_vec(),
                kind: TensorType {
                    shape: vec![organisms, *width],
                    dtype: Dtype::F32,
                },
            });
            with.means.push(
                rows.concat()
                    .into_iter()
                    .flat_map(f32::to_le_bytes)
                    .collect(),
            );
        }
        Ok(with)
    }
}

impl<C: Checkpoint> Checkpoint for WithMeans<C> {
    fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    fn others(&self) -> &[Other] {
        self.inner.others()
    }

    fn read_into(&self, leaf: usize, out: &mut [u8]) -> Result<(), ReadError> {
        match leaf.checked_sub(self.inner.leaves().len()) {
            None => self.inner.read_into(leaf, out),
            Some(mean) => {
                out.copy_from_slice(&self.means[mean]);
                Ok(())
            }
        }
    }
}

impl Leaf {
    /// Whether it is one that [`WithMeans`] added.
    pub fn is_mean(&self) -> bool {
        matches!(self.path.first(), Some(Key::Name(key)) if key == MEANS)
    }
}
