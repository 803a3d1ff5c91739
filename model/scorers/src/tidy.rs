//! The SDK's long table of scores: one row a score.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use genome::Strand;
use genome::polya::without_version;

use crate::scores::{ScoredBy, Scores};
use crate::{Behaviour, Error};

/// Columns of tracks that the table has where the tracks have them, in this order.
const TRACK_COLUMNS: [&str; 11] = [
    "Assay title",
    "ontology_curie",
    "biosample_name",
    "biosample_type",
    "biosample_life_stage",
    "gtex_tissue",
    "data_source",
    "endedness",
    "genetically_modified",
    "transcription_factor",
    "histone_mark",
];

/// In which order the rows of a result stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Track by track, and genes within: what `tidy_scores` gives for a list of lists.
    #[default]
    ByTrack,
    /// Gene by gene, and tracks within: what it gives for a flat list.
    ByGene,
}

/// What goes into the table.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Order of rows.
    pub order: Order,
    /// Leaves out scores of genes for tracks of the other strand.
    pub match_gene_strand: bool,
    /// Adds what is known of the tracks.
    pub include_extended_metadata: bool,
    /// Whose behaviour is wanted for results without rows.
    pub behaviour: Behaviour,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            order: Order::ByTrack,
            match_gene_strand: true,
            include_extended_metadata: true,
            behaviour: Behaviour::V0_3_0,
        }
    }
}

/// A table whose columns have one type each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    columns: Vec<Column>,
    rows: usize,
}

/// A column of a [`Table`].
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its values, one a row.
    pub values: Values,
}

/// The values of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Text; `None` is a missing value.
    Text(Vec<Option<Arc<str>>>),
    /// Whole numbers; `None` is a missing value.
    Integer(Vec<Option<i64>>),
    /// Real numbers; NaN is a missing value.
    Real(Vec<f32>),
}

enum Value {
    Text(Arc<str>),
    Integer(i64),
    Real(f32),
    MissingText,
    MissingInteger,
}

/// The table of `scores`, or `None` where there is none. Columns are the union over all results, in order of appearance,
/// with `raw_score`, and `quantile_score` where a result has quantiles, at the end.
///
/// Results without rows give nothing. Only such ones, by track: 0.3.0 raises; corrected, and by gene: there is no table.
pub fn tidy_scores<'a>(
    scores: impl IntoIterator<Item = &'a Scores>,
    options: Options,
) -> Result<Option<Table>, Error> {
    let mut table = Table::default();
    let mut texts = Texts::default();
    let (mut given, mut filled) = (false, false);
    for scores in scores {
        given = true;
        if scores.rows.is_empty() || scores.tracks.is_empty() {
            continue;
        }
        filled = true;
        table.append(scores, options, &mut texts);
    }
    if !filled {
        let raises =
            given && options.order == Order::ByTrack && options.behaviour == Behaviour::V0_3_0;
        return if raises {
            Err(Error::NothingToTidy)
        } else {
            Ok(None)
        };
    }
    for last in ["raw_score", "quantile_score"] {
        if let Some(at) = table.columns.iter().position(|column| column.name == last) {
            let column = table.columns.remove(at);
            table.columns.push(column);
        }
    }
    Ok(Some(table))
}

/// Texts that stand in many rows, kept once.
#[derive(Default)]
struct Texts(HashMap<String, Arc<str>>);

impl Texts {
    fn of(&mut self, text: &str) -> Value {
        if let Some(known) = self.0.get(text) {
            return Value::Text(known.clone());
        }
        let shared: Arc<str> = text.into();
        self.0.insert(text.to_owned(), shared.clone());
        Value::Text(shared)
    }
}

