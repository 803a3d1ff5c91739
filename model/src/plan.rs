//! What has to be computed for a request, after checking it against the model.

use std::collections::BTreeSet;

use crate::array::Values;
use crate::batch::Batch;
use crate::config::{Config, Head, TRUNK_RESOLUTION};
use crate::heads::junctions::SpliceSitePositions;
use crate::regions::{Patch, Windows};
use crate::request::{Embedding, Request};

/// A forward pass that cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForwardError {
    /// An organism that the model does not have.
    #[error("organism {organism} of sequence {sequence}: the model has {names:?}, numbered from 0")]
    Organism {
        /// The sequence's place in the batch.
        sequence: usize,
        /// The organism's index.
        organism: usize,
        /// Organisms of the model.
        names: Vec<String>,
    },
    /// A head that the model does not have.
    #[error("the model has no head `{name}`: it has {}", .known.join(", "))]
    Head {
        /// The head asked for.
        name: String,
        /// Heads of the model.
        known: Vec<String>,
    },
    /// A resolution other than 1 and 128 bp.
    #[error("no head predicts at {0} bp: choose 1, 128 or both")]
    Resolution(u32),
    /// Junctions without splice sites to choose from.
    #[error(
        "junctions need splice sites, and the model has no head that classifies them: give splice_site_positions"
    )]
    NoClassification,
    /// An embedding that does not fit the batch and the model.
    #[error("given {name} is {found}, expected floats of {expected:?}")]
    Embedding {
        /// Its name among the outputs.
        name: &'static str,
        /// What it is.
        found: String,
        /// The shape that it should have.
        expected: Vec<usize>,
    },
    /// An embedding that heads read and that is not there.
    #[error("heads that were asked for read {0}, which was not given")]
    NoEmbedding(&'static str),
    /// Splice sites that do not fit the batch.
    #[error("splice_site_positions: {0}")]
    Positions(String),
    /// Windows or a patch that do not fit the batch or the rest of the request.
    #[error("{0}")]
    Regions(String),
}

/// What has to be computed.
pub(crate) struct Plan {
    /// Heads that were chosen.
    pub(crate) heads: BTreeSet<String>,
    /// Resolutions that were chosen.
    pub(crate) resolutions: BTreeSet<u32>,
    /// Embeddings that are handed out.
    pub(crate) embeddings: BTreeSet<Embedding>,
    /// Embeddings that are read, by heads or in the making of others, or handed out.
    pub(crate) read: BTreeSet<Embedding>,
    /// Those of them that are computed, since they were not given.
    pub(crate) computed: BTreeSet<Embedding>,
    /// Whether splice sites are classified to choose positions.
    pub(crate) chooses_positions: bool,
}

impl Plan {
    /// Plans a pass.
    pub(crate) fn new(
        config: &Config,
        batch: &Batch,
        request: &Request,
    ) -> Result<Self, ForwardError> {
        for (&embedding, array) in &request.given {
            let values = match array.values {
                Values::I32(_) | Values::Bool(_) => None,
                _ => Some(array.values.len()),
            };
            check_shape(embedding, (&array.shape, values), config, (batch, request))?;
        }
        let given = request.given.keys().copied().collect();
        Self::on(&given, config, batch, request)
    }

    /// Plans a pass on embeddings that are there.
    pub(crate) fn on(
        given: &BTreeSet<Embedding>,
        config: &Config,
        batch: &Batch,
        request: &Request,
    ) -> Result<Self, ForwardError> {
        for (sequence, &organism) in batch.organisms().iter().enumerate() {
            if organism >= config.num_organisms {
                return Err(ForwardError::Organism {
                    sequence,
                    organism,
                    names: config.organisms.clone(),
                });
            }
        }
        if let Some(&resolution) = request
            .resolutions
            .iter()
            .find(|resolution| ![1, 128].contains(*resolution))
        {
            return Err(ForwardError::Resolution(resolution));
        }
        let heads = match &request.heads {
            None => config.heads.keys().cloned().collect(),
            Some(names) => match names.iter().find(|name| !config.heads.contains_key(*name)) {
                Some(name) => {
                    return Err(ForwardError::Head {
                        name: name.clone(),
                        known: config.heads.keys().cloned().collect(),
                    });
                }
                None => names.clone(),
            },
        };
        if let Some(positions) = &request.splice_site_positions {
            check_positions(positions, batch).map_err(ForwardError::Positions)?;
        }
        let chosen = |name: &String| heads.contains(name);
        let any = |wanted: &dyn Fn(&Head) -> bool| {
            config
                .heads
                .iter()
                .any(|(name, head)| chosen(name) && wanted(head))
        };
        let wants = |resolution: u32| request.resolutions.contains(&resolution);
        let at = |base_pairs: u32| {
            wants(base_pairs)
                && any(&|head| match head {
                    Head::GenomeTracks { resolutions, .. } => resolutions.contains(&base_pairs),
                    Head::ContactMaps { .. } => false,
                    _ => base_pairs == 1,
                })
        };
        let chooses_positions = request.splice_site_positions.is_none()
            && wants(1)
            && any(&|head| matches!(head, Head::SpliceSitesJunction { .. }));
        let classifies = config
            .heads
            .values()
            .any(|head| matches!(head, Head::SpliceSitesClassification { .. }));
        if chooses_positions && !classifies {
            return Err(ForwardError::NoClassification);
        }
        check_regions(config, batch, request, chooses_positions).map_err(ForwardError::Regions)?;
        let embeds = |embedding| request.embeddings.contains(&embedding);
        let given = |embedding| given.contains(&embedding);
        let fine = at(1) || embeds(Embedding::OneBasePair);
        let bins = at(128) || embeds(Embedding::Bins) || (fine && !given(Embedding::OneBasePair));
        let pair = any(&|head| matches!(head, Head::ContactMaps { .. })) || embeds(Embedding::Pair);
        let read = [
            (Embedding::OneBasePair, fine),
            (Embedding::Bins, bins),
            (Embedding::Pair, pair),
        ];
        let read = read.into_iter().filter(|(_, read)| *read);
        let read: BTreeSet<Embedding> = read.map(|(embedding, _)| embedding).collect();
        Ok(Self {
            computed: read.iter().copied().filter(|&its| !given(its)).collect(),
            read,
            chooses_positions,
            embeddings: request.embeddings.clone(),
            resolutions: request.resolutions.clone(),
            heads,
        })
    }
}

