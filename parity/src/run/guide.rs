//! What to run first.

use std::path::Path;

/// Names a recording, or a folder of recordings.
pub const RECORDINGS_VARIABLE: &str = "ALPHAGENOME_RECORDINGS";

/// What a user without a model does.
pub(super) fn first_steps(model: &Path) -> String {
    format!(
        "there is no model in {}. Convert a snapshot first, then compare:\n\n    \
         convert --hub google/alphagenome-all-folds --out {0}\n    \
         parity level2 --dtype f32 --model {0}\n\n\
         or, for the tiny model whose recordings are shipped, from the repository's root:\n\n    \
         convert --snapshot tests/fixtures/snapshots/ocdbt \\\n        \
         --metadata tests/fixtures/metadata --out {0}\n    \
         parity level2 --dtype f32 --model {0}\n\n{}",
        model.display(),
        recording_steps()
    )
}

/// What a user without recordings does.
pub(super) fn recording_steps() -> String {
    format!(
        "Recordings of the JAX model are found through {RECORDINGS_VARIABLE}\n\
         (a recording, or a folder of recordings) or --recording; else the shipped ones\n\
         are taken. parity/recorder makes one where JAX runs:\n\n    \
         python parity/recorder/record.py --help\n    \
         export {RECORDINGS_VARIABLE}=DIR"
    )
}
