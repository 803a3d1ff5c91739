//! Addresses of leaves.

use orbax::Key;

use crate::spec::{
    Spec,
    document::{KeyText, Places},
};

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
    let places = spec
        .collections
        .iter()
        .flat_map(|(name, places)| places.all().iter().map(move |keys| (name, keys)));
    let (name, keys) = places
        .filter(|(_, keys)| fits(keys))
        .max_by_key(|(_, keys)| keys.len())?;
    let rest: Vec<String> = path[keys.len()..]
        .iter()
        .map(|key| match key {
            Key::Index(index) => index.to_string(),
            Key::Name(name) => name.clone(),
        })
        .collect();
    Some(format!("{name}:{}", rest.join("/")))
}

/// Where the spec's collections are: `params at [0] or ['params'], state at [1] or ['state']`.
pub(super) fn expected(spec: &Spec) -> String {
    let place = |keys: &Vec<KeyText>| match keys.as_slice() {
        [] => "the root".to_owned(),
        keys => keys
            .iter()
            .map(|key| match key {
                KeyText::Index(index) => format!("[{index}]"),
                KeyText::Name(name) => format!("['{name}']"),
            })
            .collect(),
    };
    let collection = |(name, places): (&String, &Places)| {
        let places: Vec<String> = places.all().iter().map(place).collect();
        format!("{name} at {}", places.join(" or "))
    };
    let collections: Vec<String> = spec.collections.iter().map(collection).collect();
    collections.join(", ")
}
