//! What the server adds to the library: both score the same variants on one device, in one process, by turns.
//!
//! Prints JSON. Exit code 1 where a request takes more than 10 % longer than in the library, or many at once take more than 5 %
//! longer each; scores must be the library's, bit for bit. Times end with an answer's last byte; what a client takes to decode it
//! is given apart, and so is what gRPC alone takes: the messages of an answer, sent by a server that does nothing else.

use std::future::{Ready, ready};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use axum::body::Bytes;
use axum::extract::State;
use clap::Parser;
use genome::alleles::Bases;
use genome::{Interval, Variant};
use inference::machine::Machine;
use inference::predictor::Predictor;
use inference::scoring::Scoring;
use inference::tables::TableArguments;
use mutations::tiny::Tiny;
use prost::Message;
use prost::bytes::{Buf, BufMut};
use scorers::{Behaviour, Organism, Scorer, Scores};
use serde_json::json;
use serve::access::Access;
use serve::engine::{Engine, Library, Running, Source};
use serve::grpc::{self, messages as m};
use serve::metrics::Metrics;
use serve::server::Server;
use terminal::Device;
use tests::fixtures;
use tokio::runtime::{Builder, Runtime};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::StreamingService;
use tonic::transport::Channel;

/// Of the library's time, what a request may take more.
const MOST_EACH: f64 = 0.10;
/// The same for many at once.
const MOST_TOGETHER: f64 = 0.05;
const WARM: usize = 3;
/// Variants in a turn of either: who asks a server asks it several things one after the other.
const TURN: usize = 10;

#[derive(Parser)]
struct Arguments {
    /// The folder that `convert` wrote [default: the tiny model, converted now]
    #[arg(long)]
    model: Option<PathBuf>,
    #[arg(long, default_value_os_t = recorded("genome.fa.gz"))]
    fasta: PathBuf,
    #[arg(long, default_value_os_t = recorded("annotation.gtf.gz"))]
    gtf: PathBuf,
    #[arg(long, default_value_t)]
    device: Device,
    #[arg(long, default_value_t = parity::cli::Arithmetic::XlaCpuF32)]
    arithmetic: parity::cli::Arithmetic,
    /// Base pairs that the model sees
    #[arg(long, default_value_t = 16_384)]
    length: i64,
    /// Where the variants lie, evenly
    #[arg(long, default_value = "chr1:65600-134400")]
    region: String,
    /// Variants, each once for every measurement
    #[arg(long, default_value_t = 100)]
    variants: usize,
    /// Clients at once
    #[arg(long, default_value_t = 8)]
    clients: usize,
}

fn recorded(name: &str) -> PathBuf {
    fixtures::root().join("scores").join(name)
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let (tiny, scratch) = (
        arguments.model.is_none().then(Tiny::convert),
        tempfile::tempdir()?,
    );
    let tiny = tiny.transpose()?;
    let model = arguments.model.clone().or(tiny.as_ref().map(Tiny::path));
    let model = model.context("--model")?;
    // An index is written beside.
    let name = arguments.fasta.file_name().context("--fasta")?;
    let fasta = scratch.path().join(name);
    std::fs::copy(&arguments.fasta, &fasta).context("--fasta")?;
    let source = Source {
        fasta: Some(fasta),
        tables: TableArguments {
            gtf: Some(arguments.gtf.clone()),
            ..TableArguments::default()
        },
        quantiles: None,
    };
    let sources = [(Organism::Human, source)].into();
    let library = Arc::new(Library::open(&model, sources, Behaviour::V0_3_0)?);
    let running = Running {
        dir: model,
        devices: vec![(arguments.device, arguments.arithmetic.into())],
        workers: 1,
        stitching: true,
    };
    let scoring = scoring(&running, &library)?;
    let variants = variants(&arguments, &scoring)?;
    let runtime = Runtime::new()?;
    let url = runtime.block_on(serve(&running, &library))?;
    let bench = Bench {
        questions: Questions {
            url,
            scorers: scoring.scorers.iter().copied().map(message).collect(),
            variants,
            length: arguments.length,
        },
        scoring,
    };
    bench.run(&arguments, &runtime)
}

