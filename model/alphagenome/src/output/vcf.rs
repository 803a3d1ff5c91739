//! Scores as INFO fields: for each scorer the largest absolute score, with its sign, and its track.

use std::fmt::Write as _;

use genome::fasta::Fasta;
use genome::variants::Allele;
use scorers::tidy::Values;
use scorers::{Scorer, Table};

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
    #[must_use]
    pub fn record(&self, allele: &Allele, table: Option<&Table>) -> String {
        let variant = &allele.variant;
        let bases = |text: &str| if text.is_empty() { "." } else { text }.to_owned();
        let info: Vec<_> = table.map_or(Vec::new(), |table| self.info(table));
        let info = if info.is_empty() {
            ".".to_owned()
        } else {
            info.join(";")
        };
        [
            variant.chromosome().to_owned(),
            variant.position().to_string(),
            allele.id.clone().unwrap_or_else(|| ".".into()),
            bases(variant.reference()),
            bases(variant.alternate()),
            ".".into(),
            ".".into(),
            info,
        ]
        .join("\t")
            + "\n"
    }

    fn info(&self, table: &Table) -> Vec<String> {
        let text = |name| match table.column(name) {
            Some(Values::Text(values)) => &values[..],
            _ => &[],
        };
        let (scorers, names, strands) = (
            text("variant_scorer"),
            text("track_name"),
            text("track_strand"),
        );
        let Some(Values::Real(scores)) = table.column("raw_score") else {
            return Vec::new();
        };
        let mut largest: Vec<Option<usize>> = vec![None; self.fields.len()];
        for (row, score) in scores.iter().enumerate() {
            let name = scorers[row].as_deref().unwrap_or("");
            let at = self.fields.iter().position(|(scorer, _)| scorer == name);
            let Some(best) = at.map(|at| &mut largest[at]) else {
                continue;
            };
            let is_larger = best.is_none_or(|best| score.abs() > scores[best].abs());
            if !score.is_nan() && is_larger {
                *best = Some(row);
            }
        }
        let mut info = Vec::new();
        for ((_, field), row) in self.fields.iter().zip(largest) {
            let Some(row) = row else { continue };
            let value = |values: &[Option<std::sync::Arc<str>>]| {
                values[row].as_deref().map(encoded).unwrap_or_default()
            };
            info.push(format!("{field}={}", scores[row]));
            info.push(format!(
                "{field}_TRACK={}({})",
                value(names),
                value(strands)
            ));
        }
        info
    }
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
