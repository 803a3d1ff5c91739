//! A connection, and what it may keep waiting.

use std::future::Future;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use crate::access::arguments::Waits;
use crate::access::gate::Peer;
use crate::metrics::Metrics;

/// Bytes that HTTP/2 begins with, by which the protocols are told apart: hyper waits for them without an end.
const PREFACE: usize = 24;

/// Bytes in and out.
pub enum Stream {
    /// Without TLS.
    Plain(TcpStream),
    /// With TLS.
    Encrypted(Box<TlsStream<TcpStream>>),
}

/// A connection.
pub struct Connection {
    stream: Stream,
    peer: Option<SocketAddr>,
    read: usize,
    hello: Pin<Box<Sleep>>,
    /// Since when nothing went out.
    stall: Option<Pin<Box<Sleep>>>,
    waits: Waits,
    metrics: Arc<Metrics>,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    /// A connection that holds its place among those that are open.
    pub fn new(
        stream: Stream,
        peer: Option<SocketAddr>,
        place: OwnedSemaphorePermit,
        (waits, metrics): (Waits, Arc<Metrics>),
    ) -> Self {
        metrics.connections.inc();
        Self {
            stream,
            peer,
            read: 0,
            hello: Box::pin(sleep(waits.hello)),
            stall: None,
            waits,
            metrics,
            _place: place,
        }
    }

    /// What a write gave, or an error once nothing has gone out for long.
    fn going<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stall = None;
            return written;
        }
        let wait = self.waits.read;
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(wait)));
        ready!(stall.as_mut().poll(context));
        self.metrics.unread.inc();
        Poll::Ready(Err(late("the client does not read")))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.metrics.connections.dec();
    }
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        Peer(self.peer)
    }
}

fn late(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let own = self.get_mut();
        let before = buffer.filled().len();
        let read = match &mut own.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Encrypted(stream) => Pin::new(stream).poll_read(context, buffer),
        };
        own.read += buffer.filled().len() - before;
        if read.is_pending() && own.read < PREFACE {
            ready!(own.hello.as_mut().poll(context));
            own.metrics.turned_away("silent");
            // It is told once.
            own.hello.as_mut().reset(Instant::now() + own.waits.hello);
            return Poll::Ready(Err(late("the client says nothing")));
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let own = self.get_mut();
        let written = match &mut own.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Encrypted(stream) => Pin::new(stream).poll_write(context, bytes),
        };
        own.going(context, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let own = self.get_mut();
        let written = match &mut own.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(context, bytes),
            Stream::Encrypted(stream) => Pin::new(stream).poll_write_vectored(context, bytes),
        };
        own.going(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Encrypted(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let own = self.get_mut();
        let flushed = match &mut own.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(context),
            Stream::Encrypted(stream) => Pin::new(stream).poll_flush(context),
        };
        own.going(context, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let own = self.get_mut();
        let shut = match &mut own.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Encrypted(stream) => Pin::new(stream).poll_shutdown(context),
        };
        own.going(context, shut)
    }
}
