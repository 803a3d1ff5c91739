//! What the command line may say.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use converter::{
    digest,
    parallel::DEFAULT_MEMORY,
    spec::{ALPHAGENOME, ALPHAGENOME_PYTORCH},
    tensor::Dtype,
    text::parse_bytes,
};
use terminal::{Loudness, Manual};

const EXAMPLES: &str = "\
Examples:
  convert --hub google/alphagenome-all-folds --metadata metadata/
  convert --snapshot ~/.cache/huggingface/hub/models--google--alphagenome-all-folds --out model
  convert --snapshot checkpoint --dry-run | less
  convert --snapshot checkpoint --metadata metadata/ --for alphagenome-pytorch --out pytorch
  convert verify alphagenome-model --snapshot checkpoint

Exit codes: 0 done; 1 `verify` or `diff` found differences; 2 nothing could be done (arguments, input, disk).";

const INSPECT_EXAMPLES: &str = "\
Examples:
  convert inspect --snapshot checkpoint
  convert inspect --hub google/alphagenome-all-folds --json";

const SPEC_EXAMPLES: &str = "\
Examples:
  convert spec > mine.toml
  convert spec --for alphagenome-pytorch
  convert --snapshot checkpoint --spec mine.toml --dry-run";

const VERIFY_EXAMPLES: &str = "\
Examples:
  convert verify alphagenome-model --snapshot checkpoint
  convert verify alphagenome-model --hub google/alphagenome-all-folds --metadata metadata/ --json";

const DIFF_EXAMPLES: &str = "\
Examples:
  convert diff old-checkpoint new-checkpoint
  convert diff alphagenome-model fine-tuned-model --top 5
  convert diff alphagenome-model theirs.safetensors --for alphagenome-pytorch";

/// Convert an AlphaGenome checkpoint from JAX (Orbax) to safetensors.
///
/// Writes one folder: the tensors (model.safetensors), their widths (config.json), the track metadata (tracks.json) and a
/// ledger of what became of every value (conversion.json). The folder appears whole or not at all.
#[derive(Debug, Parser)]
#[command(name = "convert", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true)]
pub struct Arguments {
    /// What to do instead of converting.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What is converted and how.
    #[command(flatten)]
    pub convert: ConvertArguments,
    /// How much is said beside the result.
    #[command(flatten)]
    pub loudness: Loudness,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show a checkpoint's tree: shapes, types, bytes and chunks
    #[command(after_help = INSPECT_EXAMPLES)]
    Inspect(InspectArguments),
    /// Print a built-in mapping spec, as a start for one of your own
    #[command(after_help = SPEC_EXAMPLES)]
    Spec(ReaderArgument),
    /// Recompute every tensor of a converted folder from its checkpoint and compare
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyArguments),
    /// Compare two checkpoints, two converted folders, or one of them with a state dict
    #[command(after_help = DIFF_EXAMPLES)]
    Diff(DiffArguments),
    #[command(flatten)]
    Manual(Manual),
}

/// The checkpoint.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("checkpoint").required(true).args(["snapshot", "hub"])))]
pub struct SourceArguments {
    /// Folder of a snapshot, or the model's folder in the Hugging Face cache
    #[arg(long, value_name = "PATH")]
    pub snapshot: Option<PathBuf>,
    /// Model on the Hugging Face Hub, downloaded into its cache: google/alphagenome-all-folds
    ///
    /// HF_HOME, HF_TOKEN, HF_HUB_OFFLINE and HF_ENDPOINT are honoured.
    #[arg(long, value_name = "REPO")]
    pub hub: Option<String>,
    /// Branch, tag or commit of the model [default: main]
    #[arg(long, value_name = "REVISION")]
    pub revision: Option<String>,
}

/// The mapping.
#[derive(Debug, Args)]
pub struct SpecArguments {
    /// Mapping spec [default: the built-in one of --for]
    #[arg(long, value_name = "FILE", conflicts_with = "reader")]
    pub spec: Option<PathBuf>,
    #[command(flatten)]
    pub reader: ReaderArgument,
}

