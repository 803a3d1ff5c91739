//! Names of chromosomes, which files of one genome often write in two ways.

use std::collections::BTreeSet;
use std::path::Path;

use crate::Error;

/// Fails where no chromosome of `path`, an annotation or a table, is one of the genome's: the message says whether one side
/// has the prefix `chr`. Scores would have no gene and no site, and say nothing.
///
/// ```
/// let genome = ["chr1".to_owned()];
/// let check = |name| genome::chromosomes::check("genes.gtf".as_ref(), [name], &genome);
/// assert!(check("chr1").is_ok());
/// assert!(check("1").unwrap_err().to_string().contains("prefix"));
/// ```
pub fn check<'a>(
    path: &Path,
    own: impl IntoIterator<Item = &'a str>,
    genome: &[String],
) -> Result<(), Error> {
    let own: BTreeSet<_> = own.into_iter().collect();
    let Some(first) = own.first() else {
        return Ok(());
    };
    if genome.iter().any(|name| own.contains(name.as_str())) {
        return Ok(());
    }
    let hint = hint(first, genome);
    Err(Error::content(
        path,
        format!("none of its chromosomes is in the genome: it has {first:?}{hint}"),
    ))
}

/// Says where a file has the same chromosome with or without the prefix `chr`.
pub(crate) fn hint<S: AsRef<str>>(chromosome: &str, names: &[S]) -> String {
    let other = chromosome
        .strip_prefix("chr")
        .map_or_else(|| format!("chr{chromosome}"), str::to_owned);
    if names.iter().any(|name| name.as_ref() == other) {
        return format!(
            ", but {other:?} is there: one side has the prefix \"chr\" and the other has not; rename one of them"
        );
    }
    let mut some: Vec<_> = names
        .iter()
        .take(5)
        .map(|name| format!("{:?}", name.as_ref()))
        .collect();
    if names.len() > some.len() {
        some.push(format!("{} more", names.len() - some.len()));
    }
    format!("; there are {}", some.join(", "))
}
