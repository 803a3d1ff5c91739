//! Who may use the server: keys, TLS, addresses.

use std::io::{Read, Write};

use serde_json::json;
use serve::access::{AccessArguments, Error, Keys, tls};
use serve::grpc::{Client, messages};
use tonic::Code;
use tonic::transport::Endpoint;

use crate::support::{INPUTS, JSON, Running, access, connect, data, encrypted, exchange};

const KEY: &str = "a-key-for-tests-0123456789";

fn guarded() -> Running {
    let mut access = access();
    access.keys = Some(Keys::parse(KEY.as_bytes()).unwrap());
    Running::tiny(access)
}

#[test]
fn both_protocols_ask_for_the_key_and_never_say_it() {
    let server = guarded();
    let wrong = format!("{KEY}x");
    for (headers, words) in [
        (vec![], "send it as x-goog-api-key"),
        (
            vec![("x-goog-api-key", wrong.as_str())],
            "none of this server's",
        ),
    ] {
        let answer = server.ask("GET", "/v1/tracks", &headers, b"").expect(401);
        assert!(answer.error().contains(words));
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        assert!(!answer.text().contains(&wrong));
    }
    server.get("/healthz").expect(200);
    let bearer = format!("Bearer {KEY}");
    for header in [("x-goog-api-key", KEY), ("authorization", bearer.as_str())] {
        server.ask("GET", "/v1/tracks", &[header], b"").expect(200);
    }
    let metrics = server
        .ask("GET", "/metrics", &[("x-goog-api-key", KEY)], b"")
        .expect(200);
    assert!(!metrics.text().contains(KEY));

    server.runtime.block_on(async {
        let mut client = Client::connect(format!("http://{}", server.address))
            .await
            .unwrap();
        let ask = |key: Option<&str>| {
            let mut request = tonic::Request::new(messages::MetadataRequest {
                organism: messages::Organism::HomoSapiens.into(),
            });
            if let Some(key) = key {
                request
                    .metadata_mut()
                    .insert("x-goog-api-key", key.parse().unwrap());
            }
            request
        };
        for key in [None, Some(wrong.as_str())] {
            let status = client.get_metadata(ask(key)).await.unwrap_err();
            assert_eq!(status.code(), Code::Unauthenticated);
            assert!(!status.message().contains(&wrong));
        }
        client.get_metadata(ask(Some(KEY))).await.unwrap();
    });
}

#[test]
fn over_tls_both_versions_of_http_are_spoken() {
    let mut access = access();
    access.tls = Some(tls::configuration(&data("server.pem"), &data("server.key")).unwrap());
    let server = Running::tiny(access);
    // No name, and HTTP/1.1 by name, as Python's clients do.
    for protocols in [&[][..], &["http/1.1"], &["h2", "http/1.1"]] {
        let mut stream = encrypted(server.address, "ca.pem", protocols).unwrap();
        if protocols.len() == 2 {
            assert_eq!(stream.conn.alpn_protocol(), Some(&b"h2"[..]));
            continue;
        }
        // The certificate says the name, whatever it is.
        let named = [("host", "genome.example")];
        exchange(&mut stream, "GET", "/v1/tracks", &named, b"")
            .unwrap()
            .expect(200);
    }
    // A client that trusts someone else, and one that does not speak TLS.
    assert!(encrypted(server.address, "other.pem", &[]).is_err());
    let mut plain = connect(server.address);
    let _ = plain.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let mut text = Vec::new();
    let _ = plain.read_to_end(&mut text);
    assert!(!text.starts_with(b"HTTP"), "{text:?}");
    let mut stream = encrypted(server.address, "ca.pem", &[]).unwrap();
    let metrics = exchange(&mut stream, "GET", "/metrics", &[], b"")
        .unwrap()
        .text();
    let refused = crate::support::sum(
        &metrics,
        "alphagenome_connections_turned_away_total{reason=\"tls\"}",
    );
    assert_eq!(refused, 2.0, "{metrics}");
}

#[test]
fn files_of_tls_are_refused_by_name() {
    let fault = |certificate: &str, key: &str| {
        let error = tls::configuration(&data(certificate), &data(key)).unwrap_err();
        error.to_string()
    };
    assert!(fault("none.pem", "server.key").starts_with("--tls-cert"));
    assert!(fault("server.key", "server.key").contains("no certificate"));
    assert!(fault("server.pem", "server.pem").contains("no private key"));
    assert!(fault("server.pem", "other.key").contains("does not go with"));
}

#[test]
fn addresses_that_others_reach_are_guarded() {
    use clap::Parser;
    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        access: AccessArguments,
    }
    let keys = INPUTS.path("keys.txt");
    std::fs::write(&keys, KEY).unwrap();
    let [certificate, private] = ["server.pem", "server.key"].map(data);
    let tls = [
        "--tls-cert",
        certificate.to_str().unwrap(),
        "--tls-key",
        private.to_str().unwrap(),
    ];
    let keys = ["--api-keys", keys.to_str().unwrap()];
    let open = |more: &[&str]| {
        let all = [&["serve", "--listen", "0.0.0.0:0"], more].concat();
        Program::try_parse_from(all).map(|program| program.access.open())
    };
    for more in [&[][..], &keys, &tls] {
        let refused = open(more).unwrap().unwrap_err();
        assert!(matches!(refused, Error::Open(_)), "{refused}");
    }
    assert!(open(&[&tls[..], &keys].concat()).unwrap().is_ok());
    assert!(open(&["--insecure"]).unwrap().is_ok());
    assert!(open(&tls[..2]).is_err());
    let usual = Program::try_parse_from(["serve"])
        .unwrap()
        .access
        .open()
        .unwrap();
    assert_eq!(usual.listen.to_string(), "127.0.0.1:50051");
}

#[test]
fn other_sites_and_other_names_are_turned_away() {
    let server = Running::tiny(access());
    let body = json!({ "variants": ["chr1:42101:G>T"] }).to_string();
    let ask = |header| server.ask("POST", "/v1/score", &[JSON, header], body.as_bytes());
    let site = ask(("sec-fetch-site", "cross-site")).expect(403);
    assert!(site.error().contains("another site"));
    let name = ask(("host", "rebound.example")).expect(403);
    assert!(name.error().contains("127.0.0.1 or localhost"));
    let kind = ("content-type", "application/x-www-form-urlencoded");
    for header in [
        ("sec-fetch-site", "same-site"),
        ("origin", "http://127.0.0.1:1"),
        ("host", "rebound.example"),
    ] {
        let form = server.ask("POST", "/variant", &[kind, header], b"variant=chr1:1:G>T");
        form.expect(403);
    }
    server.runtime.block_on(async {
        let url = format!("http://{}", server.address);
        for (name, expected) in [
            ("localhost", Code::Ok),
            ("[::1]:50051", Code::Ok),
            ("rebound.example", Code::PermissionDenied),
        ] {
            let endpoint = Endpoint::from_shared(url.clone()).unwrap();
            let origin = format!("http://{name}").parse().unwrap();
            let channel = endpoint.origin(origin).connect().await.unwrap();
            let answered = Client::new(channel)
                .get_metadata(messages::MetadataRequest {
                    organism: messages::Organism::HomoSapiens.into(),
                })
                .await;
            let code = answered.map_or_else(|status| status.code(), |_| Code::Ok);
            assert_eq!(code, expected, "{name}");
        }
    });
}
