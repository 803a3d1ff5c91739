//! The command line.

#[cfg(feature = "burn")]
mod conditions;
mod examples;
mod values;

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use terminal::{Device, Loudness, Manual, Shard};

use crate::recording::DType;
pub use values::base_pairs;
use values::organism;

#[cfg(feature = "burn")]
pub use conditions::{Attention, Computing, Invariance, Precision, Scores};

/// Compares AlphaGenome in Burn with recordings of the JAX model, or any two recordings, and gives a verdict.
///
/// Exit codes: 0 agree (or accept), 1 disagree (or fall back), 2 could not run, 3 validate.
#[derive(Debug, Parser)]
#[command(name = "parity", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How much is said beside the result.
    #[command(flatten)]
    pub loudness: Loudness,
}

/// The commands.
#[derive(Debug, Subcommand)]
#[allow(
    clippy::large_enum_variant,
    reason = "one value is made in a program's life"
)]
pub enum Command {
    /// Shapes, and NaN and infinity in the same places
    #[command(after_help = examples::LEVEL)]
    Level1(Leveling),
    /// float32: 99 % within 1e-2, correlation 0.9999; bfloat16: 95 % within 5e-2, correlation 0.9995
    #[command(after_help = examples::LEVEL)]
    Level2(Leveling),
    /// 95 % within 1e-3
    #[command(after_help = examples::LEVEL)]
    Level3(Leveling),
    /// 90 % within 1e-4
    #[command(after_help = examples::LEVEL)]
    Level4(Leveling),
    /// Compare two recordings of any frameworks, or two folders of them
    #[command(after_help = examples::COMPARE)]
    Compare(Compare),
    /// Measure how far reference recordings are from each other, for --floor
    #[command(after_help = examples::FLOOR)]
    Floor(FloorArgs),
    /// Accept, validate or fall back
    #[command(after_help = examples::VERDICT)]
    Verdict(VerdictArgs),
    /// Compare two results of --json
    #[command(after_help = examples::DRIFT)]
    Drift(Drift),
    /// Record the Burn model's outputs
    #[command(after_help = examples::RECORD)]
    Record(Record),
    /// Run the Burn model on many sequences and count those that give sound predictions
    #[command(after_help = examples::SMOKE)]
    Smoke(Smoke),
    /// Join the shares that record, smoke or a level made with --shard
    #[cfg(feature = "burn")]
    #[command(after_help = examples::MERGE)]
    Merge(Merge),
    /// Find the module that is wrong: the error handed on and the error made, module by module
    #[command(after_help = examples::BISECT)]
    Bisect(Bisect),
    /// Compare two profiler traces by module and kernel
    #[command(after_help = examples::TRACE_DIFF)]
    TraceDiff(TraceDiff),
    /// Say in plain sentences what a result of level1 to level4 or compare means, and what to run next
    #[command(after_help = examples::EXPLAIN)]
    Explain(Explain),
    /// Time the model at several sequence lengths, beside the work that it does
    #[command(after_help = examples::BENCH)]
    Bench(Bench),
    /// Hold scores of variants to those that DeepMind's code gave
    #[cfg(feature = "burn")]
    #[command(after_help = examples::SCORES)]
    Scores(Scores),
    /// Change what predictions should not depend on: batch, order, threads, strand, device
    #[cfg(feature = "burn")]
    #[command(after_help = examples::INVARIANCE)]
    Invariance(Invariance),
    /// Show where each arithmetic loses precision, and what single blocks in float32 would win and cost
    #[cfg(feature = "burn")]
    #[command(after_help = examples::PRECISION)]
    Precision(Precision),
    /// Hold the fused attention to the plain one: numbers, time, memory, and what it does to predictions
    #[cfg(feature = "burn")]
    #[command(after_help = examples::ATTENTION)]
    Attention(Attention),
    /// The program itself.
    #[command(flatten)]
    Manual(Manual),
}

/// What is compared and how.
#[derive(Args, Clone, Debug)]
pub struct Judging {
    /// The compute dtype whose bounds count [default: the coarser one of both sides]
    #[arg(long, value_enum)]
    pub dtype: Option<Dtype>,
    /// Only this case (may be given several times)
    #[arg(long, value_name = "NAME")]
    pub case: Vec<String>,
    /// Only outputs whose name holds this text
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// Bounds that are shipped: default, strict or tight
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub profile: String,
    /// Bounds from your own TOML file
    #[arg(long, value_name = "FILE", conflicts_with = "profile")]
    pub thresholds: Option<PathBuf>,
    /// Judge by the ratio to this noise floor as well (from `parity floor`)
    #[arg(long, value_name = "FILE")]
    pub floor: Option<PathBuf>,
    /// The largest ratio to the floor that passes
    #[arg(long, value_name = "RATIO", default_value_t = 1.25)]
    pub floor_limit: f64,
}

