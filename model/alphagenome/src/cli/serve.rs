//! `alphagenome serve`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use ::serve::access::AccessArguments;
use ::serve::engine::{Engine, Library, Limits, Running, Source};
use ::serve::grpc;
use ::serve::metrics::Metrics;
use ::serve::server::{Ended, Server};
use anyhow::{Context, Result, bail};
use clap::Args;
use inference::tables::TableArguments;
use parity::cli::Arithmetic;
use scorers::{Behaviour, Organism};
use serde_json::json;
use terminal::{Device, Devices, Speech, note};
use tokio::signal::unix::{SignalKind, signal};

use super::Outcome;
use super::arguments::{behaviour, organism};
use super::computing::{Computing, Precision};

/// What `--help` ends with.
pub const EXAMPLES: &str = "\
Examples:
  alphagenome serve --fasta human=hg38.fa --gtf human=gencode.v46.gtf.gz --device cuda
  alphagenome serve --fasta human=hg38.fa --fasta mouse=mm10.fa --device cuda:0,cuda:1 --listen 0.0.0.0:443 \
--tls-cert cert.pem --tls-key key.pem --api-keys keys.txt

In Python: DnaClient(channel=grpc.insecure_channel('127.0.0.1:50051')) of alphagenome.models.dna_client.

Exit codes: 0 ended by a signal, all requests answered; 1 ended before all were; 2 could not serve.";

/// `alphagenome serve`.
#[derive(Args, Clone, Debug)]
pub struct ServeArguments {
    /// The folder that `convert` wrote
    #[arg(long, value_name = "DIR", default_value = "alphagenome-model")]
    pub model: PathBuf,
    /// Where models run: cpu, or GPUs such as cuda:0,cuda:1
    #[arg(
        long,
        value_name = "DEVICES",
        value_delimiter = ',',
        default_value = "cpu"
    )]
    pub device: Vec<Device>,
    /// How precisely models compute [default: f32 on a CPU, tf32 on a GPU]
    #[arg(long, visible_alias = "dtype", value_enum)]
    pub precision: Option<Precision>,
    /// One of `parity`'s arithmetics instead, which say where XLA rounds
    #[arg(long, value_enum, conflicts_with = "precision")]
    pub arithmetic: Option<Arithmetic>,
    /// Models on each device; on the CPU they share their parameters
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub workers: u8,
    /// The files of organisms.
    #[command(flatten)]
    pub files: FileArguments,
    /// Do not stitch the embeddings of indels that are scored
    #[arg(long)]
    pub no_stitching: bool,
    /// Whose behaviour: that of alphagenome_research 0.3.0 (0.3.0), or with its slips mended (corrected)
    #[arg(long = "as", value_name = "VERSION", value_parser = behaviour, default_value = "0.3.0")]
    pub behaviour: Behaviour,
    /// Requests that may wait
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..))]
    pub queue: u32,
    /// Memory of answers that are made or not yet read, in GiB
    #[arg(long, value_name = "GIB", default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    pub memory: u64,
    /// Compress predictions with zstd: for clients behind a slow network
    #[arg(long)]
    pub compress: bool,
    /// The version of the model that clients may ask for, such as ALL_FOLDS [default: those that name none are served]
    #[arg(long, value_name = "NAME")]
    pub model_version: Option<String>,
    /// Who may use the server.
    #[command(flatten)]
    pub access: AccessArguments,
    /// Say as JSON where the server listens
    #[arg(long)]
    pub json: bool,
}

/// A file of an organism; without a name it is human's.
type Named = (Organism, PathBuf);

/// Where a source keeps a file.
type Place = fn(&mut Source) -> &mut Option<PathBuf>;

/// The files of organisms, each once an organism.
#[derive(Args, Clone, Debug)]
pub struct FileArguments {
    /// A genome, as human=FILE or mouse=FILE: FASTA, plain or compressed with bgzip; without one, sequences alone are predicted
    #[arg(long, value_name = "ORGANISM=FILE", value_parser = named)]
    pub fasta: Vec<Named>,
    /// Genes: a GTF as GENCODE writes it, plain or compressed
    #[arg(long, value_name = "ORGANISM=FILE", value_parser = named)]
    pub gtf: Vec<Named>,
    /// DeepMind's table of intron starts, tab-separated [default: derived from the GTF]
    #[arg(long, value_name = "ORGANISM=FILE", value_parser = named)]
    pub splice_starts: Vec<Named>,
    /// DeepMind's table of intron ends
    #[arg(long, value_name = "ORGANISM=FILE", value_parser = named)]
    pub splice_ends: Vec<Named>,
    /// Polyadenylation sites, tab-separated with Start, End, pas_strand and gene_id
    #[arg(long, value_name = "ORGANISM=FILE", value_parser = named)]
    pub polya: Vec<Named>,
    /// DeepMind's calibration file: adds quantiles to scores of variants
    #[arg(long, value_name = "ORGANISM=FILE", value_parser = named)]
    pub quantiles: Vec<Named>,
}

