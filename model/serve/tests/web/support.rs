//! A server of the tiny model, or of one that only waits, and clients of it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use inference::machine::Machine;
use inference::predictor::Predictor;
use inference::scoring::Scoring;
use inference::tables::TableArguments;
use model::Arithmetic;
use mutations::tiny::Tiny;
use scorers::{Behaviour, Organism, Row, ScoredBy, Scorer, Scores, Tracks};
use serve::access::Access;
use serve::engine::{
    Answered, Engine, Error, Library, Limits, Model, Opener, Source, Status, Task, Work,
};
use serve::grpc::{self, Options, messages};
use serve::metrics::Metrics;
use serve::server::{Ended, Server};
use tempfile::TempDir;
use terminal::Device;
use tests::fixtures;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

/// The tiny model and a made-up genome, made once.
pub struct Inputs {
    model: Tiny,
    folder: TempDir,
}

pub static INPUTS: LazyLock<Inputs> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    for name in ["genome.fa.gz", "annotation.gtf.gz", "polya_sites.tsv"] {
        let from = fixtures::root().join("scores").join(name);
        fs::copy(from, folder.path().join(name)).unwrap();
    }
    let model = Tiny::convert().unwrap();
    Inputs { model, folder }
});

impl Inputs {
    pub fn model(&self) -> PathBuf {
        self.model.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Human with its genome, and mouse without.
    pub fn library(&self) -> Arc<Library> {
        let source = Source {
            fasta: Some(self.path("genome.fa.gz")),
            tables: TableArguments {
                gtf: Some(self.path("annotation.gtf.gz")),
                polya: Some(self.path("polya_sites.tsv")),
                ..TableArguments::default()
            },
            quantiles: None,
        };
        let sources = BTreeMap::from([(Organism::Human, source)]);
        let library = Library::open(&self.model(), sources, Behaviour::V0_3_0);
        Arc::new(library.unwrap())
    }
}

/// The tiny model on the CPU.
pub fn tiny(library: &Arc<Library>) -> Opener {
    let library = library.clone();
    Opener::new(Device::Cpu, move || {
        let folder = INPUTS.model();
        let machine = Machine::load(&folder, Arithmetic::XlaCpuF32, Device::Cpu)?;
        Ok(Box::new(Model::open(machine, &folder, library, true)?))
    })
}

/// A model that takes its time and gives nothing.
pub fn waiting(time: Duration) -> Opener {
    struct Waits(Duration);
    impl Work for Waits {
        fn run(&mut self, _: Organism, _: &Task) -> Result<Answered, Error> {
            thread::sleep(self.0);
            Ok(Answered::default())
        }
    }
    Opener::new(Device::Cpu, move || Ok(Box::new(Waits(time))))
}

/// A model whose scores have these rows and tracks; the values are thirds, from 0 on.
pub fn scoring(rows: Vec<Row>, tracks: Tracks) -> Opener {
    struct Fixed(Vec<Row>, Arc<Tracks>);
    impl Work for Fixed {
        fn run(&mut self, _: Organism, task: &Task) -> Result<Answered, Error> {
            let Task::ScoreVariant {
                interval,
                variant,
                scorers,
                ..
            } = task
            else {
                return Ok(Answered::default());
            };
            let Self(rows, tracks) = self;
            let thirds = (0..rows.len() * tracks.len()).map(|at| at as f32 / 3.0);
            let scores = Scores {
                by: ScoredBy::Variant {
                    scorer: scorers[0],
                    variant: variant.clone(),
                },
                interval: interval.as_unstranded(),
                rows: rows.clone(),
                tracks: tracks.clone(),
                values: thirds.collect(),
                quantiles: None,
            };
            Ok(Answered {
                scores: vec![scores],
                ..Answered::default()
            })
        }
    }
    let tracks = Arc::new(tracks);
    Opener::new(Device::Cpu, move || Ok(Box::new(Fixed(rows, tracks))))
}

/// Scores of variants as the library gives them, without a server.
pub fn library(scorers: Option<&[Scorer]>) -> Scoring {
    let library = INPUTS.library();
    let human = library.get(Organism::Human).unwrap();
    let predictor = Predictor::open(
        &INPUTS.model(),
        Arithmetic::XlaCpuF32,
        Device::Cpu,
        Organism::Human,
    );
    Scoring {
        predictor: predictor.unwrap(),
        genome: human.genome().unwrap().clone(),
        tables: human.tables.clone(),
        scorers: scorers.map_or_else(|| human.recommended.clone(), <[_]>::to_vec),
        behaviour: Behaviour::V0_3_0,
        stitching: true,
        check_reference: false,
    }
}

/// A server that runs.
pub struct Running {
    pub address: SocketAddr,
    pub engine: Arc<Engine>,
    pub runtime: Arc<Runtime>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Ended>>,
}

/// An address of this machine, at any port.
pub fn access() -> Access {
    Access::new("127.0.0.1:0".parse().unwrap())
}

impl Running {
    /// A server of the tiny model.
    pub fn tiny(access: Access) -> Self {
        let library = INPUTS.library();
        let opener = tiny(&library);
        Self::start(access, &library, opener)
    }

