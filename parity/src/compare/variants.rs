//! Variant effects: ALT minus REF on both sides.

use parity_stats::effects::{Alleles, effect_parity};

use super::Source;
use crate::outputs::{Kind, head_of, kind_of};
use crate::recording::{Allele, Recording, RecordingError, Variant};
use crate::result::{VariantOutput, VariantResult};
use crate::sample::common;

/// The pairs of cases of a recording that are two alleles of one variant: by the manifest, or by names that end in `_ref`
/// and `_alt` (after a length and an organism are left off, they still must).
pub fn pairs(recording: &Recording) -> Vec<(String, String, String)> {
    let alleles: Vec<(Variant, &str)> = recording
        .manifest
        .cases
        .iter()
        .filter_map(|case| {
            let variant = case
                .variant
                .clone()
                .or_else(|| Variant::of_name(&case.name))?;
            Some((variant, case.name.as_str()))
        })
        .collect();
    alleles
        .iter()
        .filter(|(variant, _)| variant.allele == Allele::Ref)
        .filter_map(|(variant, name)| {
            let (_, alt) = alleles
                .iter()
                .find(|(other, _)| other.id == variant.id && other.allele == Allele::Alt)?;
            Some((variant.id.clone(), name.to_string(), alt.to_string()))
        })
        .collect()
}

/// Compares the effects of one variant. Each side is given as its REF and ALT case.
///
/// # Errors
/// Where an array cannot be read.
pub fn compare_variant(
    id: &str,
    reference: [&mut dyn Source; 2],
    candidate: [&mut dyn Source; 2],
) -> Result<VariantResult, RecordingError> {
    let [a_ref, a_alt] = reference;
    let [b_ref, b_alt] = candidate;
    let mut result = VariantResult {
        id: id.into(),
        outputs: Vec::new(),
        left_out: Vec::new(),
    };
    for name in a_ref.names() {
        let in_all = [&*a_alt, &*b_ref, &*b_alt]
            .iter()
            .all(|side| side.names().contains(&name));
        if !in_all || !is_prediction(&name) {
            continue;
        }
        let a = [
            a_ref.array(&name)?.into_owned(),
            a_alt.array(&name)?.into_owned(),
        ];
        let b = [
            b_ref.array(&name)?.into_owned(),
            b_alt.array(&name)?.into_owned(),
        ];
        let pairs = (common(&a[0], &b[0]), common(&a[1], &b[1]));
        let (Ok(low), Ok(high)) = pairs else {
            result.left_out.push(name);
            continue;
        };
        if low.layout != high.layout {
            result.left_out.push(name);
            continue;
        }
        let effects = effect_parity(
            Alleles {
                reference_allele: low.reference.view(),
                alternative_allele: high.reference.view(),
            },
            Alleles {
                reference_allele: low.candidate.view(),
                alternative_allele: high.candidate.view(),
            },
        );
        if let Ok(effects) = effects {
            let largest = effects
                .largest_reference
                .map(|effect| low.layout.place(effect.index as usize));
            result.outputs.push(VariantOutput {
                name,
                effects,
                largest_place: largest,
            });
        }
    }
    Ok(result)
}

fn is_prediction(name: &str) -> bool {
    match kind_of(name).kind {
        kind if kind.has_tracks() => true,
        Kind::Pair => head_of(name).is_some(),
        Kind::Other => true,
        _ => false,
    }
}