impl Table {
    /// The columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// A column by its name.
    pub fn column(&self, name: &str) -> Option<&Values> {
        self.columns
            .iter()
            .find(|column| column.name == name)
            .map(|column| &column.values)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Writes the table with tabs between its columns, a header, and missing values as nothing.
    pub fn write_tsv(&self, to: &mut impl Write) -> io::Result<()> {
        let names: Vec<_> = self.columns.iter().map(|column| column.name).collect();
        writeln!(to, "{}", names.join("\t"))?;
        self.write_rows(&names, to)
    }

    /// Writes the rows under these columns, without a header, to append them to a table; what has no such column is missing.
    pub fn write_rows(&self, columns: &[impl AsRef<str>], to: &mut impl Write) -> io::Result<()> {
        let columns: Vec<_> = columns
            .iter()
            .map(|name| self.column(name.as_ref()))
            .collect();
        for row in 0..self.rows {
            for (place, column) in columns.iter().enumerate() {
                if place > 0 {
                    to.write_all(b"\t")?;
                }
                match column {
                    None => {}
                    Some(Values::Text(values)) => {
                        if let Some(text) = &values[row] {
                            to.write_all(text.as_bytes())?;
                        }
                    }
                    Some(Values::Integer(values)) => {
                        if let Some(number) = values[row] {
                            write!(to, "{number}")?;
                        }
                    }
                    Some(Values::Real(values)) => write_real(to, values[row])?,
                }
            }
            writeln!(to)?;
        }
        Ok(())
    }

    fn append(&mut self, scores: &Scores, options: Options, texts: &mut Texts) {
        let tracks = scores.tracks.len();
        let mut add = |row: usize, track: usize| {
            let gene = scores.rows[row].gene.as_ref().map(|gene| gene.strand());
            let opposed = |a, b| gene == Some(a) && scores.tracks.strands()[track] == b;
            let mismatch = opposed(Strand::Positive, Strand::Negative)
                || opposed(Strand::Negative, Strand::Positive);
            if !(options.match_gene_strand && mismatch) {
                self.add(scores, row, track, options.include_extended_metadata, texts);
            }
        };
        match options.order {
            Order::ByTrack => {
                (0..tracks).for_each(|track| (0..scores.rows.len()).for_each(|row| add(row, track)))
            }
            Order::ByGene => {
                (0..scores.rows.len()).for_each(|row| (0..tracks).for_each(|track| add(row, track)))
            }
        }
    }

    fn add(
        &mut self,
        scores: &Scores,
        row: usize,
        track: usize,
        extended: bool,
        texts: &mut Texts,
    ) {
        let (about, at) = (&scores.rows[row], row * scores.tracks.len() + track);
        let gene = about.gene.as_ref();
        let mut text =
            |value: Option<&str>| value.map_or(Value::MissingText, |value| texts.of(value));
        let number = |value: Option<i64>| value.map_or(Value::MissingInteger, Value::Integer);
        let mut put = |name, value| put(&mut self.columns, self.rows, name, value);
        let (scorer_column, scorer, output) = match &scores.by {
            ScoredBy::Variant { scorer, variant } => {
                put("variant_id", text(Some(&variant.to_string())));
                ("variant_scorer", scorer.to_string(), scorer.output())
            }
            ScoredBy::Interval(scorer) => ("interval_scorer", scorer.to_string(), scorer.output),
        };
        put("scored_interval", text(Some(&scores.interval.to_string())));
        put("gene_id", text(gene.map(|gene| without_version(&gene.id))));
        put("gene_name", text(gene.map(|gene| gene.name.as_str())));
        put("gene_type", text(gene.map(|gene| gene.biotype.as_str())));
        put("gene_strand", text(gene.map(|gene| gene.strand().as_str())));
        put(
            "junction_Start",
            number(about.junction.map(|(start, _)| start)),
        );
        put("junction_End", number(about.junction.map(|(_, end)| end)));
        put("output_type", text(Some(output.name())));
        put(scorer_column, text(Some(&scorer)));
        put("track_name", text(Some(&scores.tracks.names()[track])));
        put(
            "track_strand",
            text(Some(scores.tracks.strands()[track].as_str())),
        );
        for name in TRACK_COLUMNS.into_iter().filter(|_| extended) {
            if let Some(column) = scores.tracks.column(name) {
                put(name, text(column[track].as_deref()));
            }
        }
        put("raw_score", Value::Real(scores.values[at]));
        if let Some(quantiles) = &scores.quantiles {
            put("quantile_score", Value::Real(quantiles[at]));
        }
        self.rows += 1;
        for column in &mut self.columns {
            column.values.fill(self.rows);
        }
    }
}

/// Puts `value` into row `row` of column `name`, which is made where it is new.
fn put(columns: &mut Vec<Column>, row: usize, name: &'static str, value: Value) {
    let at = columns
        .iter()
        .position(|column| column.name == name)
        .unwrap_or_else(|| {
            let values = match value {
                Value::Text(_) | Value::MissingText => Values::Text(Vec::new()),
                Value::Integer(_) | Value::MissingInteger => Values::Integer(Vec::new()),
                Value::Real(_) => Values::Real(Vec::new()),
            };
            columns.push(Column { name, values });
            columns.len() - 1
        });
    columns[at].values.fill(row);
    match (&mut columns[at].values, value) {
        (Values::Text(values), Value::Text(text)) => values.push(Some(text)),
        (Values::Integer(values), Value::Integer(number)) => values.push(Some(number)),
        (Values::Real(values), Value::Real(number)) => values.push(number),
        (values, _) => values.fill(row + 1),
    }
}

impl Values {
    fn fill(&mut self, rows: usize) {
        match self {
            Self::Text(values) if values.len() < rows => values.resize(rows, None),
            Self::Integer(values) if values.len() < rows => values.resize(rows, None),
            Self::Real(values) if values.len() < rows => values.resize(rows, f32::NAN),
            _ => {}
        }
    }
}

/// Writes a number as the table has it: a missing one as nothing.
///
/// # Errors
/// Where it cannot be written.
pub fn write_real(to: &mut impl Write, value: f32) -> io::Result<()> {
    let size = value.abs();
    if value.is_nan() {
        Ok(())
    } else if value != 0.0 && !(1e-5..1e9).contains(&size) {
        write!(to, "{value:e}")
    } else {
        write!(to, "{value}")
    }
}
