//! Tab-separated tables with a header.

use std::path::Path;

use crate::Error;
use crate::text::Lines;

/// Calls `row` with the fields of `columns` for each line of the table; an `Err` of it becomes the error of that line.
pub(crate) fn read<const N: usize>(
    path: &Path,
    columns: [&str; N],
    mut row: impl FnMut([&str; N]) -> Result<(), String>,
) -> Result<(), Error> {
    let mut lines = Lines::open(path)?;
    let mut line = String::new();
    if !lines.next(&mut line)? {
        return Err(Error::content(
            path,
            format!(
                "is empty; it needs a header with the columns {}",
                columns.join(", ")
            ),
        ));
    }
    let header: Vec<_> = line
        .trim_start_matches('#')
        .split('\t')
        .map(str::to_owned)
        .collect();
    let mut places = [0; N];
    for (place, column) in places.iter_mut().zip(columns) {
        *place = header
            .iter()
            .position(|name| name == column)
            .ok_or_else(|| {
                lines.fail(format!(
                    "column {column:?} is missing; the header has {}",
                    header.join(", ")
                ))
            })?;
    }
    while lines.next(&mut line)? {
        if line.is_empty() {
            continue;
        }
        let fields: Vec<_> = line.split('\t').collect();
        if fields.len() != header.len() {
            return Err(lines.fail(format!(
                "has {} columns, and the header has {}",
                fields.len(),
                header.len()
            )));
        }
        row(places.map(|place| fields[place])).map_err(|reason| lines.fail(reason))?;
    }
    Ok(())
}

/// A whole number of a column.
pub(crate) fn number(column: &str, text: &str) -> Result<i64, String> {
    text.parse::<i64>()
        .map_err(|_| format!("{column} is {text:?}, which is no whole number"))
}
