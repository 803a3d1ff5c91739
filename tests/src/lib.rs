//! What the end-to-end tests share: the fixtures, a runner of programs with limits, comparisons of folders, and a forger
//! of OCDBT databases, good and hostile.
//!
//! The tests themselves stand in `tests/`: `binaries` runs the programs on the fixtures and on bad input, `mutations`
//! damages snapshots at random, and `integration` holds the full model against JAX where its snapshot is at hand.

pub mod fixtures;
pub mod folder;
pub mod forge;
pub mod golden;
pub mod program;
