//! Answers whose reader stopped reading. After a while they are dropped, with the memory and the places that they hold, and the
//! stream ends in an error; what a connection holds by then is one piece of each answer.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Error;
use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};

/// Bytes that are handed to a connection at once.
const PIECE: usize = 1 << 16;

/// Answers that are being read, and how long a reader may pause.
pub struct Readers {
    patience: Duration,
    answers: Mutex<Vec<Weak<Mutex<Answer>>>>,
}

/// Is told how an answer ended: with gRPC's status where it has one, or with nothing where it was not read to its end.
pub type Ended = Box<dyn FnOnce(Option<&str>) + Send>;

struct Answer {
    /// Nothing once it is read, or dropped.
    body: Option<Body>,
    /// What is left of a frame that is handed on in pieces.
    rest: Bytes,
    /// When a piece was handed on, as long as no more was asked for.
    waits: Option<Instant>,
    /// The status of trailers.
    status: Option<String>,
    ended: Option<Ended>,
    given_up: bool,
}

impl Readers {
    /// Readers that may pause so long.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        let answers = Mutex::default();
        Self { patience, answers }
    }

    /// The answer, watched.
    pub fn watch(&self, body: Body, ended: Ended) -> Body {
        let answer = Arc::new(Mutex::new(Answer {
            body: Some(body),
            rest: Bytes::new(),
            waits: None,
            status: None,
            ended: Some(ended),
            given_up: false,
        }));
        locked(&self.answers).push(Arc::downgrade(&answer));
        Body::new(Watched(answer))
    }

    /// Drops what nobody went on reading, and gives how many that were.
    pub fn sweep(&self) -> usize {
        let mut answers = locked(&self.answers);
        let mut dropped = 0;
        answers.retain(|answer| {
            let Some(answer) = answer.upgrade() else {
                return false;
            };
            let mut answer = locked(&answer);
            let late = answer
                .waits
                .is_some_and(|since| since.elapsed() > self.patience);
            if late && answer.body.is_some() {
                answer.give_up();
                dropped += 1;
            }
            answer.body.is_some()
        });
        dropped
    }

    /// Answers that are being read.
    pub fn count(&self) -> usize {
        let mut answers = locked(&self.answers);
        answers.retain(|answer| answer.strong_count() > 0);
        answers.len()
    }
}

impl Answer {
    fn give_up(&mut self) {
        self.body = None;
        self.rest = Bytes::new();
        self.given_up = true;
        self.end(None);
    }

    fn next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.given_up {
            let error = io::Error::new(io::ErrorKind::TimedOut, "the answer was not read");
            return Poll::Ready(Some(Err(Error::new(error))));
        }
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(self.piece())));
        }
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let frame = match Pin::new(body).poll_frame(context) {
            // The reader waits for us.
            Poll::Pending => {
                self.waits = None;
                return Poll::Pending;
            }
            Poll::Ready(Some(Ok(frame))) => frame,
            Poll::Ready(other) => {
                self.body = None;
                if other.is_none() {
                    self.end(Some("0"));
                }
                return Poll::Ready(other);
            }
        };
        if let Some(trailers) = frame.trailers_ref() {
            let status = trailers.get("grpc-status");
            let status = status.and_then(|status| status.to_str().ok());
            self.status = status.map(str::to_owned);
            // Nobody may ask for more after these.
            self.end(None);
        }
        let frame = match frame.into_data() {
            Ok(data) if data.len() > PIECE => {
                self.rest = data;
                self.piece()
            }
            Ok(data) => Frame::data(data),
            Err(other) => other,
        };
        self.waits = Some(Instant::now());
        Poll::Ready(Some(Ok(frame)))
    }

    /// The next piece, copied: a part of the frame would hold all of its memory.
    fn piece(&mut self) -> Frame<Bytes> {
        self.waits = Some(Instant::now());
        let piece = self.rest.split_to(PIECE.min(self.rest.len()));
        Frame::data(Bytes::copy_from_slice(&piece))
    }

    fn end(&mut self, status: Option<&str>) {
        if let Some(ended) = self.ended.take() {
            ended(self.status.as_deref().or(status));
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // An empty answer is never asked for.
        let whole = self.rest.is_empty() && self.body.as_ref().is_none_or(HttpBody::is_end_stream);
        self.end((whole && !self.given_up).then_some("0"));
    }
}

struct Watched(Arc<Mutex<Answer>>);

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        locked(&self.0).next(context)
    }

    fn is_end_stream(&self) -> bool {
        let answer = locked(&self.0);
        let ended = answer.body.as_ref().is_none_or(HttpBody::is_end_stream);
        ended && answer.rest.is_empty() && !answer.given_up
    }

    fn size_hint(&self) -> SizeHint {
        let answer = locked(&self.0);
        let rest = answer.rest.len() as u64;
        let mut hint = match &answer.body {
            Some(body) => body.size_hint(),
            None => SizeHint::with_exact(0),
        };
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(hint.lower() + rest);
        hint
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn poll(body: &mut Body) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        Pin::new(body).poll_frame(&mut context)
    }

    /// How often an answer ended whole, and otherwise.
    fn counted() -> (Arc<[AtomicUsize; 2]>, Ended) {
        let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let own = counts.clone();
        let ended: Ended = Box::new(move |status| {
            own[usize::from(status.is_none())].fetch_add(1, Ordering::Relaxed);
        });
        (counts, ended)
    }

    fn held(counts: &[AtomicUsize; 2]) -> [usize; 2] {
        counts.each_ref().map(|count| count.load(Ordering::Relaxed))
    }

    #[test]
    fn an_answer_comes_in_pieces_and_whole() {
        let readers = Readers::new(Duration::from_secs(60));
        let bytes: Vec<u8> = (0..3 * PIECE + 5).map(|at| at as u8).collect();
        let (counts, ended) = counted();
        let mut body = readers.watch(Body::from(bytes.clone()), ended);
        assert_eq!(body.size_hint().exact(), Some(bytes.len() as u64));
        let mut read = Vec::new();
        while let Poll::Ready(Some(Ok(frame))) = poll(&mut body) {
            let data = frame.into_data().unwrap();
            assert!(data.len() <= PIECE);
            read.extend(data);
            let left = bytes.len() - read.len();
            assert_eq!(body.size_hint().exact(), Some(left as u64));
        }
        assert_eq!((read, held(&counts)), (bytes, [1, 0]));
        drop(body);
        assert_eq!((readers.count(), held(&counts)), (0, [1, 0]));
    }

    #[test]
    fn what_nobody_reads_is_dropped_and_what_waits_for_us_is_not() {
        let readers = Readers::new(Duration::ZERO);
        let (counts, ended) = counted();
        let mut unread = readers.watch(Body::from(vec![0; 2 * PIECE]), ended);
        assert!(poll(&mut unread).is_ready());
        let ours = Body::from_stream(tokio_stream::pending::<io::Result<Bytes>>());
        let mut ours = readers.watch(ours, counted().1);
        assert!(poll(&mut ours).is_pending());
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(readers.sweep(), 1);
        assert!(matches!(poll(&mut unread), Poll::Ready(Some(Err(_)))));
        assert!(poll(&mut ours).is_pending());
        drop(unread);
        assert_eq!(held(&counts), [0, 1]);
    }
}
