//! `POST /v1/score`: variants to the SDK's long table of scores.

use std::io::{self, Write as _};

use axum::extract::{Request, State};
use axum::response::Response;
use genome::Variant;
use results::scores;
use scorers::{Organism, Scorer, Scores};
use serde::{Deserialize, Serialize};

use super::bytes::Written;
use super::exchange::{Format, answer, apart, deadline, organism};
use super::{Failure, Service};
use crate::engine::{self, Held, Task};

/// Base pairs that the model sees where a request does not say.
pub const LENGTH: i64 = 1 << 17;

/// What is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    organism: Option<String>,
    variants: Vec<String>,
    length: Option<i64>,
    scorers: Option<Vec<String>>,
    format: Option<Format>,
    timeout: Option<f64>,
}

#[derive(Serialize)]
struct Document<'a> {
    organism: &'static str,
    length: i64,
    #[serde(flatten)]
    table: scores::Json<'a>,
}

/// Scores variants: all of them, or the answer says which cannot be.
///
/// # Errors
/// Where the request cannot be answered.
pub async fn score(State(service): State<Service>, request: Request) -> Result<Response, Failure> {
    let asked = service.read::<Question>(request).await?;
    let question = asked.what;
    let all = [Format::Json, Format::Parquet, Format::Npz, Format::Tsv];
    let format = Format::choose(question.format, &asked.headers, &all)?;
    let organism = organism(&service, question.organism.as_deref())?;
    if question.variants.is_empty() {
        return Err(Failure::invalid(
            "variants: name one at least, as chr1:12345:A>C",
        ));
    }
    service
        .gate
        .limits()
        .check_variants(question.variants.len())?;
    let variants = question.variants.iter().map(|text| Ok(text.parse()?));
    let variants: Vec<Variant> = variants.collect::<Result<_, Failure>>()?;
    let scorers = chosen(&service, organism, question.scorers.as_deref())?;
    let length = length(&service, question.length)?;
    let deadline = deadline(question.timeout)?;
    let requests = variants.iter().map(|variant| engine::Request {
        organism,
        task: Task::ScoreVariant {
            interval: variant.reference_interval().resize(length),
            variant: variant.clone(),
            scorers: scorers.clone(),
            whole: false,
        },
        client: asked.client.clone(),
        deadline,
    });
    let tickets = service.engine.submit_all(requests.collect())?;
    let (mut found, mut held): (Vec<Scores>, _) = (Vec::new(), service.engine.held());
    for (ticket, variant) in tickets.into_iter().zip(&variants) {
        let answer = ticket.answer().await.map_err(|error| {
            let mut failure = Failure::from(error);
            let named = variant.to_string();
            if variants.len() > 1 && !failure.message.contains(&named) {
                failure.message = format!("{named}: {}", failure.message);
            }
            failure
        })?;
        found.extend(answer.scores);
        held.join(answer.held);
    }
    let written = apart(move || written(&found, held, format, (organism, length)));
    Ok(answer(format, written.await?))
}

/// Bytes of a row of the table, at most: of 25 columns, two of which are scores.
const ROW: usize = 23 * 16 + 2 * 4;

/// The table of scores in this format, made of what is held.
fn written(
    found: &[Scores],
    held: Held,
    format: Format,
    (organism, length): (Organism, i64),
) -> anyhow::Result<Written> {
    let mut to = Written::new(held);
    let rows = found
        .iter()
        .map(|scores| scores.rows.len() * scores.tracks.len());
    to.hold((ROW * rows.sum::<usize>()) as u64)?;
    let table = &scores::table(found)?.unwrap_or_default();
    match format {
        Format::Json => {
            let document = Document {
                organism: organism.name(),
                length,
                table: scores::Json::new(table),
            };
            serde_json::to_writer(&mut to, &document).map_err(io::Error::from)?;
            writeln!(to)?;
        }
        Format::Parquet => to = scores::parquet(table, to)?,
        Format::Npz => to = to.put(scores::npz(table)?)?,
        Format::Tsv => table.write_tsv(&mut to)?,
    }
    Ok(to)
}

/// What the model sees, in base pairs: as long as was asked for, or what is usual here.
///
/// # Errors
/// Where that is no length; the engine says which of them there are.
pub fn length(service: &Service, asked: Option<i64>) -> Result<i64, Failure> {
    match asked {
        Some(asked) if asked <= 0 => Err(Failure::invalid(format!(
            "length: {asked} bp, expected more than 0"
        ))),
        Some(asked) => Ok(asked),
        None => Ok(usual_length(service)),
    }
}

/// The length that is not asked for, in base pairs.
pub fn usual_length(service: &Service) -> i64 {
    LENGTH.min(service.gate.limits().length)
}

/// The scorers by their names; the recommended ones where none is named.
///
/// # Errors
/// Where one is no scorer, or none is left.
pub fn chosen(
    service: &Service,
    organism: Organism,
    names: Option<&[String]>,
) -> Result<Vec<Scorer>, Failure> {
    let scorers = match names {
        Some(names) => names
            .iter()
            .map(|name| name.parse().map_err(Failure::invalid))
            .collect::<Result<_, _>>()?,
        None => service.engine.library().get(organism)?.recommended.clone(),
    };
    match scorers.is_empty() {
        true => Err(Failure::invalid(
            "scorers: none is asked for, or the model has outputs for none",
        )),
        false => Ok(scorers),
    }
}
