//! The models that the kernels take.

use super::CudaError;
use crate::config::Config;

/// Whether the kernels take a model of these widths.
pub(super) fn check(config: &Config) -> Result<(), CudaError> {
    let (tower, pair, embedders) = (&config.tower, &config.pair, &config.embedders);
    let mut widths = vec![
        ("tower.channels", tower.channels),
        ("tower.head_width", tower.head_width),
        ("tower.value_width", tower.value_width),
        ("tower.mlp_hidden", tower.mlp_hidden),
        ("pair.channels", pair.channels),
        ("pair.row_width", pair.row_width),
        ("pair.mlp_hidden", pair.mlp_hidden),
        ("embedders.embeddings_1bp", embedders.embeddings_1bp),
        ("embedders.embeddings_128bp", embedders.embeddings_128bp),
    ];
    widths.extend(
        config
            .encoder
            .channels
            .iter()
            .map(|&c| ("encoder.channels", c)),
    );
    if let Some((name, width)) = widths.iter().find(|(_, width)| !width.is_multiple_of(8)) {
        return Err(CudaError::Shape(format!(
            "{name} is {width}, expected a multiple of 8"
        )));
    }
    let narrow = [
        ("tower.head_width", tower.head_width),
        ("tower.value_width", tower.value_width),
        ("pair.channels", pair.channels),
    ];
    if let Some((name, width)) = narrow.iter().find(|(_, width)| *width > 256) {
        return Err(CudaError::Shape(format!(
            "{name} is {width}, expected at most 256"
        )));
    }
    if pair.pool != 16 {
        return Err(CudaError::Shape(format!(
            "pair.pool is {}, expected 16",
            pair.pool
        )));
    }
    Ok(())
}
