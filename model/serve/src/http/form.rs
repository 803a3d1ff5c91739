//! The page at `/`, which takes a variant, and the page of that variant. Both read and work without a script.

use std::time::Duration;

use axum::extract::{Query, Request, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use genome::Variant;
use maud::{Markup, html};
use results::page::{Scene, Subject, bar, document};
use results::scores;
use scorers::Organism;
use serde::Deserialize;

use super::bytes::Written;
use super::exchange::{apart, deadline, organism};
use super::score::{chosen, length, usual_length};
use super::{Failure, PAGE, Service};
use crate::access::gate::Peer;
use crate::engine::{self, Answer, Task};

const STYLE: &str = include_str!("form.css");
/// Bytes of a form, at most: anyone may send one, since its key stands in it.
const MOST: usize = 64 << 10;
/// Forms that may arrive at once. Nobody knows yet who sends them, and what they have counts with the requests of clients that are known.
pub const ARRIVING: usize = 64;
/// Base pairs that the page of a variant shows.
const WIDTH: i64 = 16_384;

/// What the form says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    #[serde(default)]
    variant: String,
    #[serde(default)]
    organism: String,
    #[serde(default)]
    length: String,
    #[serde(default)]
    key: String,
}

/// The empty form.
pub async fn empty(State(service): State<Service>) -> Response {
    (PAGE, page(&service, &Question::default(), None)).into_response()
}

/// The page of the variant that the form names, or the form again with what is wrong.
pub async fn variant(State(service): State<Service>, request: Request) -> Response {
    let mut question = Question::default();
    match drawn(&service, request, &mut question).await {
        Ok(page) => (PAGE, page).into_response(),
        Err(failure) => {
            let page = page(&service, &question, Some(&failure));
            (failure.status, PAGE, page).into_response()
        }
    }
}

async fn drawn(
    service: &Service,
    request: Request,
    question: &mut Question,
) -> Result<Written, Failure> {
    let peer = request.extensions().get::<Peer>().copied();
    let most = service.gate.limits().message.min(MOST);
    let place = service
        .forms
        .try_acquire()
        .map_err(|_| engine::Error::Full {
            reason: "many forms arrive, and have not come to their end".into(),
            retry_after: Duration::from_secs(1),
        })?;
    let bytes = service.bytes(request.into_body(), most).await?;
    drop(place);
    *question = parsed(&bytes)?;
    let key = Some(question.key.trim()).filter(|key| !key.is_empty());
    let client = service.gate.client(key.map(str::as_bytes), peer)?;
    let organism = organism(
        service,
        Some(question.organism.as_str()).filter(|name| !name.is_empty()),
    )?;
    let variant: Variant = question.variant.trim().replace(',', "").parse()?;
    let asked = match question.length.as_str() {
        "" => None,
        text => Some(
            text.parse()
                .map_err(|_| Failure::invalid("length: expected base pairs"))?,
        ),
    };
    let interval = variant.reference_interval().resize(length(service, asked)?);
    let request = engine::Request {
        organism,
        task: Task::ScoreVariant {
            interval: interval.clone(),
            variant: variant.clone(),
            scorers: chosen(service, organism, None)?,
            whole: true,
        },
        client,
        deadline: deadline(None)?,
    };
    let answer = service.engine.submit(request)?.answer().await?;
    let service = service.clone();
    let drawing = apart(move || service.draw(organism, &variant, &interval, answer));
    drawing.await
}

/// A form as browsers send it, which is what a query is.
fn parsed(bytes: &[u8]) -> Result<Question, Failure> {
    let refused = || Failure::invalid("the form cannot be read");
    let text = std::str::from_utf8(bytes).map_err(|_| refused())?;
    let uri: Uri = format!("/?{text}").parse().map_err(|_| refused())?;
    let Query(question) = Query::try_from_uri(&uri).map_err(|_| refused())?;
    Ok(question)
}

