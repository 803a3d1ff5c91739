//! The heads (`heads.py`).

pub mod contact_maps;
pub mod junctions;
mod predict;
pub mod splice_sites;
pub mod tracks;

use std::collections::BTreeMap;

use burn::tensor::Tensor;

use crate::config::{Config, Head as HeadConfig};
use crate::layers::Linear;
use crate::metadata::Metadata;
use crate::operations::{Activation, Operations};
use crate::parameters::Loader;
use crate::precision::Roundings;

pub use contact_maps::ContactMapsHead;
pub use junctions::JunctionHead;
pub use splice_sites::{ClassificationHead, UsageHead};
pub use tracks::GenomeTracksHead;

/// One head.
#[derive(Clone, Debug)]
pub enum Head<B: Operations> {
    /// Tracks along the sequence.
    GenomeTracks(GenomeTracksHead<B>),
    /// Contacts of all pairs.
    ContactMaps(ContactMapsHead<B>),
    /// Probabilities of splice sites.
    SpliceSitesClassification(ClassificationHead<B>),
    /// Usage of splice sites.
    SpliceSitesUsage(UsageHead<B>),
    /// Junctions between splice sites.
    SpliceSitesJunction(JunctionHead<B>),
}

/// Takes the parameters of all heads.
pub(crate) fn load<B: Operations>(
    loader: &mut Loader<'_, B>,
    config: &Config,
    metadata: Option<&Metadata>,
) -> BTreeMap<String, Head<B>> {
    let head = |(name, head): (&String, &HeadConfig)| {
        let path = format!("alphagenome/head/{name}");
        let head = match head {
            HeadConfig::GenomeTracks { .. } => Head::GenomeTracks(GenomeTracksHead::load(
                loader, &path, config, head, metadata,
            )),
            HeadConfig::ContactMaps { tracks, .. } => {
                Head::ContactMaps(ContactMapsHead::load(loader, &path, config, *tracks))
            }
            HeadConfig::SpliceSitesClassification { tracks, .. } => {
                Head::SpliceSitesClassification(ClassificationHead::load(
                    loader, &path, config, *tracks,
                ))
            }
            HeadConfig::SpliceSitesUsage { tracks, .. } => {
                Head::SpliceSitesUsage(UsageHead::load(loader, &path, config, *tracks))
            }
            HeadConfig::SpliceSitesJunction { .. } => {
                Head::SpliceSitesJunction(JunctionHead::load(loader, &path, config, head, metadata))
            }
        };
        (name.clone(), head)
    };
    config.heads.iter().map(head).collect()
}

/// `_MultiOrganismLinear`: [`Operations::organism_linear`] a sequence at a time.
pub(crate) fn organism_linear<B: Operations>(
    x: Tensor<B, 3>,
    linears: &[Linear<B>],
    organisms: &[usize],
    roundings: Roundings,
) -> Tensor<B, 3> {
    let project = |x, linear| B::project(x, linear, Activation::Identity, roundings);
    let first = organisms[0];
    if organisms.iter().all(|&organism| organism == first) {
        return project(x, &linears[first]);
    }
    let parts = organisms
        .iter()
        .enumerate()
        .map(|(index, &organism)| project(x.clone().narrow(0, index, 1), &linears[organism]));
    Tensor::cat(parts.collect(), 0)
}
