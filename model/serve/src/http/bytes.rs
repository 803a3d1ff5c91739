//! Bytes of requests that arrive, and of answers that are written. They count as they come, since nobody knows before how many
//! there will be.

use std::io::{self, Write};
use std::sync::Arc;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;
use tokio_stream::StreamExt;

use super::{Failure, Service};
use crate::access::Exceeded;
use crate::access::gate::Kept;
use crate::engine::{Arriving, Error, Held};

impl Service {
    /// The bytes of a request, at most so many.
    ///
    /// # Errors
    /// Where they are too many, here or with those of others, or do not come in time.
    pub async fn bytes(&self, body: Body, most: usize) -> Result<Vec<u8>, Failure> {
        let wait = self.gate.waits().send;
        let read = timeout(wait, read(body, most, self.engine.arriving()));
        read.await.unwrap_or_else(|_| {
            let text = format!(
                "the request did not come to its end within {} s: send it again, or less at once",
                wait.as_secs()
            );
            Err(Failure::new(StatusCode::REQUEST_TIMEOUT, text))
        })
    }
}

async fn read(body: Body, most: usize, mut arriving: Arriving) -> Result<Vec<u8>, Failure> {
    let (mut pieces, mut bytes) = (body.into_data_stream(), Vec::new());
    while let Some(piece) = pieces.next().await {
        let broken = |_| Failure::invalid("the request broke off or cannot be read");
        let piece = piece.map_err(broken)?;
        if bytes.len() + piece.len() > most {
            return Err(Exceeded::Message(most).into());
        }
        bytes.extend_from_slice(&piece);
        arriving.grow(bytes.capacity() as u64)?;
    }
    Ok(bytes)
}

/// Bytes that are counted at once, at least.
const STEP: usize = 4096;

/// An answer that is written. It counts with what it is made of, and alone once it is sent.
pub struct Written {
    bytes: Vec<u8>,
    held: Held,
}

impl Written {
    /// Nothing yet, made of what is held.
    #[must_use]
    pub fn new(held: Held) -> Self {
        let bytes = Vec::new();
        Self { bytes, held }
    }

    /// Counts what there is between the values and the answer.
    ///
    /// # Errors
    /// Where there is no room for it.
    pub fn hold(&mut self, bytes: u64) -> Result<(), Error> {
        self.held.grow(bytes)
    }

    /// The answer in one piece.
    ///
    /// # Errors
    /// Where there is no room for it.
    pub fn put(mut self, bytes: Vec<u8>) -> Result<Self, Error> {
        self.hold(bytes.len() as u64)?;
        Ok(Self { bytes, ..self })
    }
}

impl Write for Written {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let (length, room) = (self.bytes.len(), self.bytes.capacity());
        let lacks = (length + piece.len()).saturating_sub(room);
        if lacks > 0 {
            let more = lacks.max(room / 2).max(STEP);
            self.hold(more as u64).map_err(io::Error::other)?;
            self.bytes.reserve_exact(room - length + more);
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl IntoResponse for Written {
    fn into_response(mut self) -> Response {
        self.bytes.shrink_to_fit();
        self.held.set(self.bytes.len() as u64);
        let mut response = self.bytes.into_response();
        response.extensions_mut().insert(Kept(Arc::new(self.held)));
        response
    }
}