impl Plan {
    /// Whether the trunk is read after the tower.
    pub(crate) fn trunk(&self) -> bool {
        self.computed.contains(&Embedding::Bins) || self.decoder()
    }

    /// Whether the decoder runs.
    pub(crate) fn decoder(&self) -> bool {
        self.computed.contains(&Embedding::OneBasePair)
    }
}

/// The shape of an embedding of a batch.
pub(crate) fn shape(
    embedding: Embedding,
    config: &Config,
    (batch, request): (&Batch, &Request),
) -> Vec<usize> {
    let (widths, bins) = (&config.embedders, batch.length() / 128);
    let pairs = bins / config.pair.pool;
    let windows = request.windows.as_ref();
    let rows = windows.map_or(batch.length(), Windows::rows);
    match embedding {
        Embedding::OneBasePair => vec![batch.size(), rows, widths.embeddings_1bp],
        Embedding::Bins => vec![batch.size(), bins, widths.embeddings_128bp],
        Embedding::Pair => vec![batch.size(), pairs, pairs, widths.embeddings_pair],
    }
}

/// Whether an embedding has the shape that it has in a batch, and as many values; `values` are none where they are no floats.
pub(crate) fn check_shape(
    embedding: Embedding,
    (found, values): (&[usize], Option<usize>),
    config: &Config,
    of: (&Batch, &Request),
) -> Result<(), ForwardError> {
    let expected = shape(embedding, config, of);
    if found == expected && values == Some(expected.iter().product()) {
        return Ok(());
    }
    let found = match values {
        Some(count) => format!("{found:?} with {count} values"),
        None => "no floats".into(),
    };
    Err(ForwardError::Embedding {
        name: embedding.name(),
        found,
        expected,
    })
}

fn check_regions(
    config: &Config,
    batch: &Batch,
    request: &Request,
    chooses_positions: bool,
) -> Result<(), String> {
    let (length, sequences) = (batch.length(), batch.size());
    if let Some(windows) = &request.windows {
        let [found, of] = [windows.sequences(), windows.length()];
        if (found, of) != (sequences, length) {
            return Err(format!(
                "windows are of {found} sequences of {of} bp, the batch has {sequences} of {length} bp"
            ));
        }
        if chooses_positions {
            return Err(
                "junctions choose their sites from whole sequences: give splice_site_positions where there are windows".into(),
            );
        }
        if let Some(given) = &request.splice_site_positions {
            for (sequence, places) in given.places.chunks(4 * given.count).enumerate() {
                let outside = |place: &&i32| {
                    **place >= 0 && windows.row(sequence, **place as usize).is_none()
                };
                if let Some(place) = places.iter().find(outside) {
                    return Err(format!(
                        "a splice site of sequence {sequence} is at {place}, outside of its windows"
                    ));
                }
            }
        }
    }
    let Some(patch @ Patch { window, changed }) = &request.patch else {
        return Ok(());
    };
    let whole = |at: &usize| at.is_multiple_of(TRUNK_RESOLUTION);
    let ends = [&window.start, &changed.start, &changed.end, &window.end];
    let fits = ends.is_sorted() && ends.into_iter().all(whole) && window.end <= length;
    if !fits || window.is_empty() {
        return Err(format!(
            "the patch {window:?} around {changed:?} must lie on whole positions of {TRUNK_RESOLUTION} bp within {length} bp"
        ));
    }
    if !patch.holds(config, batch) {
        return Err(format!(
            "the patch {window:?} around {changed:?} is too small: where sequences differ from the first one, all that the \
             encoder's convolutions reach must lie within"
        ));
    }
    Ok(())
}

fn check_positions(positions: &SpliceSitePositions, batch: &Batch) -> Result<(), String> {
    let (found, count) = (positions.places.len(), positions.count);
    if count == 0 || count.checked_mul(4 * batch.size()) != Some(found) {
        return Err(format!(
            "{found} places were given, expected [{}, 4, {count}] with at least one a kind",
            batch.size()
        ));
    }
    let length = batch.length();
    match positions
        .places
        .iter()
        .position(|&place| !(-1..length as i32).contains(&place))
    {
        Some(index) => Err(format!(
            "place {} of kind {} in sequence {} is {}, expected -1 (none) or a place within {length} bp",
            index % count,
            index / count % 4,
            index / count / 4,
            positions.places[index]
        )),
        None => Ok(()),
    }
}