    /// A server whose model only waits.
    pub fn waiting(access: Access, time: Duration) -> Self {
        Self::start(access, &INPUTS.library(), waiting(time))
    }

    pub fn start(access: Access, library: &Arc<Library>, opener: Opener) -> Self {
        let limits = access.limits.engine();
        Self::limited(access, limits, library, opener)
    }

    /// A server whose queue and memory have these bounds.
    pub fn limited(access: Access, limits: Limits, library: &Arc<Library>, opener: Opener) -> Self {
        Self::open(access, (limits, Options::default()), library, opener)
    }

    /// A server that answers over gRPC as `options` say.
    pub fn answering(options: Options, opener: Opener) -> Self {
        let access = access();
        let limits = access.limits.engine();
        Self::open(access, (limits, options), &INPUTS.library(), opener)
    }

    fn open(
        access: Access,
        (limits, options): (Limits, Options),
        library: &Arc<Library>,
        opener: Opener,
    ) -> Self {
        let metrics = Arc::new(Metrics::default());
        let engine = Engine::start(library.clone(), vec![opener], limits, metrics.observer());
        let engine = engine.unwrap();
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let runtime = Arc::new(runtime);
        let server = runtime.block_on(Server::bind(access, engine.clone(), metrics));
        let server = server.unwrap();
        let address = server.address();
        let (stop, stopped) = oneshot::channel();
        let (own, models) = (runtime.clone(), engine.clone());
        let thread = thread::spawn(move || {
            own.block_on(async move {
                let (router, health) = grpc::routes(models, options).await.unwrap();
                let signal = async {
                    let _ = stopped.await;
                };
                server.run(router, health, signal).await.unwrap()
            })
        });
        Self {
            address,
            engine,
            runtime,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Sends the signal.
    pub fn signal(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }

    /// Waits for the end after the signal.
    pub fn ended(&mut self) -> Ended {
        self.thread.take().unwrap().join().unwrap()
    }

    /// A request over a connection of its own.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut stream = connect(self.address);
        exchange(&mut stream, method, path, headers, body).unwrap()
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"")
    }

    /// JSON to `path`.
    pub fn post(&self, path: &str, body: &serde_json::Value) -> Answer {
        self.ask("POST", path, &[JSON], body.to_string().as_bytes())
    }

    /// The sum of a counter's or gauge's samples whose line begins so.
    pub fn metric(&self, name: &str) -> f64 {
        sum(&self.get("/metrics").text(), name)
    }

