//! Scores as INFO fields: for each scorer the largest absolute score, with its sign, and its track.

use std::fmt::Write as _;

use anyhow::Result;
use genome::alleles::Bases;
use genome::fasta::Fasta;
use genome::variants::Allele;
use genome::{Error, Interval, Variant};
use scorers::tidy::{Options, places};
use scorers::{ScoredBy, Scorer, Scores};

/// Names of INFO fields, and how a variant becomes a record.
pub struct Summary {
    /// The text of each scorer, and its field.
    fields: Vec<(String, String)>,
}

/// Columns of a record.
pub const COLUMNS: [&str; 8] = [
    "#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO",
];

impl Summary {
    /// Fields for `scorers`.
    #[must_use]
    pub fn new(scorers: &[Scorer]) -> Self {
        let fields = scorers
            .iter()
            .map(|scorer| (scorer.to_string(), field(*scorer)));
        Self {
            fields: fields.collect(),
        }
    }

    /// The header, with the genome's chromosomes.
    #[must_use]
    pub fn header(&self, genome: &Fasta) -> String {
        let mut text = String::from("##fileformat=VCFv4.3\n");
        let _ = writeln!(text, "##source=alphagenome {}", env!("CARGO_PKG_VERSION"));
        for name in genome.names() {
            if let Ok(length) = genome.length(name) {
                let _ = writeln!(text, "##contig=<ID={name},length={length}>");
            }
        }
        for (scorer, field) in &self.fields {
            let _ = writeln!(
                text,
                "##INFO=<ID={field},Number=1,Type=Float,Description=\"Largest absolute score of {scorer}, with its sign\">"
            );
            let _ = writeln!(
                text,
                "##INFO=<ID={field}_TRACK,Number=1,Type=String,Description=\"Its track and strand, percent-encoded\">"
            );
        }
        text.push_str(&COLUMNS.join("\t"));
        text.push('\n');
        text
    }

    /// The record of a variant; one that has no scores has an empty INFO.
    ///
    /// # Errors
    /// Where the genome cannot be read.
    pub fn record(
        &self,
        allele: &Allele,
        scores: &[Scores],
        genome: &impl Bases,
    ) -> Result<String> {
        let (position, reference, alternate) = anchored(&allele.variant, genome)?;
        let info = self.info(scores);
        let info = if info.is_empty() {
            ".".to_owned()
        } else {
            info.join(";")
        };
        let fields = [
            allele.variant.chromosome().to_owned(),
            position.to_string(),
            allele.id.clone().unwrap_or_else(|| ".".into()),
            reference,
            alternate,
            ".".into(),
            ".".into(),
            info,
        ];
        Ok(fields.join("\t") + "\n")
    }

    /// Of each scorer the largest score, of equal ones the first in the table's order; the table itself, of up to 100,000 rows, is not
    /// made for that.
    fn info(&self, scores: &[Scores]) -> Vec<String> {
        let mut largest: Vec<Option<(f32, &str, &str)>> = vec![None; self.fields.len()];
        for scores in scores {
            let ScoredBy::Variant { scorer, .. } = &scores.by else {
                continue;
            };
            let (name, tracks) = (scorer.to_string(), &scores.tracks);
            let at = self.fields.iter().position(|(known, _)| *known == name);
            let Some(best) = at.map(|at| &mut largest[at]) else {
                continue;
            };
            for (row, track) in places(scores, Options::default()) {
                let score = scores.values[row * tracks.len() + track];
                let is_larger = best.is_none_or(|(best, ..)| score.abs() > best.abs());
                if !score.is_nan() && is_larger {
                    *best = Some((
                        score,
                        &tracks.names()[track],
                        tracks.strands()[track].as_str(),
                    ));
                }
            }
        }
        let mut info = Vec::new();
        for ((_, field), best) in self.fields.iter().zip(largest) {
            let Some((score, name, strand)) = best else {
                continue;
            };
            info.push(format!("{field}={score}"));
            info.push(format!(
                "{field}_TRACK={}({})",
                encoded(name),
                encoded(strand)
            ));
        }
        info
    }
}

