//! What became of a model's weights since `convert` wrote them: tensor by tensor, by the digests of its ledger.

use std::collections::BTreeMap;

#[cfg(feature = "burn")]
pub use ledger::changes;

/// What a tensor holds instead of what `convert` wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The values of another tensor, which is named.
    Copied(String),
    /// Zeros alone.
    Zero,
    /// Numbers that bfloat16 holds exactly, where it held others.
    Rounded,
    /// Other values.
    Other,
}

/// The tensors that were looked at, and those that are not as the ledger has them.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// How many were looked at.
    pub tensors: usize,
    /// Those that differ, by name.
    pub changed: BTreeMap<String, Change>,
}

#[cfg(feature = "burn")]
mod ledger {
    use std::path::Path;

    use half::bf16;
    use model::Parts;

    use super::{Change, Changes};
    use crate::weights::Ledger;

    /// Holds the tensors whose names `wanted` accepts to the ledger of the folder that `convert` wrote. Nothing where there is no
    /// ledger that could tell.
    pub fn changes(dir: &Path, parts: &Parts, wanted: impl Fn(&str) -> bool) -> Option<Changes> {
        let ledger = Ledger::read(dir).ok()?.filter(Ledger::tells_of_tensors)?;
        let mut changes = Changes::default();
        for (name, _, values) in parts.tensors(|name, _| wanted(name)) {
            let Some(entry) = ledger.tensors.get(name) else {
                continue;
            };
            let Some(digest) = digest(&entry.dtype, &values) else {
                continue;
            };
            changes.tensors += 1;
            if digest == entry.digest {
                continue;
            }
            let other = ledger
                .tensors
                .iter()
                .find(|(_, other)| other.digest == digest);
            let in_bfloat16 = |x: &f32| bf16::from_f32(*x).to_f32() == *x;
            let change = match other {
                Some((other, _)) => Change::Copied(other.clone()),
                None if values.iter().all(|x| *x == 0.0) => Change::Zero,
                None if values.iter().all(in_bfloat16) => Change::Rounded,
                None => Change::Other,
            };
            changes.changed.insert(name.to_owned(), change);
        }
        Some(changes)
    }

    /// The digest of values as the ledger's type stores them; nothing for a type that is not compared.
    fn digest(dtype: &str, values: &[f32]) -> Option<String> {
        let mut hasher = blake3::Hasher::new();
        for values in values.chunks(1 << 14) {
            let bytes: Vec<u8> = match dtype {
                "float32" => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
                "bfloat16" => values
                    .iter()
                    .flat_map(|x| bf16::from_f32(*x).to_le_bytes())
                    .collect(),
                _ => return None,
            };
            hasher.update(&bytes);
        }
        Some(hasher.finalize().to_hex().to_string())
    }
}
