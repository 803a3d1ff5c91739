//! Tables that no parameter holds.

use ::cuda::{Span, arguments};

use super::Uploader;
use crate::config::Head;
use crate::cuda::CudaError;
use crate::precision::Rounding;
use crate::rotary::{central_mask_widths, inverse_frequencies};

/// The longest sequence, in trunk positions, for which there are rotary tables.
const LONGEST: usize = 8192;

impl Uploader<'_> {
    /// Tables that no parameter holds: rotary embeddings, distances, track means.
    pub(super) fn tables(&mut self) -> Result<(), CudaError> {
        let (config, metadata) = (self.config, self.metadata);
        let (tower, pair) = (&config.tower, &config.pair);
        let pairs = tower.head_width / 2;
        // The table rounds the quotients.
        let roundings = [self.roundings.denominators, Rounding::None];
        let frequencies = inverse_frequencies(pairs, tower.max_position, roundings);
        let rounded = self.table("rotary/frequencies", &frequencies, true)?;
        let tables =
            ["rotary/cosines", "rotary/sines"].map(|name| self.reserve(name, 4 * LONGEST * pairs));
        let [cosines, sines] = tables;
        let (cosines, sines) = (cosines?, sines?);
        let arguments = arguments![&rounded, &cosines, &sines, LONGEST as i32, pairs as i32];
        self.each("rotary_tables", LONGEST * pairs, &arguments)?;
        let widths =
            central_mask_widths(pair.position_features / 2, tower.max_position / pair.pool);
        self.table("position_widths", &widths, false)?;
        for (name, head) in &config.heads {
            match head {
                Head::GenomeTracks {
                    output_type,
                    resolutions,
                    ..
                } => {
                    let Some(metadata) = metadata else { continue };
                    for &resolution in resolutions {
                        let means = (0..config.num_organisms)
                            .flat_map(|organism| metadata.means(organism, output_type))
                            .map(|mean| mean * resolution as f32);
                        let name = format!("head/{name}/resolution_{resolution}/factor");
                        self.table(&name, &means.collect::<Vec<f32>>(), false)?;
                    }
                }
                Head::SpliceSitesJunction {
                    hidden,
                    max_position,
                    ..
                } => {
                    let frequencies =
                        inverse_frequencies(hidden / 2, *max_position, [Rounding::None; 2]);
                    self.table(&format!("head/{name}/frequencies"), &frequencies, false)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn table(&mut self, name: &str, values: &[f32], rounded: bool) -> Result<Span, CudaError> {
        let to = self.reserve(name, 4 * values.len())?;
        self.device
            .write(values, &to.slice(0, 4 * values.len() as u64)?)?;
        if rounded {
            let n = values.len();
            self.each("round_values", n, &arguments![&to, &to, n as i64])?;
        }
        Ok(to)
    }
}
