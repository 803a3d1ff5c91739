//! Channels of an output: which are tracks, and what is known of them.

use std::sync::Arc;

use anyhow::{Context, Result};
use genome::Strand;
use model::metadata::{Metadata, Track};
use scorers::{OutputType, Tracks};

/// The channels of an output in one organism.
#[derive(Clone, Debug)]
pub struct Channels {
    /// Channels that are tracks, ascending; the others fill the head to its width.
    pub kept: Vec<usize>,
    /// The channel of the other strand for every channel; nothing for junctions, whose strands are halves.
    pub reindex: Vec<usize>,
    /// The tracks.
    pub tracks: Arc<Tracks>,
}

/// Classes of splice sites that are tracks; the fifth says that there is no site.
const SITE_KINDS: usize = 4;

impl Channels {
    /// The channels of `output`; nothing where the organism has no such output.
    ///
    /// # Errors
    /// Where the strands of tracks cannot be paired, or one is no strand.
    pub fn of(metadata: &Metadata, organism: usize, output: OutputType) -> Result<Option<Self>> {
        let all = metadata.tracks(organism, output.name());
        let mut kept: Vec<usize> = (0..all.len()).filter(|at| !all[*at].padding).collect();
        if output == OutputType::SpliceSites {
            kept.truncate(SITE_KINDS);
        }
        if kept.is_empty() {
            return Ok(None);
        }
        let reindex = metadata
            .strand_reindexing(organism, output.name())
            .with_context(|| {
                format!("tracks.json: {output} has not as many tracks on `+` as on `-`")
            })?;
        let tracks = table(kept.iter().map(|at| &all[*at]))
            .with_context(|| format!("tracks.json: {output}"))?;
        Ok(Some(Self {
            kept,
            reindex,
            tracks: Arc::new(tracks),
        }))
    }

    /// `[rows, channels]` without the channels that are no tracks.
    pub fn without_padding<T: Copy>(&self, values: Vec<T>) -> Vec<T> {
        let channels = self.reindex.len();
        if self.kept.len() == channels {
            return values;
        }
        let rows = values.chunks_exact(channels);
        rows.flat_map(|row| self.kept.iter().map(|at| row[*at]))
            .collect()
    }
}

/// A column of the SDK's table, and a track's value of it.
type Column = (&'static str, fn(&Track) -> Option<String>);

/// The SDK's table of tracks. A column belongs to an output where one of its tracks has a value.
fn table<'a>(tracks: impl Iterator<Item = &'a Track> + Clone) -> Result<Tracks> {
    let strands = tracks.clone().map(|track| {
        let strand = track.strand.as_deref().unwrap_or(".");
        Strand::parse(strand).with_context(|| format!("track `{}`: strand `{strand}`", track.name))
    });
    let names = tracks.clone().map(|track| track.name.clone());
    let mut table = Tracks::new(names.collect(), strands.collect::<Result<_>>()?);
    let columns: [Column; 12] = [
        ("Assay title", |track| track.assay.clone()),
        ("ontology_curie", |track| track.ontology_curie.clone()),
        ("biosample_name", |track| track.biosample_name.clone()),
        ("biosample_type", |track| track.biosample_type.clone()),
        ("biosample_life_stage", |track| {
            track.biosample_life_stage.clone()
        }),
        ("gtex_tissue", |track| track.gtex_tissue.clone()),
        ("data_source", |track| track.data_source.clone()),
        ("endedness", |track| track.endedness.clone()),
        ("genetically_modified", |track| {
            // As pandas writes it.
            track
                .genetically_modified
                .map(|yes| if yes { "True" } else { "False" }.into())
        }),
        ("transcription_factor", |track| {
            track.transcription_factor.clone()
        }),
        ("histone_mark", |track| track.histone_mark.clone()),
        ("nonzero_mean", |track| {
            track.nonzero_mean.map(|mean| mean.to_string())
        }),
    ];
    for (name, value) in columns {
        let values: Vec<_> = tracks.clone().map(value).collect();
        if values.iter().any(Option::is_some) {
            table = table.with(name, values);
        }
    }
    Ok(table)
}