/// The library, on a model of its own.
fn scoring(running: &Running, library: &Library) -> Result<Scoring> {
    let (device, arithmetic) = running.devices[0];
    let machine = Machine::load(&running.dir, arithmetic, device)?;
    let human = library.get(Organism::Human)?;
    Ok(Scoring {
        predictor: Predictor::on(machine.into(), &running.dir, Organism::Human)?,
        genome: human.genome()?.clone(),
        tables: human.tables.clone(),
        scorers: human.recommended.clone(),
        behaviour: Behaviour::V0_3_0,
        stitching: true,
        check_reference: false,
    })
}

/// Substitutions, no two the same.
fn variants(arguments: &Arguments, scoring: &Scoring) -> Result<Vec<Variant>> {
    let region: Interval = arguments.region.parse().context("--region")?;
    let bases = scoring.genome.bases(&region)?;
    ensure!(
        (1..=bases.len()).contains(&arguments.variants),
        "--variants: expected 1 to {}",
        bases.len()
    );
    let step = bases.len() / arguments.variants;
    let variants = (0..arguments.variants).map(|number| {
        let at = number * step;
        let reference = char::from(bases[at]).to_string();
        let alternate = if reference == "A" { "C" } else { "A" };
        let position = region.start + 1 + at as i64;
        Ok(Variant::new(
            &region.chromosome,
            position,
            reference,
            alternate,
        )?)
    });
    variants.collect()
}

/// A server on loopback; its address.
async fn serve(running: &Running, library: &Arc<Library>) -> Result<String> {
    let metrics = Arc::new(Metrics::default());
    let access = Access::new("127.0.0.1:0".parse()?);
    let openers = running.openers(library)?;
    let limits = access.limits.engine();
    let engine = Engine::start(library.clone(), openers, limits, metrics.observer())?;
    let (routes, health) = grpc::routes(engine.clone(), grpc::Options::default()).await?;
    let server = Server::bind(access, engine, metrics).await?;
    let url = server.url();
    tokio::spawn(server.run(routes, health, std::future::pending()));
    Ok(url)
}

/// Sends the same messages whatever it is asked.
#[derive(Clone)]
struct Echo(Vec<Bytes>);

impl StreamingService<Bytes> for Echo {
    type Response = Bytes;
    type ResponseStream = tokio_stream::Iter<std::vec::IntoIter<Result<Bytes, tonic::Status>>>;
    type Future = Ready<Result<tonic::Response<Self::ResponseStream>, tonic::Status>>;

    fn call(&mut self, _: tonic::Request<tonic::Streaming<Bytes>>) -> Self::Future {
        let messages: Vec<_> = self.0.iter().cloned().map(Ok).collect();
        ready(Ok(tonic::Response::new(tokio_stream::iter(messages))))
    }
}

/// A server on loopback that sends these messages; its address.
async fn echo(messages: Vec<Bytes>) -> Result<String> {
    let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", tcp.local_addr()?);
    let answer = async |State(echo): State<Echo>, request: axum::extract::Request| {
        let mut grpc = tonic::server::Grpc::new(Raw);
        grpc.streaming(echo, request).await
    };
    let router = axum::Router::new()
        .fallback(answer)
        .with_state(Echo(messages));
    let incoming = tonic::transport::server::TcpIncoming::from(tcp).with_nodelay(Some(true));
    let server = tonic::transport::Server::builder().serve_with_incoming(router, incoming);
    tokio::spawn(server);
    Ok(url)
}

struct Bench {
    scoring: Scoring,
    questions: Questions,
}

/// What the server is asked.
struct Questions {
    url: String,
    scorers: Vec<m::VariantScorer>,
    variants: Vec<Variant>,
    length: i64,
}

/// What asks, on a thread and a connection of its own.
struct Client<'a> {
    runtime: Runtime,
    channel: Channel,
    questions: &'a Questions,
}

