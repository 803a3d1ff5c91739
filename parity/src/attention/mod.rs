//! Two forms of one attention: the fused one against its definition, alone and in the model.

mod alone;
mod blocks;
mod memory;
mod table;

use serde::Serialize;

use crate::closeness::Closeness;
use crate::exit::Exit;
use crate::invariance::Compared;

pub use alone::alone;
pub use blocks::{Blocks, blocks};
pub use memory::peak;
pub use table::write;

/// The name of the document of `--json`.
pub const SCHEMA: &str = "parity-attention";
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
    /// How it computed.
    pub arithmetic: String,
    /// What shows it again.
    pub command: String,
    /// The largest relative L2 distance of a block that passes.
    pub limit: f64,
    /// Why there is nothing to compare; nothing where there is.
    pub one_form: Option<String>,
    /// One a length.
    pub lengths: Vec<Length>,
    /// Whether the forms agree; nothing where there is nothing to compare.
    pub agree: Option<bool>,
}

impl Report {
    /// Where nothing was compared, nothing can be said.
    pub fn exit(&self) -> Exit {
        self.agree.map_or(Exit::CouldNotRun, Exit::of)
    }
}

/// One length.
#[derive(Debug, Serialize)]
pub struct Length {
    /// Base pairs.
    pub length: usize,
    /// The operation on random numbers of the model's widths. CPU only.
    pub alone: Option<Pair>,
    /// The blocks that hold it, each on what the model gives them.
    pub blocks: Vec<Pair>,
    /// The whole pass.
    pub pass: Cost,
    /// What the form does to the outputs.
    pub outputs: Compared,
}

/// Both forms of one thing.
#[derive(Debug, Serialize)]
pub struct Pair {
    /// What it is.
    pub name: String,
    /// The plain form's distance from the fused one's.
    #[serde(flatten)]
    pub closeness: Closeness,
    /// What both cost.
    #[serde(flatten)]
    pub cost: Cost,
}

/// What both forms cost.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Cost {
    /// Milliseconds of the fused form, the median.
    pub fused_milliseconds: Option<f64>,
    /// Of the plain one.
    pub plain_milliseconds: Option<f64>,
    /// Bytes that the fused form takes at most beyond what was there before; on a GPU all of the pass's.
    pub fused_bytes: Option<u64>,
    /// The same of the plain one.
    pub plain_bytes: Option<u64>,
}

impl Length {
    /// The largest distance of a block, or of the operation alone; infinite where no block was compared.
    pub fn distance(&self) -> f64 {
        if self.blocks.is_empty() {
            return f64::INFINITY;
        }
        let pairs = self.alone.iter().chain(&self.blocks);
        pairs
            .map(|pair| pair.closeness.distance())
            .fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_agrees_with_nothing() {
        let mut report = Report {
            schema: SCHEMA,
            schema_version: SCHEMA_VERSION,
            model: "model".into(),
            device: "device".into(),
            arithmetic: "xla-gpu-f32".into(),
            command: String::new(),
            limit: 1e-2,
            one_form: Some("has one form of attention only".into()),
            lengths: Vec::new(),
            agree: None,
        };
        assert_eq!(report.exit(), Exit::CouldNotRun);
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["agree"], serde_json::Value::Null);
        let table = write(&report, None);
        assert!(table.contains("nothing to compare: has one form of attention only"));
        report.agree = Some(false);
        assert_eq!(report.exit(), Exit::Disagree);
    }
}
