//! One test for each kind of bad input. The structures are well-formed but for the one thing.

mod headers;
mod nodes;
mod trees;

use std::collections::BTreeMap;

use ocdbt::{Database, Limits, MemoryStore, Node, NodeError, TreeError};

use crate::writer::{self, Style};

const STYLE: Style = Style {
    fan: 4,
    inline: 8,
    compression: 1,
};

pub fn small() -> MemoryStore {
    let entries: BTreeMap<_, _> = (0..30u8)
        .map(|n| (format!("key {n:02}").into_bytes(), vec![n; n as usize]))
        .collect();
    writer::database(&entries, STYLE)
}

pub fn walk(store: MemoryStore) -> TreeError {
    let database = Database::open(store).unwrap();
    let mut walk = database.entries();
    let error = walk.find_map(Result::err).expect("the walk should fail");
    assert!(walk.next().is_none(), "a walk ends after an error");
    error
}

pub fn pairs(keys: &[&str]) -> Vec<(Vec<u8>, Vec<u8>)> {
    keys.iter()
        .map(|key| (key.as_bytes().to_vec(), b"v".to_vec()))
        .collect()
}

pub fn node(body: &[u8], height: u8) -> NodeError {
    Node::parse_body(body.to_vec().into(), height, "", &Limits::default()).unwrap_err()
}
