//! The calls.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use genome::Interval;
use scorers::{Organism, Predictions};
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

use super::messages as m;
use super::messages::dna_model_service_server::DnaModelService;
use super::metadata::{Form, Tables};
use super::tensors::Packed;
use super::{Options, answers, requests};
use crate::engine::{self, Answer, Client, Engine, Error, Task, Wanted};

/// Parts of an answer that were made and not sent yet.
const AHEAD: usize = 2;

/// What answers requests.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    engine: Arc<Engine>,
    options: Options,
    tables: Tables,
}

/// Makes a message of an output.
type Made<M> = fn(m::Output) -> M;

/// Who asks, and until when.
#[derive(Clone)]
struct Call {
    client: Client,
    deadline: Option<Instant>,
}

impl Call {
    fn of<T>(request: &Request<T>) -> Self {
        let known = request.extensions().get::<Client>().cloned();
        let peer = || {
            let address = request.remote_addr()?.to_string();
            Some(Client(address.into()))
        };
        Self {
            client: known.or_else(peer).unwrap_or_default(),
            deadline: timeout(request.metadata()).and_then(|left| Instant::now().checked_add(left)),
        }
    }
}

/// How long the client waits: digits, and a letter for the unit.
fn timeout(metadata: &MetadataMap) -> Option<Duration> {
    let text = metadata.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number.checked_mul(3600)?),
        "M" => Duration::from_secs(number.checked_mul(60)?),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

/// Messages that go together.
type Part<M> = Vec<Result<M, Status>>;

/// The way of an answer's messages to its client.
struct Sender<M> {
    to: mpsc::Sender<Part<M>>,
    patience: Duration,
}

impl<M: From<m::TensorChunk> + Send + 'static> Sender<M> {
    async fn send(&self, messages: impl IntoIterator<Item = M>) -> Result<(), Error> {
        let part = messages.into_iter().map(Ok).collect();
        let sent = tokio::time::timeout(self.patience, self.to.send(part)).await;
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Error::Cancelled),
            Err(_) => Err(Error::Unavailable(format!(
                "the client read nothing of its answer for {} s",
                self.patience.as_secs()
            ))),
        }
    }

    /// Sends messages as they are made, each with the chunks of the tensor that it announces. The first goes at once; of those without
    /// chunks more and more go together, since to wake whoever sends them takes longer than to send a few.
    async fn tensors(
        &self,
        announced: impl Iterator<Item = Result<(M, Packed), Error>>,
    ) -> Result<(), Error> {
        let (mut ready, mut together) = (Vec::new(), 1);
        for one in announced {
            let (message, packed) = one?;
            ready.push(message);
            let count = packed.count();
            if count > 0 || ready.len() >= together {
                together *= 2;
                self.send(ready.drain(..)).await?;
            }
            let packed = Arc::new(packed);
            for number in 0..count {
                let packed = packed.clone();
                // A chunk is two million bytes, which are copied or compressed.
                let chunk = tokio::task::spawn_blocking(move || packed.part(number)).await;
                let failed = |_| Error::Internal("a tensor could not be encoded".into());
                self.send([chunk.map_err(failed)?.into()]).await?;
            }
        }
        self.send(ready).await
    }

    /// What comes of a future, unless the client leaves before.
    async fn unless_left<T>(
        &self,
        future: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::select! {
            result = future => result,
            () = self.to.closed() => Err(Error::Cancelled),
        }
    }
}

/// A client's stream of answers.
pub struct Answers<M> {
    parts: mpsc::Receiver<Part<M>>,
    part: std::vec::IntoIter<Result<M, Status>>,
}

impl<M> Unpin for Answers<M> {}

