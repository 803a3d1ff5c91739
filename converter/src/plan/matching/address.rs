//! Addresses of leaves.

use orbax::Key;

use crate::spec::{Spec, document::KeyText};

/// A leaf's address, `collection:module/name`: the collection whose keys its path starts with, and the other keys.
pub(super) fn address(spec: &Spec, path: &[Key]) -> Option<String> {
    let same = |text: &KeyText, key: &Key| match (text, key) {
        (KeyText::Index(index), Key::Index(key)) => index == key,
        (KeyText::Name(name), Key::Name(key)) => name == key,
        _ => false,
    };
    let fits = |keys: &[KeyText]| {
        keys.len() < path.len() && keys.iter().zip(path).all(|(text, key)| same(text, key))
    };
    let collections = spec.collections.iter().filter(|(_, keys)| fits(keys));
    let (name, keys) = collections.max_by_key(|(_, keys)| keys.len())?;
    let rest: Vec<String> = path[keys.len()..]
        .iter()
        .map(|key| match key {
            Key::Index(index) => index.to_string(),
            Key::Name(name) => name.clone(),
        })
        .collect();
    Some(format!("{name}:{}", rest.join("/")))
}
