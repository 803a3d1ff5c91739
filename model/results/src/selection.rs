//! Which outputs and tracks are wanted, and the table of them.

mod stored;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::Arc;

use anyhow::{Result, bail};
use clap::Args;
use converter::text::nearest;
use scorers::{OutputType, Tracks};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use inference::channels::Channels;

/// What `--track` may ask for: its name there, and the SDK's.
const KEYS: [(&str, &str); 13] = [
    ("name", "name"),
    ("strand", "strand"),
    ("assay", "Assay title"),
    ("ontology", "ontology_curie"),
    ("biosample", "biosample_name"),
    ("biosample_type", "biosample_type"),
    ("life_stage", "biosample_life_stage"),
    ("gtex_tissue", "gtex_tissue"),
    ("data_source", "data_source"),
    ("endedness", "endedness"),
    ("genetically_modified", "genetically_modified"),
    ("transcription_factor", "transcription_factor"),
    ("histone_mark", "histone_mark"),
];
/// Values that are named where none is near.
const NAMED: usize = 12;

/// Which outputs and tracks.
#[derive(Args, Clone, Debug, Default)]
pub struct TrackArguments {
    /// Outputs, such as atac,rna_seq [default: all that the model has for the organism]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = output)]
    pub outputs: Vec<OutputType>,
    /// Tracks, such as ontology=UBERON:0001114 or strand=+; of several with one key any may hold, of several keys all must
    /// (keys: name, strand, assay, ontology, biosample, and the other columns of `alphagenome tracks`)
    #[arg(long, value_name = "KEY=VALUE", value_parser = filter)]
    pub track: Vec<Filter>,
}

/// A condition on tracks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The SDK's column.
    column: &'static str,
    value: String,
}

/// An output by its name, in any case.
///
/// # Errors
/// Where there is none; names one that is near.
pub fn output(text: &str) -> Result<OutputType, String> {
    let name = text.trim().to_ascii_uppercase().replace('-', "_");
    OutputType::parse(&name).ok_or_else(|| {
        let known = OutputType::ALL.iter().map(|output| output.name());
        let hint = match nearest(&name, known.clone()) {
            Some(near) => format!("did you mean {}?", near.to_lowercase()),
            None => {
                let known = known.map(str::to_lowercase);
                format!("expected one of {}", known.collect::<Vec<_>>().join(", "))
            }
        };
        format!("there is no such output; {hint}")
    })
}

/// A condition, as KEY=VALUE.
///
/// # Errors
/// Where there is no such key; names one that is near.
pub fn filter(text: &str) -> Result<Filter, String> {
    let keys = || KEYS.map(|(key, _)| key).join(", ");
    let Some((key, value)) = text.split_once('=') else {
        return Err(format!("expected KEY=VALUE with a key of {}", keys()));
    };
    let key = key.trim();
    let found = KEYS
        .iter()
        .find(|(name, column)| [name, column].iter().any(|it| it.eq_ignore_ascii_case(key)));
    let Some((_, column)) = found else {
        let hint = match nearest(key, KEYS.map(|(name, _)| name)) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("expected one of {}", keys()),
        };
        return Err(format!("there is no key `{key}`; {hint}"));
    };
    let value = value.trim().to_owned();
    Ok(Filter { column, value })
}

/// The tracks of an output that are wanted.
#[derive(Clone, Debug)]
pub struct Selected {
    /// All tracks of the output.
    pub tracks: Arc<Tracks>,
    /// Which of them, ascending.
    pub kept: Vec<usize>,
}

impl Selected {
    /// `[rows, tracks]` of so many tracks with those that are wanted alone.
    pub fn of(&self, values: &[f32], tracks: usize) -> Vec<f32> {
        let rows = values.chunks_exact(tracks.max(1));
        rows.flat_map(|row| self.kept.iter().map(|at| row[*at]))
            .collect()
    }
}

/// The tracks that are wanted, by output.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(into = "Vec<stored::Stored>", try_from = "Vec<stored::Stored>")]
pub struct Selection(pub BTreeMap<OutputType, Selected>);

/// The value of a column, by the SDK's name.
fn value<'a>(tracks: &'a Tracks, column: &str, at: usize) -> Option<&'a str> {
    match column {
        "name" => Some(&tracks.names()[at]),
        "strand" => Some(tracks.strands()[at].as_str()),
        _ => tracks.column(column)?[at].as_deref(),
    }
}

