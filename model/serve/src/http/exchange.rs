//! Requests as JSON, and what answers are written as.

use std::io;
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use scorers::Organism;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::bytes::Written;
use super::{Failure, Service};
use crate::engine::{self, Client};

/// What an answer is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// JSON.
    Json,
    /// Parquet.
    Parquet,
    /// NumPy's arrays.
    Npz,
    /// Tab-separated; scores alone.
    Tsv,
}

impl Format {
    /// The media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Parquet => "application/vnd.apache.parquet",
            Self::Npz => "application/x-npz",
            Self::Tsv => "text/tab-separated-values",
        }
    }

    /// The format that the request names, or else the first of `all` that its `Accept` takes.
    ///
    /// # Errors
    /// Where that is none of `all`.
    pub fn choose(named: Option<Self>, headers: &HeaderMap, all: &[Self]) -> Result<Self, Failure> {
        let known = || {
            let known = all.iter().map(|format| format.media_type());
            known.collect::<Vec<_>>().join(", ")
        };
        let refused = |what: &str| {
            let text = format!("{what}; this answer comes as one of {}", known());
            Failure::new(StatusCode::NOT_ACCEPTABLE, text)
        };
        if let Some(format) = named {
            let found = all.contains(&format);
            return found
                .then_some(format)
                .ok_or_else(|| refused("the format that is asked for is none of this answer"));
        }
        let accept = headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok());
        let mut accept = accept.flat_map(|value| value.split(',')).peekable();
        if accept.peek().is_none() {
            return Ok(all[0]);
        }
        let found = accept.find_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or("");
            if parts.any(|part| part == "q=0") {
                return None;
            }
            let takes = |format: &&Self| {
                let own = format.media_type();
                let group = kind.strip_suffix('*').filter(|group| group.ends_with('/'));
                kind == "*/*"
                    || kind.eq_ignore_ascii_case(own)
                    || group.is_some_and(|group| own.starts_with(group))
            };
            all.iter().find(takes).copied()
        });
        found.ok_or_else(|| refused("nothing that Accept names can be sent"))
    }
}

/// A request that was read.
pub struct Asked<T> {
    /// What it says.
    pub what: T,
    /// Its headers.
    pub headers: HeaderMap,
    /// Who asks.
    pub client: Client,
}

impl Service {
    /// Reads a request.
    ///
    /// # Errors
    /// Where it is too large, or no JSON of that form.
    pub async fn read<T: DeserializeOwned>(&self, request: Request) -> Result<Asked<T>, Failure> {
        let (parts, body) = request.into_parts();
        let kind = parts.headers.get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or("");
        let kind = kind.split(';').next().unwrap_or("").trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            // Pages of other sites can send every other kind without being asked first.
            let text = "expected JSON: send it with content-type: application/json";
            return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
        }
        let bytes = self.bytes(body, self.gate.limits().message).await?;
        let what = serde_json::from_slice(&bytes).map_err(|error| {
            Failure::invalid(format!(
                "the request's JSON: {error}; /docs says what is expected"
            ))
        })?;
        Ok(Asked {
            what,
            client: parts.extensions.get().cloned().unwrap_or_default(),
            headers: parts.headers,
        })
    }
}

/// Seconds that a request may take where it does not say.
const TIMEOUT: f64 = 600.0;

/// When an answer is worth nothing any more.
///
/// # Errors
/// Where the time is none.
pub fn deadline(timeout: Option<f64>) -> Result<Option<Instant>, Failure> {
    let seconds = timeout.unwrap_or(TIMEOUT);
    let allowed = (0.001..=86_400.0).contains(&seconds);
    if !allowed {
        return Err(Failure::invalid(
            "timeout: expected seconds, 0.001 to 86,400",
        ));
    }
    Ok(Some(Instant::now() + Duration::from_secs_f64(seconds)))
}

/// An organism by its name; the first that is served where none is named.
///
/// # Errors
/// Where there is no such organism.
pub fn organism(service: &Service, name: Option<&str>) -> Result<Organism, Failure> {
    match name.map(str::to_ascii_lowercase).as_deref() {
        Some("human" | "homo_sapiens") => Ok(Organism::Human),
        Some("mouse" | "mus_musculus") => Ok(Organism::Mouse),
        Some(_) => Err(Failure::invalid("organism: expected human or mouse")),
        None => {
            let mut served = service.engine.library().organisms();
            let first = served.next().map(|assembly| assembly.organism);
            first.ok_or_else(|| Failure::invalid("the model knows no organism"))
        }
    }
}

/// An answer in this format.
pub fn answer(format: Format, written: Written) -> Response {
    let mut response = written.into_response();
    let kind = HeaderValue::from_static(format.media_type());
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    let name = match format {
        Format::Npz => Some("attachment; filename=\"alphagenome.npz\""),
        Format::Parquet => Some("attachment; filename=\"alphagenome.parquet\""),
        _ => None,
    };
    if let Some(name) = name {
        let name = HeaderValue::from_static(name);
        response
            .headers_mut()
            .insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

/// Runs what takes long away from the connections.
///
/// # Errors
/// Those of `work`: what the engine refuses, or else the server's fault.
pub async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    let fault = |text: String| {
        terminal::note(terminal::Speech::Normal, &format!("error: {text}"));
        Failure::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the answer could not be written; the server's log says why",
        )
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(match refused(&error) {
            Some(refused) => refused.into(),
            None => fault(terminal::message(&error)),
        }),
        Err(error) => Err(fault(error.to_string())),
    }
}

/// What the engine refused, also while an answer was written.
fn refused(error: &anyhow::Error) -> Option<engine::Error> {
    error.chain().find_map(|cause| {
        let written = cause.downcast_ref::<io::Error>();
        let inner = written.and_then(|error| error.get_ref()?.downcast_ref::<engine::Error>());
        inner.or_else(|| cause.downcast_ref()).cloned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_and_the_field_choose() {
        let all = [Format::Json, Format::Parquet, Format::Npz];
        let chosen = |named, accept: &str| {
            let mut headers = HeaderMap::new();
            if !accept.is_empty() {
                headers.insert(header::ACCEPT, accept.parse().unwrap());
            }
            Format::choose(named, &headers, &all).map_err(|failure| failure.status.as_u16())
        };
        assert_eq!(chosen(None, ""), Ok(Format::Json));
        assert_eq!(chosen(None, "*/*"), Ok(Format::Json));
        assert_eq!(
            chosen(None, "text/html, application/x-npz;q=0.9"),
            Ok(Format::Npz)
        );
        assert_eq!(
            chosen(None, "application/json;q=0, application/*"),
            Ok(Format::Json)
        );
        assert_eq!(
            chosen(None, "application/json;q=0, application/x-npz"),
            Ok(Format::Npz)
        );
        assert_eq!(
            chosen(Some(Format::Parquet), "application/json"),
            Ok(Format::Parquet)
        );
        assert_eq!(chosen(None, "text/html"), Err(406));
        assert_eq!(chosen(Some(Format::Tsv), ""), Err(406));
    }
}