/// Whose names and layouts the tensors get.
#[derive(Debug, Args)]
pub struct ReaderArgument {
    /// What will read the tensors [default: alphagenome-burn]
    #[arg(long = "for", value_enum, value_name = "READER")]
    pub reader: Option<Reader>,
}

/// A model that a built-in spec writes for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Reader {
    /// This project's model
    AlphagenomeBurn,
    /// The PyPI package alphagenome-pytorch 0.3: a state dict
    AlphagenomePytorch,
}

impl Reader {
    /// The one whose spec has this digest.
    pub fn of(digest: &str) -> Option<Reader> {
        let mut all = Reader::value_variants().iter().copied();
        all.find(|reader| digest::of(reader.spec().as_bytes()) == digest)
    }

    /// Its spec.
    pub fn spec(self) -> &'static str {
        match self {
            Reader::AlphagenomeBurn => ALPHAGENOME,
            Reader::AlphagenomePytorch => ALPHAGENOME_PYTORCH,
        }
    }
}

/// What the work may use.
#[derive(Debug, Args)]
pub struct ResourceArguments {
    /// Threads [default: one a processor]
    #[arg(short = '@', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
    /// Memory that tensors may take up at a time; chunks as they are stored come on top
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes, default_value_t = DEFAULT_MEMORY,
        hide_default_value = true, help = "Memory that tensors may take up at a time; chunks as they are stored come on top [default: 256MiB]")]
    pub memory: u64,
}

#[derive(Debug, Args)]
pub struct ConvertArguments {
    #[command(flatten)]
    pub source: SourceArguments,
    /// Folder of AlphaGenome's track metadata (OutputMetadataResponse_*.textproto)
    ///
    /// Without it, predictions cannot be scaled to experimental units.
    #[arg(long, value_name = "DIR")]
    pub metadata: Option<PathBuf>,
    /// Folder to write
    #[arg(long, value_name = "DIR", default_value = "alphagenome-model")]
    pub out: PathBuf,
    /// Type of the floating-point tensors
    #[arg(long, value_enum, default_value = "f32")]
    pub dtype: FloatType,
    #[command(flatten)]
    pub spec: SpecArguments,
    /// Turn on an option of the spec; for AlphaGenome standardized_conv1d or rms_batch_norm
    ///
    /// They do arithmetic on weights now that inference would otherwise repeat. The results round differently, so parity
    /// with JAX is no longer bit by bit.
    #[arg(long = "fold", value_name = "OPTION")]
    pub folds: Vec<String>,
    /// Split the tensors into files of at most this size, such as 5GB
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub max_shard_size: Option<u64>,
    /// Show what would be done, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Replace an older conversion
    #[arg(long)]
    pub force: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub resources: ResourceArguments,
}

#[derive(Debug, Args)]
pub struct InspectArguments {
    #[command(flatten)]
    pub source: SourceArguments,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// Folder that `convert` wrote
    pub model: PathBuf,
    #[command(flatten)]
    pub source: SourceArguments,
    #[command(flatten)]
    pub spec: SpecArguments,
    /// Folder of track metadata, to compare tracks.json too
    #[arg(long, value_name = "DIR")]
    pub metadata: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub resources: ResourceArguments,
}

#[derive(Debug, Args)]
pub struct DiffArguments {
    /// A snapshot, a folder that `convert` wrote, or a state dict (.safetensors)
    pub a: PathBuf,
    /// Another of the same sort; with --for, of any
    pub b: PathBuf,
    #[command(flatten)]
    pub spec: SpecArguments,
    /// Folder of track metadata, for a checkpoint against a state dict [default: tracks.json of a converted folder]
    #[arg(long, value_name = "DIR")]
    pub metadata: Option<PathBuf>,
    /// Show this many differences at most
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub top: usize,
    /// Print JSON: all differences
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub resources: ResourceArguments,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum FloatType {
    /// float32
    #[value(alias = "float32")]
    F32,
    /// bfloat16, rounded to nearest even
    #[value(alias = "bfloat16")]
    Bf16,
}

impl From<FloatType> for Dtype {
    fn from(float: FloatType) -> Dtype {
        match float {
            FloatType::F32 => Dtype::F32,
            FloatType::Bf16 => Dtype::Bf16,
        }
    }
}