impl<M> Stream for Answers<M> {
    type Item = Result<M, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(message) = self.part.next() {
                return Poll::Ready(Some(message));
            }
            match ready!(self.parts.poll_recv(context)) {
                Some(part) => self.part = part.into_iter(),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl Service {
    pub fn new(engine: Arc<Engine>, options: Options) -> Self {
        Self(Arc::new(Inner {
            engine,
            options,
            tables: Tables::default(),
        }))
    }

    /// Answers the requests of a stream one by one, until one fails or the client leaves.
    fn answered<R, M, A>(
        &self,
        request: Request<Streaming<R>>,
        answer: impl Fn(Arc<Inner>, Call, R, Arc<Sender<M>>) -> A + Send + 'static,
    ) -> Response<Answers<M>>
    where
        R: Send + 'static,
        M: From<m::TensorChunk> + Send + 'static,
        A: Future<Output = Result<(), Error>> + Send,
    {
        let call = Call::of(&request);
        let mut requests = request.into_inner();
        let (to, parts) = mpsc::channel(AHEAD + 1);
        // There is always room to say why an answer ends early.
        let last = to.clone().try_reserve_owned();
        let sender = Arc::new(Sender {
            to,
            patience: self.0.options.patience,
        });
        let inner = self.0.clone();
        tokio::spawn(async move {
            let failed = loop {
                match requests.message().await {
                    Ok(None) => return,
                    Err(status) => break status,
                    Ok(Some(one)) => {
                        let done = answer(inner.clone(), call.clone(), one, sender.clone()).await;
                        if let Err(error) = done {
                            break error.into();
                        }
                    }
                }
            };
            if let Ok(last) = last {
                last.send(vec![Err(failed)]);
            }
        });
        Response::new(Answers {
            parts,
            part: Vec::new().into_iter(),
        })
    }
}

impl Inner {
    /// The organism of a request, which fails where it asks for another version of the model.
    fn organism(&self, version: &str, number: i32) -> Result<Organism, Error> {
        let known = self.options.model_version.as_deref();
        if version.is_empty() || known == Some(version) {
            return requests::organism(number);
        }
        let serves = known.map_or("one model, without a version".into(), |known| {
            format!("version {known}")
        });
        Err(Error::NotFound(format!(
            "the server has {serves}, and not {version}: leave model_version out"
        )))
    }

    /// The tracks of outputs that are wanted of an organism.
    fn wanted(
        &self,
        organism: Organism,
        outputs: &[i32],
        terms: &[m::OntologyTerm],
    ) -> Result<Wanted, Error> {
        requests::wanted(self.engine.library().get(organism)?, outputs, terms)
    }

    async fn run<M: From<m::TensorChunk> + Send + 'static>(
        &self,
        call: &Call,
        (organism, task): (Organism, Task),
        sender: &Sender<M>,
    ) -> Result<Answer, Error> {
        let ticket = self.engine.submit(engine::Request {
            organism,
            task,
            client: call.client.clone(),
            deadline: call.deadline,
        })?;
        sender.unless_left(ticket.answer()).await
    }

    /// Sends the outputs of one sequence.
    async fn outputs<M: From<m::TensorChunk> + Send + 'static>(
        &self,
        organism: Organism,
        (predictions, wanted): (Predictions, &Wanted),
        seen: (Option<&Interval>, i64),
        (sender, made): (&Sender<M>, Made<M>),
    ) -> Result<(), Error> {
        let channels = &self.engine.library().get(organism)?.channels;
        let describe = |output| {
            let form = match output {
                scorers::OutputType::SpliceJunctions => Form::Junctions,
                _ => Form::Tracks,
            };
            self.tables
                .get(organism, output, form, &channels[&output].tracks)
        };
        let compress = self.options.compress;
        let outputs = answers::outputs(predictions, wanted, seen, describe, compress);
        let outputs = outputs.into_iter();
        let outputs = outputs.map(|(output, packed)| Ok((made(output), packed)));
        sender.tensors(outputs).await
    }

