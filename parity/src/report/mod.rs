//! Reports: what a person or a machine reads of a [`Report`](crate::result::Report).

pub mod grid;
pub mod html;
pub mod json;
pub mod junit;
pub mod mqc;
pub mod path;
mod rows;
pub mod table;
