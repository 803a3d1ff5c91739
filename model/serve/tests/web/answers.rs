//! What is answered over HTTP: the library's own results, in every format; and what is refused, with one sentence.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::sync::LazyLock;

use genome::{Interval, Variant};
use inference::scoring::Scoring;
use npyz::npz::NpzArchive;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use results::scores;
use scorers::tidy::Values;
use scorers::{OutputType, Table};
use serde_json::{Value, json};
use serve::access::Limits;

use crate::support::{INPUTS, JSON, Running, access, library, sum};

static SERVER: LazyLock<Running> = LazyLock::new(|| {
    let mut access = access();
    access.limits = Limits {
        message: 64 << 10,
        length: 32_768,
        variants: 8,
        values: 1 << 18,
        ..Limits::default()
    };
    Running::tiny(access)
});

/// The library's table of variants.
pub fn table(scoring: &Scoring, variants: &[&str], length: i64) -> Table {
    let scored = variants.iter().flat_map(|text| {
        let variant: Variant = text.parse().unwrap();
        let interval = variant.reference_interval().resize(length);
        scoring.score(&interval, &variant).unwrap()
    });
    scores::table(&scored.collect::<Vec<_>>()).unwrap().unwrap()
}

pub fn tsv(table: &Table) -> String {
    let mut text = Vec::new();
    table.write_tsv(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

const VARIANTS: [&str; 3] = ["chr1:42101:G>T", "chr1:42106:A>AA", "chr1:42111:CT>C"];

#[test]
fn scores_are_the_librarys_in_every_format() {
    let own = table(&library(None), &VARIANTS, 16_384);
    let asked = |format: &str| {
        let body = json!({ "variants": VARIANTS, "length": 16_384, "format": format });
        SERVER.post("/v1/score", &body).expect(200)
    };
    let text = asked("tsv");
    assert_eq!(text.text(), tsv(&own));
    assert_eq!(text.headers["content-type"], "text/tab-separated-values");

    let document = asked("json").json();
    assert_eq!(document["organism"], "HOMO_SAPIENS");
    let names: Vec<_> = own.columns().iter().map(|column| column.name).collect();
    assert_eq!(document["columns"], json!(names));
    let rows = document["rows"].as_array().unwrap();
    assert_eq!(rows.len(), own.len());
    let archive = asked("npz").body;
    let mut archive = NpzArchive::new(Cursor::new(archive)).unwrap();
    let reader = SerializedFileReader::new(axum::body::Bytes::from(asked("parquet").body)).unwrap();
    let parquet: Vec<_> = reader
        .get_row_iter(None)
        .unwrap()
        .map(|row| row.unwrap().into_columns())
        .collect();
    assert_eq!(parquet.len(), own.len());
    for (at, column) in own.columns().iter().enumerate() {
        let array = archive.by_name(column.name).unwrap().unwrap();
        match &column.values {
            Values::Real(values) => {
                let array: Vec<f32> = array.into_vec().unwrap();
                let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&array), bits(values));
                for (row, value) in values.iter().enumerate() {
                    let sent = rows[row][at].as_f64().map(|value| value as f32);
                    assert_eq!(sent, Some(*value).filter(|value| value.is_finite()));
                    let sent = match &parquet[row][at].1 {
                        Field::Float(value) => Some(*value),
                        _ => None,
                    };
                    assert_eq!(sent, Some(*value).filter(|value| !value.is_nan()));
                }
            }
            Values::Text(values) => {
                for (row, value) in values.iter().enumerate() {
                    assert_eq!(rows[row][at].as_str(), value.as_deref());
                    let sent = match &parquet[row][at].1 {
                        Field::Str(value) => Some(value.as_str()),
                        _ => None,
                    };
                    assert_eq!(sent.unwrap_or(""), value.as_deref().unwrap_or(""));
                }
            }
            Values::Integer(values) => {
                let array: Vec<i64> = array.into_vec().unwrap();
                assert!(array.iter().zip(values).all(|(a, b)| *a == b.unwrap_or(-1)));
            }
        }
    }
}

#[test]
fn accept_chooses_and_a_list_of_scorers_is_kept() {
    let name = "CenterMaskScorer(requested_output=ATAC, width=501, aggregation_type=DIFF_LOG2_SUM)";
    let body = json!({ "variants": [VARIANTS[0]], "length": 4096, "scorers": [name] }).to_string();
    let headers = [JSON, ("accept", "text/tab-separated-values")];
    let answer = SERVER
        .ask("POST", "/v1/score", &headers, body.as_bytes())
        .expect(200);
    let scorers = [name.parse().unwrap()];
    let own = table(&library(Some(&scorers)), &VARIANTS[..1], 4096);
    assert_eq!(answer.text(), tsv(&own));
}

