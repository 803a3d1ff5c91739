//! HTTP beside gRPC, on the same port.
//!
//! | module | what it does |
//! |---|---|
//! | [`score`], [`predict`], [`tracks`] | `/v1/score`, `/v1/predict`, `/v1/tracks` |
//! | [`exchange`] | requests as JSON, and the format of answers |
//! | [`bytes`] | what comes in and goes out, counted |
//! | [`openapi`] | what there is, for programs and for people |
//! | [`form`] | the page at `/`, and the page of a variant |
//!
//! Nothing of a request is a path or becomes one.

pub mod bytes;
pub mod exchange;
pub mod form;
pub mod openapi;
pub mod predict;
pub mod score;
pub mod tracks;

mod error;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use tokio::sync::Semaphore;

pub use error::Failure;

use crate::access::gate::Gate;
use crate::engine::Engine;

/// What answers need.
#[derive(Clone)]
pub struct Service {
    /// The models.
    pub engine: Arc<Engine>,
    /// Limits and counts.
    pub gate: Arc<Gate>,
    /// Places of forms that arrive.
    pub forms: Arc<Semaphore>,
}

/// All of HTTP's paths.
pub fn router(engine: Arc<Engine>, gate: Arc<Gate>) -> Router {
    Router::new()
        .route("/", get(form::empty))
        .route("/variant", post(form::variant))
        .route("/docs", get(openapi::page))
        .route("/openapi.json", get(openapi::document))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .route("/v1/tracks", get(tracks::tracks))
        .route("/v1/score", post(score::score))
        .route("/v1/predict", post(predict::predict))
        .method_not_allowed_fallback(other_method)
        .with_state(Service {
            engine,
            gate,
            forms: Arc::new(Semaphore::new(form::ARRIVING)),
        })
}

async fn other_method(request: Request) -> Failure {
    let text = format!(
        "{} is not what {} takes; /docs says what it does",
        request.method(),
        request.uri().path()
    );
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, text)
}

/// Whether requests are taken.
async fn health(State(service): State<Service>) -> Response {
    let status = service.engine.status();
    let (code, text) = match (status.closing || service.gate.is_closed(), status.workers) {
        (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "shutting down"),
        (false, 0) => (StatusCode::SERVICE_UNAVAILABLE, "no model works"),
        (false, _) => (StatusCode::OK, "serving"),
    };
    let document = json!({ "status": text, "queued": status.queued, "running": status.running });
    (code, Json(document)).into_response()
}

async fn metrics(State(service): State<Service>) -> impl IntoResponse {
    const KIND: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let engine = &service.engine;
    let text = service
        .gate
        .metrics()
        .text(&engine.status(), &engine.models());
    ([(header::CONTENT_TYPE, KIND)], text)
}

/// Headers of pages: nothing else loads or holds them, and nobody keeps them.
const PAGE: [(HeaderName, &str); 5] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (
        header::CONTENT_SECURITY_POLICY,
        "frame-ancestors 'none'; form-action 'self'; base-uri 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Without a referrer forms would have no origin, either.
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];
