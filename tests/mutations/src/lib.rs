//! Single faults of the model, and whether parity sees them.
//!
//! [`Mutation::all`] is the list (`mutations.toml`): each has a name, the module it lies in by Haiku's path, and its kind.
//! [`Tiny`] is the sound model to break; [`Tiny::broken`] gives the folder of a broken one, which every command of `parity`
//! takes, as does `model`; a fault of code shows in what runs inside [`Mutation::during`]. [`Judge`] holds models to JAX's recordings.
//!
//! [`scores::FAULTS`] are single faults of scorers, held to recorded scores.
//!
//! [`regions::Regions`] makes faults of passes that do not run on whole sequences.
//!
//! [`parts::faults`] puts faults of one track or one window into recorded outputs.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! let tiny = mutations::Tiny::convert()?;
//! for mutation in mutations::Mutation::all() {
//!     let broken = tiny.broken(mutation)?;
//!     println!("{} in {}: {}", mutation.name, mutation.module, broken.path().display());
//! }
//! # Ok(())
//! # }
//! ```

pub mod draw;
pub mod edit;
pub mod fault;
pub mod hunt;
pub mod judge;
pub mod mutation;
pub mod parts;
pub mod regions;
pub mod scores;
pub mod table;
pub mod tally;
pub mod tiny;

pub use judge::{Finding, Judge};
pub use mutation::{Kind, Mutation};
pub use tiny::Tiny;
