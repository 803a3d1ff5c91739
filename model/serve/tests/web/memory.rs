//! What requests and answers take counts, and where there is no room for it they are refused.

use std::io::Write;
use std::thread::sleep;
use std::time::{Duration, Instant};

use genome::Strand;
use scorers::{Row, Tracks};
use serde_json::json;
use serve::engine::Limits;
use serve::grpc::Client;
use tonic::Code;

use crate::support::{
    INPUTS, JSON, Running, access, answer, connect, question, request, score, scoring, slam, tiny,
    waiting,
};

/// Waits until it is so.
#[track_caller]
fn until(what: impl Fn() -> bool) {
    let begun = Instant::now();
    while !what() {
        assert!(begun.elapsed() < Duration::from_secs(60));
        sleep(Duration::from_millis(1));
    }
}

#[test]
fn requests_that_arrive_are_bounded_and_given_up() {
    let mut access = access();
    access.waits.send = Duration::from_secs(4);
    let limits = Limits {
        queued_bytes: 130_000,
        ..access.limits.engine()
    };
    let opener = waiting(Duration::ZERO);
    let server = Running::limited(access, limits, &INPUTS.library(), opener);
    let begun = request("POST", "/v1/score", &[JSON], &[b' '; 60_000]);
    let mut slow = connect(server.address);
    slow.write_all(&begun[..begun.len() - 1]).unwrap();
    until(|| server.engine.status().arriving_bytes >= 59_999);
    // Each would fit alone. What has come has room for up to twice as much.
    let refused = server.ask("POST", "/v1/score", &[JSON], &[b' '; 129_000]);
    let refused = refused.expect(429);
    assert!(refused.headers.contains_key("retry-after"));
    assert!(refused.error().contains("of at most 130000; try again"));
    server.runtime.block_on(async {
        let mut client = Client::connect(format!("http://{}", server.address))
            .await
            .unwrap();
        let mut asked = question();
        asked.model_version = "x".repeat(129_000);
        let answered = client.score_variant(tokio_stream::iter([asked])).await;
        let status = match answered {
            Err(status) => status,
            Ok(answers) => answers.into_inner().message().await.unwrap_err(),
        };
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    });
    let small = server.ask("POST", "/v1/score", &[JSON], &score());
    small.expect(200);
    let late = answer(&mut slow).unwrap().expect(408);
    assert!(late.error().contains("within 4 s"), "{}", late.error());
    server.expect_idle();
}

#[test]
fn forms_that_arrive_have_places_of_their_own() {
    let server = Running::waiting(access(), Duration::ZERO);
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let begun = request("POST", "/variant", &[kind], &[b'x'; 100]);
    let begin = |_| {
        let mut slow = connect(server.address);
        slow.write_all(&begun[..begun.len() - 1]).unwrap();
        slow
    };
    let slow: Vec<_> = (0..64).map(begin).collect();
    until(|| server.engine.status().arriving_bytes >= 64 * 99);
    let refused = server.ask("POST", "/variant", &[kind], b"variant=x");
    assert!(refused.expect(429).text().contains("many forms arrive"));
    server
        .ask("POST", "/v1/score", &[JSON], &score())
        .expect(200);
    drop(slow);
    until(|| server.engine.status().arriving_bytes == 0);
    server
        .ask("POST", "/variant", &[kind], b"variant=x")
        .expect(400);
    server.expect_idle();
}

#[test]
fn an_answer_counts_as_what_is_written() {
    let server = Running::tiny(access());
    // 15 MB of text, more than any socket holds; its values have less than a third.
    let body = json!({ "region": "chr1:20,001-52,768", "length": 32_768, "outputs": ["rna_seq", "atac", "cage"] }).to_string();
    let whole = server.ask("POST", "/v1/predict", &[JSON], body.as_bytes());
    let whole = whole.expect(200).body.len() as u64;
    server.expect_idle();
    let mut stream = connect(server.address);
    let asked = request("POST", "/v1/predict", &[JSON], body.as_bytes());
    stream.write_all(&asked).unwrap();
    until(|| server.engine.status().held_bytes >= whole);
    slam(&stream);
    server.expect_idle();
}

#[test]
fn what_has_no_room_when_it_is_written_is_refused() {
    let server = |bytes, opener| {
        let access = access();
        let limits = Limits {
            answer_bytes: bytes,
            ..access.limits.engine()
        };
        Running::limited(access, limits, &INPUTS.library(), opener)
    };
    let refused = |server: &Running, path, body: serde_json::Value| {
        for format in ["json", "npz", "parquet"] {
            let mut body = body.clone();
            body["format"] = format.into();
            let error = server.post(path, &body).expect(413).error();
            assert!(error.contains("ask for less at once"), "{format}: {error}");
        }
        server.expect_idle();
    };
    let predicting = server(50_000, tiny(&INPUTS.library()));
    let body = json!({ "sequence": "ACGT".repeat(512), "outputs": ["atac"] });
    refused(&predicting, "/v1/predict", body);
    // A row of scores has four bytes of a value, and hundreds of what it is about.
    let many = || {
        let tracks = Tracks::new(vec!["a".into()], vec![Strand::Unstranded]);
        scoring(vec![Row::default(); 10_000], tracks)
    };
    let scoring = server(2 << 20, many());
    let name = "CenterMaskScorer(requested_output=ATAC, width=501, aggregation_type=DIFF_LOG2_SUM)";
    let body = json!({ "variants": ["chr1:42101:G>T"], "length": 4096, "scorers": [name] });
    refused(&scoring, "/v1/score", body.clone());
    let roomy = server(64 << 20, many());
    let rows = roomy.post("/v1/score", &body).expect(200).json();
    assert_eq!(rows["rows"].as_array().map(Vec::len), Some(10_000));
}
