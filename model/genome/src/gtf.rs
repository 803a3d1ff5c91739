//! Genes of a GTF file as GENCODE writes it, plain or compressed.

use std::collections::HashMap;
use std::path::Path;

use crate::annotation::{Annotation, Gene, Transcript};
use crate::cache;
use crate::text::Lines;
use crate::{Error, Interval, Strand};

/// Reads the rows `gene`, `transcript` and `exon`; others are passed over. Exons may stand before their transcript, and
/// transcripts before their gene.
///
/// Fails where a row is not whole, names no gene or transcript, or where no exon is left.
pub fn read(path: &Path) -> Result<Annotation, Error> {
    let mut lines = Lines::open(path)?;
    let (mut genes, mut transcripts, mut exons) = (Vec::new(), Vec::new(), Vec::new());
    let mut line = String::new();
    while lines.next(&mut line)? {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some(row) = parse(&line).map_err(|reason| lines.fail(reason))? else {
            continue;
        };
        let number = lines.number();
        match row.feature {
            Feature::Gene => genes.push(Gene {
                id: row.gene_id.to_owned(),
                name: row.gene_name.to_owned(),
                biotype: row.gene_type.to_owned(),
                interval: row.interval,
            }),
            Feature::Transcript => transcripts.push((
                row.transcript_id.to_owned(),
                row.gene_id.to_owned(),
                row.interval,
                number,
            )),
            Feature::Exon => exons.push((row.transcript_id.to_owned(), row.interval, number)),
        }
    }
    for (rows, name) in [
        (genes.len(), "gene"),
        (transcripts.len(), "transcript"),
        (exons.len(), "exon"),
    ] {
        if rows == 0 {
            return Err(Error::content(
                path,
                format!(
                    "has no row of type `{name}`; gene scorers need genes, transcripts and exons, as in GENCODE's GTF"
                ),
            ));
        }
    }
    assemble(path, genes, transcripts, exons)
}

/// [`read`], with the genes kept in a file beside it (`.genes.json`), where that can be written, and taken from there as long
/// as the GTF's size and time of change are the same.
pub fn read_cached(path: &Path) -> Result<Annotation, Error> {
    cache::annotation(path, || read(path))
}

fn assemble(
    path: &Path,
    genes: Vec<Gene>,
    transcripts: Vec<(String, String, Interval, u64)>,
    exons: Vec<(String, Interval, u64)>,
) -> Result<Annotation, Error> {
    let by_id: HashMap<_, _> = genes
        .iter()
        .enumerate()
        .map(|(index, gene)| (gene.id.clone(), index))
        .collect();
    let mut of_transcript = HashMap::with_capacity(transcripts.len());
    let mut whole = Vec::with_capacity(transcripts.len());
    for (id, gene_id, interval, number) in transcripts {
        let gene = *by_id.get(&gene_id).ok_or_else(|| {
            Error::line(
                path,
                number,
                format!(
                    "transcript {id:?} names gene {gene_id:?}, which has no row of type `gene`"
                ),
            )
        })?;
        of_transcript.insert(id.clone(), whole.len());
        whole.push(Transcript {
            id,
            gene,
            interval,
            exons: Vec::new(),
        });
    }
    for (transcript, interval, number) in exons {
        let index = *of_transcript.get(&transcript).ok_or_else(|| {
            Error::line(
                path,
                number,
                format!(
                    "exon names transcript {transcript:?}, which has no row of type `transcript`"
                ),
            )
        })?;
        whole[index].exons.push((interval.start, interval.end));
    }
    Ok(Annotation::new(genes, whole))
}

enum Feature {
    Gene,
    Transcript,
    Exon,
}

struct Row<'a> {
    feature: Feature,
    interval: Interval,
    gene_id: &'a str,
    gene_name: &'a str,
    gene_type: &'a str,
    transcript_id: &'a str,
}

fn parse(line: &str) -> Result<Option<Row<'_>>, String> {
    let mut fields = line.split('\t');
    let mut next = || fields.next();
    let (Some(chromosome), Some(_), Some(feature)) = (next(), next(), next()) else {
        return Err("a row of a GTF has 9 columns parted by tabs".to_owned());
    };
    let feature = match feature {
        "gene" => Feature::Gene,
        "transcript" => Feature::Transcript,
        "exon" => Feature::Exon,
        _ => return Ok(None),
    };
    let (Some(start), Some(end), Some(_), Some(strand), Some(_), Some(attributes)) =
        (next(), next(), next(), next(), next(), next())
    else {
        return Err("a row of a GTF has 9 columns parted by tabs".to_owned());
    };
    let number = |text: &str, what| {
        text.parse::<i64>()
            .ok()
            .filter(|n| (1..1 << 60).contains(n))
            .ok_or_else(|| format!("{what} is {text:?}, and bases are counted from 1"))
    };
    let (start, end) = (number(start, "start")?, number(end, "end")?);
    let strand = Strand::parse(strand)
        .ok_or_else(|| format!("strand is {strand:?}, and may be '+', '-' or '.'"))?;
    let backwards = || format!("end {end} lies before start {start}");
    if end < start {
        return Err(backwards());
    }
    let interval = Interval::new(chromosome, start - 1, end, strand).map_err(|_| backwards())?;
    let gene_id = attribute(attributes, "gene_id").ok_or("has no attribute gene_id")?;
    let transcript_id = attribute(attributes, "transcript_id").unwrap_or("");
    if transcript_id.is_empty() && !matches!(feature, Feature::Gene) {
        return Err("has no attribute transcript_id".to_owned());
    }
    // Ensembl's own files write gene_biotype for what GENCODE calls gene_type.
    let gene_type = attribute(attributes, "gene_type")
        .or_else(|| attribute(attributes, "gene_biotype"))
        .unwrap_or("");
    let gene_name = attribute(attributes, "gene_name").unwrap_or("");
    Ok(Some(Row {
        feature,
        interval,
        gene_id,
        gene_name,
        gene_type,
        transcript_id,
    }))
}

/// The value of `key` among `key "value"; key value; ...`. A quoted value may hold semicolons and blanks.
fn attribute<'a>(attributes: &'a str, key: &str) -> Option<&'a str> {
    let mut rest = attributes.trim_start();
    while !rest.is_empty() {
        let (name, after) = rest.split_once([' ', '\t'])?;
        let after = after.trim_start();
        let (value, end) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(';').unwrap_or(after.len())),
        };
        if name == key {
            return Some(value.trim_end());
        }
        rest = end
            .split_once(';')
            .map_or("", |(_, rest)| rest)
            .trim_start();
    }
    None
}
