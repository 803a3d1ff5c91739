//! What there is over HTTP: OpenAPI for programs, and the same as a page for people.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use results::page::{bar, document as whole};
use scorers::OutputType;
use serde_json::{Map, Value, json};

use super::exchange::Format;
use super::score::LENGTH;
use super::{PAGE, Service};
use crate::access::Limits;

/// `GET /openapi.json`.
pub async fn document(State(service): State<Service>) -> Json<Value> {
    Json(described(service.gate.limits()))
}

/// `GET /docs`.
pub async fn page(State(service): State<Service>) -> Response {
    (PAGE, drawn(&described(service.gate.limits()))).into_response()
}

/// The whole document, with the limits of this server.
#[must_use]
pub fn described(limits: &Limits) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "AlphaGenome",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Predictions and variant scores over HTTP. The SDK's gRPC service is on the same port."
        },
        "security": [{ "key": [] }, {}],
        "paths": {
            "/v1/score": { "post": operation(
                "Scores of variants, as the SDK's tidy_scores",
                "All variants are scored, or the error names the first that cannot be.",
                &score(limits),
                json!({ "variants": ["chr22:36201698:A>C"], "length": 16384 }),
                &[Format::Json, Format::Parquet, Format::Npz, Format::Tsv],
            ) },
            "/v1/predict": { "post": operation(
                "Tracks of a region, of a sequence, or of both alleles of a variant",
                "Places in answers count from 0, ends not included. Parquet has no contact maps and junctions.",
                &predict(limits),
                json!({ "region": "chr22:36,201,000-36,202,023", "length": 16384, "outputs": ["atac"] }),
                &[Format::Json, Format::Npz, Format::Parquet],
            ) },
            "/v1/tracks": { "get": {
                "summary": "The tracks that the model predicts",
                "parameters": [
                    parameter("organism", "human or mouse"),
                    parameter("outputs", "names, with commas between"),
                    parameter("track", "KEY=VALUE, such as ontology=UBERON:0001114; may be repeated"),
                ],
                "responses": responses(&[Format::Json]),
            } },
            "/healthz": { "get": {
                "summary": "Whether requests are taken",
                "security": [],
                "responses": { "200": { "description": "They are." }, "503": { "description": "The server is shutting down." } },
            } },
            "/metrics": { "get": {
                "summary": "Counts and times, for Prometheus",
                "responses": { "200": { "description": "OpenMetrics' text." } },
            } },
        },
        "components": {
            "securitySchemes": { "key": { "type": "apiKey", "in": "header", "name": "x-goog-api-key" } },
            "schemas": { "Error": {
                "type": "object",
                "properties": {
                    "status": { "type": "integer" },
                    "error": { "type": "string", "description": "one sentence: what is wrong, and what to do" },
                },
                "required": ["status", "error"],
            } },
        },
    })
}