    /// Fails unless nothing is held after a while: places, bytes, connections.
    #[track_caller]
    pub fn expect_idle(&self) {
        let workers = self.engine.status().workers;
        let idle = Status {
            workers,
            ..Status::default()
        };
        let begun = Instant::now();
        loop {
            let status = self.engine.status();
            // The connection that asks is one itself.
            let connections = self.metric("alphagenome_connections ");
            if status == idle && connections == 1.0 {
                return;
            }
            let late = begun.elapsed() > Duration::from_secs(20);
            assert!(!late, "{status:?}, {connections} connections");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub const JSON: (&str, &str) = ("content-type", "application/json");

/// The sum of the samples of a text whose lines begin so.
pub fn sum(text: &str, name: &str) -> f64 {
    let lines = text.lines().filter(|line| line.starts_with(name));
    let values = lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap());
    values.sum()
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(120)))
        .unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// An answer over HTTP/1.1.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// The sentence of an error.
    #[track_caller]
    pub fn error(&self) -> String {
        let document = self.json();
        assert_eq!(document["status"], self.status, "{document}");
        document["error"].as_str().unwrap().to_owned()
    }
}

/// The bytes of a request that asks for the connection to be closed after it.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        text += "host: 127.0.0.1\r\n";
    }
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    let sized = headers.iter().any(|(name, _)| *name == "transfer-encoding");
    if !body.is_empty() && !sized {
        text += &format!("content-length: {}\r\n", body.len());
    }
    let mut bytes = (text + "\r\n").into_bytes();
    bytes.extend(body);
    bytes
}

/// Sends a request and reads its answer.
pub fn exchange(
    stream: &mut (impl Read + Write),
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Answer> {
    // A server that refuses may stop reading.
    let _ = stream.write_all(&request(method, path, headers, body));
    let _ = stream.flush();
    answer(stream)
}

/// Reads an answer to the connection's end.
pub fn answer(stream: &mut impl Read) -> io::Result<Answer> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if bytes.is_empty() => return Err(error),
        _ => {}
    }
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().unwrap_or("").split(' ').nth(1);
    let status = status.and_then(|code| code.parse().ok());
    let headers = lines.filter_map(|line| {
        let (name, value) = line.split_once(": ")?;
        Some((name.to_ascii_lowercase(), value.to_owned()))
    });
    let headers: BTreeMap<_, _> = headers.collect();
    let mut body = bytes.split_off(end + 4);
    if headers.contains_key("transfer-encoding") {
        body = unchunked(&body);
    } else if let Some(length) = headers.get("content-length")
        && body.len() != length.parse::<usize>().unwrap()
    {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Answer {
        status: status.ok_or(io::ErrorKind::InvalidData)?,
        headers,
        body,
    })
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            break;
        }
        body.extend(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 4 + size..];
    }
    body
}

/// A client over TLS that trusts the maker of `ca` and offers `protocols`.
pub fn encrypted(
    address: SocketAddr,
    ca: &str,
    protocols: &[&str],
) -> io::Result<rustls::StreamOwned<rustls::ClientConnection, TcpStream>> {
    use rustls::pki_types::pem::PemObject;
    let mut roots = rustls::RootCertStore::empty();
    let certificate = rustls::pki_types::CertificateDer::from_pem_file(data(ca)).unwrap();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    let name = "localhost".try_into().unwrap();
    let client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = rustls::StreamOwned::new(client, connect(address));
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// A file of these tests.
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

/// A connection that is shut at once.
pub fn slam(stream: &TcpStream) {
    let _ = stream.shutdown(Shutdown::Both);
}

/// A request for a score that costs little.
pub fn score() -> Vec<u8> {
    serde_json::json!({ "variants": ["chr1:42101:G>T"], "length": 4096 })
        .to_string()
        .into_bytes()
}

/// The same through gRPC.
pub fn question() -> messages::ScoreVariantRequest {
    use messages::*;
    let scorer = variant_scorer::Scorer::CenterMask(CenterMaskScorer {
        width: Some(501),
        aggregation_type: AggregationType::DiffLog2Sum.into(),
        requested_output: OutputType::Atac.into(),
    });
    ScoreVariantRequest {
        interval: Some(Interval {
            chromosome: "chr1".into(),
            start: 40_000,
            end: 44_096,
            strand: Strand::Positive.into(),
        }),
        variant: Some(Variant {
            chromosome: "chr1".into(),
            position: 42_101,
            reference_bases: "G".into(),
            alternate_bases: "T".into(),
        }),
        organism: Organism::HomoSapiens.into(),
        variant_scorers: vec![VariantScorer {
            scorer: Some(scorer),
        }],
        ..ScoreVariantRequest::default()
    }
}