    async fn predict<M: From<m::TensorChunk> + Send + 'static>(
        &self,
        (call, sender): (&Call, &Sender<M>),
        (organism, task, wanted): (Organism, Task, &Wanted),
        made: [Made<M>; 2],
    ) -> Result<(), Error> {
        let (seen, length) = (task.interval().cloned(), task.length());
        let Answer {
            predictions, held, ..
        } = self.run(call, (organism, task), sender).await?;
        for (found, made) in predictions.into_iter().zip(made) {
            self.outputs(
                organism,
                (found, wanted),
                (seen.as_ref(), length),
                (sender, made),
            )
            .await?;
        }
        drop(held);
        Ok(())
    }

    /// Sends the scores of a variant.
    async fn variant_scores<M>(
        &self,
        (organism, merge): (Organism, bool),
        answer: Answer,
        sender: &Sender<M>,
    ) -> Result<(), Error>
    where
        M: From<m::TensorChunk> + From<m::ScoreVariantOutput> + Send + 'static,
    {
        let announced = answer.scores.into_iter().map(|scores| {
            let (scores, merged) = merged(scores, merge)?;
            let described = self.tables.of(organism, &scores, merged);
            let compress = self.options.compress;
            let (output, packed) = answers::variant_scores(scores, &described, compress);
            Ok((output.into(), packed))
        });
        sender.tensors(announced).await
    }
}

/// Scores with one track for those of both strands, where that is asked for and there are genes; and whether it was done.
fn merged(scores: scorers::Scores, merge: bool) -> Result<(scorers::Scores, bool), Error> {
    let genes = scores.rows.iter().any(|row| row.gene.is_some());
    match merge && genes {
        true => Ok((scores.merged()?, true)),
        false => Ok((scores, false)),
    }
}

/// Answers have an output, or a chunk of its tensor.
macro_rules! answers {
    ($($message:ident, $payload:ident, $($made:ident: $output:ty => $variant:ident),+;)*) => {$(
        impl From<m::TensorChunk> for m::$message {
            fn from(chunk: m::TensorChunk) -> Self {
                Self { payload: Some(m::$payload::Payload::TensorChunk(chunk)) }
            }
        }
        impl m::$message {
            $(
                fn $made(output: $output) -> Self {
                    Self { payload: Some(m::$payload::Payload::$variant(output)) }
                }
            )+
        }
    )*};
}

answers! {
    PredictSequenceResponse, predict_sequence_response, output: m::Output => Output;
    PredictIntervalResponse, predict_interval_response, output: m::Output => Output;
    PredictVariantResponse, predict_variant_response,
        reference: m::Output => ReferenceOutput, alternate: m::Output => AlternateOutput;
    ScoreIntervalResponse, score_interval_response, output: m::ScoreIntervalOutput => Output;
    ScoreVariantResponse, score_variant_response, output: m::ScoreVariantOutput => Output;
    ScoreIsmVariantResponse, score_ism_variant_response, output: m::ScoreVariantOutput => Output;
}

impl From<m::ScoreVariantOutput> for m::ScoreVariantResponse {
    fn from(output: m::ScoreVariantOutput) -> Self {
        Self::output(output)
    }
}

impl From<m::ScoreVariantOutput> for m::ScoreIsmVariantResponse {
    fn from(output: m::ScoreVariantOutput) -> Self {
        Self::output(output)
    }
}

impl Inner {
    async fn predict_sequence(
        self: Arc<Self>,
        call: Call,
        request: m::PredictSequenceRequest,
        sender: Arc<Sender<m::PredictSequenceResponse>>,
    ) -> Result<(), Error> {
        let organism = self.organism(&request.model_version, request.organism)?;
        let (outputs, terms) = (&request.requested_outputs, &request.ontology_terms);
        let wanted = self.wanted(organism, outputs, terms)?;
        let task = Task::PredictSequence {
            bases: request.sequence,
            outputs: wanted.clone(),
        };
        let made: [Made<m::PredictSequenceResponse>; 2] = [m::PredictSequenceResponse::output; 2];
        self.predict((&call, &sender), (organism, task, &wanted), made)
            .await
    }

