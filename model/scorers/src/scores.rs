use std::sync::Arc;

use genome::annotation::Gene;
use genome::{Interval, Strand, Variant};

use crate::{Error, IntervalScorer, Scorer, Tracks};

/// The result of one scorer: a value for each row and track (the SDK's `AnnData`).
#[derive(Clone, Debug)]
pub struct Scores {
    /// What was scored, with what.
    pub by: ScoredBy,
    /// The interval that was predicted, without strand.
    pub interval: Interval,
    /// Genes or junctions; one row without a gene for scorers that have none.
    pub rows: Vec<Row>,
    /// The tracks.
    pub tracks: Arc<Tracks>,
    /// `[rows, tracks]`.
    pub values: Vec<f32>,
    /// Where the values stand among those of common variants: `[rows, tracks]`.
    pub quantiles: Option<Vec<f32>>,
}

impl Scores {
    /// What a scorer gives of an output of which the organism has no track.
    #[must_use]
    pub fn without_tracks(scorer: Scorer, interval: &Interval, variant: &Variant) -> Self {
        let rows = match scorer {
            Scorer::CenterMask { .. } | Scorer::ContactMap => vec![Row::default()],
            _ => Vec::new(),
        };
        Self {
            by: ScoredBy::Variant {
                scorer,
                variant: variant.clone(),
            },
            interval: interval.as_unstranded(),
            rows,
            tracks: Arc::new(Tracks::new(Vec::new(), Vec::new())),
            values: Vec::new(),
            quantiles: None,
        }
    }

    /// Scores of genes with one track for those of `+` and `-` that share a name: each gene has its own strand's
    /// (`merge_stranded_gene_tracks` of the SDK). A track without strand of that name is dropped. Others stay as they are.
    ///
    /// # Errors
    /// Where tracks of `+` are not those of `-`.
    pub fn merged(self) -> Result<Self, Error> {
        if self.rows.iter().all(|row| row.gene.is_none()) {
            return Ok(self);
        }
        let (names, strands) = (self.tracks.names(), self.tracks.strands());
        let of = |strand| {
            let tracks = names.iter().zip(strands);
            tracks.filter(move |(_, of)| **of == strand).map(|it| it.0)
        };
        if !of(Strand::Positive).eq(of(Strand::Negative)) {
            return Err(Error::Unpaired);
        }
        let doubled = |at: usize| {
            strands[at] == Strand::Unstranded && of(Strand::Positive).any(|name| *name == names[at])
        };
        let without = |strand| {
            let tracks = (0..names.len()).filter(|at| strands[*at] != strand && !doubled(*at));
            tracks.collect::<Vec<_>>()
        };
        let (positive, negative) = (without(Strand::Negative), without(Strand::Positive));
        let chosen = |values: &[f32]| {
            let rows = self
                .rows
                .iter()
                .zip(values.chunks_exact(names.len().max(1)));
            let rows = rows.flat_map(|(row, values)| {
                let gene = row.gene.as_ref().map(GeneRow::strand);
                let kept = match gene {
                    Some(Strand::Positive) => &positive,
                    _ => &negative,
                };
                kept.iter().map(|at| values[*at])
            });
            rows.collect()
        };
        Ok(Self {
            values: chosen(&self.values),
            quantiles: self.quantiles.as_deref().map(chosen),
            tracks: Arc::new(self.tracks.unstranded(&positive)),
            ..self
        })
    }
}

/// A scorer and what it scored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScoredBy {
    /// A variant.
    Variant {
        /// With this scorer.
        scorer: Scorer,
        /// This one.
        variant: Variant,
    },
    /// The interval itself.
    Interval(IntervalScorer),
}

/// What a row of scores is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The gene.
    pub gene: Option<GeneRow>,
    /// Start and end of the junction's intron, from zero, end exclusive.
    pub junction: Option<(i64, i64)>,
    /// How many polyadenylation sites the gene has in the interval, and how far the nearest is from the variant: the
    /// difference of its start, counted from zero, and the variant's position, counted from one.
    pub polyadenylation: Option<(usize, i64)>,
}

/// A gene of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneRow {
    /// Identifier with version.
    pub id: String,
    /// Symbol.
    pub name: String,
    /// Biotype.
    pub biotype: String,
    /// Where it lies, with its strand.
    pub interval: Interval,
    /// Start of the interval that its mask counts in.
    pub interval_start: i64,
}

