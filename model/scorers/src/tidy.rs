//! The SDK's long table of scores: one row a score.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use genome::Strand;
use genome::polya::without_version;

use crate::scores::{GeneRow, ScoredBy, Scores};
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
    fn of(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        let shared: Arc<str> = text.into();
        self.0.insert(text.to_owned(), shared.clone());
        shared
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

    /// Appends a result column by column: what all of its rows, those of a gene or those of a track share is made once.
    fn append(&mut self, scores: &Scores, options: Options, texts: &mut Texts) {
        let places = places(scores, options);
        if places.is_empty() {
            return;
        }
        let mut add = |name, what| self.add(name, what, &places);
        let mut all = |text: &str| What::All(texts.of(text));
        let (scorer_column, scorer, output) = match &scores.by {
            ScoredBy::Variant { scorer, variant } => {
                add("variant_id", all(&variant.to_string()));
                ("variant_scorer", scorer.to_string(), scorer.output())
            }
            ScoredBy::Interval(scorer) => ("interval_scorer", scorer.to_string(), scorer.output),
        };
        add("scored_interval", all(&scores.interval.to_string()));
        let of_gene: [GeneColumn; 4] = [
            ("gene_id", |gene| without_version(&gene.id)),
            ("gene_name", |gene| &gene.name),
            ("gene_type", |gene| &gene.biotype),
            ("gene_strand", |gene| gene.strand().as_str()),
        ];
        for (name, value) in of_gene {
            let genes = scores.rows.iter().map(|row| row.gene.as_ref());
            let texts = genes.map(|gene| gene.map(|gene| texts.of(value(gene))));
            add(name, What::OfRow(texts.collect()));
        }
        let places_of = |place: fn((i64, i64)) -> i64| {
            let junctions = scores.rows.iter().map(|row| row.junction);
            What::Places(junctions.map(|junction| junction.map(place)).collect())
        };
        add("junction_Start", places_of(|(start, _)| start));
        add("junction_End", places_of(|(_, end)| end));
        add("output_type", What::All(texts.of(output.name())));
        add(scorer_column, What::All(texts.of(&scorer)));
        let names = scores.tracks.names().iter();
        add(
            "track_name",
            What::OfTrack(names.map(|name| Some(texts.of(name))).collect()),
        );
        let strands = scores.tracks.strands().iter();
        let strands = strands.map(|strand| Some(texts.of(strand.as_str())));
        add("track_strand", What::OfTrack(strands.collect()));
        for name in TRACK_COLUMNS {
            let column = scores.tracks.column(name);
            if let Some(column) = column.filter(|_| options.include_extended_metadata) {
                let values = column.iter().map(|value| Some(texts.of(value.as_deref()?)));
                add(name, What::OfTrack(values.collect()));
            }
        }
        let tracks = scores.tracks.len();
        add("raw_score", What::Scores(&scores.values, tracks));
        if let Some(quantiles) = &scores.quantiles {
            add("quantile_score", What::Scores(quantiles, tracks));
        }
        self.rows += places.len();
        for column in &mut self.columns {
            column.values.fill(self.rows);
        }
    }

    /// Adds values of column `name`, which is made where it is new, at these rows and tracks of a result.
    fn add(&mut self, name: &'static str, what: What<'_>, places: &[(usize, usize)]) {
        let known = self.columns.iter().position(|column| column.name == name);
        let at = known.unwrap_or_else(|| {
            let values = what.none();
            self.columns.push(Column { name, values });
            self.columns.len() - 1
        });
        let column = &mut self.columns[at].values;
        column.fill(self.rows);
        let places = places.iter().copied();
        match (column, what) {
            (Values::Text(values), What::All(text)) => {
                values.extend(places.map(|_| Some(text.clone())));
            }
            (Values::Text(values), What::OfRow(texts)) => {
                values.extend(places.map(|(row, _)| texts[row].clone()));
            }
            (Values::Text(values), What::OfTrack(texts)) => {
                values.extend(places.map(|(_, track)| texts[track].clone()));
            }
            (Values::Integer(values), What::Places(places_of_rows)) => {
                values.extend(places.map(|(row, _)| places_of_rows[row]));
            }
            (Values::Real(values), What::Scores(scores, tracks)) => {
                values.extend(places.map(|(row, track)| scores[row * tracks + track]));
            }
            // A name has one type.
            (_, _) => {}
        }
    }
}

/// A column of genes, and a gene's value of it.
type GeneColumn = (&'static str, fn(&GeneRow) -> &str);

/// What a result adds to a column.
enum What<'a> {
    All(Arc<str>),
    OfRow(Vec<Option<Arc<str>>>),
    OfTrack(Vec<Option<Arc<str>>>),
    Places(Vec<Option<i64>>),
    /// `[rows, tracks]`, and how many tracks there are.
    Scores(&'a [f32], usize),
}

impl What<'_> {
    /// A column without values.
    fn none(&self) -> Values {
        match self {
            Self::All(_) | Self::OfRow(_) | Self::OfTrack(_) => Values::Text(Vec::new()),
            Self::Places(_) => Values::Integer(Vec::new()),
            Self::Scores(..) => Values::Real(Vec::new()),
        }
    }
}

/// The rows and tracks of a result that stand in the table, in its order.
#[must_use]
pub fn places(scores: &Scores, options: Options) -> Vec<(usize, usize)> {
    let (rows, tracks) = (scores.rows.len(), scores.tracks.len());
    let strands = scores
        .rows
        .iter()
        .map(|row| row.gene.as_ref().map(GeneRow::strand));
    let strands: Vec<_> = strands.collect();
    let matches = |row: usize, track: usize| {
        let pair = (strands[row], scores.tracks.strands()[track]);
        !options.match_gene_strand
            || !matches!(
                pair,
                (Some(Strand::Positive), Strand::Negative)
                    | (Some(Strand::Negative), Strand::Positive)
            )
    };
    let places: Vec<_> = match options.order {
        Order::ByTrack => (0..tracks)
            .flat_map(|track| (0..rows).map(move |row| (row, track)))
            .collect(),
        Order::ByGene => (0..rows)
            .flat_map(|row| (0..tracks).map(move |track| (row, track)))
            .collect(),
    };
    let places = places.into_iter();
    places
        .filter(|(row, track)| matches(*row, *track))
        .collect()
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