impl Selection {
    /// Those of `channels` that the arguments name.
    ///
    /// # Errors
    /// Where the organism has no such output, no track has a value, or no track is left.
    pub fn new(
        channels: &BTreeMap<OutputType, Channels>,
        arguments: &TrackArguments,
    ) -> Result<Self> {
        let wanted: BTreeSet<_> = arguments.outputs.iter().copied().collect();
        for output in &wanted {
            if !channels.contains_key(output) {
                let known = channels.keys().map(|output| output.name().to_lowercase());
                bail!(
                    "--outputs: the model has no {} for the organism; it has {}",
                    output.name().to_lowercase(),
                    known.collect::<Vec<_>>().join(", ")
                );
            }
        }
        let outputs = channels
            .iter()
            .filter(|(output, _)| wanted.is_empty() || wanted.contains(output));
        let outputs: Vec<_> = outputs.collect();
        let mut filters: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for filter in &arguments.track {
            let values = outputs.iter().flat_map(|(_, channels)| {
                let tracks = &channels.tracks;
                (0..tracks.len()).filter_map(|at| value(tracks, filter.column, at))
            });
            check(filter, values.collect())?;
            filters
                .entry(filter.column)
                .or_default()
                .push(&filter.value);
        }
        let mut selection = Self::default();
        for (output, channels) in outputs {
            let tracks = &channels.tracks;
            let holds = |at: usize| {
                filters.iter().all(|(column, wanted)| {
                    value(tracks, column, at)
                        .is_some_and(|has| wanted.iter().any(|it| it.eq_ignore_ascii_case(has)))
                })
            };
            let kept: Vec<_> = (0..tracks.len()).filter(|at| holds(*at)).collect();
            if !kept.is_empty() {
                let tracks = tracks.clone();
                selection.0.insert(*output, Selected { tracks, kept });
            }
        }
        if selection.0.is_empty() {
            bail!(
                "--track: each value is some track's, but no track has all of them; `alphagenome tracks` lists what there is"
            );
        }
        Ok(selection)
    }

    /// The outputs.
    pub fn outputs(&self) -> BTreeSet<OutputType> {
        self.0.keys().copied().collect()
    }

    /// How many tracks there are.
    pub fn len(&self) -> usize {
        self.0.values().map(|selected| selected.kept.len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The table: names of its columns, and its rows, in the order of outputs and tracks.
    pub fn table(&self) -> (Vec<&str>, Vec<Vec<String>>) {
        let mut columns = vec!["output_type", "track", "resolution", "name", "strand"];
        for selected in self.0.values() {
            for (name, _) in selected.tracks.columns() {
                if !columns.contains(&name) {
                    columns.push(name);
                }
            }
        }
        let mut rows = Vec::new();
        for (output, selected) in &self.0 {
            for at in &selected.kept {
                let fields = columns.iter().map(|column| match *column {
                    "output_type" => output.name().to_owned(),
                    "track" => at.to_string(),
                    "resolution" => output.resolution().to_string(),
                    column => value(&selected.tracks, column, *at)
                        .unwrap_or_default()
                        .to_owned(),
                });
                rows.push(fields.collect());
            }
        }
        (columns, rows)
    }

    /// Writes the table, tab-separated; what is missing is empty. `more` are further columns in front, one value a row.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, more: &[(&str, Vec<String>)], to: &mut impl Write) -> io::Result<()> {
        let (columns, rows) = self.table();
        let names = more.iter().map(|(name, _)| *name).chain(columns);
        writeln!(to, "{}", names.collect::<Vec<_>>().join("\t"))?;
        for (at, row) in rows.iter().enumerate() {
            let fields = more.iter().map(|(_, values)| &values[at]).chain(row);
            let fields: Vec<_> = fields.map(|field| terminal::line(field)).collect();
            writeln!(to, "{}", fields.join("\t"))?;
        }
        Ok(())
    }

    /// The rows as JSON; numbers are numbers, and what is missing is null.
    #[must_use]
    pub fn json(&self) -> Value {
        let (columns, rows) = self.table();
        let rows = rows.into_iter().map(|row| {
            let pairs = columns.iter().zip(row).map(|(column, text)| {
                let number = ["track", "resolution", "nonzero_mean"].contains(column);
                let value = match text.parse::<serde_json::Number>() {
                    Ok(value) if number => Value::Number(value),
                    _ if text.is_empty() => Value::Null,
                    _ => Value::String(text),
                };
                ((*column).to_owned(), value)
            });
            Value::Object(pairs.collect::<Map<_, _>>())
        });
        Value::Array(rows.collect())
    }
}

/// Fails where no track has the value.
fn check(filter: &Filter, values: BTreeSet<&str>) -> Result<()> {
    if values
        .iter()
        .any(|it| it.eq_ignore_ascii_case(&filter.value))
    {
        return Ok(());
    }
    // Of a name of a letter, every other is near.
    let long = filter.value.chars().count() > 2;
    let near = nearest(&filter.value, values.iter().copied()).filter(|_| long);
    let hint = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None if values.is_empty() => "none of these outputs has that column".into(),
        None => {
            let named: Vec<_> = values.iter().take(NAMED).copied().collect();
            let more = values.len() - named.len();
            let more = match more {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("there are {}{more}", named.join(", "))
        }
    };
    bail!(
        "--track: no track has {} `{}`; {hint} (`alphagenome tracks` lists them)",
        filter.column,
        filter.value
    )
}
