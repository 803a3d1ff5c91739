//! Predictions as a long Parquet table: a row a bin and track.

use std::io::Write;

use anyhow::Result;
use parquet::data_type::ByteArray;

use crate::Subject;
use crate::parquet::{Cell, Kind, Parquet};
use crate::selection::Selection;
use crate::spool::{Piece, Spool};

/// Columns before the values.
const COLUMNS: [(&str, Kind); 8] = [
    ("region", Kind::Text),
    ("chromosome", Kind::Text),
    ("start", Kind::Integer),
    ("end", Kind::Integer),
    ("output_type", Kind::Text),
    ("track", Kind::Integer),
    ("track_name", Kind::Text),
    ("track_strand", Kind::Text),
];

/// A table in the making, with a column of values for each of `alleles`.
///
/// # Errors
/// Where it cannot be written.
pub fn create<W: Write + Send>(to: W, alleles: &[&str]) -> Result<Parquet<W>> {
    let mut columns = COLUMNS.to_vec();
    match alleles {
        [] => columns.push(("value", Kind::Real)),
        _ => {
            columns[0].0 = "variant_id";
            columns.extend(alleles.iter().map(|allele| (*allele, Kind::Real)));
        }
    }
    Parquet::new(to, &columns)
}

/// Appends the rows of a region or variant: output by output, track by track, along the chromosome.
///
/// # Errors
/// Where pieces cannot be read, or the table cannot be written.
pub fn append<W: Write + Send>(
    table: &mut Parquet<W>,
    subject: &Subject,
    pieces: &[Piece],
    selection: &Selection,
    spool: &Spool,
) -> Result<()> {
    let chromosome = ByteArray::from(subject.interval.chromosome.as_str());
    let name = ByteArray::from(subject.name.as_str());
    for (output, selected) in &selection.0 {
        let of_allele = |allele| {
            let own = pieces.iter().filter(move |own| own.allele == allele);
            own.filter(|own| own.output == *output)
        };
        let alleles = pieces.iter().map(|own| own.allele + 1).max().unwrap_or(0);
        // Both alleles have the same pieces in the same order.
        let own: Vec<Vec<_>> = (0..alleles)
            .map(|allele| of_allele(allele).collect())
            .collect();
        let output = ByteArray::from(output.name());
        for (place, at) in selected.kept.iter().enumerate() {
            let track = ByteArray::from(selected.tracks.names()[*at].as_str());
            let strand = ByteArray::from(selected.tracks.strands()[*at].as_str());
            for (window, first) in own.first().into_iter().flatten().enumerate() {
                let same = own.iter().map(|pieces| pieces[window]);
                let values = same.map(|piece| spool.track(piece, place));
                let values = values.collect::<Result<Vec<_>, _>>()?;
                for bin in 0..first.bins {
                    let (start, end) = first.bases(bin);
                    let cells = [
                        Cell::Text(&name),
                        Cell::Text(&chromosome),
                        Cell::Integer(start),
                        Cell::Integer(end),
                        Cell::Text(&output),
                        Cell::Integer(*at as i64),
                        Cell::Text(&track),
                        Cell::Text(&strand),
                    ];
                    let values = values.iter().map(|values| Cell::Real(values[bin]));
                    table.row(cells.into_iter().chain(values))?;
                }
            }
        }
    }
    Ok(())
}