impl Bench {
    fn run(&self, arguments: &Arguments, runtime: &Runtime) -> Result<ExitCode> {
        let client = self.questions.client(&self.questions.url)?;
        for variant in self.questions.variants.iter().cycle().take(WARM) {
            self.library(variant)?;
            client.answer(variant)?;
        }
        let url = runtime.block_on(echo(client.answer(&self.questions.variants[0])?))?;
        let alone = self.questions.client(&url)?;
        let [mut own, mut asked, mut sent, mut decoding] = [const { Vec::new() }; 4];
        let mut bytes = 0;
        for variants in self.questions.variants.chunks(TURN) {
            let mut expected = Vec::new();
            for variant in variants {
                let (scores, took) = timed(|| self.library(variant))?;
                own.push(took);
                expected.push(scores);
            }
            for (variant, scores) in variants.iter().zip(expected) {
                let (answer, took) = timed(|| client.answer(variant))?;
                asked.push(took);
                bytes = answer.iter().map(Bytes::len).sum();
                let (values, took) = timed(|| decoded(&answer))?;
                decoding.push(took);
                let expected = scores.iter().flat_map(|scores| &scores.values);
                let same = expected.map(|value| value.to_bits()).eq(values);
                ensure!(same, "{variant}: the server's scores are not the library's");
            }
            for variant in variants {
                sent.push(timed(|| alone.answer(variant))?.1);
            }
        }
        let all = || {
            self.questions
                .variants
                .iter()
                .try_for_each(|variant| self.library(variant).map(drop))
        };
        // A processor's pace changes: each half of the server's has one of the library's beside it.
        let together = || self.questions.together(arguments.clients);
        let (before, first, second, after) =
            (timed(all)?.1, together()?, together()?, timed(all)?.1);
        let (library, together) = ((before + after) / 2.0, (first + second) / 2.0);
        let each = median(&mut asked) / median(&mut own) - 1.0;
        let rate = together / library - 1.0;
        let count = self.questions.variants.len() as f64;
        let holds = each <= MOST_EACH && rate <= MOST_TOGETHER;
        let report = json!({
            "device": self.scoring.predictor.machine().place().1,
            "arithmetic": arguments.arithmetic.to_string(),
            "length": self.questions.length, "variants": self.questions.variants.len(), "scorers": self.scoring.scorers.len(),
            "answer_bytes": bytes,
            "library_ms": 1e3 * median(&mut own), "server_ms": 1e3 * median(&mut asked),
            "library_p99_ms": 1e3 * at(&mut own, 0.99), "server_p99_ms": 1e3 * at(&mut asked, 0.99),
            "grpc_alone_ms": 1e3 * median(&mut sent), "client_decodes_ms": 1e3 * median(&mut decoding),
            "overhead": each, "overhead_bound": MOST_EACH,
            "clients": arguments.clients,
            "library_per_second": count / library, "server_per_second": count / together,
            "library_per_second_before_and_after": [count / before, count / after],
            "server_per_second_first_and_second": [count / first, count / second],
            "throughput_overhead": rate, "throughput_overhead_bound": MOST_TOGETHER,
            "holds": holds,
        });
        println!("{report:#}");
        Ok(if holds {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    fn library(&self, variant: &Variant) -> Result<Vec<Scores>> {
        let interval = variant.reference_interval().resize(self.questions.length);
        self.scoring.score(&interval, variant)
    }
}

impl Questions {
    fn client(&self, url: &str) -> Result<Client<'_>> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let endpoint = Channel::from_shared(url.to_owned())?;
        Ok(Client {
            channel: runtime.block_on(endpoint.connect())?,
            runtime,
            questions: self,
        })
    }

    /// Seconds for all variants, asked for by several clients that take turns.
    fn together(&self, clients: usize) -> Result<f64> {
        let next = AtomicUsize::new(0);
        let clients: Vec<_> = (0..clients)
            .map(|_| self.client(&self.url))
            .collect::<Result<_>>()?;
        let ask = |client: Client<'_>| {
            while let Some(variant) = self.variants.get(next.fetch_add(1, Ordering::Relaxed)) {
                client.answer(variant)?;
            }
            Ok(())
        };
        let ((), took) = timed(|| {
            std::thread::scope(|scope| {
                let clients = clients
                    .into_iter()
                    .map(|client| scope.spawn(|| ask(client)));
                let clients: Vec<_> = clients.collect();
                let ended = clients
                    .into_iter()
                    .map(|client| client.join().expect("a client ends"));
                ended.collect::<Result<()>>()
            })
        })?;
        Ok(took)
    }
}

impl Client<'_> {
    fn answer(&self, variant: &Variant) -> Result<Vec<Bytes>> {
        self.runtime.block_on(self.ask(variant))
    }

