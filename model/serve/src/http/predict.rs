//! `POST /v1/predict`: tracks of a region, a sequence, or both alleles of a variant.

pub mod written;

use axum::extract::{Request, State};
use axum::response::Response;
use genome::{Interval, Strand, Variant};
use results::kept::is_paired;
use results::{ALLELES, Selection, Subject, Window};
use scorers::OutputType;
use serde::Deserialize;

use self::written::Predicted;
use super::exchange::{Format, answer, apart, deadline, organism};
use super::score::length;
use super::tracks::selection;
use super::{Failure, Service};
use crate::engine::{self, Task, Wanted};

/// What is asked for: one of a region, a sequence and a variant.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    organism: Option<String>,
    /// With a variant, the bases that are answered.
    region: Option<String>,
    sequence: Option<String>,
    variant: Option<String>,
    length: Option<i64>,
    #[serde(default)]
    outputs: Vec<String>,
    #[serde(default)]
    tracks: Vec<String>,
    format: Option<Format>,
    timeout: Option<f64>,
}

/// What the model runs on, and what is kept of it.
struct Aim {
    subject: Subject,
    window: Window,
    variant: Option<Variant>,
    sequence: Option<String>,
}

/// Predicts.
///
/// # Errors
/// Where the request cannot be answered.
pub async fn predict(
    State(service): State<Service>,
    request: Request,
) -> Result<Response, Failure> {
    let asked = service.read::<Question>(request).await?;
    let question = asked.what;
    let all = [Format::Json, Format::Npz, Format::Parquet];
    let format = Format::choose(question.format, &asked.headers, &all)?;
    let organism = organism(&service, question.organism.as_deref())?;
    let selection = selection(&service, organism, &question.outputs, &question.tracks)?;
    let paired = selection.0.keys().find(|output| is_paired(**output));
    if let (Format::Parquet, Some(paired)) = (format, paired) {
        return Err(Failure::invalid(format!(
            "{paired} belongs to pairs of places, which have no row of their own in a Parquet table: name other outputs, or ask for \
             npz or JSON"
        )));
    }
    let aim = question.aim(&service)?;
    let alleles = if aim.variant.is_some() {
        &ALLELES[..]
    } else {
        &[]
    };
    let values = count(&selection, &aim.window) * alleles.len().max(1) as u64;
    service.gate.limits().check_values(values)?;
    let outputs = wanted(&selection);
    let interval = aim.window.seen.clone();
    let task = match (aim.sequence, aim.variant) {
        (Some(bases), _) => Task::PredictSequence { bases, outputs },
        (None, Some(variant)) => Task::PredictVariant {
            interval,
            variant,
            outputs,
        },
        (None, None) => Task::PredictInterval { interval, outputs },
    };
    let ticket = service.engine.submit(engine::Request {
        organism,
        task,
        client: asked.client,
        deadline: deadline(question.timeout)?,
    })?;
    let found = ticket.answer().await?;
    let predicted = Predicted {
        organism,
        subject: aim.subject,
        window: aim.window,
        selection,
        alleles,
        predictions: found.predictions,
    };
    let written = apart(move || predicted.write(format, found.held));
    Ok(answer(format, written.await?))
}

impl Question {
    fn aim(&self, service: &Service) -> Result<Aim, Failure> {
        let region = self.region.as_deref().map(region).transpose()?;
        let length = length(service, self.length)?;
        let window = |of: &Interval, kept: Option<&Interval>| {
            let seen = of.resize(length);
            let kept = kept.unwrap_or(&seen).clone();
            match seen.start <= kept.start && kept.end <= seen.end {
                true => Ok(Window { seen, kept }),
                false => Err(Failure::invalid(format!(
                    "region: its {} bp are more than length, {} bp, and regions are not tiled here",
                    kept.width(),
                    seen.width()
                ))),
            }
        };
        let (name, window, variant) = match (&self.sequence, &self.variant, &region) {
            (Some(sequence), None, None) => {
                let whole =
                    Interval::new("sequence", 0, sequence.len() as i64, Strand::Unstranded)?;
                let window = Window {
                    seen: whole.clone(),
                    kept: whole,
                };
                ("sequence".to_owned(), window, None)
            }
            (None, Some(text), region) => {
                let variant: Variant = text.parse()?;
                let own = variant.reference_interval();
                let window = window(region.as_ref().unwrap_or(&own), region.as_ref())?;
                if !variant.changes(&window.seen) {
                    let text = format!("variant {variant} lies outside of {}", window.seen);
                    return Err(Failure::invalid(text));
                }
                (variant.to_string(), window, Some(variant))
            }
            (None, None, Some(region)) => (region.to_string(), window(region, Some(region))?, None),
            _ => {
                return Err(Failure::invalid(
                    "give one of region, sequence and variant; a variant may have a region, too",
                ));
            }
        };
        let interval = window.kept.clone();
        Ok(Aim {
            subject: Subject { name, interval },
            window,
            variant,
            sequence: self.sequence.clone(),
        })
    }
}

/// A region as samtools writes it.
fn region(text: &str) -> Result<Interval, Failure> {
    let region = Interval::from_region(text)?;
    match region.width() {
        0 => Err(Failure::invalid("region: it has no base")),
        _ => Ok(region),
    }
}

fn wanted(selection: &Selection) -> Wanted {
    let outputs = selection.0.iter().map(|(output, selected)| {
        let some = selected.kept.len() < selected.tracks.len();
        (*output, some.then(|| selected.kept.clone()))
    });
    outputs.collect()
}

/// Values of an answer, but for those of junctions, which are few.
fn count(selection: &Selection, window: &Window) -> u64 {
    let outputs = selection.0.iter().map(|(output, selected)| {
        let bins = window.bins(output.resolution()).len() as u64;
        let places = match output {
            OutputType::ContactMaps => bins * bins,
            OutputType::SpliceJunctions => 0,
            _ => bins,
        };
        places * selected.kept.len() as u64
    });
    outputs.sum()
}
