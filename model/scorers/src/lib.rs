//! AlphaGenome's scorers: from the predictions for both alleles of a variant to tables of scores.
//!
//! What is computed is what `alphagenome_research` 0.3.0 and DeepMind's SDK 0.10.0 compute, also where a good guess would be
//! another one; `docs/scores.md` lists those places. Nothing here reads a file or knows a tensor library: predictions are
//! plain slices of `f32`.
//!
//! A [`Scorer`] is prepared for a variant with [`Scorer::prepare`]. The [`Plan`] that comes out names the positions and
//! tracks that it reads ([`Plan::reads`]), so that no others need be predicted, and scores them with [`Plan::score`].
#![forbid(unsafe_code)]

pub mod alignment;
mod behaviour;
pub mod calibration;
mod call;
mod center_mask;
mod contact_map;
mod error;
mod folds;
mod gene_mask;
pub mod genes;
mod interval_scorer;
pub mod ism;
mod junctions;
mod names;
mod output;
mod plan;
mod polyadenylation;
mod predictions;
mod random;
mod scorer;
mod scores;
pub mod sites;
pub mod stitching;
pub mod strands;
pub mod tidy;
mod tracks;
mod wire;

pub use behaviour::Behaviour;
pub use calibration::Calibration;
pub use center_mask::window as center_window;
pub use error::Error;
pub use folds::{Fold, Folding};
pub use interval_scorer::{IntervalAggregation, IntervalPlan, IntervalScorer};
pub use junctions::{JunctionGene, MOST_SITES, Strongest};
pub use output::{Organism, OutputType};
pub use plan::{Allele, Places, Plan, Read, Setting};
pub use predictions::{ContactMap, Junctions, Predictions, Track};
pub use scorer::{Aggregation, Scorer};
pub use scores::{GeneRow, Row, ScoredBy, Scores};
pub use tidy::{Table, tidy_scores};
pub use tracks::Tracks;
