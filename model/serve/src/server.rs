//! The port: connections in, both protocols over it, and its end.

mod connection;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::{Router, extract::Request};
use terminal::{Speech, note};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{self, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;

use self::connection::{Connection, Stream};
use crate::access::Access;
use crate::access::arguments::Waits;
use crate::access::gate::{self, Gate};
use crate::engine::Engine;
use crate::metrics::Metrics;
use crate::{grpc, http};

/// Requests of a connection at once.
const STREAMS: u32 = 256;

/// A server that listens.
pub struct Server {
    tcp: TcpListener,
    address: SocketAddr,
    access: Access,
    engine: Arc<Engine>,
    gate: Arc<Gate>,
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All requests were answered.
    Whole,
    /// The grace was over before that.
    Late,
}

impl Server {
    /// Listens.
    ///
    /// # Errors
    /// Where the address is not this machine's, or is taken.
    pub async fn bind(
        access: Access,
        engine: Arc<Engine>,
        metrics: Arc<Metrics>,
    ) -> io::Result<Self> {
        let tcp = TcpListener::bind(access.listen).await?;
        Ok(Self {
            address: tcp.local_addr()?,
            gate: Gate::new(&access, metrics),
            tcp,
            access,
            engine,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as clients write it.
    pub fn url(&self) -> String {
        let scheme = if self.access.tls.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", self.address)
    }

    /// Serves gRPC and HTTP until `signal`, and then for the grace what is being answered.
    ///
    /// # Errors
    /// Where connections cannot be served at all.
    pub async fn run(
        self,
        grpc: Router,
        health: grpc::Health,
        signal: impl Future<Output = ()>,
    ) -> Result<Ended, tonic::transport::Error> {
        let Self {
            tcp,
            access,
            engine,
            gate,
            ..
        } = self;
        let router = grpc
            .merge(http::router(engine.clone(), gate.clone()))
            .fallback(unknown)
            .layer(from_fn_with_state(gate.clone(), gate::pass));
        let (ready, incoming) = mpsc::channel(64);
        let acceptor = Acceptor {
            tls: access.tls.map(TlsAcceptor::from),
            places: Arc::new(Semaphore::new(access.connections)),
            metrics: gate.metrics().clone(),
            waits: access.waits,
            ready,
        };
        let accepting = Task(tokio::spawn(acceptor.accept(tcp)));
        let _sweeping = Task(tokio::spawn(sweep(gate.clone(), access.waits.read / 8)));
        let (over, mut ended) = tokio::sync::watch::channel(());
        let signal = async move {
            signal.await;
            drop(accepting);
            gate.close();
            health.closing().await;
            engine.close();
            let _ = over.send(());
            // What is waited for after this is the connections.
            drop(engine);
        };
        let late = async {
            let _ = ended.changed().await;
            sleep(access.grace).await;
        };
        let serving = tonic::transport::Server::builder()
            .accept_http1(true)
            .max_concurrent_streams(STREAMS)
            .http2_keepalive_interval(Some(Duration::from_secs(30)))
            .http2_keepalive_timeout(Some(Duration::from_secs(20)))
            .http2_max_header_list_size(16 << 10)
            .serve_with_incoming_shutdown(router, ReceiverStream::new(incoming), signal);
        tokio::select! {
            served = serving => served.map(|()| Ended::Whole),
            () = late => Ok(Ended::Late),
        }
    }
}

/// A task that ends when this is dropped.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn sweep(gate: Arc<Gate>, often: Duration) {
    loop {
        sleep(often).await;
        gate.sweep();
    }
}

/// There is no such path.
async fn unknown(request: Request) -> Response {
    let path = terminal::line(request.uri().path());
    let kind = request.headers().get(axum::http::header::CONTENT_TYPE);
    if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc")) {
        let text = format!("there is no method {path}; this server has the SDK's DnaModelService");
        return tonic::Status::unimplemented(text).into_http();
    }
    let text = format!("there is nothing at {path}; /docs lists what there is");
    http::Failure::new(axum::http::StatusCode::NOT_FOUND, text).into_response()
}

/// Takes connections in.
#[derive(Clone)]
struct Acceptor {
    tls: Option<TlsAcceptor>,
    places: Arc<Semaphore>,
    metrics: Arc<Metrics>,
    waits: Waits,
    ready: Sender<io::Result<Connection>>,
}

impl Acceptor {
    async fn accept(self, tcp: TcpListener) {
        loop {
            match tcp.accept().await {
                Ok((stream, _)) => match self.places.clone().try_acquire_owned() {
                    Ok(place) => {
                        tokio::spawn(self.clone().greet(stream, place));
                    }
                    Err(_) => self.metrics.turned_away("full"),
                },
                Err(error) => {
                    // Such as too many open files: it may pass.
                    self.metrics.turned_away("system");
                    note(
                        Speech::Normal,
                        &format!("warning: a connection cannot be accepted: {error}"),
                    );
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn greet(self, stream: TcpStream, place: OwnedSemaphorePermit) {
        let peer = stream.peer_addr().ok();
        // Answers end in a small piece.
        let _ = stream.set_nodelay(true);
        let stream = match &self.tls {
            None => Stream::Plain(stream),
            Some(tls) => match timeout(self.waits.hello, tls.accept(stream)).await {
                Ok(Ok(stream)) => Stream::Encrypted(Box::new(stream)),
                _ => return self.metrics.turned_away("tls"),
            },
        };
        let connection = Connection::new(stream, peer, place, (self.waits, self.metrics.clone()));
        // Nobody takes it once the server ends.
        let _ = self.ready.send(Ok(connection)).await;
    }
}