impl GeneRow {
    pub(crate) fn new(gene: &Gene, interval: &Interval) -> Self {
        Self {
            id: gene.id.clone(),
            name: gene.name.clone(),
            biotype: gene.biotype.clone(),
            interval: gene.interval.clone(),
            interval_start: interval.start,
        }
    }

    /// The gene's strand.
    pub fn strand(&self) -> Strand {
        self.interval.strand
    }
}

impl Row {
    /// What it is about, by the columns of the SDK's `obs`; nothing for a row without a gene.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = Vec::new();
        if let Some(gene) = &self.gene {
            fields.extend([
                ("gene_id", gene.id.clone()),
                ("strand", gene.strand().to_string()),
                ("gene_name", gene.name.clone()),
                ("gene_type", gene.biotype.clone()),
                ("interval_start", gene.interval_start.to_string()),
                ("Chromosome", gene.interval.chromosome.clone()),
                ("Start", gene.interval.start.to_string()),
                ("End", gene.interval.end.to_string()),
            ]);
        }
        if let Some((start, end)) = self.junction {
            fields.extend([
                ("junction_Start", start.to_string()),
                ("junction_End", end.to_string()),
            ]);
        }
        if let Some((sites, distance)) = self.polyadenylation {
            fields.extend([
                ("num_pas", sites.to_string()),
                ("min_pas_var_distance", distance.to_string()),
            ]);
        }
        fields
    }

    pub(crate) fn of(gene: &Gene, interval: &Interval) -> Self {
        Self {
            gene: Some(GeneRow::new(gene, interval)),
            ..Self::default()
        }
    }
}

/// Whether values of a track count for a gene: both on one strand, or the track on none.
pub(crate) fn same_strand(gene: Strand, track: Strand) -> bool {
    gene == track || track == Strand::Unstranded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{IntervalAggregation, OutputType};

    fn scores(tracks: &[(&str, Strand)], strands: &[Strand]) -> Scores {
        let of = |start, strand| Interval::new("chr1", start, start + 9, strand).unwrap();
        let row = |strand: &Strand| Row {
            gene: Some(GeneRow {
                id: "gene".into(),
                name: String::new(),
                biotype: String::new(),
                interval: of(5, *strand),
                interval_start: 0,
            }),
            ..Row::default()
        };
        let names = tracks.iter().map(|track| track.0.into()).collect();
        let table = Tracks::new(names, tracks.iter().map(|track| track.1).collect());
        let places = tracks.iter().map(|track| Some(format!("{track:?}")));
        let count = (strands.len() * tracks.len()) as u16;
        Scores {
            by: ScoredBy::Interval(IntervalScorer {
                output: OutputType::RnaSeq,
                width: None,
                aggregation: IntervalAggregation::Sum,
            }),
            interval: of(0, Strand::Unstranded),
            rows: strands.iter().map(row).collect(),
            tracks: Arc::new(table.with("place", places.collect())),
            values: (0..count).map(f32::from).collect(),
            quantiles: Some((0..count).map(|at| -f32::from(at)).collect()),
        }
    }

    #[test]
    fn a_gene_has_the_tracks_of_its_strand() {
        use Strand::{Negative as N, Positive as P, Unstranded as U};
        let tracks = [("a", N), ("c", U), ("a", P), ("b", P), ("a", U), ("b", N)];
        let merged = scores(&tracks, &[P, N]).merged().unwrap();
        assert_eq!(merged.tracks.names(), ["c", "a", "b"]);
        assert_eq!(merged.tracks.strands(), [U; 3]);
        let first = merged.tracks.column("place").unwrap()[1].as_deref();
        assert_eq!(first, Some("(\"a\", Positive)"));
        // Of the gene on `-` in the order of its own tracks, as the SDK has it.
        assert_eq!(merged.values, [1.0, 2.0, 3.0, 6.0, 7.0, 11.0]);
        let quantiles = merged.quantiles.unwrap();
        assert_eq!(quantiles, [-1.0, -2.0, -3.0, -6.0, -7.0, -11.0]);
    }

    #[test]
    fn tracks_without_a_partner_are_refused() {
        let tracks = [("a", Strand::Positive), ("b", Strand::Negative)];
        let error = scores(&tracks, &[Strand::Positive]).merged().unwrap_err();
        assert!(error.to_string().contains("do not have the same names"));
        // Without genes there is nothing to merge.
        let none = scores(&tracks, &[]).merged().unwrap();
        assert_eq!(none.tracks.len(), 2);
    }
}
