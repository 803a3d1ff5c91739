//! What every request passes, of gRPC as of HTTP: its key, its size, whether the server still takes some; and how it ended.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tonic::{Code, Status};

use super::arguments::Waits;
use super::origin::{has_own_name, is_of_other_site};
use super::watched::{Ended, Readers};
use super::{Access, Exceeded, Keys, Limits};
use crate::engine::Client;
use crate::http::Failure;
use crate::metrics::Metrics;

/// The SDK's name for a key.
const KEY: HeaderName = HeaderName::from_static("x-goog-api-key");

/// Where a connection comes from.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub Option<SocketAddr>);

/// What lives as long as an answer is being read. A handler puts it into the answer's extensions.
#[derive(Clone)]
pub struct Kept(pub Arc<dyn Send + Sync>);

/// Where requests pass.
pub struct Gate {
    keys: Option<Keys>,
    limits: Limits,
    /// Whether this machine alone reaches the server.
    loopback: bool,
    /// Whether a certificate says the server's name.
    named: bool,
    waits: Waits,
    metrics: Arc<Metrics>,
    readers: Readers,
    closed: AtomicBool,
}

/// Why a request does not pass.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    #[error("this server asks for a key: send it as x-goog-api-key")]
    NoKey,
    #[error("the key is none of this server's")]
    WrongKey,
    #[error("a page of another site asked for this, and the server answers its own pages alone")]
    OtherSite,
    #[error(
        "the server was asked for by a name that it does not have: without keys and TLS, connect to 127.0.0.1 or localhost, or start it with keys"
    )]
    OtherName,
    #[error(transparent)]
    TooLarge(#[from] Exceeded),
    #[error("the server is shutting down: send the request to it again later")]
    Closed,
}

impl Refusal {
    fn codes(&self) -> (StatusCode, Code) {
        match self {
            Self::NoKey | Self::WrongKey => (StatusCode::UNAUTHORIZED, Code::Unauthenticated),
            Self::OtherSite | Self::OtherName => (StatusCode::FORBIDDEN, Code::PermissionDenied),
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, Code::InvalidArgument),
            Self::Closed => (StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable),
        }
    }

    fn response(&self, grpc: bool) -> Response {
        let (status, code) = self.codes();
        match grpc {
            true => Status::new(code, self.to_string()).into_http(),
            false => Failure::new(status, self.to_string()).into_response(),
        }
    }
}

impl Gate {
    /// What `access` says.
    #[must_use]
    pub fn new(access: &Access, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            keys: access.keys.clone(),
            limits: access.limits,
            loopback: access.listen.ip().is_loopback(),
            named: access.tls.is_some(),
            waits: access.waits,
            metrics,
            readers: Readers::new(access.waits.read),
            closed: AtomicBool::new(false),
        })
    }

    /// From now on nothing passes but questions for the server's health.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// How large requests may be.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How long clients may keep the server waiting.
    pub fn waits(&self) -> &Waits {
        &self.waits
    }

    /// Whether keys are asked for.
    pub fn has_keys(&self) -> bool {
        self.keys.is_some()
    }

    /// What is counted.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Drops answers that nobody goes on reading.
    pub fn sweep(&self) {
        let dropped = self.readers.sweep();
        self.metrics.unread.inc_by(dropped as u64);
    }

    /// The client with a key, or at the other end of a connection where none is asked for.
    pub fn client(&self, key: Option<&[u8]>, peer: Option<Peer>) -> Result<Client, Failure> {
        let client = self.known(key, peer);
        client.map_err(|refusal| Failure::new(refusal.codes().0, refusal.to_string()))
    }

    fn known(&self, key: Option<&[u8]>, peer: Option<Peer>) -> Result<Client, Refusal> {
        let name = match (&self.keys, key) {
            (Some(_), None) => return Err(Refusal::NoKey),
            (Some(keys), Some(key)) => keys.client(key).ok_or(Refusal::WrongKey)?,
            (None, _) => match peer.and_then(|peer| peer.0) {
                // On one machine, each connection is someone else.
                Some(peer) if self.loopback => peer.to_string(),
                Some(peer) => peer.ip().to_string(),
                None => return Ok(Client::default()),
            },
        };
        Ok(Client(name.into()))
    }

    /// Fails where a page of the web may have led a browser here. Of gRPC, too: once its name leads here (DNS rebinding), such a page
    /// sends what it wants.
    fn own_pages(&self, request: &Request) -> Result<(), Refusal> {
        if is_of_other_site(request) {
            return Err(Refusal::OtherSite);
        }
        match self.named || !self.loopback || has_own_name(request) {
            true => Ok(()),
            false => Err(Refusal::OtherName),
        }
    }

    fn admit(&self, request: &Request) -> Result<Option<Client>, Refusal> {
        let path = request.uri().path();
        let open = is_open(path);
        if self.is_closed() && !is_health(path) {
            return Err(Refusal::Closed);
        }
        if self.keys.is_none() && !open {
            self.own_pages(request)?;
        }
        let headers = request.headers();
        let length = headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > self.limits.message as u64) {
            return Err(Exceeded::Message(self.limits.message).into());
        }
        let peer = request.extensions().get::<Peer>().copied();
        match open || path == FORM {
            true => Ok(None),
            false => self.known(key(headers), peer).map(Some),
        }
    }
}