    async fn predict_interval(
        self: Arc<Self>,
        call: Call,
        request: m::PredictIntervalRequest,
        sender: Arc<Sender<m::PredictIntervalResponse>>,
    ) -> Result<(), Error> {
        let organism = self.organism(&request.model_version, request.organism)?;
        let (outputs, terms) = (&request.requested_outputs, &request.ontology_terms);
        let wanted = self.wanted(organism, outputs, terms)?;
        let task = Task::PredictInterval {
            interval: requests::interval(request.interval, "interval")?,
            outputs: wanted.clone(),
        };
        let made: [Made<m::PredictIntervalResponse>; 2] = [m::PredictIntervalResponse::output; 2];
        self.predict((&call, &sender), (organism, task, &wanted), made)
            .await
    }

    async fn predict_variant(
        self: Arc<Self>,
        call: Call,
        request: m::PredictVariantRequest,
        sender: Arc<Sender<m::PredictVariantResponse>>,
    ) -> Result<(), Error> {
        let organism = self.organism(&request.model_version, request.organism)?;
        let (outputs, terms) = (&request.requested_outputs, &request.ontology_terms);
        let wanted = self.wanted(organism, outputs, terms)?;
        let task = Task::PredictVariant {
            interval: requests::interval(request.interval, "interval")?,
            variant: requests::variant(request.variant, "variant")?,
            outputs: wanted.clone(),
        };
        let made: [Made<m::PredictVariantResponse>; 2] = [
            m::PredictVariantResponse::reference,
            m::PredictVariantResponse::alternate,
        ];
        self.predict((&call, &sender), (organism, task, &wanted), made)
            .await
    }

    async fn score_interval(
        self: Arc<Self>,
        call: Call,
        request: m::ScoreIntervalRequest,
        sender: Arc<Sender<m::ScoreIntervalResponse>>,
    ) -> Result<(), Error> {
        let organism = self.organism(&request.model_version, request.organism)?;
        let scorers = request.interval_scorers.iter();
        let task = Task::ScoreInterval {
            interval: requests::interval(request.interval, "interval")?,
            scorers: scorers
                .map(requests::interval_scorer)
                .collect::<Result<_, _>>()?,
        };
        let answer = self.run(&call, (organism, task), &sender).await?;
        let announced = answer.scores.into_iter().map(|scores| {
            let (scores, merged) = merged(scores, request.merge_stranded_gene_tracks)?;
            let described = self.tables.of(organism, &scores, merged);
            let compress = self.options.compress;
            let (output, packed) = answers::interval_scores(scores, &described, compress);
            Ok((m::ScoreIntervalResponse::output(output), packed))
        });
        sender.tensors(announced).await
    }

    async fn score_variant(
        self: Arc<Self>,
        call: Call,
        request: m::ScoreVariantRequest,
        sender: Arc<Sender<m::ScoreVariantResponse>>,
    ) -> Result<(), Error> {
        let organism = self.organism(&request.model_version, request.organism)?;
        let scorers = request.variant_scorers.iter().map(requests::scorer);
        let task = Task::ScoreVariant {
            interval: requests::interval(request.interval, "interval")?,
            variant: requests::variant(request.variant, "variant")?,
            scorers: scorers.collect::<Result<_, _>>()?,
            whole: false,
        };
        let answer = self.run(&call, (organism, task), &sender).await?;
        let how = (organism, request.merge_stranded_gene_tracks);
        self.variant_scores(how, answer, &sender).await
    }

    async fn score_ism_variant(
        self: Arc<Self>,
        call: Call,
        request: m::ScoreIsmVariantRequest,
        sender: Arc<Sender<m::ScoreIsmVariantResponse>>,
    ) -> Result<(), Error> {
        let organism = self.organism(&request.model_version, request.organism)?;
        let scorers = request.variant_scorers.iter().map(requests::scorer);
        let scorers = scorers.collect::<Result<Vec<_>, _>>()?;
        let interval = requests::interval(request.interval, "interval")?;
        let region = requests::interval(request.ism_interval, "ism_interval")?;
        let background = request
            .interval_variant
            .map(|variant| requests::variant(Some(variant), "interval_variant"));
        let background = background.transpose()?;
        let library = self.engine.library();
        let how = (library.behaviour, self.engine.limits());
        let assembly = library.get(organism)?;
        let variants = assembly.ism(&interval, &region, background.as_ref(), how)?;
        let tasks = variants.into_iter().map(|variant| engine::Request {
            organism,
            task: Task::ScoreVariant {
                interval: interval.clone(),
                variant,
                scorers: scorers.clone(),
                whole: false,
            },
            client: call.client.clone(),
            deadline: call.deadline,
        });
        for ticket in self.engine.submit_all(tasks.collect())? {
            let answer = sender.unless_left(ticket.answer()).await?;
            let how = (organism, request.merge_stranded_gene_tracks);
            self.variant_scores(how, answer, &sender).await?;
        }
        Ok(())
    }

