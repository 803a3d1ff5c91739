//! What gRPC says beside answers: versions, deadlines, limits, health; and the forms of tensors.

use std::time::Duration;

use genome::{Interval, Strand};
use scorers::{GeneRow, Row, Tracks};
use serve::grpc::messages::dna_model_service_server::SERVICE_NAME;
use serve::grpc::messages::score_variant_response::Payload;
use serve::grpc::messages::{
    CenterMaskScorer, CompressionType, ScoreVariantRequest, ScoreVariantResponse, VariantScorer,
    tensor, variant_scorer,
};
use serve::grpc::{Client, Options};
use serve::server::Ended;
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_prost::ProstCodec;

use crate::support::{Running, access, question, scoring, waiting};

async fn channel(server: &Running) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address));
    endpoint.unwrap().connect().await.unwrap()
}

/// The messages of an answer, or the error that it ends in.
fn scored(
    server: &Running,
    asked: ScoreVariantRequest,
    wait: Option<Duration>,
) -> Result<Vec<ScoreVariantResponse>, Status> {
    server.runtime.block_on(async {
        let mut request = Request::new(tokio_stream::iter([asked]));
        if let Some(wait) = wait {
            request.set_timeout(wait);
        }
        let mut client = Client::new(channel(server).await);
        let mut answers = client.score_variant(request).await?.into_inner();
        let mut messages = Vec::new();
        while let Some(message) = answers.message().await? {
            messages.push(message);
        }
        Ok(messages)
    })
}

#[test]
fn a_call_ends_when_its_client_waits_no_longer() {
    let server = Running::waiting(access(), Duration::from_secs(3));
    let status = scored(&server, question(), Some(Duration::from_millis(500))).unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    // These are the server's words, and not the client's own.
    let words = "the deadline passed before the request was answered";
    assert_eq!(status.message(), words);
}

#[test]
fn a_version_is_this_models_or_is_not_there() {
    for (known, words) in [
        (None, "has one model, without a version, and not 1.1"),
        (Some("1.2"), "has version 1.2, and not 1.1"),
    ] {
        let options = Options {
            model_version: known.map(str::to_owned),
            ..Options::default()
        };
        let server = Running::answering(options, waiting(Duration::ZERO));
        let ask = |version: &str| {
            let asked = ScoreVariantRequest {
                model_version: version.into(),
                ..question()
            };
            scored(&server, asked, None)
        };
        for version in known.into_iter().chain([""]) {
            ask(version).unwrap();
        }
        let status = ask("1.1").unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
        assert!(status.message().contains(words), "{status}");
    }
}

#[test]
fn scorers_of_a_request_are_bounded() {
    let mut access = access();
    access.limits.scorers = 2;
    let server = Running::waiting(access, Duration::ZERO);
    let ask = |count: usize| {
        let mut asked = question();
        let Some(variant_scorer::Scorer::CenterMask(first)) = asked.variant_scorers[0].scorer
        else {
            panic!("the question has another scorer");
        };
        let scorer = |width| VariantScorer {
            scorer: Some(variant_scorer::Scorer::CenterMask(CenterMaskScorer {
                width: Some(width),
                ..first
            })),
        };
        asked.variant_scorers = [501, 2001, 10_001][..count]
            .iter()
            .copied()
            .map(scorer)
            .collect();
        scored(&server, asked, None)
    };
    ask(2).unwrap();
    let status = ask(3).unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let words = "3 scorers are asked for, and at most 2 are run";
    assert!(status.message().contains(words), "{status}");
}

#[test]
fn tensors_are_merged_and_compressed_as_is_asked_for() {
    let gene = GeneRow {
        id: "gene".into(),
        name: String::new(),
        biotype: String::new(),
        interval: Interval::new("chr1", 42_000, 46_000, Strand::Positive).unwrap(),
        interval_start: 40_000,
    };
    let row = Row {
        gene: Some(gene),
        ..Row::default()
    };
    let third = 1.0_f32 / 3.0;
    for compress in [false, true] {
        let options = Options {
            compress,
            ..Options::default()
        };
        let strands = vec![Strand::Negative, Strand::Positive];
        let tracks = Tracks::new(vec!["a".into(); 2], strands);
        let server = Running::answering(options, scoring(vec![row.clone()], tracks));
        for (merge, values) in [(false, &[0.0, third][..]), (true, &[third][..])] {
            let asked = ScoreVariantRequest {
                merge_stranded_gene_tracks: merge,
                ..question()
            };
            let mut messages = scored(&server, asked, None).unwrap();
            let Some(Payload::Output(output)) = messages.remove(0).payload else {
                panic!("a chunk came first");
            };
            let tensor = output.variant_data.unwrap().values.unwrap();
            assert_eq!(tensor.shape, [1, 1, values.len() as i32]);
            let Some(tensor::Payload::Array(chunk)) = tensor.payload else {
                panic!("so few values have no chunks");
            };
            let (kind, bytes) = match compress {
                true => {
                    let bytes = zstd::bulk::decompress(&chunk.data, 8).unwrap();
                    (CompressionType::Zstd, bytes)
                }
                false => (CompressionType::None, chunk.data.to_vec()),
            };
            assert_eq!(chunk.compression_type(), kind);
            let expected = values.iter().flat_map(|value| value.to_le_bytes());
            assert_eq!(bytes, expected.collect::<Vec<_>>());
        }
    }
}

#[test]
fn who_watches_its_health_hears_that_the_server_closes() {
    let mut server = Running::waiting(access(), Duration::ZERO);
    let runtime = server.runtime.clone();
    runtime.block_on(async {
        let mut client = HealthClient::new(channel(&server).await);
        let mut watched = Vec::new();
        for service in ["", SERVICE_NAME] {
            let service = service.to_owned();
            let answers = client.watch(HealthCheckRequest { service }).await;
            watched.push(answers.unwrap().into_inner());
        }
        for expected in [ServingStatus::Serving, ServingStatus::NotServing] {
            if expected == ServingStatus::NotServing {
                server.signal();
            }
            for answers in &mut watched {
                let told = timeout(Duration::from_secs(10), answers.message()).await;
                let told = told.expect("it is told").unwrap().unwrap();
                assert_eq!(told.status(), expected);
            }
        }
    });
    assert_eq!(server.ended(), Ended::Whole);
}

#[test]
fn calls_that_there_are_not_are_unimplemented() {
    let server = Running::waiting(access(), Duration::ZERO);
    server.runtime.block_on(async {
        let mut client = tonic::client::Grpc::new(channel(&server).await);
        for (path, words) in [
            (
                "/other.Service/ScoreVariant".to_owned(),
                "there is no method /other.Service/ScoreVariant",
            ),
            (format!("/{SERVICE_NAME}/ScoreGene"), ""),
        ] {
            client.ready().await.unwrap();
            let codec = ProstCodec::<ScoreVariantRequest, ScoreVariantResponse>::default();
            let path = path.parse().unwrap();
            let answered = client.unary(Request::new(question()), path, codec).await;
            let status = answered.unwrap_err();
            assert_eq!(status.code(), Code::Unimplemented, "{status}");
            assert!(status.message().contains(words), "{status}");
        }
    });
}