/// Position, REF and ALT. Neither allele of a VCF is empty (VCF 4.3, section 1.6.1): both get the base before the variant, or at
/// the first position the base after it.
fn anchored(variant: &Variant, genome: &impl Bases) -> Result<(i64, String, String)> {
    let (reference, alternate) = (variant.reference(), variant.alternate());
    let position = variant.position();
    if !reference.is_empty() && !alternate.is_empty() {
        return Ok((position, reference.into(), alternate.into()));
    }
    let is_first = position == 1;
    let start = match is_first {
        true => variant.end(),
        false => variant.start() - 1,
    };
    let place = Interval {
        start,
        end: start + 1,
        ..variant.reference_interval()
    };
    let base = match genome.bases(&place) {
        Ok(bases) => bases[0],
        // A variant that is not on the genome has no scores, and a record all the same.
        Err(Error::Chromosome { .. } | Error::Outside { .. }) => b'N',
        Err(error) => return Err(error.into()),
    };
    // Other letters count as the first base that they stand for.
    let base = match base {
        b'A' | b'M' | b'R' | b'W' | b'V' | b'H' | b'D' => 'A',
        b'C' | b'S' | b'Y' | b'B' => 'C',
        b'G' | b'K' => 'G',
        b'T' | b'U' => 'T',
        _ => 'N',
    };
    Ok(match is_first {
        true => (
            1,
            format!("{reference}{base}"),
            format!("{alternate}{base}"),
        ),
        false => (
            position - 1,
            format!("{base}{reference}"),
            format!("{base}{alternate}"),
        ),
    })
}

/// `AG_CENTER_MASK_ATAC_501_DIFF_LOG2_SUM`.
fn field(scorer: Scorer) -> String {
    let (base, output) = (scorer.base(), scorer.output());
    match scorer {
        Scorer::CenterMask {
            width, aggregation, ..
        } => {
            let width = width.map_or_else(|| "ALL".into(), |width| width.to_string());
            format!("AG_{base}_{output}_{width}_{aggregation}")
        }
        Scorer::GeneMaskSplicing {
            width: Some(width), ..
        } => format!("AG_{base}_{output}_{width}"),
        Scorer::GeneMaskLfc { .. }
        | Scorer::GeneMaskActive { .. }
        | Scorer::GeneMaskSplicing { .. } => format!("AG_{base}_{output}"),
        Scorer::ContactMap | Scorer::Polyadenylation | Scorer::SpliceJunction => {
            format!("AG_{base}")
        }
    }
}

/// Text for an INFO field (VCF 4.3, section 1.2): what would end it is percent-encoded.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '%' | ';' | '=' | ',' | ':' => {
                let _ = write!(out, "%{:02X}", c as u32);
            }
            c if c.is_ascii_whitespace() || c.is_ascii_control() => {
                let _ = write!(out, "%{:02X}", c as u32);
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chromosome of these bases.
    struct Chromosome(&'static [u8]);

    impl Bases for Chromosome {
        fn bases(&self, interval: &Interval) -> Result<Vec<u8>, Error> {
            let (start, end) = (interval.start as usize, interval.end as usize);
            let bases = self.0.get(start..end).map(<[u8]>::to_vec);
            bases.ok_or_else(|| Error::Outside {
                interval: interval.clone(),
                length: self.0.len() as i64,
            })
        }
    }

    #[test]
    fn no_allele_of_a_record_is_empty() {
        for (variant, record) in [
            ("chr1:3:GT>A", "chr1\t3\t.\tGT\tA"),
            ("chr1:3:>TT", "chr1\t2\t.\tC\tCTT"),
            ("chr1:3:GT>", "chr1\t2\t.\tCGT\tC"),
            ("chr1:1:>TT", "chr1\t1\t.\tA\tTTA"),
            ("chr1:1:AC>", "chr1\t1\t.\tACG\tG"),
            // The genome has an R, which is A or G, and ends.
            ("chr1:6:>TT", "chr1\t5\t.\tA\tATT"),
            ("chr1:9:A>", "chr1\t8\t.\tNA\tN"),
        ] {
            let allele = Allele {
                id: None,
                line: 0,
                index: 0,
                variant: variant.parse().unwrap(),
            };
            let summary = Summary::new(&[]);
            let found = summary.record(&allele, &[], &Chromosome(b"ACGTRA"));
            assert_eq!(found.unwrap(), format!("{record}\t.\t.\t.\n"), "{variant}");
        }
    }
}
