//! Many clients at once, of both protocols: no answer is lost, none is another's, and memory stays.
//!
//! `make bench-serve` asks for more, with `ALPHAGENOME_LOAD` requests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use genome::alleles::Bases;
use genome::{Interval, Strand, Variant};
use scorers::Scorer;
use serde_json::{Value, json};
use serve::grpc::messages;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic_prost::ProstCodec;

use crate::resources;
use crate::support::{Running, access, library};

const CLIENTS: usize = 64;
const LENGTH: i64 = 16_384;
/// Variants that are not the same.
const VARIANTS: usize = 40;
/// What memory may grow by once a quarter of the requests are answered.
const GROWTH: i64 = 48 << 20;
const SCORER: &str =
    "CenterMaskScorer(requested_output=ATAC, width=501, aggregation_type=DIFF_LOG2_SUM)";

/// A variant, and the bits of its scores.
struct Known {
    variant: Variant,
    bits: Vec<u32>,
}

#[test]
fn many_clients_get_their_own_answers() {
    let _alone = crate::alone();
    let requests = std::env::var("ALPHAGENOME_LOAD")
        .ok()
        .map(|text| text.parse().unwrap());
    let requests: usize = requests.unwrap_or(160);
    let (known, alone) = known();
    let server = Running::tiny(access());
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let quarter = AtomicUsize::new(0);
    let begun = Instant::now();
    let mut times: Vec<Duration> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (server, known, next, done, quarter) =
                    (&server, &known, &next, &done, &quarter);
                scope.spawn(move || {
                    let mut grpc = (client % 2 == 0).then(|| {
                        let url = format!("http://{}", server.address);
                        {
                            let endpoint = Channel::from_shared(url).unwrap();
                            Grpc::new(server.runtime.block_on(endpoint.connect()).unwrap())
                        }
                    });
                    let mut times = Vec::new();
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= requests {
                            return times;
                        }
                        // Neighbours ask for other things.
                        let wanted = &known[(number * 7 + client) % known.len()];
                        let start = Instant::now();
                        let (variant, bits) = match &mut grpc {
                            Some(grpc) => server.runtime.block_on(ask_grpc(grpc, &wanted.variant)),
                            None => ask_http(server, &wanted.variant),
                        };
                        times.push(start.elapsed());
                        assert_eq!(variant, wanted.variant.to_string());
                        assert_eq!(bits, wanted.bits, "{variant}");
                        if done.fetch_add(1, Ordering::Relaxed) == requests / 4 {
                            quarter.store(resources().1 as usize, Ordering::Relaxed);
                        }
                    }
                })
            })
            .collect();
        clients
            .into_iter()
            .flat_map(|client| client.join().unwrap())
            .collect()
    });
    let took = begun.elapsed();
    assert_eq!(times.len(), requests);
    let grown = resources().1 - quarter.load(Ordering::Relaxed) as i64;
    assert!(
        grown < GROWTH,
        "{grown} bytes more than after a quarter of the requests"
    );
    server.expect_idle();
    times.sort_unstable();
    let at = |part: f64| times[((times.len() - 1) as f64 * part).round() as usize].as_secs_f64();
    let each = took.as_secs_f64() / requests as f64;
    let report = json!({
        "clients": CLIENTS, "requests": requests, "length": LENGTH,
        "seconds": took.as_secs_f64(), "per_second": 1.0 / each,
        "p50_seconds": at(0.5), "p99_seconds": at(0.99),
        "library_seconds_each": alone, "server_seconds_each": each,
        "memory_grown_bytes": grown,
    });
    eprintln!("{report:#}");
}