/// Where results go.
#[derive(Args, Clone, Debug, Default)]
pub struct Writing {
    /// Print the result as JSON instead of a table
    #[arg(long)]
    pub json: bool,
    /// Also write a JUnit file
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Also write MultiQC custom content (name it *_mqc.json)
    #[arg(long, value_name = "FILE")]
    pub mqc: Option<PathBuf>,
    /// Also write a page with tables and drawings, one file that needs nothing else
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

impl Writing {
    /// The files that are to be written.
    pub fn files(&self) -> [Option<&PathBuf>; 3] {
        [&self.junit, &self.mqc, &self.html].map(Option::as_ref)
    }
}

/// A share of a run.
#[derive(Args, Clone, Debug, Default)]
pub struct Sharing {
    /// Run one of N shares that cost the same, such as 3/16; `parity merge` joins them, and gives the result
    #[arg(long, value_name = "I/N", requires = "out", conflicts_with = "json")]
    pub shard: Option<Shard>,
    /// The folder of all shares
    #[arg(long, value_name = "DIR", requires = "shard")]
    pub out: Option<PathBuf>,
}

impl Sharing {
    /// The share, and the folder of all.
    pub fn place(&self) -> Option<(Shard, &Path)> {
        self.shard.zip(self.out.as_deref())
    }
}

/// `parity merge`.
#[derive(Args, Clone, Debug)]
pub struct Merge {
    /// The folder of the shares
    #[arg(value_name = "DIR")]
    pub shares: PathBuf,
    /// The recording to write, of shares of `parity record`
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Where results go.
    #[command(flatten)]
    pub writing: Writing,
}

/// `parity level1` to `level4`, whole or a share.
#[derive(Args, Clone, Debug)]
pub struct Leveling {
    /// What is compared.
    #[command(flatten)]
    pub level: Level,
    /// Which share of it.
    #[command(flatten)]
    pub sharing: Sharing,
}

/// What `parity level1` to `level4` compare.
#[derive(Args, Clone, Debug)]
pub struct Level {
    /// The folder that `convert` wrote
    #[arg(long, value_name = "DIR", default_value = "alphagenome-model")]
    pub model: PathBuf,
    /// A recording, or a folder of recordings (may be given several times) [default: those that
    /// ALPHAGENOME_RECORDINGS names, else those shipped, as far as they belong to the model]
    #[arg(long, value_name = "DIR")]
    pub recording: Vec<PathBuf>,
    /// How the model computes [default: as the recording's platform does]
    #[arg(long, value_enum)]
    pub arithmetic: Option<Arithmetic>,
    /// Where the model runs: cpu, cuda, cuda:N (or burn-cuda: Burn's own operations)
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub device: Device,
    /// Use the recordings of sequence patterns (suite_*) instead of the others
    #[arg(long)]
    pub suite: bool,
    /// How it is judged.
    #[command(flatten)]
    pub judging: Judging,
    /// Where it goes.
    #[command(flatten)]
    pub writing: Writing,
}

/// `parity compare`.
#[derive(Args, Clone, Debug)]
pub struct Compare {
    /// The reference recording, or a folder of recordings
    pub reference: PathBuf,
    /// The candidate recording, or a folder of recordings, which are then compared by name
    pub candidate: PathBuf,
    /// The level whose bounds count
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=4))]
    pub level: u8,
    /// How it is judged.
    #[command(flatten)]
    pub judging: Judging,
    /// Where it goes.
    #[command(flatten)]
    pub writing: Writing,
}

/// `parity floor`.
#[derive(Args, Clone, Debug)]
pub struct FloorArgs {
    /// Two or more recordings of the reference model
    #[arg(num_args = 2.., required = true)]
    pub recordings: Vec<PathBuf>,
    /// The floor file to write
    #[arg(long, value_name = "FILE", default_value = "floor.json")]
    pub out: PathBuf,
    /// Print the floor as JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// `parity verdict`.
#[derive(Args, Clone, Debug)]
pub struct VerdictArgs {
    /// Results of level1 to level4 or compare, as --json gives them; without one, level 2 is run first. What they were judged
    /// by is settled: --floor and the like belong to the command that makes them
    #[arg(conflicts_with_all = ["model", "recording", "arithmetic", "device", "suite", "dtype", "case", "only", "floor",
        "floor_limit"])]
    pub results: Vec<PathBuf>,
    /// What is run without a result.
    #[command(flatten)]
    pub level: Level,
}

