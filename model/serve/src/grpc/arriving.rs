//! Messages that arrive. A call holds the room of its longest one until its requests end, and so much is counted; a message that
//! does not come to its end is given up.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Error;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use http_body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};
use tonic::Status;

use crate::engine::{Arriving, Engine};

/// A byte, and the length in four of them: what a message begins with.
const HEAD: usize = 5;

/// Counts the messages of a call, each of which may take so long.
pub async fn count(
    State((engine, wait)): State<(Arc<Engine>, Duration)>,
    request: Request,
) -> Request {
    request.map(|body| Body::new(Messages::new(body, engine.arriving(), wait)))
}

/// The messages of a call.
struct Messages {
    body: Body,
    arriving: Arriving,
    wait: Duration,
    /// When the one that arrives is given up, once it was waited for.
    late: Option<Pin<Box<Sleep>>>,
    head: [u8; HEAD],
    /// Bytes of the one that arrives, its head among them.
    came: usize,
}

impl Messages {
    fn new(body: Body, arriving: Arriving, wait: Duration) -> Self {
        Self {
            body,
            arriving,
            wait,
            late: None,
            head: [0; HEAD],
            came: 0,
        }
    }

    /// Goes on by what has come, and gives the most bytes that a message had meanwhile.
    fn follow(&mut self, mut piece: &[u8]) -> usize {
        let mut most = 0;
        while !piece.is_empty() {
            let lacks = self.whole() - self.came;
            let (now, later) = piece.split_at(lacks.min(piece.len()));
            if self.came < HEAD {
                self.head[self.came..][..now.len()].copy_from_slice(now);
            }
            self.came += now.len();
            most = most.max(self.came);
            piece = later;
            if self.came >= HEAD && self.came == self.whole() {
                (self.came, self.late) = (0, None);
            }
        }
        most
    }

    /// Bytes that the message has, or its head as long as that is not there.
    fn whole(&self) -> usize {
        let [_, length @ ..] = self.head;
        match self.came < HEAD {
            true => HEAD,
            false => HEAD + u32::from_be_bytes(length) as usize,
        }
    }
}

fn failed(status: Status) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
    Poll::Ready(Some(Err(Error::new(status))))
}

impl HttpBody for Messages {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let own = self.get_mut();
        let Poll::Ready(frame) = Pin::new(&mut own.body).poll_frame(context) else {
            if own.came == 0 {
                return Poll::Pending;
            }
            let wait = own.wait;
            let late = own.late.get_or_insert_with(|| Box::pin(sleep(wait)));
            ready!(late.as_mut().poll(context));
            return failed(Status::deadline_exceeded(format!(
                "a message did not come to its end within {} s: send it again, or less at once",
                wait.as_secs()
            )));
        };
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            let most = own.follow(data);
            if let Err(full) = own.arriving.grow(most as u64) {
                return failed(full.into());
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io;

    use scorers::Organism;
    use tokio_stream::StreamExt;
    use tonic::Code;

    use super::*;
    use crate::engine::{Event, Library, Limits};

    fn engine() -> Arc<Engine> {
        let library = Library::bare(Organism::Human, BTreeMap::new());
        let limits = Limits {
            queued_bytes: 400,
            ..Limits::default()
        };
        let observer = Arc::new(|_: &Event| ());
        Engine::start(Arc::new(library), Vec::new(), limits, observer).unwrap()
    }

    /// A body of these pieces that does not end, and of which no message may be waited for.
    fn body(engine: &Engine, pieces: Vec<Vec<u8>>) -> Body {
        let pieces = tokio_stream::iter(pieces.into_iter().map(Ok::<_, io::Error>));
        let body = Body::from_stream(pieces.chain(tokio_stream::pending()));
        Body::new(Messages::new(body, engine.arriving(), Duration::ZERO))
    }

    fn message(length: u8) -> Vec<u8> {
        let mut bytes = vec![0, 0, 0, 0, length];
        bytes.resize(HEAD + usize::from(length), 7);
        bytes
    }

    async fn next(body: &mut Body) -> Option<Status> {
        let frame = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await;
        frame?.err().map(|error| Status::from_error(error.into()))
    }

    #[tokio::test]
    async fn the_longest_message_counts_until_the_call_ends() {
        let engine = engine();
        let counted = || engine.status().arriving_bytes;
        // Short ones together, one in three pieces, and one without a byte.
        let long = message(200);
        let (head, rest) = long.split_at(3);
        let (some, rest) = rest.split_at(100);
        let short = [message(1), message(0), message(9)].concat();
        let pieces = [&short[..], head, some, rest];
        let mut body = body(&engine, pieces.map(<[u8]>::to_vec).into());
        for count in [14, 14, 103, 205] {
            assert!(next(&mut body).await.is_none());
            assert_eq!(counted(), count);
        }
        // Nothing of a message is there, so that nothing is late.
        let waited = tokio::time::timeout(Duration::from_millis(20), next(&mut body)).await;
        assert!(waited.is_err());
        drop(body);
        assert_eq!(counted(), 0);
    }

    #[tokio::test]
    async fn what_does_not_end_or_fit_is_refused() {
        let engine = engine();
        let begun = message(250);
        let body = |bytes: &[u8]| body(&engine, vec![bytes.to_vec()]);
        let mut late = body(&begun[..200]);
        assert!(next(&mut late).await.is_none());
        let mut full = body(&begun[..220]);
        let status = next(&mut full).await.unwrap();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(status.message().contains("have 200 bytes, of at most 400"));
        let status = next(&mut late).await.unwrap();
        assert_eq!(status.code(), Code::DeadlineExceeded);
        drop((late, full));
        assert_eq!(engine.status().arriving_bytes, 0);
    }
}