/// Arrays of an archive.
fn arrays(bytes: Vec<u8>) -> BTreeMap<String, (Vec<u64>, Vec<f32>)> {
    let mut archive = NpzArchive::new(Cursor::new(bytes)).unwrap();
    let names: Vec<String> = archive.array_names().map(str::to_owned).collect();
    let names = names.into_iter().filter(|name| !name.contains('@'));
    let arrays = names.map(|name| {
        let array = archive.by_name(&name).unwrap().unwrap();
        let shape = array.shape().to_vec();
        (name, (shape, array.into_vec().unwrap()))
    });
    arrays.collect()
}

#[test]
fn predictions_are_the_librarys_in_every_format() {
    let kept = Interval::from_region("chr1:40,300-41,100").unwrap();
    let seen = kept.resize(8192);
    let outputs = BTreeSet::from([
        OutputType::Atac,
        OutputType::ContactMaps,
        OutputType::ChipTf,
    ]);
    let own = library(None);
    let own = own
        .predictor
        .predict_interval(&*own.genome, &seen, &outputs, &Default::default())
        .unwrap();
    let ask = |outputs: &[&str], format: &str| {
        let body = json!({
            "region": "chr1:40,300-41,100", "length": 8192, "outputs": outputs, "format": format,
        });
        SERVER.post("/v1/predict", &body).expect(200)
    };
    let all = ["atac", "contact_maps", "chip_tf"];
    let found = arrays(ask(&all, "npz").body);
    let document = ask(&all, "json").json();
    assert_eq!(found.len(), 3);
    let offset = (kept.start - seen.start) as usize;
    for output in [OutputType::Atac, OutputType::ChipTf] {
        let (shape, values) = &found[&format!("{kept}/{output}")];
        let width = output.resolution();
        let first = offset / width;
        let bins = (offset + 801).div_ceil(width) - first;
        let tracks = own.tracks[&output].row(0).unwrap().len();
        assert_eq!(shape, &[bins as u64, tracks as u64]);
        for bin in 0..bins {
            let row = own.tracks[&output].row(first + bin).unwrap();
            assert_eq!(&values[bin * tracks..][..tracks], row);
            let sent = &document["outputs"][output.name()]["values"][bin];
            let sent: Vec<f32> = serde_json::from_value(sent.clone()).unwrap();
            assert_eq!(sent, row);
        }
    }
    let (shape, values) = &found[&format!("{kept}/CONTACT_MAPS")];
    let sent = &document["outputs"]["CONTACT_MAPS"]["values"];
    let sent: Vec<Vec<Vec<f32>>> = serde_json::from_value(sent.clone()).unwrap();
    assert_eq!(&sent.concat().concat(), values);
    assert_eq!(sent.len() as u64, shape[0]);

    let file = ask(&["atac", "chip_tf"], "parquet").body;
    let reader = SerializedFileReader::new(axum::body::Bytes::from(file)).unwrap();
    let rows = reader
        .get_row_iter(None)
        .unwrap()
        .map(|row| row.unwrap().into_columns());
    let mut values: BTreeMap<String, Vec<f32>> = BTreeMap::new();
    for row in rows {
        let text = |at: usize| match &row[at].1 {
            Field::Str(text) => text.clone(),
            other => panic!("{other:?}"),
        };
        let Field::Float(value) = row[8].1 else {
            panic!("{:?}", row[8])
        };
        values.entry(text(4)).or_default().push(value);
    }
    for (output, mut column) in values {
        // The table has a track after the other.
        let (shape, mut rows) = found[&format!("{kept}/{output}")].clone();
        assert_eq!(column.len() as u64, shape[0] * shape[1]);
        let order = |values: &mut Vec<f32>| values.sort_by(f32::total_cmp);
        order(&mut column);
        order(&mut rows);
        assert_eq!(column, rows);
    }
}