/// Variants with their scores as the library gives them, and what one takes there.
fn known() -> (Arc<Vec<Known>>, f64) {
    let scorer: Scorer = SCORER.parse().unwrap();
    let scoring = library(Some(&[scorer]));
    let start = 42_000;
    let bases = Interval::new("chr1", start, start + VARIANTS as i64, Strand::Positive).unwrap();
    let bases = scoring.genome.bases(&bases).unwrap();
    let mut times = Vec::new();
    let known = bases.iter().enumerate().map(|(at, base)| {
        let reference = char::from(*base).to_string();
        let alternate = if reference == "A" { "C" } else { "A" };
        let variant = Variant::new("chr1", start + 1 + at as i64, reference, alternate).unwrap();
        let begun = Instant::now();
        let scores = scoring
            .score(&variant.reference_interval().resize(LENGTH), &variant)
            .unwrap();
        times.push(begun.elapsed().as_secs_f64());
        let bits = scores[0]
            .values
            .iter()
            .map(|value| value.to_bits())
            .collect();
        Known { variant, bits }
    });
    let known: Vec<_> = known.collect();
    let all: BTreeMap<_, _> = known
        .iter()
        .map(|known| (&known.bits, &known.variant))
        .collect();
    assert_eq!(
        all.len(),
        known.len(),
        "no two variants have the same scores"
    );
    times.sort_by(f64::total_cmp);
    (Arc::new(known), times[times.len() / 2])
}

fn ask_http(server: &Running, variant: &Variant) -> (String, Vec<u32>) {
    let body = json!({ "variants": [variant.to_string()], "length": LENGTH, "scorers": [SCORER] });
    let document = server.post("/v1/score", &body).expect(200).json();
    let columns: Vec<String> = serde_json::from_value(document["columns"].clone()).unwrap();
    let column = |name: &str| {
        let at = columns.iter().position(|column| column == name).unwrap();
        let rows = document["rows"].as_array().unwrap();
        rows.iter()
            .map(|row| row[at].clone())
            .collect::<Vec<Value>>()
    };
    let names = column("variant_id");
    assert!(names.windows(2).all(|pair| pair[0] == pair[1]));
    let bits = column("raw_score")
        .iter()
        .map(|score| (score.as_f64().unwrap() as f32).to_bits())
        .collect();
    (names[0].as_str().unwrap().to_owned(), bits)
}

async fn ask_grpc(client: &mut Grpc<Channel>, variant: &Variant) -> (String, Vec<u32>) {
    use messages::described::{self as d, score_variant_response, tensor};
    use messages::*;
    let interval = variant.reference_interval().resize(LENGTH);
    let scorer = variant_scorer::Scorer::CenterMask(CenterMaskScorer {
        width: Some(501),
        aggregation_type: AggregationType::DiffLog2Sum.into(),
        requested_output: OutputType::Atac.into(),
    });
    let request = ScoreVariantRequest {
        interval: Some(messages::Interval {
            chromosome: interval.chromosome,
            start: interval.start,
            end: interval.end,
            strand: messages::Strand::Unstranded.into(),
        }),
        variant: Some(messages::Variant {
            chromosome: variant.chromosome().into(),
            position: variant.position(),
            reference_bases: variant.reference().into(),
            alternate_bases: variant.alternate().into(),
        }),
        organism: messages::Organism::HomoSapiens.into(),
        variant_scorers: vec![VariantScorer {
            scorer: Some(scorer),
        }],
        ..ScoreVariantRequest::default()
    };
    client.ready().await.unwrap();
    let path = "/google.gdm.gdmscience.alphagenome.v1main.DnaModelService/ScoreVariant";
    let request = tonic::Request::new(tokio_stream::iter([request]));
    // The service's own client does not read what is encoded beforehand.
    let codec = ProstCodec::<ScoreVariantRequest, d::ScoreVariantResponse>::default();
    let answers = client.streaming(request, path.parse().unwrap(), codec);
    let answers = answers.await.unwrap();
    let mut answers = answers.into_inner();
    let (mut name, mut bytes) = (String::new(), Vec::new());
    while let Some(answer) = answers.message().await.unwrap() {
        match answer.payload.unwrap() {
            score_variant_response::Payload::Output(output) => {
                let data = output.variant_data.unwrap();
                let own = data.metadata.unwrap().variant.unwrap();
                name = format!(
                    "{}:{}:{}>{}",
                    own.chromosome, own.position, own.reference_bases, own.alternate_bases
                );
                if let Some(tensor::Payload::Array(array)) = data.values.unwrap().payload {
                    bytes.extend(array.data);
                }
            }
            score_variant_response::Payload::TensorChunk(chunk) => bytes.extend(chunk.data),
        }
    }
    let (words, _) = bytes.as_chunks::<4>();
    (
        name,
        words.iter().map(|word| u32::from_le_bytes(*word)).collect(),
    )
}
