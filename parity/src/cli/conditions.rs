//! The arguments of the commands that try a model under conditions.

use std::path::PathBuf;

use clap::Args;
use genome::Interval;
use inference::machine::nearest;
use terminal::Device;

use super::values::{base_pairs, organism};
use super::{Arithmetic, Dtype};
use crate::invariance::Condition;
use crate::precision::By;

/// `parity invariance`.
#[derive(Args, Clone, Debug)]
pub struct Invariance {
    /// The folder that `convert` wrote
    #[arg(long, value_name = "DIR", default_value = "alphagenome-model")]
    pub model: PathBuf,
    /// Where the model runs: cpu, cuda, cuda:N (or burn-cuda: Burn's own operations)
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub device: Device,
    /// How the model computes [default: xla-cpu-f32 on the CPU, xla-gpu-bf16 on a GPU]
    #[arg(long, value_enum)]
    pub arithmetic: Option<Arithmetic>,
    /// Sequence lengths in base pairs, multiples of 2,048: 4096, 128k, 1M
    #[arg(
        long = "length",
        visible_alias = "lengths",
        value_name = "BP",
        value_parser = base_pairs,
        value_delimiter = ',',
        default_value = "2048,4096"
    )]
    pub lengths: Vec<usize>,
    /// The organism: human, mouse, or its index
    #[arg(long, value_parser = organism, default_value = "human")]
    pub organism: usize,
    /// Sequences of a batch; the sequence in question takes every place
    #[arg(long, default_value_t = 3)]
    pub batch: usize,
    /// Only these conditions
    #[arg(long, value_enum, value_name = "CONDITION", value_delimiter = ',')]
    pub only: Vec<Condition>,
    /// The largest relative L2 of a batch that passes [default: equal bits on the CPU, on a GPU the noise of the arithmetic]
    #[arg(long, value_name = "L2")]
    pub batch_limit: Option<f64>,
    /// The largest relative L2 between the CUDA device and the CPU that passes [default: the noise of the arithmetic]
    #[arg(long, value_name = "L2")]
    pub device_limit: Option<f64>,
    /// Demand that a run of N behind the sequence moves outputs by no more than this
    #[arg(long, value_name = "L2")]
    pub padding_limit: Option<f64>,
    /// Demand that the other strand's outputs are no farther than this
    #[arg(long, value_name = "L2")]
    pub reverse_complement_limit: Option<f64>,
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// `parity precision`.
#[derive(Args, Clone, Debug)]
pub struct Precision {
    /// The folder that `convert` wrote
    #[arg(long, value_name = "DIR", default_value = "alphagenome-model")]
    pub model: PathBuf,
    /// Where the model runs: cpu, cuda, cuda:N. On a GPU errors are propagated ones and times the device's; what blocks win
    /// is computed on the CPU
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub device: Device,
    /// The arithmetics that are compared with float32; blocks are switched in the last one
    #[arg(
        long,
        value_enum,
        value_name = "ARITHMETIC",
        value_delimiter = ',',
        default_value = "xla-gpu-f32,xla-gpu-tf32,xla-gpu-bf16-strict,xla-gpu-bf16"
    )]
    pub arithmetics: Vec<Arithmetic>,
    /// Sequence length in base pairs, a multiple of 2,048
    #[arg(
        long,
        visible_alias = "lengths",
        value_name = "BP",
        value_parser = base_pairs,
        default_value = "4096"
    )]
    pub length: usize,
    /// The organism: human, mouse, or its index
    #[arg(long, value_parser = organism, default_value = "human")]
    pub organism: usize,
    /// What is switched to float32 at once
    #[arg(long, value_enum, value_name = "HOW", default_value = "block")]
    pub by: By,
    /// Switch only blocks whose name, or whose module's, holds this text
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    pub modules: Vec<String>,
    /// Do not switch blocks
    #[arg(long)]
    pub no_switches: bool,
    /// Print JSON instead of tables
    #[arg(long)]
    pub json: bool,
}