    /// What the tracks of an organism are, output by output.
    fn metadata(&self, organism: i32) -> Result<Vec<m::MetadataResponse>, Error> {
        use m::output_metadata::Payload;
        let organism = requests::organism(organism)?;
        let channels = &self.engine.library().get(organism)?.channels;
        let outputs = channels.iter().map(|(output, channels)| {
            let get = |form| {
                let table = self.tables.get(organism, *output, form, &channels.tracks);
                table.tracks.clone()
            };
            let payload = match output {
                scorers::OutputType::SpliceJunctions => Payload::Junctions(m::JunctionsMetadata {
                    metadata: get(Form::Junctions),
                }),
                _ => Payload::Tracks(m::TracksMetadata {
                    metadata: get(Form::Tracks),
                }),
            };
            let one = m::OutputMetadata {
                output_type: requests::output_number(*output),
                payload: Some(payload),
            };
            m::MetadataResponse {
                output_metadata: vec![one],
            }
        });
        Ok(outputs.collect())
    }
}

/// The calls that take a stream of requests.
macro_rules! calls {
    ($($name:ident($request:ident) -> $response:ident as $stream:ident;)*) => {
        #[tonic::async_trait]
        impl DnaModelService for Service {
            $(
                type $stream = Answers<m::$response>;

                async fn $name(
                    &self,
                    request: Request<Streaming<m::$request>>,
                ) -> Result<Response<Self::$stream>, Status> {
                    Ok(self.answered(request, Inner::$name))
                }
            )*

            type GetMetadataStream = tokio_stream::Iter<std::vec::IntoIter<Result<m::MetadataResponse, Status>>>;

            async fn get_metadata(
                &self,
                request: Request<m::MetadataRequest>,
            ) -> Result<Response<Self::GetMetadataStream>, Status> {
                let outputs = self.0.metadata(request.into_inner().organism)?;
                let outputs: Vec<_> = outputs.into_iter().map(Ok).collect();
                Ok(Response::new(tokio_stream::iter(outputs)))
            }
        }
    };
}

calls! {
    predict_sequence(PredictSequenceRequest) -> PredictSequenceResponse as PredictSequenceStream;
    predict_interval(PredictIntervalRequest) -> PredictIntervalResponse as PredictIntervalStream;
    predict_variant(PredictVariantRequest) -> PredictVariantResponse as PredictVariantStream;
    score_interval(ScoreIntervalRequest) -> ScoreIntervalResponse as ScoreIntervalStream;
    score_variant(ScoreVariantRequest) -> ScoreVariantResponse as ScoreVariantStream;
    score_ism_variant(ScoreIsmVariantRequest) -> ScoreIsmVariantResponse as ScoreIsmVariantStream;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_digits_and_a_unit() {
        let read = |text: &str| {
            let mut metadata = MetadataMap::new();
            metadata.insert("grpc-timeout", text.parse().unwrap());
            timeout(&metadata)
        };
        for (text, nanoseconds) in [
            ("2H", 7_200_000_000_000),
            ("3M", 180_000_000_000),
            ("4S", 4_000_000_000),
            ("5m", 5_000_000),
            ("6u", 6_000),
            ("7n", 7),
        ] {
            assert_eq!(
                read(text),
                Some(Duration::from_nanos(nanoseconds)),
                "{text}"
            );
        }
        for text in ["", "5", "S", "5s", "-5S", "18446744073709551615H"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
