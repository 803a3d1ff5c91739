//! Traces of profilers in Chrome's (Perfetto's JSON) format, and how two of them differ.
//!
//! The format is the "Trace Event Format": an array of events, or an object whose `traceEvents` is one. Slices are complete
//! events (`ph` `X`) or pairs of begin and end (`B`, `E`); metadata events (`M`) name processes and threads.

mod diff;
mod document;
mod group;
mod kind;
mod read;

pub use diff::{Difference, ModuleRow, Only, Row, Side, diff};
pub use group::{Groups, Work};
pub use kind::Place;
pub use read::{Slice, Trace, TraceError};
