//! What clients ask for, from messages to tasks.

use std::collections::BTreeSet;

use genome::{Interval, Strand, Variant};
use scorers::{Aggregation, IntervalAggregation, IntervalScorer, Organism, OutputType, Scorer};

use super::messages as m;
use super::metadata::curie;
use crate::engine::{Assembly, Error, Wanted};

/// The organism of a number.
pub fn organism(number: i32) -> Result<Organism, Error> {
    match m::Organism::try_from(number) {
        Ok(m::Organism::HomoSapiens) => Ok(Organism::Human),
        Ok(m::Organism::MusMusculus) => Ok(Organism::Mouse),
        _ => Err(Error::Invalid(format!(
            "organism {number}: expected 9606, human, or 10090, mouse"
        ))),
    }
}

/// An interval that must be there.
pub fn interval(message: Option<m::Interval>, name: &str) -> Result<Interval, Error> {
    let missing = || Error::Invalid(format!("{name} is missing"));
    let message = message.ok_or_else(missing)?;
    let strand = match m::Strand::try_from(message.strand) {
        Ok(m::Strand::Positive) => Strand::Positive,
        Ok(m::Strand::Negative) => Strand::Negative,
        Ok(_) => Strand::Unstranded,
        Err(_) => {
            return Err(Error::Invalid(format!(
                "{name}: strand {} is not known",
                message.strand
            )));
        }
    };
    let (start, end) = (message.start, message.end);
    Ok(Interval::new(message.chromosome, start, end, strand)?)
}

/// A variant that must be there.
pub fn variant(message: Option<m::Variant>, name: &str) -> Result<Variant, Error> {
    let missing = || Error::Invalid(format!("{name} is missing"));
    let message = message.ok_or_else(missing)?;
    Ok(Variant::new(
        message.chromosome,
        message.position,
        message.reference_bases,
        message.alternate_bases,
    )?)
}

fn output(number: i32) -> Result<OutputType, Error> {
    let name = m::OutputType::try_from(number).map(|output| output.as_str_name());
    let name = name.unwrap_or_default().strip_prefix("OUTPUT_TYPE_");
    name.and_then(OutputType::parse)
        .ok_or_else(|| Error::Invalid(format!("output type {number} is not known")))
}

/// An output's number.
pub fn output_number(output: OutputType) -> i32 {
    m::OutputType::from_str_name(&format!("OUTPUT_TYPE_{output}")).map_or(0, Into::into)
}

/// The tracks of outputs that have one of the terms; all of them without terms. As in 0.3.0, splice sites belong to no tissue, and
/// outputs that the organism lacks are left out.
pub fn wanted(
    assembly: &Assembly,
    outputs: &[i32],
    terms: &[m::OntologyTerm],
) -> Result<Wanted, Error> {
    let outputs = outputs.iter().map(|number| output(*number));
    let outputs: BTreeSet<_> = outputs.collect::<Result<_, _>>()?;
    let column = |output: &OutputType| {
        let channels = assembly.channels.get(output)?;
        channels.tracks.column("ontology_curie")
    };
    let mut curies = BTreeSet::new();
    for term in terms {
        let curie = curie(term).ok_or_else(|| {
            Error::Invalid(format!("ontology type {} is not known", term.ontology_type))
        })?;
        let mut known = assembly.channels.keys().filter_map(column).flatten();
        if !known.any(|of| of.as_ref() == Some(&curie)) {
            return Err(Error::NotFound(format!(
                "no track of {} has the ontology term {curie}; output_metadata lists those that there are",
                assembly.organism
            )));
        }
        curies.insert(curie);
    }
    let there = outputs
        .iter()
        .filter(|output| assembly.channels.contains_key(output));
    let wanted: Wanted = there
        .map(|output| {
            let all = curies.is_empty() || *output == OutputType::SpliceSites;
            let has = |of: &Option<String>| of.as_ref().is_some_and(|of| curies.contains(of));
            let kept = || {
                let column = column(output).unwrap_or_default().iter().enumerate();
                column.filter(|(_, of)| has(of)).map(|(at, _)| at).collect()
            };
            (*output, (!all).then(kept))
        })
        .collect();
    match outputs.first() {
        Some(first) if wanted.is_empty() => Err(Error::NotFound(assembly.no_output(*first))),
        _ => Ok(wanted),
    }
}

fn width(width: Option<i64>) -> Result<Option<usize>, Error> {
    let invalid = |width| Error::Invalid(format!("width {width} of a scorer is not supported"));
    let number = |width| usize::try_from(width).map_err(|_| invalid(width));
    width.map(number).transpose()
}

/// A scorer of variants with settings that the SDK takes.
pub fn scorer(message: &m::VariantScorer) -> Result<Scorer, Error> {
    use m::variant_scorer::Scorer as S;
    let unknown = || Error::Invalid("a variant scorer is of a kind that is not known".into());
    let scorer = match message.scorer.as_ref().ok_or_else(unknown)? {
        S::CenterMask(mask) => {
            let name = m::AggregationType::try_from(mask.aggregation_type);
            let name = name.map(|it| it.as_str_name()).unwrap_or_default();
            let aggregation = name
                .strip_prefix("AGGREGATION_TYPE_")
                .and_then(Aggregation::parse);
            Scorer::CenterMask {
                output: output(mask.requested_output)?,
                width: width(mask.width)?,
                aggregation: aggregation
                    .ok_or_else(|| aggregation_unknown(mask.aggregation_type))?,
            }
        }
        S::GeneMask(mask) => Scorer::GeneMaskLfc {
            output: output(mask.requested_output)?,
        },
        S::GeneMaskActive(mask) => Scorer::GeneMaskActive {
            output: output(mask.requested_output)?,
        },
        S::GeneMaskSplicing(mask) => Scorer::GeneMaskSplicing {
            output: output(mask.requested_output)?,
            width: width(mask.width)?,
        },
        S::PaQtl(_) => Scorer::Polyadenylation,
        S::SpliceJunction(_) => Scorer::SpliceJunction,
        S::ContactMap(_) => Scorer::ContactMap,
    };
    Ok(scorer.checked()?)
}

/// A scorer of intervals.
pub fn interval_scorer(message: &m::IntervalScorer) -> Result<IntervalScorer, Error> {
    use m::interval_scorer::Scorer as S;
    let unknown = || Error::Invalid("an interval scorer is of a kind that is not known".into());
    let S::GeneMask(mask) = message.scorer.as_ref().ok_or_else(unknown)?;
    let aggregation = match m::IntervalAggregationType::try_from(mask.aggregation_type) {
        Ok(m::IntervalAggregationType::Mean) => IntervalAggregation::Mean,
        Ok(m::IntervalAggregationType::Sum) => IntervalAggregation::Sum,
        _ => return Err(aggregation_unknown(mask.aggregation_type)),
    };
    Ok(IntervalScorer {
        output: output(mask.requested_output)?,
        width: width(mask.width)?,
        aggregation,
    })
}

fn aggregation_unknown(number: i32) -> Error {
    Error::Invalid(format!("aggregation type {number} is not known"))
}
