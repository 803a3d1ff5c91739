use genome::{Interval, Variant};

use crate::center_mask::window;
use crate::{Allele, ContactMap, Error, OutputType, Predictions};

/// The bin of the contact map in which a variant starts.
#[derive(Clone, Debug)]
pub(crate) struct ContactRow {
    pub(crate) row: usize,
}

impl ContactRow {
    pub(crate) fn new(interval: &Interval, variant: &Variant) -> Result<Self, Error> {
        let resolution = OutputType::ContactMaps.resolution();
        let window = window(interval, variant, Some(resolution), resolution);
        if window.is_empty() {
            return Err(Error::Outside {
                variant: Box::new(variant.clone()),
                interval: Box::new(interval.clone()),
            });
        }
        Ok(Self { row: window.start })
    }

    /// The mean of `|ALT - REF|` over all bins, the own one too. The map is symmetric, so a row serves as the column that
    /// 0.3.0 takes.
    pub(crate) fn score(
        &self,
        reference: &Predictions,
        alternate: &Predictions,
        tracks: usize,
    ) -> Result<Vec<f32>, Error> {
        let own = self.contacts(reference, Allele::Reference, tracks)?;
        let other = self.contacts(alternate, Allele::Alternate, tracks)?;
        if own.len() != other.len() {
            let (found, expected) = (other.len(), own.len());
            return Err(Error::Shape {
                output: OutputType::ContactMaps,
                what: "the length of ALT's row",
                found,
                expected,
            });
        }
        let bins = own.len() as f64 / tracks.max(1) as f64;
        let mut sums = vec![0.0f64; tracks];
        if tracks > 0 {
            for (own, other) in own.chunks_exact(tracks).zip(other.chunks_exact(tracks)) {
                for ((sum, own), other) in sums.iter_mut().zip(own).zip(other) {
                    *sum += (f64::from(*other) - f64::from(*own)).abs();
                }
            }
        }
        Ok(sums.into_iter().map(|sum| (sum / bins) as f32).collect())
    }

    fn contacts<'a>(
        &self,
        predictions: &'a Predictions,
        allele: Allele,
        expected: usize,
    ) -> Result<&'a [f32], Error> {
        let output = OutputType::ContactMaps;
        let map = predictions
            .contact_maps
            .as_ref()
            .ok_or(Error::NoOutput { output, allele })?;
        let found = ContactMap::tracks(map);
        if found != expected {
            return Err(Error::Shape {
                output,
                what: "the number of tracks",
                found,
                expected,
            });
        }
        map.row(self.row).ok_or(Error::NotPredicted {
            output,
            allele,
            position: self.row,
        })
    }
}