/// The key of a request: as the SDK sends it, or as programs do that know tokens alone.
fn key(headers: &HeaderMap) -> Option<&[u8]> {
    let own = headers.get(KEY).map(|value| value.as_bytes());
    let bearer = || {
        headers
            .get(header::AUTHORIZATION)?
            .as_bytes()
            .strip_prefix(b"Bearer ")
    };
    own.or_else(bearer)
}

/// Whether everyone may ask for it: it says nothing of data, and pages must be there before a key can be written into them.
fn is_open(path: &str) -> bool {
    is_health(path) || ["/", "/docs", "/openapi.json"].contains(&path)
}

/// Where the form at `/` goes, with its key in it.
const FORM: &str = "/variant";

fn is_health(path: &str) -> bool {
    path == "/healthz" || path.starts_with("/grpc.health.v1.Health/")
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// What a request is counted as. What clients make up is one thing.
fn route(path: &str) -> &'static str {
    const ROUTES: [&str; 16] = [
        "/",
        "/docs",
        "/healthz",
        "/metrics",
        "/openapi.json",
        "/v1/predict",
        "/v1/score",
        "/v1/tracks",
        "/variant",
        "GetMetadata",
        "PredictInterval",
        "PredictSequence",
        "PredictVariant",
        "ScoreInterval",
        "ScoreIsmVariant",
        "ScoreVariant",
    ];
    let method = path.rsplit('/').next().filter(|name| !name.is_empty());
    let own = |name: &&&str| **name == path || method == Some(**name);
    let known = ROUTES.iter().find(own);
    match known {
        Some(name) => name,
        None if is_health(path) => "/healthz",
        None => "other",
    }
}

/// Counts a request at its end, however it ends.
struct Counted {
    gate: Arc<Gate>,
    route: &'static str,
    start: Instant,
    code: Option<String>,
}

impl Counted {
    fn end(mut self, code: Option<String>) {
        self.code = code;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let code = self.code.take().unwrap_or_else(|| "left".into());
        let took = self.start.elapsed();
        self.gate.metrics.request(self.route, code, took);
    }
}

