//! Requests to the Hub, and to the storage that it redirects to.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, DATE, HeaderMap, LINK, RANGE, RETRY_AFTER,
};
use reqwest::{Client, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::{Error, Progress, Settings};

/// What is read of the body of an answer that is no file: pages of the listing have some 200 KB.
const MAX_BODY: usize = 64 << 20;

/// A model on the Hub.
pub(super) struct Origin {
    settings: Settings,
    repo: String,
    endpoint: Url,
    client: Client,
    /// No request before this.
    closed_until: Mutex<Option<Instant>>,
    pub(super) progress: Arc<dyn Progress>,
}

/// Why one attempt failed.
pub(super) enum Failure {
    /// It will not get better.
    Final(Error),
    /// It may, after a pause.
    Passing(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

impl Origin {
    pub(super) fn new(
        settings: &Settings,
        repo: &str,
        progress: Arc<dyn Progress>,
    ) -> Result<Self, Error> {
        let endpoint = Url::parse(&settings.endpoint)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| Error::BadEndpoint {
                endpoint: settings.endpoint.clone(),
            })?;
        // Whoever was first has chosen; reqwest's own choice takes a C library of a minute's build.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("alphagenome-convert/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(settings.timeout)
            .read_timeout(settings.timeout)
            .build()
            .map_err(|error| Error::network(&settings.endpoint, &error))?;
        Ok(Self {
            settings: settings.clone(),
            repo: repo.to_owned(),
            endpoint,
            client,
            closed_until: Mutex::new(None),
            progress,
        })
    }

    /// An address: of `api/models`, the model, and `parts`, or without the first.
    pub(super) fn url<'a>(&self, start: &[&str], parts: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.endpoint.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments
                .pop_if_empty()
                .extend(start)
                .extend(self.repo.split('/'))
                .extend(parts);
        }
        url
    }

    /// Tries again after passing failures, each time after a longer pause. An attempt that made `have` grow starts the
    /// count of retries again.
    pub(super) async fn patiently<T>(
        &self,
        have: impl Fn() -> u64,
        attempt: impl AsyncFn() -> Result<T, Failure>,
    ) -> Result<T, Error> {
        let mut pause = self.settings.retry_pause;
        let mut left = self.settings.retries;
        loop {
            let before = have();
            match attempt().await {
                Ok(value) => return Ok(value),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Passing(error)) => {
                    if have() > before {
                        left = self.settings.retries;
                        pause = self.settings.retry_pause;
                    }
                    if left == 0 {
                        return Err(error);
                    }
                    left -= 1;
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
            }
        }
    }

    /// Asks for JSON, and gives the address of the next page, too.
    pub(super) async fn json<T: DeserializeOwned>(
        &self,
        url: &Url,
    ) -> Result<(T, Option<Url>), Error> {
        self.patiently(
            || 0,
            async || {
                let response = self.get(url, 0).await?;
                let (at, status) = (response.url().to_string(), response.status());
                let next = next_page(response.headers(), response.url());
                let html = is_html(response.headers());
                let body = body(response, MAX_BODY).await?;
                match serde_json::from_slice(&body) {
                    Ok(value) => Ok((value, next)),
                    Err(_) if html || body.trim_ascii_start().starts_with(b"<") => {
                        Err(Error::page(&at, status, &body).into())
                    }
                    Err(error) => Err(Error::malformed(&at, error.to_string()).into()),
                }
            },
        )
        .await
    }

    /// Asks for bytes from `start` on, when the Hub lets. The answer may be the whole file nevertheless, or no bytes at all:
    /// see [`continues`]. The Hub redirects to where the bytes are stored; on the way there, the token stays behind.
    pub(super) async fn get(&self, url: &Url, start: u64) -> Result<Response, Failure> {
        self.wait().await;
        let mut request = self
            .client
            .get(url.clone())
            .header(ACCEPT_ENCODING, "identity");
        if let Some(token) = &self.settings.token
            && url.origin() == self.endpoint.origin()
        {
            request = request.bearer_auth(&token.secret);
        }
        if start > 0 {
            request = request.header(RANGE, format!("bytes={start}-"));
        }
        let response = request.send().await.map_err(|error| passing(url, &error))?;
        let status = response.status();
        if status.is_success() || (start > 0 && status == StatusCode::RANGE_NOT_SATISFIABLE) {
            return Ok(response);
        }
        Err(self.refused(url, response).await)
    }

    /// Waits as long as the Hub asked to.
    async fn wait(&self) {
        loop {
            let until = *self.closed();
            match until {
                Some(until) if until > Instant::now() => tokio::time::sleep_until(until).await,
                _ => return,
            }
        }
    }

    fn closed(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.closed_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What an answer that is no success means.
    async fn refused(&self, url: &Url, response: Response) -> Failure {
        let (at, status) = (response.url().clone(), response.status());
        let headers = response.headers().clone();
        let body = body(response, 1 << 16).await.unwrap_or_default();
        let code = text(&headers, "x-error-code");
        let message = text(&headers, "x-error-message").or_else(|| {
            let json: serde_json::Value = serde_json::from_slice(&body).ok()?;
            Some(json.get("error")?.as_str()?.to_owned())
        });
        let wait = asked_wait(&headers);
        let server = Error::Server {
            url: at.to_string(),
            status: status.as_u16(),
            message: message.clone(),
            wait,
        };
        let passing = status.is_server_error()
            || [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status);
        match (status, code.as_deref()) {
            _ if passing && status != StatusCode::NETWORK_AUTHENTICATION_REQUIRED => match wait {
                Some(wait) if wait > self.settings.longest_wait => Failure::Final(server),
                Some(wait) => {
                    self.close(&at, status, wait);
                    Failure::Passing(server)
                }
                None => Failure::Passing(server),
            },
            (_, None) if is_html(&headers) => {
                Failure::Final(Error::page(at.as_str(), status, &body))
            }
            // The signature of a stored file's address has run out: the Hub gives a new one.
            _ if at.origin() != url.origin() => Failure::Passing(server),
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, code) => Failure::Final(
                Error::gated(&self.settings, &self.repo, status, code, message),
            ),
            (StatusCode::NOT_FOUND, Some("RepoNotFound")) => Failure::Final(Error::RepoNotFound {
                repo: self.repo.clone(),
                endpoint: self.settings.endpoint.clone(),
            }),
            (StatusCode::NOT_FOUND, _) => Failure::Final(Error::NotFound {
                url: url.to_string(),
            }),
            _ => Failure::Final(server),
        }
    }

    /// Lets no request go before `wait` is over.
    fn close(&self, url: &Url, status: StatusCode, wait: Duration) {
        let until = Instant::now() + wait;
        let mut closed = self.closed();
        let second = Duration::from_secs(1);
        if wait >= second && closed.is_none_or(|closed| closed + second < until) {
            let host = url.host_str().unwrap_or_default();
            let seconds = wait.as_secs_f64().ceil();
            self.progress.note(&format!(
                "{host} answers {status} and asks to wait {seconds} s"
            ));
        }
        *closed = (*closed).max(Some(until));
    }
}

