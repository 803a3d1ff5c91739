//! What a scorer is given, and changes of it.

use std::ops::Range;
use std::sync::Arc;

use anyhow::{Context, Result};
use genome::polya::PolyaSites;
use genome::{Annotation, Strand, Variant};
use inference::scoring::Scoring;
use parity::scores::compare::Candidate;
use parity::scores::{Case, Recorded};
use scorers::{Behaviour, OutputType, Predictions, Scorer, Track, Tracks};

/// What a scorer is given.
#[derive(Clone)]
pub struct Given {
    /// The variant and its interval.
    pub case: Case,
    /// The scorer.
    pub scorer: Scorer,
    /// Genes.
    pub annotation: Annotation,
    /// Polyadenylation sites.
    pub polya: PolyaSites,
    /// Their table.
    sites: String,
    /// The output's tracks.
    pub tracks: Arc<Tracks>,
    /// Of both alleles.
    pub predictions: [Predictions; 2],
    /// Whose rules.
    pub behaviour: Behaviour,
}

impl Given {
    pub(super) fn new(
        scoring: &Scoring,
        recorded: &Recorded,
        case: &Case,
        id: &str,
        predictions: [Predictions; 2],
    ) -> Result<Self> {
        let scorer = recorded.scorers.iter().find(|(known, _)| known == id);
        let scorer = scorer.with_context(|| format!("no scorer {id}"))?.1;
        let tracks = scoring.predictor.tracks(scorer.output());
        Ok(Self {
            case: case.clone(),
            scorer,
            annotation: scoring.tables.annotation.clone().unwrap_or_default(),
            polya: scoring.tables.polya.clone().unwrap_or_default(),
            sites: std::fs::read_to_string(recorded.input("polya_sites.tsv")?)?,
            tracks: tracks.context("the model has the output")?.clone(),
            predictions,
            behaviour: scoring.behaviour,
        })
    }

    /// Moves the variant.
    pub fn shift(&mut self, bases: i64) {
        let Case { variant, .. } = &self.case;
        self.alleles(
            variant.position() + bases,
            variant.reference().to_owned(),
            variant.alternate().to_owned(),
        );
    }

    /// Takes other alleles.
    pub fn alleles(&mut self, position: i64, reference: String, alternate: String) {
        let chromosome = self.case.variant.chromosome().to_owned();
        self.case.variant =
            Variant::new(chromosome, position, reference, alternate).expect("bases");
    }

    /// Changes genes and transcripts.
    pub fn genes(
        &mut self,
        change: impl Fn(&mut Vec<genome::annotation::Gene>, &mut Vec<genome::annotation::Transcript>),
    ) {
        let (mut genes, mut transcripts) = (
            self.annotation.genes().to_vec(),
            self.annotation.transcripts().to_vec(),
        );
        change(&mut genes, &mut transcripts);
        self.annotation = Annotation::new(genes, transcripts);
    }

    /// Changes the rows of the table of polyadenylation sites: start and end first.
    pub fn sites(&mut self, change: impl Fn(&mut Vec<Vec<String>>)) {
        let row = |line: &str| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
        let mut rows: Vec<_> = self.sites.lines().map(row).collect();
        let header = rows.remove(0);
        change(&mut rows);
        rows.insert(0, header);
        let text: Vec<_> = rows.iter().map(|row| row.join("\t")).collect();
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), text.join("\n")).expect("a temporary file");
        self.polya = PolyaSites::read(file.path()).expect("a table of sites");
    }

    /// Changes `[bins, tracks]` of an output of both alleles.
    pub fn output(&mut self, output: OutputType, change: impl Fn(&mut Vec<&[f32]>)) {
        for predictions in &mut self.predictions {
            let Some(track) = predictions.tracks.get(&output) else {
                continue;
            };
            let mut rows: Vec<&[f32]> = (0..).map_while(|bin| track.row(bin)).collect();
            change(&mut rows);
            let changed = Track::new(track.tracks(), rows.concat());
            predictions.tracks.insert(output, changed);
        }
    }

    /// Exchanges each track of `+` with one of `-`, as they stand.
    pub fn exchange_strands(&mut self) {
        let of = |strand| -> Vec<usize> {
            let strands = self.tracks.strands().iter().enumerate();
            strands
                .filter(|(_, known)| **known == strand)
                .map(|(at, _)| at)
                .collect()
        };
        let pairs: Vec<_> = of(Strand::Positive)
            .into_iter()
            .zip(of(Strand::Negative))
            .collect();
        let output = self.scorer.output();
        for predictions in &mut self.predictions {
            let track = &predictions.tracks[&output];
            let mut values: Vec<f32> = (0..)
                .map_while(|bin| track.row(bin))
                .flatten()
                .copied()
                .collect();
            for row in values.chunks_mut(track.tracks()) {
                pairs.iter().for_each(|(own, other)| row.swap(*own, *other));
            }
            let changed = Track::new(track.tracks(), values);
            predictions.tracks.insert(output, changed);
        }
    }

    /// Bins of a window around `position` of the interval: `left` before it, `right` after it.
    pub fn window(&self, position: i64, [left, right]: [i64; 2]) -> Range<usize> {
        let resolution = self.scorer.output().resolution() as i64;
        let center = position / resolution;
        let most = self.case.interval.width() / resolution;
        (center - left).max(0) as usize..(center + right + 1).min(most) as usize
    }

    /// Where the variant starts in the interval.
    pub fn start(&self) -> i64 {
        self.case.variant.start() - self.case.interval.start
    }

    /// One score a track, of REF's and ALT's values in a window.
    pub fn by_hand(&self, window: Range<usize>, score: impl Fn(&[f64], &[f64]) -> f64) -> Vec<f32> {
        let values = |allele: usize, track: usize| -> Vec<f64> {
            let rows = &self.predictions[allele].tracks[&self.scorer.output()];
            window
                .clone()
                .map(|bin| f64::from(rows.row(bin).expect("whole predictions")[track]))
                .collect()
        };
        (0..self.tracks.len())
            .map(|track| score(&values(0, track), &values(1, track)) as f32)
            .collect()
    }

    /// Gives the genes of rows the type and the place that they have.
    pub(super) fn name_genes(&self, scores: &mut Candidate) {
        for row in &mut scores.side.rows {
            let Some(gene) = self.annotation.gene(&row["gene_id"]) else {
                continue;
            };
            let gene = &self.annotation.genes()[gene];
            row.insert("gene_type".into(), gene.biotype.clone());
            row.insert("Start".into(), gene.interval.start.to_string());
            row.insert("End".into(), gene.interval.end.to_string());
        }
    }
}
