//! An annotation as it was read from a GTF, which takes longer than all else that precedes a score.

use std::borrow::Cow;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::annotation::{Annotation, Gene, Transcript};
use crate::text::keep;

/// Changes with the layout of what is kept.
const FORMAT: u32 = 1;

#[derive(Deserialize, Serialize)]
struct Kept<'a> {
    format: u32,
    /// Of the GTF.
    bytes: u64,
    modified: SystemTime,
    genes: Cow<'a, [Gene]>,
    transcripts: Cow<'a, [Transcript]>,
}

/// What is kept of the GTF at `path`, or else what `read` gives. A file that cannot be used is made again.
pub(crate) fn annotation(
    path: &Path,
    read: impl FnOnce() -> Result<Annotation, Error>,
) -> Result<Annotation, Error> {
    let beside = path.with_added_extension("genes.json");
    let state = path
        .metadata()
        .and_then(|data| Ok((data.len(), data.modified()?)));
    let Ok((bytes, modified)) = state else {
        return read();
    };
    let fits = |kept: &Kept<'_>| {
        let genes = kept.genes.len();
        kept.format == FORMAT
            && (kept.bytes, kept.modified) == (bytes, modified)
            && kept
                .transcripts
                .iter()
                .all(|transcript| transcript.gene < genes)
    };
    let text = fs::read(&beside).unwrap_or_default();
    if let Some(kept) = serde_json::from_slice::<Kept<'_>>(&text).ok().filter(fits) {
        return Ok(Annotation::new(
            kept.genes.into_owned(),
            kept.transcripts.into_owned(),
        ));
    }
    let annotation = read()?;
    let kept = Kept {
        format: FORMAT,
        bytes,
        modified,
        genes: annotation.genes().into(),
        transcripts: annotation.transcripts().into(),
    };
    if let Ok(text) = serde_json::to_vec(&kept) {
        keep(&beside, &text);
    }
    Ok(annotation)
}