/// Whether a response carries the bytes from `start` on.
pub(super) fn continues(response: &Response, start: u64) -> bool {
    response.status() == StatusCode::PARTIAL_CONTENT
        && text(response.headers(), CONTENT_RANGE.as_str())
            .is_some_and(|range| range.starts_with(&format!("bytes {start}-")))
}

pub(super) fn passing(url: &Url, error: &reqwest::Error) -> Failure {
    Failure::Passing(Error::network(url.as_str(), error))
}

/// Whether an answer says that it is a page for people.
pub(super) fn is_html(headers: &HeaderMap) -> bool {
    text(headers, CONTENT_TYPE.as_str())
        .is_some_and(|kind| kind.trim().to_ascii_lowercase().starts_with("text/html"))
}

/// Reads a body of at most `limit` bytes.
pub(super) async fn body(mut response: Response, limit: usize) -> Result<Vec<u8>, Failure> {
    let url = response.url().clone();
    let mut body = Vec::new();
    while let Some(bytes) = response
        .chunk()
        .await
        .map_err(|error| passing(&url, &error))?
    {
        if body.len() + bytes.len() > limit {
            let problem = format!("more than {limit} bytes");
            return Err(Error::malformed(url.as_str(), problem).into());
        }
        body.extend_from_slice(&bytes);
    }
    Ok(body)
}

/// How long to wait before the next request: `Retry-After` in seconds or as a date, or the Hub's own `RateLimit` when
/// nothing is left in its window.
fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    let date = |value: &str| httpdate::parse_http_date(value.trim()).ok();
    if let Some(value) = text(headers, RETRY_AFTER.as_str()) {
        if let Ok(seconds) = value.trim().parse() {
            return Some(Duration::from_secs(seconds));
        }
        // By the server's clock, if it says what that shows.
        let now = text(headers, DATE.as_str()).and_then(|value| date(&value));
        let until = date(&value)?.duration_since(now.unwrap_or_else(SystemTime::now));
        return Some(until.unwrap_or_default());
    }
    let limit = text(headers, "ratelimit")?;
    let field = |name| {
        limit
            .split(';')
            .find_map(|part| part.trim().strip_prefix(name))
    };
    match (field("r=")?, field("t=")?.parse()) {
        ("0", Ok(seconds)) => Some(Duration::from_secs(seconds)),
        _ => None,
    }
}

/// The address of the page after this one: `Link: <...>; rel="next"`.
fn next_page(headers: &HeaderMap, at: &Url) -> Option<Url> {
    let links = text(headers, LINK.as_str())?;
    let next = links
        .split(',')
        .find(|link| link.contains("rel=\"next\""))?;
    let (_, rest) = next.split_once('<')?;
    at.join(rest.split_once('>')?.0).ok()
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_come_in_seconds_as_dates_and_in_the_hubs_own_form() {
        let wait = |headers: &[(&'static str, &'static str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(*name, value.parse().unwrap());
            }
            asked_wait(&map).map(|wait| wait.as_secs())
        };
        assert_eq!(wait(&[("retry-after", "120")]), Some(120));
        let now = ("date", "Wed, 21 Oct 2015 07:28:00 GMT");
        let later = ("retry-after", "Wed, 21 Oct 2015 07:29:30 GMT");
        assert_eq!(wait(&[now, later]), Some(90));
        assert_eq!(wait(&[later]), Some(0), "a date that has passed");
        assert_eq!(wait(&[("ratelimit", "\"api\";r=0;t=55")]), Some(55));
        assert_eq!(wait(&[("ratelimit", "\"api\";r=7;t=55")]), None);
        for nothing in ["soon", "-1", ""] {
            assert_eq!(wait(&[("retry-after", nothing)]), None, "{nothing}");
        }
        assert_eq!(wait(&[]), None);
    }
}