/// `parity drift`.
#[derive(Args, Clone, Debug)]
pub struct Drift {
    /// The older result of --json
    pub old: PathBuf,
    /// The newer one
    pub new: PathBuf,
    /// A distance that grew by more than this factor is a drift
    #[arg(long, default_value_t = 1.25)]
    pub limit: f64,
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// `parity record`.
#[derive(Args, Clone, Debug)]
pub struct Record {
    /// The folder that `convert` wrote
    #[arg(long, value_name = "DIR", default_value = "alphagenome-model")]
    pub model: PathBuf,
    /// The folder to write
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Record one of N shares that cost the same, such as 3/16; --out is the folder of all of them, and `parity merge` joins them
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
    /// Record the cases of this recording, at the places that it kept (with --taps full: its sequences, taps and embeddings
    /// whole)
    #[arg(long, value_name = "DIR", conflicts_with_all = ["sequences", "organism"])]
    pub like: Option<PathBuf>,
    /// Sequences to record, a FASTA file
    #[arg(long, value_name = "FASTA")]
    pub sequences: Option<PathBuf>,
    /// The organism of the sequences: human, mouse, or its index
    #[arg(long, value_parser = organism, default_value = "human")]
    pub organism: usize,
    /// How the model computes
    #[arg(long, value_enum, default_value_t = Arithmetic::XlaCpuF32)]
    pub arithmetic: Arithmetic,
    /// Where the model runs: cpu, cuda, cuda:N (or burn-cuda: Burn's own operations)
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub device: Device,
    /// Record module outputs too: `full` keeps all of them and the embeddings whole
    #[arg(long, value_name = "HOW", num_args = 0..=1, default_missing_value = "sampled", value_enum)]
    pub taps: Option<TapChoice>,
    /// About how many values of an output are kept; 0 keeps all
    #[arg(long, default_value_t = 65_536)]
    pub budget: usize,
}

/// Which taps are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TapChoice {
    /// Sampled like the outputs.
    Sampled,
    /// Whole.
    Full,
}

/// `parity smoke`.
#[derive(Args, Clone, Debug)]
pub struct Smoke {
    /// The folder that `convert` wrote
    #[arg(long, value_name = "DIR", default_value = "alphagenome-model")]
    pub model: PathBuf,
    /// Sequences, a FASTA file; a sequence is cut or padded with N to a length that the model takes
    #[arg(long, value_name = "FASTA")]
    pub sequences: PathBuf,
    /// How many of them
    #[arg(long, default_value_t = 1000)]
    pub n: usize,
    /// The organism: human, mouse, or its index
    #[arg(long, value_parser = organism, default_value = "human")]
    pub organism: usize,
    /// Longest sequence in base pairs; longer ones are cut
    #[arg(
        long,
        visible_alias = "lengths",
        value_name = "BP",
        value_parser = base_pairs,
        default_value = "2048"
    )]
    pub length: usize,
    /// How the model computes
    #[arg(long, value_enum, default_value_t = Arithmetic::XlaCpuF32)]
    pub arithmetic: Arithmetic,
    /// Where the model runs: cpu, cuda, cuda:N (or burn-cuda: Burn's own operations)
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub device: Device,
    /// The part that must pass
    #[arg(long, default_value_t = 1.0)]
    pub pass_rate: f64,
    /// Which share is run.
    #[command(flatten)]
    pub sharing: Sharing,
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// `parity bisect`.
#[derive(Args, Clone, Debug)]
pub struct Bisect {
    /// The folder that `convert` wrote
    #[arg(long, value_name = "DIR", default_value = "alphagenome-model")]
    pub model: PathBuf,
    /// A recording with module outputs (taps) of the reference
    #[arg(long, value_name = "DIR")]
    pub recording: PathBuf,
    /// A recording with taps instead of the model, of any framework: shows the propagated error and where it jumps
    #[arg(long, alias = "against", value_name = "DIR", conflicts_with_all = ["model", "arithmetic"])]
    pub candidate: Option<PathBuf>,
    /// Only this case (may be given several times)
    #[arg(long, value_name = "NAME")]
    pub case: Vec<String>,
    /// How the model computes [default: as the recording's platform does]
    #[arg(long, value_enum)]
    pub arithmetic: Option<Arithmetic>,
    /// The largest ratio of a local error to its floor that passes
    #[arg(long, value_name = "RATIO", default_value_t = 1.25)]
    pub floor_limit: f64,
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
    /// Also write a page that draws the error along the depth of the model
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// `parity trace-diff`.
#[derive(Args, Clone, Debug)]
pub struct TraceDiff {
    /// A trace in Chrome's JSON format, gzipped or not: JAX's, PyTorch's exported ones, ours
    pub a: PathBuf,
    /// The trace that is compared with it
    pub b: PathBuf,
    /// Where the work ran that is compared [auto: the device if both traces have one]
    #[arg(long, value_enum, default_value_t = TracePlace::Auto)]
    pub on: TracePlace,
    /// How many segments of a module's path count; 0 takes all
    #[arg(long, default_value_t = 0)]
    pub depth: usize,
    /// Tell kernels apart by their template arguments and by the numbers that a compiler appends
    #[arg(long)]
    pub exact_names: bool,
    /// How many rows of a table are shown
    #[arg(long, default_value_t = 40)]
    pub top: usize,
    /// Print JSON instead of tables
    #[arg(long)]
    pub json: bool,
}

/// Where work ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TracePlace {
    /// On the device, if both traces have one
    Auto,
    /// On the device
    Device,
    /// On the host
    Host,
}

