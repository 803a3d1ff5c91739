//! Why a request over HTTP has no answer.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::access::Exceeded;
use crate::engine;

/// A status, and one sentence.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The status.
    pub status: StatusCode,
    /// What is wrong, and what to do.
    pub message: String,
    retry_after: Option<Duration>,
}

impl Failure {
    /// A failure of this status.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            retry_after: None,
        }
    }

    /// The request makes no sense.
    pub fn invalid(message: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message.to_string())
    }
}

impl From<engine::Error> for Failure {
    fn from(error: engine::Error) -> Self {
        Self {
            retry_after: error.retry_after(),
            ..Self::new(error.http(), error.to_string())
        }
    }
}

impl From<Exceeded> for Failure {
    fn from(exceeded: Exceeded) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, exceeded.to_string())
    }
}

impl From<genome::Error> for Failure {
    fn from(error: genome::Error) -> Self {
        Self::invalid(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let document = json!({ "status": self.status.as_u16(), "error": self.message });
        let kind = [(header::CONTENT_TYPE, "application/json")];
        let mut response = (self.status, kind, format!("{document}\n")).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(after) = self.retry_after {
            headers.insert(header::RETRY_AFTER, after.as_secs().max(1).into());
        }
        response
    }
}
