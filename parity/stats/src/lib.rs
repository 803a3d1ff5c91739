//! Statistics that compare two arrays of numbers; knows no tensor library.
//!
//! Everything takes flat slices through [`Values`], sums in float64, and returns results that are
//! either a finite number or a stated reason why there is none ([`Stat`]).

#![forbid(unsafe_code)]

pub mod bias;
mod block;
mod class_parity;
pub mod classes;
pub mod compare;
pub mod dependence;
pub mod effective;
pub mod effects;
pub mod farthest;
mod grouping;
pub mod groups;
pub mod histogram;
pub mod intervals;
pub mod loss;
mod moments;
pub mod nonfinite;
pub mod options;
pub mod outliers;
pub mod positions;
pub mod quantile;
pub mod random;
pub mod rank;
pub mod stat;
mod stream;
pub mod student;
pub mod summary;
mod tables;
mod track_bias;
pub mod ttest;
mod two_way;
pub mod values;

pub use compare::{Comparison, compare};
pub use options::{Options, Tolerance};
pub use outliers::OutlierScan;
pub use stat::{Reason, Stat};
pub use summary::{Place, Summary};
pub use values::{FloatType, LengthMismatch, Values};