    /// The messages of the server's answer, not decoded.
    async fn ask(&self, variant: &Variant) -> Result<Vec<Bytes>> {
        let interval = variant.reference_interval().resize(self.questions.length);
        let question = m::ScoreVariantRequest {
            interval: Some(m::Interval {
                chromosome: interval.chromosome,
                start: interval.start,
                end: interval.end,
                strand: m::Strand::Unstranded.into(),
            }),
            variant: Some(m::Variant {
                chromosome: variant.chromosome().into(),
                position: variant.position(),
                reference_bases: variant.reference().into(),
                alternate_bases: variant.alternate().into(),
            }),
            organism: m::Organism::HomoSapiens.into(),
            variant_scorers: self.questions.scorers.clone(),
            ..m::ScoreVariantRequest::default()
        };
        let mut client = tonic::client::Grpc::new(self.channel.clone());
        client.ready().await?;
        let path = "/google.gdm.gdmscience.alphagenome.v1main.DnaModelService/ScoreVariant";
        let request =
            tonic::Request::new(tokio_stream::iter([Bytes::from(question.encode_to_vec())]));
        let answer = client.streaming(request, path.try_into()?, Raw).await?;
        let (mut answer, mut messages) = (answer.into_inner(), Vec::new());
        while let Some(message) = answer.message().await? {
            messages.push(message);
        }
        Ok(messages)
    }
}

/// A scorer as clients send it.
fn message(scorer: Scorer) -> m::VariantScorer {
    use m::variant_scorer::Scorer as S;
    let number = |output| {
        let known = m::OutputType::from_str_name(&format!("OUTPUT_TYPE_{output}"));
        known.map_or(0, Into::into)
    };
    let requested_output = number(scorer.output());
    let scorer = match scorer {
        Scorer::CenterMask {
            width, aggregation, ..
        } => {
            let name = format!("AGGREGATION_TYPE_{aggregation}");
            let aggregation = m::AggregationType::from_str_name(&name);
            S::CenterMask(m::CenterMaskScorer {
                width: width.map(|width| width as i64),
                aggregation_type: aggregation.map_or(0, Into::into),
                requested_output,
            })
        }
        Scorer::GeneMaskLfc { .. } => S::GeneMask(m::GeneMaskLfcScorer { requested_output }),
        Scorer::GeneMaskActive { .. } => {
            S::GeneMaskActive(m::GeneMaskActiveScorer { requested_output })
        }
        Scorer::GeneMaskSplicing { width, .. } => S::GeneMaskSplicing(m::GeneMaskSplicingScorer {
            width: width.map(|width| width as i64),
            requested_output,
        }),
        Scorer::Polyadenylation => S::PaQtl(m::PolyadenylationScorer {}),
        Scorer::SpliceJunction => S::SpliceJunction(m::SpliceJunctionScorer {}),
        Scorer::ContactMap => S::ContactMap(m::ContactMapScorer {}),
    };
    m::VariantScorer {
        scorer: Some(scorer),
    }
}

/// The bits of an answer's scores.
fn decoded(answer: &[Bytes]) -> Result<Vec<u32>> {
    use m::score_variant_response::Payload;
    let (mut bits, mut short) = (Vec::new(), false);
    let mut read = |bytes: &[u8], short: bool| match short {
        true => bits.extend(
            bytes
                .as_chunks()
                .0
                .iter()
                .map(|word| u32::from(u16::from_le_bytes(*word)) << 16),
        ),
        false => bits.extend(
            bytes
                .as_chunks()
                .0
                .iter()
                .map(|word| u32::from_le_bytes(*word)),
        ),
    };
    for message in answer {
        match m::ScoreVariantResponse::decode(message.clone())?.payload {
            Some(Payload::Output(output)) => {
                let values = output.variant_data.and_then(|data| data.values);
                let values = values.context("an answer has values")?;
                short = values.data_type() == m::DataType::Bfloat16;
                if let Some(m::tensor::Payload::Array(array)) = values.payload {
                    read(&array.data, short);
                }
            }
            Some(Payload::TensorChunk(chunk)) => read(&chunk.data, short),
            None => {}
        }
    }
    Ok(bits)
}

/// Messages as bytes.
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = tonic::Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), tonic::Status> {
        to.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = tonic::Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, tonic::Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// What comes of it, and the seconds that it takes.
fn timed<T>(run: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let begun = Instant::now();
    let made = run()?;
    Ok((made, begun.elapsed().as_secs_f64()))
}

fn median(times: &mut [f64]) -> f64 {
    at(times, 0.5)
}

fn at(times: &mut [f64], part: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    times[((times.len() - 1) as f64 * part).round() as usize]
}