/// Lets a request pass, or answers why not.
pub async fn pass(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Response {
    let grpc = is_grpc(request.headers());
    let counted = Counted {
        route: route(request.uri().path()),
        start: Instant::now(),
        code: None,
        gate: gate.clone(),
    };
    let response = match gate.admit(&request) {
        Ok(client) => {
            if let Some(client) = client {
                request.extensions_mut().insert(client);
            }
            next.run(request).await
        }
        Err(refusal) => refusal.response(grpc),
    };
    let (mut parts, body) = response.into_parts();
    let kept = parts.extensions.remove::<Kept>();
    let own = parts.headers.get("grpc-status");
    let own = own.and_then(|status| Some(status.to_str().ok()?.to_owned()));
    let status = parts.status.as_u16();
    let ended: Ended = Box::new(move |ended| {
        drop(kept);
        counted.end(ended.map(|ended| match grpc {
            true => format!("grpc {}", own.as_deref().unwrap_or(ended)),
            false => status.to_string(),
        }));
    });
    Response::from_parts(parts, gate.readers.watch(Body::new(body), ended))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    fn gate(keys: bool, loopback: bool) -> Arc<Gate> {
        let listen = if loopback {
            "127.0.0.1:1"
        } else {
            "192.0.2.1:1"
        };
        let access = Access {
            keys: keys.then(|| Keys::parse(b"0123456789abcdef").unwrap()),
            ..Access::new(listen.parse().unwrap())
        };
        Gate::new(&access, Arc::default())
    }

    #[test]
    fn keys_are_asked_for_everywhere_but_where_there_is_no_data() {
        let gate = gate(true, false);
        for path in [
            "/v1/score",
            "/v1/predict",
            "/v1/tracks",
            "/metrics",
            "/any/Method",
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        ] {
            let asked = |headers: &[_]| gate.admit(&request(path, headers));
            assert_eq!(asked(&[]), Err(Refusal::NoKey), "{path}");
            let wrong = [("x-goog-api-key", "0123456789abcdeF")];
            assert_eq!(asked(&wrong), Err(Refusal::WrongKey), "{path}");
            let right = [
                ("x-goog-api-key", "0123456789abcdef"),
                ("authorization", "Bearer 0123456789abcdef"),
            ];
            for header in right {
                let headers = [header];
                assert!(asked(&headers).unwrap().is_some(), "{path}");
            }
        }
        for path in [
            "/healthz",
            "/grpc.health.v1.Health/Check",
            "/",
            "/openapi.json",
        ] {
            assert_eq!(gate.admit(&request(path, &[])), Ok(None), "{path}");
        }
    }

    #[test]
    fn without_keys_no_other_site_asks() {
        let local = gate(false, true);
        let asked = |path: &str, headers: &[_]| local.admit(&request(path, headers)).map(drop);
        let grpc = ("content-type", "application/grpc");
        for path in [
            "/v1/score",
            "/metrics",
            "/variant",
            "/a.Service/ScoreVariant",
        ] {
            for host in ["127.0.0.1:50051", "[::1]:50051", "localhost", "LOCALHOST:1"] {
                assert_eq!(asked(path, &[grpc, ("host", host)]), Ok(()), "{host}");
            }
            for host in ["evil.example:50051", "127.0.0.1.evil.example", ""] {
                let refused = asked(path, &[grpc, ("host", host)]);
                assert_eq!(refused, Err(Refusal::OtherName), "{path} {host}");
            }
            for (name, value, own) in [
                ("sec-fetch-site", "same-origin", true),
                ("sec-fetch-site", "none", true),
                ("sec-fetch-site", "same-site", false),
                ("sec-fetch-site", "cross-site", false),
                ("origin", "http://127.0.0.1:1", true),
                ("origin", "http://127.0.0.1:2", false),
                ("origin", "http://evil.example", false),
                ("origin", "null", false),
            ] {
                let expected = if own { Ok(()) } else { Err(Refusal::OtherSite) };
                let found = asked(path, &[grpc, ("host", "127.0.0.1:1"), (name, value)]);
                assert_eq!(found, expected, "{path} {name}: {value}");
            }
        }
        // Pages without data may be linked to.
        let linked = [("host", "a.example"), ("sec-fetch-site", "cross-site")];
        assert_eq!(asked("/", &linked), Ok(()));
        let named = request("/v1/score", &[("host", "genome.example")]);
        assert!(gate(true, true).admit(&named) == Err(Refusal::NoKey));
        assert!(gate(false, false).admit(&named).is_ok());
    }

    #[test]
    fn size_and_end_are_said() {
        let gate = gate(false, true);
        let large = (Limits::default().message + 1).to_string();
        let headers = [("content-length", large.as_str())];
        let refusal = gate.admit(&request("/v1/score", &headers));
        assert!(matches!(refusal, Err(Refusal::TooLarge(_))));
        gate.close();
        let closed = |path| gate.admit(&request(path, &[])).map(drop);
        assert_eq!(closed("/v1/score"), Err(Refusal::Closed));
        assert_eq!(closed("/"), Err(Refusal::Closed));
        assert_eq!(closed("/healthz"), Ok(()));
    }

    #[test]
    fn what_clients_make_up_is_counted_as_one_thing() {
        let counted = [
            "/v1/score",
            "/a.b.DnaModelService/ScoreVariant",
            "/x",
            "/v1/x/",
            "",
        ];
        let names = ["/v1/score", "ScoreVariant", "other", "other", "other"];
        assert_eq!(counted.map(route), names);
    }
}