fn named(text: &str) -> Result<Named, String> {
    let (name, path) = text.split_once('=').unwrap_or(("human", text));
    match organism(name) {
        Ok(organism) if !path.is_empty() => Ok((organism, path.into())),
        _ => Err("expected human=FILE or mouse=FILE".into()),
    }
}

impl FileArguments {
    /// By organism.
    fn sources(&self) -> Result<BTreeMap<Organism, Source>> {
        let mut sources: BTreeMap<Organism, Source> = BTreeMap::new();
        let kinds: [(&str, &Vec<Named>, Place); 6] = [
            ("fasta", &self.fasta, |source| &mut source.fasta),
            ("gtf", &self.gtf, |source| &mut source.tables.gtf),
            ("splice-starts", &self.splice_starts, |source| {
                &mut source.tables.splice_starts
            }),
            ("splice-ends", &self.splice_ends, |source| {
                &mut source.tables.splice_ends
            }),
            ("polya", &self.polya, |source| &mut source.tables.polya),
            ("quantiles", &self.quantiles, |source| &mut source.quantiles),
        ];
        for (name, files, place) in kinds {
            for (organism, path) in files {
                let place = place(sources.entry(*organism).or_default());
                if place.replace(path.clone()).is_some() {
                    bail!("--{name}: two files were given for {organism}");
                }
            }
        }
        for (organism, source) in &sources {
            let TableArguments {
                gtf,
                splice_starts,
                splice_ends,
                polya,
            } = &source.tables;
            let lacks = match source {
                Source { fasta: None, .. } => "a genome: give --fasta",
                _ if polya.is_some() && gtf.is_none() => "genes for --polya: give --gtf",
                _ if splice_starts.is_some() != splice_ends.is_some() => {
                    "one of --splice-starts and --splice-ends: give both"
                }
                _ => continue,
            };
            bail!("{organism} lacks {lacks}");
        }
        Ok(sources)
    }
}

impl ServeArguments {
    fn running(&self) -> Running {
        let devices = self.device.iter().map(|device| {
            let computing = Computing {
                device: Devices::Named(vec![*device]),
                precision: self.precision,
                arithmetic: self.arithmetic,
            };
            (*device, computing.arithmetic())
        });
        Running {
            dir: self.model.clone(),
            devices: devices.collect(),
            workers: self.workers.into(),
            stitching: !self.no_stitching,
        }
    }

    /// Says where the server listens.
    fn announce(&self, url: &str, engine: &Engine) -> Result<()> {
        let organisms = engine.library().organisms();
        let organisms: Vec<_> = organisms.map(|assembly| assembly.organism.name()).collect();
        let workers = engine.status().workers;
        if self.json {
            let document = json!({ "url": url, "organisms": organisms, "workers": workers });
            terminal::print(&format!("{document}\n"))?;
            return Ok(());
        }
        let line = format!("serving {} at {url}", organisms.join(" and "));
        note(Speech::Normal, &line);
        Ok(())
    }
}

/// Runs the command.
///
/// # Errors
/// Where nothing can be served.
pub fn run(arguments: &ServeArguments) -> Result<Outcome> {
    let access = arguments.access.open()?;
    let sources = arguments.files.sources()?;
    let library = Library::open(&arguments.model, sources, arguments.behaviour)?;
    let library = Arc::new(library);
    let limits = Limits {
        places: arguments.queue as usize,
        answer_bytes: arguments.memory << 30,
        ..access.limits.engine()
    };
    let options = grpc::Options {
        compress: arguments.compress,
        model_version: arguments.model_version.clone(),
        message: access.limits.message,
        ..grpc::Options::default()
    };
    let runtime = tokio::runtime::Runtime::new().context("no runtime")?;
    let ended = runtime.block_on(async {
        let metrics = Arc::new(Metrics::default());
        let openers = arguments.running().openers(&library)?;
        let engine = Engine::start(library, openers, limits, metrics.observer())?;
        let (routes, health) = grpc::routes(engine.clone(), options).await?;
        let listen = access.listen;
        let server = Server::bind(access, engine.clone(), metrics).await;
        let server = server.with_context(|| format!("--listen {listen}"))?;
        let (mut terminate, mut interrupt) = (
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
        );
        arguments.announce(&server.url(), &engine)?;
        drop(engine);
        let signalled = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            note(
                Speech::Normal,
                "ending: what runs is finished, the rest is refused",
            );
        };
        Ok::<_, anyhow::Error>(server.run(routes, health, signalled).await?)
    });
    // What is still running is not waited for.
    runtime.shutdown_background();
    Ok(match ended? {
        Ended::Whole => Outcome::Done,
        Ended::Late => {
            note(
                Speech::Normal,
                "note: the grace was over before all requests were answered",
            );
            Outcome::SomeFailed
        }
    })
}
