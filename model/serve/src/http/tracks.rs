//! `GET /v1/tracks`: what the model predicts.

use axum::Json;
use axum::extract::{Query, State};
use results::selection::{Selection, TrackArguments, filter, output};
use scorers::Organism;
use serde_json::{Value, json};

use super::exchange::organism;
use super::{Failure, Service};

/// The tracks of an organism that `outputs` and `track` leave.
///
/// # Errors
/// Where a parameter is not known, or no track is left.
pub async fn tracks(
    State(service): State<Service>,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Result<Json<Value>, Failure> {
    let (mut name, mut outputs, mut filters) = (None, Vec::new(), Vec::new());
    for (key, value) in parameters {
        match key.as_str() {
            "organism" => name = Some(value),
            "outputs" => outputs.extend(value.split(',').map(str::to_owned)),
            "track" => filters.push(value),
            _ => {
                return Err(Failure::invalid(format!(
                    "there is no parameter {key:?}: expected organism, outputs, or track"
                )));
            }
        }
    }
    let organism = organism(&service, name.as_deref())?;
    let selection = selection(&service, organism, &outputs, &filters)?;
    Ok(Json(
        json!({ "organism": organism.name(), "tracks": selection.json() }),
    ))
}

/// The tracks that are asked for.
///
/// # Errors
/// Where a name is not known, or no track is left.
pub fn selection(
    service: &Service,
    organism: Organism,
    outputs: &[String],
    filters: &[String],
) -> Result<Selection, Failure> {
    let named =
        |what: &str, text: &str, error| Failure::invalid(format!("{what} {text:?}: {error}"));
    let outputs = outputs
        .iter()
        .map(|text| output(text).map_err(|error| named("output", text, error)));
    let track = filters
        .iter()
        .map(|text| filter(text).map_err(|error| named("track", text, error)));
    let arguments = TrackArguments {
        outputs: outputs.collect::<Result<_, _>>()?,
        track: track.collect::<Result<_, _>>()?,
    };
    let assembly = service.engine.library().get(organism)?;
    let selection = Selection::new(&assembly.channels, &arguments);
    // The command's messages name its arguments.
    selection.map_err(|error| Failure::invalid(error.to_string().trim_start_matches("--")))
}
