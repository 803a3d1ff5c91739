use thiserror::Error;

use crate::{
    limits::Limits,
    node::{Node, NodeError},
    store::{Store, StoreError},
    version::NodeLocation,
};

/// Why a B+tree cannot be searched or walked over.
#[derive(Debug, Error)]
pub enum TreeError {
    /// The store cannot give a node.
    #[error("the node at offset {offset} of {file} cannot be read: {source}")]
    Store {
        /// The file that should hold the node.
        file: String,
        /// Where it should start.
        offset: u64,
        /// What the store says.
        source: StoreError,
    },
    /// A node is damaged.
    #[error("{file}, node at offset {offset}: {source}")]
    Node {
        /// The file that holds the node.
        file: String,
        /// Where it starts.
        offset: u64,
        /// What is wrong with it.
        source: NodeError,
    },
    /// Two ways lead to the same node: a cycle, or a tree that repeats itself.
    #[error("{file}, node at offset {offset}: two ways lead to it, so that this is no tree")]
    Repeated {
        /// The file that holds the node.
        file: String,
        /// Where it starts.
        offset: u64,
    },
    /// A key lies outside the range that its node's parents give.
    #[error(
        "{file}, node at offset {offset}: key {key:?} is out of order: expected one from {from:?}"
    )]
    Key {
        /// The file that holds the node.
        file: String,
        /// Where it starts.
        offset: u64,
        /// The key, with bytes that are no text escaped.
        key: String,
        /// The least key that could stand here, escaped likewise.
        from: String,
    },
    /// A key is longer than the format allows.
    #[error("{file}, node at offset {offset}: a key of {length} bytes, expected at most 65535")]
    LongKey {
        /// The file that holds the node.
        file: String,
        /// Where it starts.
        offset: u64,
        /// The key's length.
        length: usize,
    },
    /// A subtree holds more or fewer keys than its parent says.
    #[error("{file}, node at offset {offset}: {found} keys below, expected {expected}")]
    Count {
        /// The file that holds the node.
        file: String,
        /// Where it starts.
        offset: u64,
        /// The number that the parent or manifest states.
        expected: u64,
        /// The number of keys that were found.
        found: u64,
    },
    /// The walk decoded more than the limit.
    #[error(
        "{file}, node at offset {offset}: the tree takes over {limit} bytes; raise `Limits::tree_bytes` if it should"
    )]
    TooLarge {
        /// The file that holds the last node.
        file: String,
        /// Where it starts.
        offset: u64,
        /// The limit.
        limit: u64,
    },
}

pub(crate) fn read_node(
    store: &impl Store,
    location: &NodeLocation,
    limits: &Limits,
) -> Result<Node, TreeError> {
    let NodeLocation {
        file,
        offset,
        length,
        height,
    } = location;
    let end = offset.saturating_add(*length);
    let bytes = store
        .read(file.path(), *offset..end)
        .map_err(|source| TreeError::Store {
            file: file.to_string(),
            offset: *offset,
            source,
        })?;
    Node::parse(&bytes, *height, file.base(), limits).map_err(|source| TreeError::Node {
        file: file.to_string(),
        offset: *offset,
        source,
    })
}
