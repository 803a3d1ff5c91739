//! What clients do wrong: they leave, say nothing, send garbage, read nothing. The server goes on and keeps nothing of them.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use serde_json::json;
use serve::grpc::Client;
use serve::grpc::messages::{self, OutputType};
use serve::server::Ended;

use crate::support::{JSON, Running, access, connect, exchange, question, request, score, slam};

#[test]
fn garbage_is_answered_or_dropped() {
    let mut access = access();
    access.waits.hello = Duration::from_secs(1);
    let server = Running::waiting(access, Duration::ZERO);
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let frame = |kind: u8, length: usize| {
        let length = (length as u32).to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, 0, 0, 0, 0, 1];
        frame.extend([0xa5; 64]);
        [&preface[..], &settings, &frame].concat()
    };
    let mut state = 0x9e37_79b9_u32;
    let mut noise = |count: usize| {
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as u8
        };
        (0..count).map(|_| next()).collect::<Vec<u8>>()
    };
    let mut cases = vec![
        // A TLS greeting where there is no TLS.
        vec![22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3],
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        [&b"GET / HTTP/1.1\r\nhost: "[..], &vec![b'x'; 1 << 20]].concat(),
        b"POST /v1/score HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n".to_vec(),
        b"POST /v1/score HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"
            .to_vec(),
        // Data of a stream that is not open, a frame of 16 MB, headers that do not decode, a frame that does not exist.
        frame(0, 64),
        frame(0, 0xff_ffff),
        frame(1, 64),
        frame(200, 64),
        // The beginning of a greeting, and no more.
        preface[..7].to_vec(),
    ];
    cases.extend((0..20).map(|count| noise(40 * count + 1)));
    for case in cases {
        let mut stream = connect(server.address);
        let _ = stream.write_all(&case);
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let mut bytes = Vec::new();
        match stream.read_to_end(&mut bytes) {
            // What is wrong in HTTP/2 the client hears of and may go on, or waits for the rest of a frame.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                assert!(
                    case.starts_with(preface),
                    "{:?} is kept open",
                    &case[..case.len().min(24)]
                );
            }
            _ => {}
        }
        slam(&stream);
        server.get("/healthz").expect(200);
    }
    server.expect_idle();
    assert!(server.metric("alphagenome_connections_turned_away_total{reason=\"silent\"}") >= 1.0);
}

#[test]
fn messages_that_are_too_large_are_refused() {
    let mut access = access();
    access.limits.message = 10_000;
    let server = Running::waiting(access, Duration::ZERO);
    let large = "x".repeat(20_000);
    let answer = server
        .ask("POST", "/v1/score", &[JSON], large.as_bytes())
        .expect(413);
    assert!(answer.error().contains("10000 bytes"));
    server.runtime.block_on(async {
        let mut client = Client::connect(format!("http://{}", server.address))
            .await
            .unwrap();
        let mut asked = question();
        asked.model_version = "x".repeat(8 << 20);
        let answered = client.score_variant(tokio_stream::iter([asked])).await;
        let status = match answered {
            Err(status) => status,
            Ok(answers) => answers.into_inner().message().await.unwrap_err(),
        };
        assert!(status.message().contains("too large"), "{status}");
    });
    server.expect_idle();
}

#[test]
fn who_reads_nothing_is_left_behind() {
    let mut access = access();
    access.waits.read = Duration::from_secs(2);
    let server = Running::tiny(access);
    // 15 MB of text, more than any socket holds.
    let body = json!({ "region": "chr1:20,001-52,768", "length": 32_768, "outputs": ["rna_seq", "atac", "cage"] }).to_string();
    let whole = server
        .ask("POST", "/v1/predict", &[JSON], body.as_bytes())
        .expect(200);
    assert!(whole.body.len() > 4 << 20, "{}", whole.body.len());
    server.expect_idle();
    let readers: Vec<TcpStream> = (0..3)
        .map(|_| {
            let mut stream = connect(server.address);
            stream
                .write_all(&request("POST", "/v1/predict", &[JSON], body.as_bytes()))
                .unwrap();
            stream
        })
        .collect();
    let begun = Instant::now();
    // Their answers count while they might be read.
    while server.engine.status().held_bytes == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60));
        sleep(Duration::from_millis(2));
    }
    server.expect_idle();
    assert!(server.metric("alphagenome_answers_unread_total") >= 3.0);
    for mut stream in readers {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        assert!(bytes.len() < whole.body.len());
    }
    // Who reads slowly, but reads, gets all.
    let mut stream = connect(server.address);
    stream
        .write_all(&request("POST", "/v1/predict", &[JSON], body.as_bytes()))
        .unwrap();
    let mut bytes = Vec::new();
    let mut piece = vec![0; 1 << 19];
    loop {
        let count = stream.read(&mut piece).unwrap();
        if count == 0 {
            break;
        }
        bytes.extend(&piece[..count]);
        sleep(Duration::from_millis(20));
    }
    assert!(bytes.ends_with(&whole.body));
}

