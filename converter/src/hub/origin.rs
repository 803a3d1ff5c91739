//! Where a commit's files come from: the Hub, and the storage that it redirects to.

use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, LOCATION, RANGE,
};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};

use super::remote::{RemoteFile, Target, client};
use super::{Error, Settings};

/// The name of a file that is stored outside of git.
const LINKED_ETAG: &str = "x-linked-etag";

const MAX_REDIRECTS: usize = 10;

/// A commit of a model on the Hub.
pub(super) struct Origin {
    settings: Settings,
    repo: String,
    commit: String,
    /// Asks for headers; follows no redirect.
    asking: Client,
    /// Asks for bytes; follows redirects to where they are stored.
    fetching: Client,
}

/// What the Hub says of a file before sending it.
pub(super) struct Blob {
    pub(super) url: Url,
    /// Its name in the cache: the SHA-256 of large files, git's id of small ones.
    pub(super) etag: String,
    pub(super) size: u64,
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
    pub(super) fn new(settings: &Settings, target: &Target, commit: &str) -> Result<Self, Error> {
        Ok(Self {
            settings: settings.clone(),
            repo: target.repo.clone(),
            commit: commit.to_owned(),
            asking: client(settings, Policy::none())?,
            fetching: client(settings, Policy::default())?,
        })
    }

    fn request(&self, client: &Client, method: Method, url: &Url) -> RequestBuilder {
        let request = client
            .request(method, url.clone())
            .header(ACCEPT_ENCODING, "identity");
        match &self.settings.token {
            Some(token) => request.bearer_auth(&token.secret),
            None => request,
        }
    }

    /// Asks for a file's headers. The Hub gives them in its own response, whether or not that redirects to where the bytes
    /// are; of a renamed repo it redirects to itself first.
    async fn headers(&self, url: &Url) -> Result<Response, Failure> {
        let mut at = url.clone();
        for _ in 0..MAX_REDIRECTS {
            let response = self.request(&self.asking, Method::HEAD, &at).send().await;
            let response = response.map_err(|error| passing(&at, &error))?;
            let next = text(response.headers(), LOCATION.as_str())
                .filter(|_| response.status().is_redirection())
                .filter(|_| text(response.headers(), LINKED_ETAG).is_none())
                .and_then(|location| at.join(&location).ok())
                .filter(|next| next.origin() == at.origin());
            match next {
                Some(next) => at = next,
                None => {
                    return self.accept(&at, response, |status| {
                        status.is_success() || status.is_redirection()
                    });
                }
            }
        }
        Err(Failure::Final(Error::Malformed {
            url: url.to_string(),
            problem: "too many redirects".to_owned(),
        }))
    }

    /// Asks for a file's name and size.
    pub(super) async fn describe(&self, file: &RemoteFile) -> Result<Blob, Failure> {
        let url = self.url(&file.path)?;
        let response = self.headers(&url).await?;
        let malformed = |problem: String| Error::Malformed {
            url: url.to_string(),
            problem,
        };
        let headers = response.headers();
        let etag = text(headers, LINKED_ETAG)
            .or_else(|| text(headers, ETAG.as_str()))
            .ok_or_else(|| malformed("no ETag".to_owned()))?;
        let etag = etag.trim_start_matches("W/").trim_matches('"');
        if etag.is_empty()
            || etag.len() > 128
            || !etag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        {
            return Err(malformed(format!("the ETag {etag:?} cannot name a file")).into());
        }
        // A redirect's Content-Length is that of its own body.
        let size = text(headers, "x-linked-size")
            .or_else(|| {
                text(headers, CONTENT_LENGTH.as_str()).filter(|_| response.status().is_success())
            })
            .map_or(Ok(file.size), |size| {
                size.parse()
                    .map_err(|_| malformed(format!("{size:?} is not a size")))
            })?;
        if size != file.size {
            return Err(malformed(format!(
                "the file has {size} bytes, but {} in the listing",
                file.size
            ))
            .into());
        }
        Ok(Blob {
            etag: etag.to_owned(),
            size,
            url,
        })
    }

    /// Asks for a file's bytes from `start` on. The answer may be the whole file nevertheless, or no bytes at all: see
    /// [`continues`].
    pub(super) async fn get(&self, blob: &Blob, start: u64) -> Result<Response, Failure> {
        let mut request = self.request(&self.fetching, Method::GET, &blob.url);
        if start > 0 {
            request = request.header(RANGE, format!("bytes={start}-"));
        }
        let response = request
            .send()
            .await
            .map_err(|error| passing(&blob.url, &error))?;
        self.accept(&blob.url, response, |status| {
            status.is_success() || status == StatusCode::RANGE_NOT_SATISFIABLE
        })
    }

    fn url(&self, path: &str) -> Result<Url, Error> {
        let malformed = || Error::Malformed {
            url: self.settings.endpoint.clone(),
            problem: "not an address".to_owned(),
        };
        let mut url = Url::parse(&self.settings.endpoint).map_err(|_| malformed())?;
        url.path_segments_mut()
            .map_err(|()| malformed())?
            .pop_if_empty()
            .extend(
                self.repo
                    .split('/')
                    .chain(["resolve", &self.commit])
                    .chain(path.split('/')),
            );
        Ok(url)
    }

    /// Lets a response through, or says what its status means.
    fn accept(
        &self,
        url: &Url,
        response: Response,
        good: fn(StatusCode) -> bool,
    ) -> Result<Response, Failure> {
        let status = response.status();
        if good(status) {
            return Ok(response);
        }
        let code = text(response.headers(), "x-error-code");
        let message = text(response.headers(), "x-error-message");
        let server = Error::Server {
            url: response.url().to_string(),
            status: status.as_u16(),
            message: message.clone(),
        };
        let from_storage = response.url().origin() != url.origin();
        Err(match status {
            // Its signature has run out: the Hub gives a new one.
            _ if from_storage => Failure::Passing(server),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Failure::Final(Error::gated(
                &self.settings,
                &self.repo,
                status,
                code.as_deref(),
                message,
            )),
            StatusCode::NOT_FOUND => Failure::Final(Error::FileNotFound {
                url: url.to_string(),
            }),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Failure::Passing(server),
            status if status.is_server_error() => Failure::Passing(server),
            _ => Failure::Final(server),
        })
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

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}
