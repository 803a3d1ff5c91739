//! Any bytes as a node's body: what is accepted has keys in order and as many entries as keys.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ocdbt::{Limits, Node};

fuzz_target!(|bytes: &[u8]| {
    let height = bytes.first().copied().unwrap_or_default();
    let Ok(node) = Node::parse_body(bytes.to_vec().into(), height, "base/", &Limits::default())
    else {
        return;
    };
    assert!((1..node.len()).all(|index| node.key(index - 1) < node.key(index)));
    let entries = match (node.values(), node.children()) {
        (Some(values), None) => values.len(),
        (None, Some(children)) => children.len(),
        _ => unreachable!("a node has values or children"),
    };
    assert_eq!(entries, node.len());
});
