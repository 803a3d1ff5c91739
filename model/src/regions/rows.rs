//! Which rows a module takes of what others gave, where a pass does not run on whole sequences.

use super::{BLOCK, Windows};
use crate::heads::junctions::SpliceSitePositions;
use crate::request::Request;
use crate::splice_sites::NO_POSITION;

/// Rows that a pass takes; rows of all sequences are counted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Of bases, a patch's window in every sequence.
    Patch,
    /// Of the encoder's positions at a resolution, those that go on. With a patch the encoder gives the first sequence's, then
    /// each sequence's of the window.
    Encoded(usize),
    /// Of positions at a resolution, those of the windows; of coarser ones than a block, that around each block.
    Windows(usize),
}

impl Rows {
    /// How many of each of `batch` sequences, which have `length` base pairs.
    pub(crate) fn each(self, request: &Request, length: usize) -> usize {
        let blocks = request
            .windows
            .as_ref()
            .map(|windows| windows.rows() / BLOCK);
        match self {
            Self::Patch => request.patch.as_ref().map_or(0, |patch| patch.window.len()),
            Self::Encoded(resolution) if resolution >= BLOCK => length / resolution,
            Self::Encoded(resolution) | Self::Windows(resolution) => match blocks {
                Some(blocks) => blocks * (BLOCK / resolution).max(1),
                None => length / resolution,
            },
        }
    }

    /// The rows, for a batch of `[sequences, base pairs]`.
    pub(crate) fn places(self, request: &Request, [batch, length]: [usize; 2]) -> Vec<i32> {
        match (self, &request.windows) {
            (Self::Patch, _) => {
                let window = request
                    .patch
                    .as_ref()
                    .map_or(0..0, |patch| patch.window.clone());
                let of = |sequence: usize| {
                    window
                        .clone()
                        .map(move |at| (sequence * length + at) as i32)
                };
                (0..batch).flat_map(of).collect()
            }
            (Self::Windows(resolution), Some(windows)) if resolution > BLOCK => {
                let coarser = (resolution / BLOCK) as i32;
                let blocks = windows.indices(BLOCK).into_iter();
                blocks.map(|block| block / coarser).collect()
            }
            (Self::Windows(resolution), Some(windows)) => windows.indices(resolution),
            (Self::Encoded(resolution), Some(windows)) if resolution < BLOCK => encoded(
                windows.indices(resolution),
                request,
                length / resolution,
                resolution,
            ),
            (Self::Encoded(resolution) | Self::Windows(resolution), _) => {
                let all = 0..(batch * length / resolution) as i32;
                encoded(all.collect(), request, length / resolution, resolution)
            }
        }
    }

    /// Whether all of them are taken as they are.
    pub(crate) fn is_all(self, request: &Request) -> bool {
        match self {
            Self::Encoded(resolution) if resolution < BLOCK => {
                request.windows.is_none() && request.patch.is_none()
            }
            Self::Encoded(_) | Self::Patch => request.patch.is_none(),
            Self::Windows(_) => request.windows.is_none(),
        }
    }
}

/// Rows of whole sequences, `each` a sequence, as rows of what the encoder gave of them.
fn encoded(mut rows: Vec<i32>, request: &Request, each: usize, resolution: usize) -> Vec<i32> {
    let Some(patch) = &request.patch else {
        return rows;
    };
    let [changed, window] =
        [&patch.changed, &patch.window].map(|run| run.start / resolution..run.end / resolution);
    for row in &mut rows {
        let (sequence, at) = (*row as usize / each, *row as usize % each);
        *row = match changed.contains(&at) {
            true => each + sequence * window.len() + at - window.start,
            false => at,
        } as i32;
    }
    rows
}

impl Windows {
    /// The rows of splice sites, in their order; none where there is no site.
    pub(crate) fn site_rows(&self, sites: &SpliceSitePositions) -> Vec<i32> {
        let sequences = sites.places.chunks(4 * sites.count).enumerate();
        let rows = sequences.flat_map(|(sequence, places)| {
            let row = move |&place: &i32| {
                let row = self.row(sequence, usize::try_from(place).ok()?)?;
                i32::try_from(row).ok()
            };
            places
                .iter()
                .map(move |place| row(place).unwrap_or(NO_POSITION))
        });
        rows.collect()
    }
}