#[test]
fn both_alleles_and_chosen_tracks_are_the_librarys() {
    let tracks = SERVER.get("/v1/tracks?outputs=rna_seq").expect(200).json();
    let tracks = tracks["tracks"].as_array().unwrap();
    assert!(tracks.len() > 1);
    let name = tracks[1]["name"].as_str().unwrap();
    let strand = tracks[1]["strand"].as_str().unwrap();
    let filters = [format!("name={name}"), format!("strand={strand}")];
    let ask = |filters: &[String]| {
        let body = json!({
            "variant": VARIANTS[2], "length": 4096, "outputs": ["rna_seq"], "tracks": filters, "format": "npz",
        });
        arrays(SERVER.post("/v1/predict", &body).expect(200).body)
    };
    let (all, one) = (ask(&[]), ask(&filters));
    assert_eq!(all.len(), 2);
    assert_ne!(
        all[&format!("{}/ref/RNA_SEQ", VARIANTS[2])],
        all[&format!("{}/alt/RNA_SEQ", VARIANTS[2])]
    );
    for (key, (shape, values)) in one {
        assert_eq!(shape[1], 1);
        let (wide, whole) = &all[&key];
        let column = whole.chunks_exact(wide[1] as usize).map(|row| row[1]);
        assert_eq!(values, column.collect::<Vec<_>>());
    }
    let sequence = "ACGT".repeat(512);
    let body = json!({ "sequence": sequence, "outputs": ["atac"] });
    let document = SERVER.post("/v1/predict", &body).expect(200).json();
    assert_eq!(
        document["outputs"]["ATAC"]["values"]
            .as_array()
            .unwrap()
            .len(),
        2048
    );
}

#[test]
fn what_is_refused_is_said_in_one_sentence() {
    let large = "x".repeat(70 << 10);
    let many = json!({ "variants": vec![VARIANTS[0]; 9] }).to_string();
    let cases: &[(&str, &str, &str, u16, &str)] = &[
        (
            "GET",
            "/v1/score",
            "",
            405,
            "GET is not what /v1/score takes",
        ),
        ("GET", "/nothing", "", 404, "nothing at /nothing"),
        ("GET", "/v1/../../etc/passwd", "", 404, "nothing at"),
        (
            "GET",
            "/v1/tracks?organism=dog",
            "",
            400,
            "expected human or mouse",
        ),
        (
            "GET",
            "/v1/tracks?outputs=rna_sek",
            "",
            400,
            "did you mean rna_seq?",
        ),
        (
            "GET",
            "/v1/tracks?track=biosmple=x",
            "",
            400,
            "did you mean biosample?",
        ),
        (
            "GET",
            "/v1/tracks?file=/etc/passwd",
            "",
            400,
            "there is no parameter",
        ),
        ("POST", "/v1/score", "{", 400, "the request's JSON: EOF"),
        (
            "POST",
            "/v1/score",
            r#"{"variants":["chr1:1:A>C"],"fasta":"/etc/passwd"}"#,
            400,
            "unknown field `fasta`",
        ),
        (
            "POST",
            "/v1/score",
            r#"{"variants":[]}"#,
            400,
            "name one at least",
        ),
        (
            "POST",
            "/v1/score",
            r#"{"variants":["chr1:1:G"]}"#,
            400,
            "write it as chr1:12345:A>C",
        ),
        (
            "POST",
            "/v1/score",
            r#"{"variants":["chr1:200000:GT>G"],"length":4096}"#,
            400,
            "REF reaches beyond the end of chr1, which has 200000 bases",
        ),
        (
            "POST",
            "/v1/score",
            r#"{"variants":["chr9:42101:G>T"]}"#,
            404,
            "chr9",
        ),
        (
            "POST",
            "/v1/score",
            r#"{"variants":["chr1:42101:G>T"],"length":5000}"#,
            400,
            "multiple of 2048",
        ),
        (
            "POST",
            "/v1/score",
            r#"{"variants":["chr1:42101:G>T"],"length":-2048}"#,
            400,
            "-2048 bp, expected more than 0",
        ),
        (
            "POST",
            "/v1/predict",
            r#"{"region":"chr1:1-4096","length":-4096}"#,
            400,
            "-4096 bp, expected more than 0",
        ),
        (
            "POST",
            "/v1/score",
            r#"{"variants":["chr1:42101:G>T"],"length":65536}"#,
            413,
            "longer than this server takes, 32768",
        ),
        (
            "POST",
            "/v1/score",
            r#"{"variants":["chr1:900000:G>T"],"length":4096}"#,
            400,
            "200000 bases",
        ),
        (
            "POST",
            "/v1/score",
            r#"{"variants":["chr1:42101:G>T"],"scorers":["Other()"]}"#,
            400,
            "write it as the SDK does",
        ),
        (
            "POST",
            "/v1/score",
            r#"{"variants":["chr1:42101:G>T"],"timeout":-1}"#,
            400,
            "timeout: expected seconds",
        ),
        (
            "POST",
            "/v1/score",
            r#"{"variants":["chr1:42101:G>T"],"format":"bigwig"}"#,
            400,
            "unknown variant `bigwig`",
        ),
        (
            "POST",
            "/v1/score",
            &many,
            413,
            "9 variants are more than 8",
        ),
        ("POST", "/v1/score", &large, 413, "more than 65536 bytes"),
        (
            "POST",
            "/v1/predict",
            "{}",
            400,
            "give one of region, sequence and variant",
        ),
        (
            "POST",
            "/v1/predict",
            r#"{"region":"chr1:1-9000","length":4096}"#,
            400,
            "are not tiled here",
        ),
        (
            "POST",
            "/v1/predict",
            r#"{"sequence":"ACGT"}"#,
            400,
            "multiple of 2048",
        ),
        (
            "POST",
            "/v1/predict",
            r#"{"region":"chr1:1-4096","length":4096,"outputs":["contact_maps"],"format":"parquet"}"#,
            400,
            "ask for npz or JSON",
        ),
        (
            "POST",
            "/v1/predict",
            r#"{"region":"chr1:1-4096","format":"tsv"}"#,
            406,
            "none of this answer",
        ),
        (
            "POST",
            "/v1/predict",
            r#"{"region":"chr1:1-32768","length":32768}"#,
            413,
            "the answer would hold",
        ),
        (
            "POST",
            "/v1/predict",
            r#"{"organism":"mouse","region":"chr1:1-4096"}"#,
            404,
            "no genome",
        ),
    ];
    for (method, path, body, status, words) in cases {
        let headers = if body.is_empty() { &[][..] } else { &[JSON] };
        let answer = SERVER.ask(method, path, headers, body.as_bytes());
        assert_eq!(
            answer.status,
            *status,
            "{path} {}: {}",
            body.get(..80).unwrap_or(body),
            answer.text()
        );
        let error = answer.error();
        assert!(error.contains(words), "{path} {words}: {error}");
        let folder = INPUTS.path("");
        assert!(!error.contains(folder.to_str().unwrap()), "{error}");
        assert!(!error.contains('\n') && !error.contains("--"), "{error}");
    }
    let plain = SERVER.ask(
        "POST",
        "/v1/score",
        &[("content-type", "text/plain")],
        b"{}",
    );
    assert!(plain.expect(415).error().contains("application/json"));
    let page = SERVER.ask(
        "POST",
        "/v1/score",
        &[JSON, ("accept", "text/html")],
        br#"{"variants":["chr1:1:A>C"]}"#,
    );
    assert!(page.expect(406).error().contains("application/x-npz"));
    // What comes in pieces has no length to be refused by.
    let pieces = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    let headers = [JSON, ("transfer-encoding", "chunked")];
    let answer = SERVER.ask("POST", "/v1/score", &headers, pieces.as_bytes());
    assert!(answer.expect(413).error().contains("65536"));
}