fn parameter(name: &str, description: &str) -> Value {
    json!({ "name": name, "in": "query", "schema": { "type": "string" }, "description": description })
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn texts(description: &str) -> Value {
    json!({ "type": "array", "items": { "type": "string" }, "description": description })
}

fn common(limits: &Limits, formats: &[&str]) -> Vec<(&'static str, Value)> {
    let most = limits.length;
    vec![
        (
            "organism",
            json!({ "type": "string", "enum": ["human", "mouse"] }),
        ),
        (
            "length",
            json!({
                "type": "integer", "multipleOf": 2048, "maximum": most, "default": LENGTH.min(most),
                "description": "base pairs that the model sees",
            }),
        ),
        (
            "format",
            json!({ "type": "string", "enum": formats, "description": "in place of Accept" }),
        ),
        (
            "timeout",
            json!({ "type": "number", "default": 600, "description": "seconds after which the answer is worth nothing" }),
        ),
    ]
}

fn score(limits: &Limits) -> Value {
    let mut properties = vec![
        (
            "variants",
            json!({
                "type": "array", "items": { "type": "string" }, "minItems": 1, "maxItems": limits.variants,
                "description": "each as chr1:12345:A>C, position from 1; alleles of ACGTN, which may be empty",
            }),
        ),
        (
            "scorers",
            json!({
                "type": "array", "items": { "type": "string" }, "maxItems": limits.scorers,
                "description": "as the SDK writes them, such as CenterMaskScorer(requested_output=ATAC, width=501, aggregation_type=DIFF_LOG2_SUM); without, those that it recommends",
            }),
        ),
    ];
    properties.extend(common(limits, &["json", "parquet", "npz", "tsv"]));
    schema(properties, &["variants"])
}

fn predict(limits: &Limits) -> Value {
    let outputs = OutputType::ALL
        .iter()
        .map(|output| output.name().to_lowercase());
    let outputs = outputs.collect::<Vec<_>>().join(", ");
    let mut properties = vec![
        (
            "region",
            text(
                "first and last base from 1, with a strand or without: chr1:40,002-56,385:-; with a variant, the bases that are answered",
            ),
        ),
        (
            "sequence",
            text("bases of ACGTN instead of a region, a length that the model takes"),
        ),
        (
            "variant",
            text("chr1:12345:A>C: both alleles are predicted"),
        ),
        (
            "outputs",
            texts(&format!("of {outputs}; without, all that the organism has")),
        ),
        (
            "tracks",
            texts("KEY=VALUE; of several with one key any may hold, of several keys all must"),
        ),
    ];
    properties.extend(common(limits, &["json", "npz", "parquet"]));
    schema(properties, &[])
}

fn schema(properties: Vec<(&str, Value)>, required: &[&str]) -> Value {
    let properties = properties
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    json!({
        "type": "object",
        "properties": properties.collect::<Map<_, _>>(),
        "required": required,
        "additionalProperties": false,
    })
}

fn operation(
    summary: &str,
    description: &str,
    schema: &Value,
    example: Value,
    formats: &[Format],
) -> Value {
    json!({
        "summary": summary,
        "description": description,
        "requestBody": {
            "required": true,
            "content": { "application/json": { "schema": schema, "example": example } },
        },
        "responses": responses(formats),
    })
}

/// What each status says.
const ERRORS: [(&str, &str); 13] = [
    ("400", "The request makes no sense."),
    ("401", "The key is missing or wrong."),
    (
        "403",
        "A page of another site asked, or for a name that is not the server's.",
    ),
    ("404", "An organism, chromosome or output is not there."),
    ("405", "The path takes another method."),
    ("406", "The format cannot be had."),
    ("408", "The request did not come to its end in time."),
    ("413", "The request or its answer is too large."),
    ("415", "The request is no JSON."),
    (
        "429",
        "The queue or the memory is full; Retry-After says when it may be better.",
    ),
    ("500", "It is the server's fault, and its log says why."),
    ("503", "The server is shutting down."),
    ("504", "The timeout was over before the answer was there."),
];

fn responses(formats: &[Format]) -> Value {
    let content = formats
        .iter()
        .map(|format| (format.media_type().to_owned(), json!({})));
    let content = content.collect::<Map<_, _>>();
    let mut responses = Map::new();
    responses.insert(
        "200".into(),
        json!({ "description": "The answer.", "content": content }),
    );
    for (status, description) in ERRORS {
        let schema = json!({ "$ref": "#/components/schemas/Error" });
        let content = json!({ "application/json": { "schema": schema } });
        responses.insert(
            status.into(),
            json!({ "description": description, "content": content }),
        );
    }
    responses.into()
}

/// The page of a document.
fn drawn(document: &Value) -> String {
    let none = Map::new();
    let paths = document["paths"].as_object().unwrap_or(&none);
    let operations = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| (path, method, operation))
    });
    let body = html! {
        style { (maud::PreEscaped(include_str!("form.css"))) }
        header {
            (bar(&[("/", "Variant"), ("/openapi.json", "OpenAPI")]))
            h1 { "HTTP" }
            p.line { (string(&document["info"]["description"])) }
        }
        main {
            @for (path, method, operation) in operations { (section(path, method, operation)) }
            section {
                h2 { "Errors" }
                p.about { "Errors are JSON: " code { "{\"status\": 404, \"error\": \"one sentence\"}" } }
                div.scroll role="region" tabindex="0" aria-label="Errors" { table.sides { tbody {
                    @for (status, description) in ERRORS { tr { th scope="row" { (status) } td { (description) } } }
                } } }
            }
        }
    };
    whole("AlphaGenome over HTTP", body)
}

fn string(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

fn section(path: &str, method: &str, operation: &Value) -> Markup {
    let content = &operation["requestBody"]["content"]["application/json"];
    let rows = content["schema"]["properties"]
        .as_object()
        .into_iter()
        .flatten();
    let rows =
        rows.map(|(name, schema)| (name.as_str(), kind(schema), string(&schema["description"])));
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let parameters = parameters.map(|one| {
        (
            string(&one["name"]),
            "string".into(),
            string(&one["description"]),
        )
    });
    let rows: Vec<(&str, String, &str)> = rows.chain(parameters).collect();
    let answers = operation["responses"]["200"]["content"].as_object();
    html! {
        section {
            h2 { span.method { (method.to_uppercase()) } (path) }
            p.about { (string(&operation["summary"])) ". " (string(&operation["description"])) }
            @if !rows.is_empty() {
                div.scroll role="region" tabindex="0" aria-label={ "Parameters of " (path) } { table.sides { tbody {
                    @for (name, kind, description) in &rows {
                        tr { th scope="row" { code { (name) } } td { (kind) } td { (description) } }
                    }
                } } }
            }
            @if content["example"].is_object() {
                pre tabindex="0" { "curl --json '" (content["example"].to_string()) "' http://127.0.0.1:50051" (path) }
            }
            @if let Some(answers) = answers {
                p.about { "Answers: " (answers.keys().map(String::as_str).collect::<Vec<_>>().join(", ")) }
            }
        }
    }
}

/// What a property may be, in words.
fn kind(schema: &Value) -> String {
    let mut words = vec![string(&schema["type"]).to_owned()];
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<_> = values.iter().map(string).collect();
        words.push(format!("one of {}", values.join(", ")));
    }
    let bounds = [
        ("multipleOf", "a multiple of"),
        ("maximum", "at most"),
        ("maxItems", "at most"),
        ("default", "usually"),
    ];
    for (key, text) in bounds {
        if let Some(number) = schema[key].as_u64() {
            words.push(format!(
                "{text} {}",
                parity::report::html::text::count(number)
            ));
        }
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_on_serving_has_every_status() {
        let page = include_str!("../../../../docs/serving.md");
        let rows = page.lines().filter_map(|line| line.strip_prefix("| "));
        let cells = rows.filter_map(|row| row.split(" | ").next());
        let stated: Vec<&str> = cells.flat_map(|cell| cell.split(", ")).collect();
        for (status, _) in ERRORS {
            assert!(stated.contains(&status), "{status}");
        }
    }
}