#[test]
fn a_stream_that_nobody_reads_is_left_behind() {
    let mut access = access();
    access.waits.read = Duration::from_secs(2);
    let server = Running::tiny(access);
    let asked = messages::PredictIntervalRequest {
        interval: Some(messages::Interval {
            chromosome: "chr1".into(),
            start: 20_000,
            end: 20_000 + 131_072,
            strand: messages::Strand::Unstranded.into(),
        }),
        organism: messages::Organism::HomoSapiens.into(),
        requested_outputs: [OutputType::RnaSeq, OutputType::Atac, OutputType::Cage]
            .map(Into::into)
            .into(),
        ..messages::PredictIntervalRequest::default()
    };
    server.runtime.block_on(async {
        let mut client = Client::connect(format!("http://{}", server.address))
            .await
            .unwrap();
        let ask = |client: &mut Client<_>| {
            let (mut client, asked) = (client.clone(), asked.clone());
            async move {
                let answers = client.predict_interval(tokio_stream::iter([asked])).await;
                answers.unwrap().into_inner()
            }
        };
        let mut read = ask(&mut client).await;
        let mut whole = 0;
        while read.message().await.unwrap().is_some() {
            whole += 1;
        }
        let mut unread = ask(&mut client).await;
        // Its answer counts while it might be read.
        let begun = Instant::now();
        let held = || server.engine.status().held_bytes;
        for (what, holds) in [("made", true), ("dropped", false)] {
            while (held() > 0) != holds {
                assert!(begun.elapsed() < Duration::from_secs(60), "not {what}");
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        let mut some = 0;
        while let Ok(Some(_)) = unread.message().await {
            some += 1;
        }
        assert!(some < whole, "{some} of {whole} messages");
    });
    server.expect_idle();
}

#[test]
fn connections_and_places_are_bounded() {
    let mut access = access();
    access.connections = 4;
    let server = Running::waiting(access, Duration::ZERO);
    let held: Vec<TcpStream> = (0..4).map(|_| connect(server.address)).collect();
    sleep(Duration::from_millis(200));
    let mut one_more = connect(server.address);
    assert!(exchange(&mut one_more, "GET", "/healthz", &[], b"").is_err());
    held.iter().for_each(slam);
    drop(held);
    sleep(Duration::from_millis(200));
    server.expect_idle();
    assert_eq!(
        server.metric("alphagenome_connections_turned_away_total{reason=\"full\"}"),
        1.0
    );
}

#[test]
fn the_signal_lets_what_runs_end_and_refuses_the_rest() {
    let mut server = Running::waiting(access(), Duration::from_millis(800));
    let address = server.address;
    let ask = move || {
        exchange(
            &mut connect(address),
            "POST",
            "/v1/score",
            &[JSON],
            &score(),
        )
    };
    let runs = thread::spawn(ask);
    while server.engine.status().running == 0 {
        sleep(Duration::from_millis(5));
    }
    let waits = thread::spawn(ask);
    while server.engine.status().queued == 0 {
        sleep(Duration::from_millis(5));
    }
    let mut open = connect(address);
    let idle = connect(address);
    server.signal();
    assert_eq!(runs.join().unwrap().unwrap().status, 200);
    let refused = waits.join().unwrap().unwrap();
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.error().contains("shutting down"));
    // On a connection from before, nothing more is taken.
    if let Ok(late) = exchange(&mut open, "POST", "/v1/score", &[JSON], &score()) {
        assert_eq!(late.status, 503);
    }
    assert_eq!(server.ended(), Ended::Whole);
    assert!(TcpStream::connect(address).is_err());
    drop(idle);
}

#[test]
fn the_grace_ends() {
    let mut access = access();
    access.grace = Duration::from_millis(300);
    let mut server = Running::waiting(access, Duration::from_secs(4));
    let address = server.address;
    let runs = thread::spawn(move || {
        exchange(
            &mut connect(address),
            "POST",
            "/v1/score",
            &[JSON],
            &score(),
        )
    });
    while server.engine.status().running == 0 {
        sleep(Duration::from_millis(5));
    }
    let begun = Instant::now();
    server.signal();
    assert_eq!(server.ended(), Ended::Late);
    assert!(begun.elapsed() < Duration::from_secs(3));
    drop(server);
    let _ = runs.join();
}
