//! What predictions and scores are written as, by the program and by the server.
//!
//! | module | what it does |
//! |---|---|
//! | [`selection`] | which outputs and tracks are wanted, and the table of them |
//! | [`scores`] | scores as a table: JSON, Parquet, arrays |
//! | [`archive`], [`table`] | predictions as arrays (npz), and as a long table (Parquet) |
//! | [`kept`], [`spool`] | predictions on their way there |
//! | [`parquet`] | rows of text and numbers as Parquet |
//! | [`page`] | pages of variants |

#![forbid(unsafe_code)]

pub mod archive;
pub mod kept;
pub mod page;
pub mod parquet;
pub mod scores;
pub mod selection;
pub mod spool;
pub mod table;
mod window;

pub use kept::{Kept, Passed};
pub use selection::{Selected, Selection};
pub use window::{ALLELES, Subject, Window};