impl Service {
    fn draw(
        &self,
        organism: Organism,
        variant: &Variant,
        interval: &genome::Interval,
        answer: Answer,
    ) -> anyhow::Result<Written> {
        let table = scores::table(&answer.scores)?;
        let predictions = <[_; 2]>::try_from(answer.predictions);
        let predictions = predictions.map_err(|_| anyhow::anyhow!("two alleles were expected"))?;
        let library = self.engine.library();
        let assembly = library.get(organism)?;
        let settings = [
            (
                "program",
                format!("alphagenome {}", env!("CARGO_PKG_VERSION")),
            ),
            ("organism", organism.name().to_owned()),
            ("behaviour", format!("{:?}", library.behaviour)),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value));
        let scene = Scene {
            genome: assembly.genome()?,
            annotation: assembly.tables.annotation.as_ref(),
            tracks: &|output| {
                assembly
                    .channels
                    .get(&output)
                    .map(|channels| &channels.tracks)
            },
            wanted: &|_| None,
            scored: true,
            settings: &settings,
            width: WIDTH,
            home: ("/", "Another variant"),
        };
        let subject = Subject {
            variant,
            id: None,
            interval,
            predictions: &predictions,
            table: table.as_ref(),
        };
        let page = subject.page(&scene, "")?.1;
        Ok(Written::new(answer.held).put(page.into_bytes())?)
    }
}

/// The form, filled in as it was sent, but for the key.
fn page(service: &Service, question: &Question, failure: Option<&Failure>) -> String {
    let organisms: Vec<_> = service
        .engine
        .library()
        .organisms()
        .map(|assembly| assembly.organism)
        .collect();
    let usual = usual_length(service);
    let chosen = question.length.parse().unwrap_or(usual);
    let most = service.gate.limits().length;
    let lengths = [16_384, 131_072, 524_288, 1_048_576];
    let lengths: Vec<i64> = lengths
        .into_iter()
        .filter(|length| *length <= most)
        .collect();
    let body = html! {
        style { (maud::PreEscaped(STYLE)) }
        header {
            (bar(&[("#variant", "Variant"), ("/docs", "API")]))
            h1 { "What does a variant change?" }
            p.line { "Both alleles are predicted and scored; the answer is one page, with genes, tracks and the strongest scores." }
        }
        main {
            form #variant method="post" action="/variant" {
                @if let Some(failure) = failure {
                    p.failure role="alert" { (terminal::line(&failure.message)) }
                }
                label {
                    span { "Variant" }
                    input type="text" name="variant" required autofocus placeholder="chr22:36201698:A>C" spellcheck="false"
                        autocomplete="off" value=(terminal::line(&question.variant));
                    small { "chromosome : position from 1 : REF > ALT; an allele may be empty" }
                }
                div.row {
                    (choice("Organism", "organism", &organisms, |organism| {
                        let name = match organism { Organism::Human => "human", Organism::Mouse => "mouse" };
                        (name.to_owned(), name.to_owned(), name == question.organism)
                    }))
                    (choice("The model sees", "length", &lengths, |length| {
                        let text = format!("{} bp", parity::report::html::text::count(length.unsigned_abs()));
                        (length.to_string(), text, *length == chosen)
                    }))
                    @if service.gate.has_keys() {
                        label {
                            span { "Key" }
                            input type="password" name="key" required autocomplete="current-password";
                        }
                    }
                }
                button.send type="submit" { "Show what changes" }
            }
        }
    };
    document("AlphaGenome", body)
}

/// A list to choose from; `item` gives a value, its text, and whether it is chosen.
fn choice<T>(
    name: &str,
    field: &str,
    items: &[T],
    item: impl Fn(&T) -> (String, String, bool),
) -> Markup {
    html! {
        label {
            span { (name) }
            select name=(field) {
                @for (value, text, chosen) in items.iter().map(item) {
                    option value=(value) selected[chosen] { (text) }
                }
            }
        }
    }
}