/// `parity attention`.
#[derive(Args, Clone, Debug)]
pub struct Attention {
    /// The folder that `convert` wrote
    #[arg(long, value_name = "DIR", default_value = "alphagenome-model")]
    pub model: PathBuf,
    /// Where the model runs: cpu, cuda, cuda:N
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub device: Device,
    /// How the model computes [default: xla-cpu-f32 on the CPU, xla-gpu-bf16 on a GPU]
    #[arg(long, value_enum)]
    pub arithmetic: Option<Arithmetic>,
    /// Sequence lengths in base pairs, multiples of 2,048: 4096, 128k, 1M
    #[arg(
        long = "length",
        visible_alias = "lengths",
        value_name = "BP",
        value_parser = base_pairs,
        value_delimiter = ',',
        default_value = "2048,4096,16384"
    )]
    pub lengths: Vec<usize>,
    /// The organism: human, mouse, or its index
    #[arg(long, value_parser = organism, default_value = "human")]
    pub organism: usize,
    /// How often each form is timed
    #[arg(long, default_value_t = 3)]
    pub repeats: usize,
    /// The largest relative L2 of an attention block that passes [default: 1e-5 in xla-cpu-f32, 1e-2 where operands are rounded]
    #[arg(long, value_name = "L2")]
    pub limit: Option<f64>,
    /// Print JSON instead of tables
    #[arg(long)]
    pub json: bool,
}

/// Where and how a model runs.
#[derive(Args, Clone, Debug)]
pub struct Computing {
    /// Where the model runs: cpu, cuda, cuda:N (or burn-cuda: Burn's own operations)
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub device: Device,
    /// The compute dtype
    #[arg(long, value_enum, default_value_t = Dtype::F32)]
    pub dtype: Dtype,
    /// How the model computes [default: as XLA does on the device, in the dtype]
    #[arg(long, value_enum, conflicts_with = "dtype")]
    pub arithmetic: Option<Arithmetic>,
}

impl Computing {
    /// The arithmetic that was named, or XLA's on the device.
    pub fn arithmetic(&self) -> model::Arithmetic {
        let plain = match self.dtype {
            Dtype::F32 => model::Arithmetic::XlaCpuF32,
            Dtype::Bf16 => model::Arithmetic::XlaCpuBf16,
        };
        let default = || nearest(self.device, plain);
        self.arithmetic.map_or_else(default, Into::into)
    }
}

/// `parity scores`.
#[derive(Args, Clone, Debug)]
pub struct Scores {
    /// The folder that `convert` wrote
    #[arg(long, value_name = "DIR", default_value = "alphagenome-model")]
    pub model: PathBuf,
    /// Recorded scores: a folder with inputs and scores
    #[arg(long, value_name = "DIR")]
    pub recording: PathBuf,
    /// Which of the recorded settings
    #[arg(long, value_name = "NAME", default_value = "f32")]
    pub setting: String,
    /// Genome, genes, sites and cases [default: those of the recording]
    #[arg(long, value_name = "DIR")]
    pub inputs: Option<PathBuf>,
    /// One window for all cases instead of their own, its first and last base counted from 1
    #[arg(long, value_name = "REGION", value_parser = Interval::from_region)]
    pub region: Option<Interval>,
    /// Where and how the model runs.
    #[command(flatten)]
    pub computing: Computing,
    /// Do not stitch the embeddings of indels
    #[arg(long)]
    pub no_stitching: bool,
    /// Only this case (may be given several times)
    #[arg(long, value_name = "NAME")]
    pub case: Vec<String>,
    /// Only scorers whose name holds this text, or the one of this id
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// JAX beside itself: another setting of the recording, or another folder. Medians may be no farther than that; in float32
    /// bounds decide, and it is shown beside
    #[arg(long, value_name = "SETTING|DIR")]
    pub floor: Option<String>,
    /// The largest ratio to the floor that passes
    #[arg(long, value_name = "RATIO", default_value_t = 1.25)]
    pub floor_limit: f64,
    /// Let the floor decide in float32 too: JAX on a GPU rounds operands of attention to bfloat16 there
    #[arg(long, requires = "floor")]
    pub by_floor: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
}