#[test]
fn all_that_there_is_is_described() {
    let document = SERVER.get("/openapi.json").expect(200).json();
    let paths = document["paths"].as_object().unwrap();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().unwrap() {
            let example = &operation["requestBody"]["content"]["application/json"]["example"];
            let answer = match method.as_str() {
                "get" => SERVER.get(path),
                _ => {
                    assert!(example.is_object(), "{path}");
                    // The example's genome is another; but it is understood.
                    SERVER.post(path, example)
                }
            };
            let status = answer.status.to_string();
            assert!(
                operation["responses"][&status].is_object(),
                "{path}: {status}"
            );
            assert!(
                ["200", "404"].contains(&status.as_str()),
                "{path}: {}",
                answer.text()
            );
        }
    }
    let known: BTreeSet<_> = paths.keys().map(String::as_str).collect();
    let all = [
        "/healthz",
        "/metrics",
        "/v1/predict",
        "/v1/score",
        "/v1/tracks",
    ];
    assert_eq!(known, BTreeSet::from(all));
    let score = &document["paths"]["/v1/score"]["post"]["requestBody"]["content"]["application/json"]
        ["schema"];
    assert_eq!(score["properties"]["variants"]["maxItems"], 8);
    assert_eq!(score["properties"]["length"]["maximum"], 32_768);
}

#[test]
fn what_is_counted_can_be_read() {
    let before = SERVER.metric("alphagenome_requests_total{route=\"/v1/tracks\",code=\"200\"}");
    SERVER.get("/v1/tracks?organism=mouse").expect(200);
    let text = SERVER.get("/metrics").expect(200);
    assert!(text.headers["content-type"].starts_with("application/openmetrics-text"));
    let text = text.text();
    let after = sum(
        &text,
        "alphagenome_requests_total{route=\"/v1/tracks\",code=\"200\"}",
    );
    // Other tests ask, too.
    assert!(after > before, "{text}");
    assert!(text.ends_with("# EOF\n"));
    for name in ["process_resident_memory_bytes", "process_open_fds"] {
        assert!(sum(&text, name) > 1.0, "{name}");
    }
    let health = SERVER.get("/healthz").expect(200).json();
    assert_eq!(health["status"], Value::from("serving"));
}
