//! Where a pass runs, as steps: rows of windows, and what a patch changes.

use super::forward::{Forward, arguments};
use super::steps::{Fixed, Id, Place, Source};
use crate::config::TRUNK_RESOLUTION;
use crate::regions::{BLOCK, Windows};
use crate::request::Request;

/// Where a pass runs; its numbers alone, since windows and patches move from pass to pass.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Regions {
    /// Rows of a sequence at 1 bp, where there are windows.
    pub(super) rows: Option<usize>,
    /// Base pairs of the patch, where there is one.
    pub(super) patch: Option<usize>,
}

impl Regions {
    pub(super) fn of(request: &Request) -> Self {
        Self {
            rows: request.windows.as_ref().map(Windows::rows),
            patch: request.patch.as_ref().map(|patch| patch.window.len()),
        }
    }
}

/// What the encoder gives of some sequences.
pub(super) struct Encoded {
    /// `[B, S / 128, C]`.
    pub(super) trunk: Id,
    /// At 1, 2, ... 64 bp.
    pub(super) skips: Vec<Id>,
}

/// Activations of the whole batch, or of its first sequence and of the patch of each.
pub(super) struct Skip {
    pub(super) whole: Id,
    pub(super) part: Option<Id>,
}

impl Forward<'_> {
    /// The encoder, on all sequences or on the first one and on the patch: the trunk `[B, S / 128, C]` and the skips at 1, 2,
    /// ... 64 bp.
    pub(super) fn encoder(&mut self) -> (Id, Vec<Skip>) {
        let (batch, length, bases) = (self.batch, self.length, Fixed::from(Source::Bases).into());
        let Some(wide) = self.regions.patch else {
            let Encoded { trunk, skips } = self.encode(bases, [batch, length]);
            let skips = skips.into_iter().map(|whole| Skip { whole, part: None });
            return (trunk, skips.collect());
        };
        let first = self.encode(bases, [1, length]);
        self.steps.enter("sequence_encoder");
        let own = self.steps.tensor(batch * wide);
        self.steps.each(
            "patch_bases",
            batch * wide,
            arguments![
                bases,
                own,
                Source::Patch,
                (batch * wide) as i64,
                length as i32,
                wide as i32
            ],
        );
        let parts = self.encode(own.into(), [batch, wide]);
        let trunk = Skip {
            whole: first.trunk,
            part: Some(parts.trunk),
        };
        let trunk = self.take_rows(trunk, TRUNK_RESOLUTION, self.config.tower.channels, false);
        let skips = first.skips.into_iter().zip(parts.skips);
        let skips = skips.map(|(whole, part)| Skip {
            whole,
            part: Some(part),
        });
        (trunk, skips.collect())
    }

    /// Activations `[B, S / resolution, c]`, or where they are `cut`, `[B, rows / resolution, c]`.
    pub(super) fn take_rows(&mut self, of: Skip, resolution: usize, c: usize, cut: bool) -> Id {
        let Skip { whole, part } = of;
        if part.is_none() && !cut {
            return whole;
        }
        let rows = match self.regions.rows {
            Some(rows) if cut => rows,
            _ => self.length,
        };
        let rows = self.batch * rows / resolution;
        let y = self.stored(rows * c);
        let source = |source, there: bool| match there {
            true => Fixed::from(source).into(),
            false => Place::Nowhere,
        };
        self.steps.each(
            "take_rows",
            rows * c / 8,
            arguments![
                whole,
                part,
                y,
                source(Source::Blocks, cut),
                source(Source::Patch, part.is_some()),
                rows as i64,
                (self.length / resolution) as i32,
                (self.regions.patch.unwrap_or(0) / resolution) as i32,
                (BLOCK / resolution).max(1) as i32,
                resolution as i32,
                c as i32
            ],
        );
        y
    }
}
