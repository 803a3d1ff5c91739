//! Variants of a VCF, or of a table with a column for each of their parts, plain or compressed.

use std::path::Path;

use crate::text::Lines;
use crate::{Error, Variant};

/// One allele of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allele {
    /// The record's ID; `None` for `.` or an empty field.
    pub id: Option<String>,
    /// Line of the record, from one.
    pub line: u64,
    /// Which of the record's ALT alleles this is, from zero.
    pub index: usize,
    /// The variant.
    pub variant: Variant,
}

/// Reads variants record by record, and those of several ALT alleles one by one.
///
/// The first error of an allele does not end the reading: what an iterator of a score needs is to name it and go on.
/// After [`Error::Truncated`] or another error of the file there is nothing more.
pub struct Variants {
    lines: Lines,
    layout: Layout,
    line: String,
    waiting: std::vec::IntoIter<Result<Allele, Error>>,
    ended: bool,
}

/// Where chromosome, position, identifier, REF and ALT stand in a line.
struct Layout {
    columns: [usize; 4],
    id: Option<usize>,
    vcf: bool,
}

/// Names that the columns of a table may have.
const NAMES: [&[&str]; 4] = [
    &["CHROM", "chromosome", "Chromosome", "chrom", "chr"],
    &["POS", "position", "Position", "pos"],
    &["REF", "reference_bases", "ref", "reference"],
    &["ALT", "alternate_bases", "alt", "alternate"],
];
const ID_NAMES: &[&str] = &["ID", "id", "variant_id", "name", "rsid"];

impl Variants {
    /// Opens a VCF, VCF.gz or a tab-separated table whose header names `CHROM`, `POS`, `REF` and `ALT` (or as the SDK does
    /// `chromosome`, `position`, `reference_bases`, `alternate_bases`).
    pub fn open(path: &Path) -> Result<Self, Error> {
        let mut lines = Lines::open(path)?;
        let mut line = String::new();
        let mut vcf = false;
        loop {
            if !lines.next(&mut line)? {
                return Err(Error::content(
                    path,
                    "has no header: a VCF has a line that starts with #CHROM, a table names its columns",
                ));
            }
            if !line.starts_with("##") {
                break;
            }
            vcf |= line.starts_with("##fileformat=VCF");
        }
        vcf |= line.starts_with("#CHROM\tPOS\tID\tREF\tALT");
        let header: Vec<_> = line.trim_start_matches('#').split('\t').collect();
        let find = |names: &[&str]| header.iter().position(|column| names.contains(column));
        let mut columns = [0; 4];
        for (column, names) in columns.iter_mut().zip(NAMES) {
            *column = find(names).ok_or_else(|| {
                lines.fail(format!(
                    "the header has no column {}; it names {}",
                    names.join(" or "),
                    header.join(", ")
                ))
            })?;
        }
        let layout = Layout {
            columns,
            id: find(ID_NAMES),
            vcf,
        };
        Ok(Self {
            lines,
            layout,
            line,
            waiting: Vec::new().into_iter(),
            ended: false,
        })
    }

    fn record(&self) -> Vec<Result<Allele, Error>> {
        let fields: Vec<_> = self.line.split('\t').collect();
        let fail = |reason: String| vec![Err(self.lines.fail(reason))];
        let wanted = self
            .layout
            .columns
            .into_iter()
            .chain(self.layout.id)
            .max()
            .unwrap_or(0)
            + 1;
        if fields.len() < wanted {
            return fail(format!(
                "has {} columns parted by tabs, and the header has at least {wanted}",
                fields.len()
            ));
        }
        let [chromosome, position, reference, alternate] =
            self.layout.columns.map(|column| fields[column]);
        let Ok(position) = position.parse::<i64>() else {
            return fail(format!(
                "the position is {position:?}, which is no whole number"
            ));
        };
        let id = self
            .layout
            .id
            .map(|column| fields[column])
            .filter(|id| !id.is_empty() && *id != ".")
            .map(str::to_owned);
        // A VCF may write bases in lower case, and an empty allele is a dot or a dash in tables.
        let bases = |text: &str| match text {
            "." | "-" if !self.layout.vcf => String::new(),
            _ if self.layout.vcf && !text.starts_with('<') => text.to_ascii_uppercase(),
            _ => text.to_owned(),
        };
        if self.layout.vcf && matches!(alternate, "." | "") {
            return fail(format!(
                "{chromosome}:{position} has no ALT allele, so there is nothing to score"
            ));
        }
        let alternates: Vec<_> = if self.layout.vcf {
            alternate.split(',').collect()
        } else {
            vec![alternate]
        };
        let allele = |(index, alternate): (usize, &str)| {
            let variant = Variant::new(chromosome, position, bases(reference), bases(alternate))
                .map_err(|error| self.lines.fail(error.to_string()))?;
            Ok(Allele {
                id: id.clone(),
                line: self.lines.number(),
                index,
                variant,
            })
        };
        alternates.into_iter().enumerate().map(allele).collect()
    }
}

impl Iterator for Variants {
    type Item = Result<Allele, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(allele) = self.waiting.next() {
                return Some(allele);
            }
            if self.ended {
                return None;
            }
            let mut line = std::mem::take(&mut self.line);
            let more = self.lines.next(&mut line);
            self.line = line;
            match more {
                Ok(true) if self.line.is_empty() || self.line.starts_with('#') => {}
                Ok(true) => self.waiting = self.record().into_iter(),
                Ok(false) => self.ended = true,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
    }
}

impl Variants {
    /// The file that is read.
    pub fn path(&self) -> &Path {
        self.lines.path()
    }
}
