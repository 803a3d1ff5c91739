//! The models that the kernels take.

use super::CudaError;
use crate::config::{Config, Head};

/// Classes that one thread of `head_outputs` has.
const CLASSES: usize = 8;

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
    for head in config.heads.values() {
        match head {
            Head::SpliceSitesJunction { hidden, .. } => {
                widths.push(("the hidden width of a junction head", *hidden));
            }
            Head::SpliceSitesClassification { tracks, .. } if *tracks > CLASSES => {
                return Err(CudaError::Shape(format!(
                    "there are {tracks} classes of splice sites, expected at most {CLASSES}"
                )));
            }
            _ => {}
        }
    }
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

#[cfg(test)]
mod tests {
    use super::check;
    use crate::config::{Config, Head};

    #[test]
    fn a_model_that_the_kernels_do_not_take_is_refused() {
        let full = Config::parse(include_str!("../../tests/data/full_config.json")).unwrap();
        assert!(check(&full).is_ok());
        let refused = |change: &dyn Fn(&mut Head)| {
            let mut config = full.clone();
            config.heads.values_mut().for_each(change);
            check(&config).unwrap_err().to_string()
        };
        let classes = refused(&|head| {
            if let Head::SpliceSitesClassification { tracks, .. } = head {
                *tracks = 9;
            }
        });
        assert!(classes.contains("9 classes of splice sites"), "{classes}");
        let hidden = refused(&|head| {
            if let Head::SpliceSitesJunction { hidden, .. } = head {
                *hidden = 12;
            }
        });
        assert!(
            hidden.contains("is 12, expected a multiple of 8"),
            "{hidden}"
        );
    }
}