/// `parity explain`.
#[derive(Args, Clone, Debug)]
pub struct Explain {
    /// A result of level1 to level4 or compare, as --json gives it
    pub result: PathBuf,
    /// Print JSON instead of sentences
    #[arg(long)]
    pub json: bool,
}

/// `parity bench`.
#[derive(Args, Clone, Debug)]
pub struct Bench {
    /// The folder that `convert` wrote
    #[arg(long, value_name = "DIR", default_value = "alphagenome-model")]
    pub model: PathBuf,
    /// Where the model runs: cpu, cuda, cuda:N (or burn-cuda: Burn's own operations)
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub device: Device,
    /// A second form to time in the same run, one after the other: the Burn modules on `cpu` or `burn-cuda`, say
    #[arg(long, value_name = "DEVICE")]
    pub beside: Option<Device>,
    /// Sequence lengths in base pairs, multiples of 2,048: 4096, 128k, 1M
    #[arg(
        long = "length",
        visible_alias = "lengths",
        value_name = "BP",
        value_parser = base_pairs,
        value_delimiter = ',',
        default_value = "4096,16384"
    )]
    pub lengths: Vec<usize>,
    /// The compute dtype
    #[arg(long, value_enum, default_value_t = Dtype::Bf16)]
    pub dtype: Dtype,
    /// How the model computes [default: as XLA does on the device, in the dtype]
    #[arg(long, value_enum, conflicts_with = "dtype")]
    pub arithmetic: Option<Arithmetic>,
    /// The organism: human, mouse, or its index
    #[arg(long, value_parser = organism, default_value = "human")]
    pub organism: usize,
    /// How often the steady state is timed
    #[arg(long, default_value_t = 10)]
    pub repeats: usize,
    /// Compute what is at 1 bp on so many base pairs in the middle alone, and junctions between one site of each kind
    #[arg(long, value_name = "BP", value_parser = base_pairs)]
    pub part: Option<usize>,
    /// Time several algorithms for every product and convolution, and keep the fastest (CUDA only)
    #[arg(long)]
    pub tune: bool,
    /// Write a Chrome (Perfetto) trace with a slice a module and its operations (CUDA only)
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Time the scores of variants instead, REF and ALT together: a folder with genome.fa, annotation.gtf,
    /// splice_sites_starts.tsv, splice_sites_ends.tsv and variants.vcf, as model/bench/scores.py writes one
    #[arg(long, value_name = "DIR", conflicts_with_all = ["beside", "tune", "trace", "repeats", "part"])]
    pub scores: Option<PathBuf>,
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// A compute dtype.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Dtype {
    /// float32
    #[value(alias = "float32")]
    F32,
    /// bfloat16
    #[value(alias = "bfloat16")]
    Bf16,
}

impl Dtype {
    /// As recordings name it.
    pub fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::Float32,
            Self::Bf16 => DType::Bfloat16,
        }
    }
}

/// How the model computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Arithmetic {
    /// float32 as XLA compiles it for the CPU
    XlaCpuF32,
    /// float32 as XLA compiles it for a GPU at highest precision
    XlaGpuF32,
    /// float32 as XLA compiles it for a GPU at JAX's default precision: products of TF32 operands
    XlaGpuTf32,
    /// bfloat16 as AlphaGenome ships and XLA compiles it for a GPU
    XlaGpuBf16,
    /// bfloat16 as XLA compiles it for a GPU without excess precision
    XlaGpuBf16Strict,
    /// bfloat16 as XLA compiles it for the CPU
    XlaCpuBf16,
    /// float32 on a GPU, whose products with parameters are three of bfloat16
    SplitF32,
}

impl std::fmt::Display for Arithmetic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::XlaCpuF32 => "xla-cpu-f32",
            Self::XlaGpuF32 => "xla-gpu-f32",
            Self::XlaGpuTf32 => "xla-gpu-tf32",
            Self::XlaGpuBf16 => "xla-gpu-bf16",
            Self::XlaGpuBf16Strict => "xla-gpu-bf16-strict",
            Self::XlaCpuBf16 => "xla-cpu-bf16",
            Self::SplitF32 => "split-f32",
        })
    }
}
