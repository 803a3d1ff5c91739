//! Whether a ledger tells what these values give.

use std::path::Path;

use super::Difference;
use crate::{
    ledger::{LeafEntry, Ledger, TensorEntry},
    publish::MARK,
    safetensors_file::Model,
};

/// Compares a folder's ledger with the one that the checkpoint gives now. In which file a tensor stands is held against the
/// folder itself, since it depends on the size of shards. Which version of the tool wrote it is left alone.
pub fn compare(found: &Ledger, mut expected: Ledger, model: &Model) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut problem = |name: &str, problem: String| {
        let name = name.to_owned();
        differences.push(Difference { name, problem });
    };
    for (name, expected) in &mut expected.tensors {
        match found.tensors.get(name) {
            None => problem(name, format!("is missing in {MARK}")),
            Some(entry) => {
                // A tensor that is missing in the folder is told elsewhere.
                let stored = model.tensors.get(name);
                let file = stored.and_then(|stored| base(&model.files[stored.file].0));
                expected.file = file.unwrap_or(&entry.file).to_owned();
                if let Some(what) = disagreement(entry, expected) {
                    problem(name, format!("{what} {MARK}"));
                }
            }
        }
    }
    for name in found.tensors.keys() {
        if !expected.tensors.contains_key(name) {
            problem(
                name,
                format!("is in {MARK}, but not made from this checkpoint"),
            );
        }
    }
    let files = model.files.iter().filter_map(|(path, _)| base(path));
    expected.output.files = files.map(str::to_owned).collect();
    let mut parts = vec![
        ("format", found.format == expected.format),
        ("spec", found.spec == expected.spec),
        (
            "unscaled_tracks",
            found.unscaled_tracks == expected.unscaled_tracks,
        ),
        ("ignored", found.ignored == expected.ignored),
    ];
    if differences.is_empty() {
        // They follow from the tensors.
        parts.push(("source", found.source == expected.source));
        parts.push(("output", found.output == expected.output));
    }
    let differing = parts.into_iter().filter(|(_, same)| !same);
    differences.extend(differing.map(|(part, _)| Difference {
        name: MARK.to_owned(),
        problem: format!("`{part}` is not what this checkpoint gives"),
    }));
    differences
}

/// Says how two entries of one tensor disagree, most telling first.
fn disagreement(found: &TensorEntry, expected: &TensorEntry) -> Option<&'static str> {
    fn digests(entry: &TensorEntry) -> impl Iterator<Item = &String> {
        entry.sources.iter().map(|LeafEntry { digest, .. }| digest)
    }
    if found.digest != expected.digest {
        return Some("has another digest in");
    }
    if !digests(found).eq(digests(expected)) {
        return Some("was made of other values, says");
    }
    (found != expected).then_some("is described otherwise in")
}

fn base(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}
