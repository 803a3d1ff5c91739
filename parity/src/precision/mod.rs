//! What each arithmetic costs in exactness, module by module, and what more exactness in one block would win.

mod measure;
mod mix;
mod modules;
mod table;

use clap::ValueEnum;
use serde::Serialize;

pub use measure::{Subject, Values, locally, loss, values};
pub use mix::Mix;
pub use table::write;

/// The name of the document of `--json`.
pub const SCHEMA: &str = "parity-precision";
/// Its version.
pub const SCHEMA_VERSION: u32 = 1;

/// What was found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The model's folder.
    pub model: String,
    /// Where it ran.
    pub device: String,
    /// Base pairs of the sequence.
    pub length: usize,
    /// The organism, by number.
    pub organism: usize,
    /// The arithmetic that the others are compared with.
    pub reference: String,
    /// Seconds of everything after loading the first model.
    pub seconds: f64,
    /// What shows it again.
    pub command: String,
    /// One an arithmetic.
    pub arithmetics: Vec<Loss>,
    /// What one block in float32 wins; nothing where it was not asked for.
    pub switches: Option<Switches>,
}

/// What one arithmetic loses.
#[derive(Debug, Serialize)]
pub struct Loss {
    /// Its name.
    pub arithmetic: String,
    /// In the order of the data.
    pub modules: Vec<Module>,
    /// By name.
    pub outputs: Vec<Output>,
}

/// One module.
#[derive(Debug, Serialize)]
pub struct Module {
    /// Haiku's path.
    pub path: String,
    /// Distance of its output in an ordinary pass, relative L2.
    pub propagated: Option<f64>,
    /// The same where it reads what the reference's modules gave. Nothing on a GPU.
    pub local: Option<f64>,
    /// Milliseconds: on a GPU of its operations, on a CPU of the module alone with its values brought in and out.
    pub milliseconds: Option<f64>,
    /// The same in the reference's arithmetic.
    pub reference_milliseconds: Option<f64>,
}

/// One output.
#[derive(Debug, Serialize)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Relative L2 distance.
    pub relative_l2: Option<f64>,
    /// Cosine.
    pub cosine: Option<f64>,
}

/// What single blocks in float32 win where all others stay.
#[derive(Debug, Serialize)]
pub struct Switches {
    /// The arithmetic of all others.
    pub arithmetic: String,
    /// Whether blocks, modules or parts.
    pub by: By,
    /// Where the milliseconds were measured.
    pub timed_on: String,
    /// Milliseconds of all modules in that arithmetic.
    pub milliseconds: f64,
    /// How far the error moves where one number in a thousand of the first module's output moves by one rounding: wins below
    /// that mean nothing.
    pub noise: f64,
    /// Errors of the three embeddings with nothing switched: 1 bp, 128 bp, pair.
    pub embeddings: [Option<f64>; 3],
    /// What wins most first.
    pub rows: Vec<Switch>,
}

/// One block in float32.
#[derive(Debug, Serialize)]
pub struct Switch {
    /// The block.
    pub block: String,
    /// Its modules.
    pub modules: Vec<String>,
    /// Share of the error of the final outputs that is won: 1 less the geometric mean of the ratios of their errors.
    pub wins: f64,
    /// Errors left of the three embeddings: 1 bp, 128 bp, pair.
    pub embeddings: [Option<f64>; 3],
    /// The output that wins most, and its share.
    pub most: Option<(String, f64)>,
    /// Milliseconds of the block in float32.
    pub float32_milliseconds: f64,
    /// Milliseconds of the block as it is.
    pub milliseconds: f64,
}

/// What is switched at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// Encoder, tower, decoder, embedders, heads
    Part,
    /// A block of the encoder or decoder, a layer of the tower, an update of the pair
    Block,
    /// Every module
    Module,
}
