//! What clients get, from answers to messages.

use genome::{Interval, Variant};
use scorers::{Junctions, OutputType, Predictions, ScoredBy, Scores};

use super::Encoded;
use super::messages::{self as m, described as d};
use super::metadata::{Described, strand};
use super::requests::output_number;
use super::tensors::Packed;
use crate::engine::Wanted;

/// A message that announces a tensor, and the tensor.
pub type Announced<M> = (M, Packed);

/// The message of an interval.
pub fn interval(interval: &Interval) -> m::Interval {
    m::Interval {
        chromosome: interval.chromosome.clone(),
        start: interval.start,
        end: interval.end,
        strand: strand(interval.strand),
    }
}

fn variant(variant: &Variant) -> d::Variant {
    d::Variant {
        chromosome: variant.chromosome().into(),
        position: variant.position(),
        reference_bases: variant.reference().into(),
        alternate_bases: variant.alternate().into(),
    }
}

/// Of a table those that are wanted.
fn chosen(table: &Described, kept: Option<&Vec<usize>>) -> Vec<Encoded> {
    match kept {
        None => table.tracks.clone(),
        Some(kept) => kept.iter().map(|at| table.tracks[*at].clone()).collect(),
    }
}

/// The outputs of one sequence of `length` base pairs, each with its tensor; `seen` is where they stand in the genome, if they do.
pub fn outputs(
    mut predictions: Predictions,
    wanted: &Wanted,
    (seen, length): (Option<&Interval>, i64),
    describe: impl Fn(OutputType) -> Described,
    compress: bool,
) -> Vec<Announced<m::Output>> {
    let mut outputs = Vec::new();
    for (output, kept) in wanted {
        let metadata = || chosen(&describe(*output), kept.as_ref());
        let found = match output {
            OutputType::SpliceJunctions => predictions
                .junctions
                .take()
                .map(|found| junctions(&found, metadata(), seen, compress)),
            OutputType::ContactMaps => predictions.contact_maps.take().map(|map| {
                let shape = [map.bins(), map.bins(), map.tracks()];
                tracks(
                    *output,
                    map.into_values(),
                    &shape,
                    (metadata(), seen),
                    compress,
                )
            }),
            _ => predictions.tracks.remove(output).map(|track| {
                let (width, values) = (track.tracks(), track.into_values());
                let shape = [length as usize / output.resolution(), width];
                tracks(*output, values, &shape, (metadata(), seen), compress)
            }),
        };
        outputs.extend(found.map(|(payload, packed)| {
            let message = m::Output {
                output_type: output_number(*output),
                payload: Some(payload),
            };
            (message, packed)
        }));
    }
    outputs
}

fn tracks(
    output: OutputType,
    values: Vec<f32>,
    shape: &[usize],
    (metadata, seen): (Vec<Encoded>, Option<&Interval>),
    compress: bool,
) -> Announced<m::output::Payload> {
    let packed = Packed::new(values, compress);
    let data = m::TrackData {
        values: Some(packed.tensor(shape)),
        metadata,
        resolution: Some(output.resolution() as i64),
        interval: seen.map(interval),
    };
    (m::output::Payload::TrackData(data), packed)
}

fn junctions(
    found: &Junctions,
    metadata: Vec<Encoded>,
    seen: Option<&Interval>,
    compress: bool,
) -> Announced<m::output::Payload> {
    let chromosome = seen.map_or("", |seen| &seen.chromosome);
    let start = seen.map_or(0, |seen| seen.start);
    let (mut places, mut values) = (Vec::new(), Vec::new());
    for (on, from, to, counts) in found.listed(start) {
        places.push(m::Interval {
            chromosome: chromosome.into(),
            start: from,
            end: to,
            strand: strand(on),
        });
        values.extend_from_slice(counts);
    }
    let packed = Packed::new(values, compress);
    let data = m::JunctionData {
        values: Some(packed.tensor(&[places.len(), found.tissues])),
        metadata,
        junctions: places,
        interval: seen.map(interval),
    };
    (m::output::Payload::JunctionData(data), packed)
}

/// Scores, `[1 or 2, rows, tracks]`, with what their rows are about.
fn scored(scores: &mut Scores, compress: bool) -> (m::Tensor, Vec<d::GeneScorerMetadata>, Packed) {
    let mut values = std::mem::take(&mut scores.values);
    let layers = 1 + usize::from(scores.quantiles.is_some());
    values.extend(scores.quantiles.take().into_iter().flatten());
    let packed = Packed::new(values, compress);
    let tensor = packed.tensor(&[layers, scores.rows.len(), scores.tracks.len()]);
    let rows = scores.rows.iter().filter_map(|row| {
        let gene = row.gene.as_ref()?;
        Some(d::GeneScorerMetadata {
            gene_id: gene.id.clone(),
            strand: Some(strand(gene.strand())),
            name: Some(gene.name.clone()),
            r#type: Some(gene.biotype.clone()),
            junction_start: row.junction.map(|junction| junction.0),
            junction_end: row.junction.map(|junction| junction.1),
        })
    });
    (tensor, rows.collect(), packed)
}

/// The scores of a variant.
pub fn variant_scores(
    mut scores: Scores,
    described: &Described,
    compress: bool,
) -> Announced<m::ScoreVariantOutput> {
    let (tensor, gene_metadata, packed) = scored(&mut scores, compress);
    let of = match &scores.by {
        ScoredBy::Variant { variant: of, .. } => Some(variant(of)),
        ScoredBy::Interval(_) => None,
    };
    let own = d::VariantMetadata {
        variant: of,
        gene_metadata,
        ..d::VariantMetadata::default()
    };
    let data = m::VariantData {
        values: Some(tensor),
        metadata: Some(Encoded::new(&own).with(&described.all)),
    };
    let output = m::ScoreVariantOutput {
        variant_data: Some(data),
    };
    (output, packed)
}

/// The scores of an interval.
pub fn interval_scores(
    mut scores: Scores,
    described: &Described,
    compress: bool,
) -> Announced<m::ScoreIntervalOutput> {
    let (tensor, gene_metadata, packed) = scored(&mut scores, compress);
    let seen = interval(&scores.interval);
    let own = d::IntervalMetadata {
        interval: Some(d::Interval {
            chromosome: seen.chromosome,
            start: seen.start,
            end: seen.end,
            strand: seen.strand,
        }),
        gene_metadata,
        ..d::IntervalMetadata::default()
    };
    let data = m::IntervalData {
        values: Some(tensor),
        metadata: Some(Encoded::new(&own).with(&described.all)),
    };
    let output = m::ScoreIntervalOutput {
        interval_data: Some(data),
    };
    (output, packed)
}
