use std::{collections::HashSet, iter::FusedIterator};

use crate::{
    database::Entry,
    limits::Limits,
    node::{Entries, Node},
    store::Store,
    table::DataFile,
    tree::{TreeError, read_node},
    version::{NodeLocation, Version},
};

const LONGEST_KEY: usize = 65_535;

/// Walks over the entries of a B+tree, in the order of their keys. It ends after the first error.
///
/// Made by [`Database::entries`](crate::Database::entries).
#[derive(Debug)]
pub struct Walk<'a, S> {
    store: &'a S,
    limits: Limits,
    /// Only keys that start with this are given.
    wanted: Vec<u8>,
    /// The root, until it is read.
    root: Option<(NodeLocation, u64)>,
    /// The nodes from the root to where the walk is.
    path: Vec<Step>,
    seen: HashSet<(DataFile, u64)>,
    decoded: u64,
    last: Option<Vec<u8>>,
}

#[derive(Debug)]
struct Step {
    node: Node,
    location: NodeLocation,
    /// What all keys of the node start with.
    prefix: Vec<u8>,
    next: usize,
    stated: u64,
    counted: u64,
}

impl Step {
    fn key(&self, index: usize) -> Vec<u8> {
        [&self.prefix, self.node.key(index)].concat()
    }
}

impl<'a, S: Store> Walk<'a, S> {
    pub(crate) fn new(store: &'a S, version: &Version, wanted: &[u8], limits: Limits) -> Self {
        Self {
            store,
            limits,
            wanted: wanted.to_vec(),
            root: version
                .root
                .clone()
                .map(|root| (root, version.statistics.keys)),
            path: Vec::new(),
            seen: HashSet::new(),
            decoded: 0,
            last: None,
        }
    }

    fn advance(&mut self) -> Result<Option<Entry>, TreeError> {
        if let Some((root, stated)) = self.root.take() {
            self.descend(root, Vec::new(), stated)?;
        }
        while let Some(step) = self.path.last_mut() {
            if step.next == step.node.len() {
                self.ascend()?;
                continue;
            }
            let index = step.next;
            step.next += 1;
            let key = step.key(index);
            match &step.node.entries {
                Entries::Values(values) => {
                    let value = values[index].clone();
                    step.counted += 1;
                    check_key(step, &key, self.last.as_deref())?;
                    self.last = Some(key.clone());
                    if key.starts_with(&self.wanted) {
                        return Ok(Some(Entry { key, value }));
                    }
                    if key > self.wanted {
                        self.path.clear();
                    }
                }
                Entries::Children(children) => {
                    let after = (index + 1 < step.node.len()).then(|| step.key(index + 1));
                    if key > self.wanted && !key.starts_with(&self.wanted) {
                        self.path.clear();
                        continue;
                    }
                    if after.is_some_and(|after| after <= self.wanted) {
                        continue;
                    }
                    let child = children[index].clone();
                    let prefix = key[..step.prefix.len() + child.shared_prefix].to_vec();
                    check_key(step, &key, self.last.as_deref())?;
                    self.last = Some(key);
                    self.descend(child.location, prefix, child.statistics.keys)?;
                }
            }
        }
        Ok(None)
    }

    fn descend(
        &mut self,
        location: NodeLocation,
        prefix: Vec<u8>,
        stated: u64,
    ) -> Result<(), TreeError> {
        if !self.seen.insert((location.file.clone(), location.offset)) {
            return Err(TreeError::Repeated {
                file: location.file.to_string(),
                offset: location.offset,
            });
        }
        let node = read_node(self.store, &location, &self.limits)?;
        // The keys are spelt out with their prefix as they are given, which is what a caller may keep.
        self.decoded = self
            .decoded
            .saturating_add(node.memory())
            .saturating_add((prefix.len() * node.len()) as u64);
        if self.decoded > self.limits.tree_bytes {
            return Err(TreeError::TooLarge {
                file: location.file.to_string(),
                offset: location.offset,
                limit: self.limits.tree_bytes,
            });
        }
        self.path.push(Step {
            node,
            location,
            prefix,
            next: 0,
            stated,
            counted: 0,
        });
        Ok(())
    }

    fn ascend(&mut self) -> Result<(), TreeError> {
        let Some(step) = self.path.pop() else {
            return Ok(());
        };
        // With a prefix, subtrees are left out, so that the numbers say nothing.
        if self.wanted.is_empty() && step.counted != step.stated {
            return Err(TreeError::Count {
                file: step.location.file.to_string(),
                offset: step.location.offset,
                expected: step.stated,
                found: step.counted,
            });
        }
        if let Some(parent) = self.path.last_mut() {
            parent.counted += step.counted;
        }
        Ok(())
    }
}

/// Checks that a key is not less than the one before: greater in a leaf, but the first key below an entry may equal it.
fn check_key(step: &Step, key: &[u8], last: Option<&[u8]>) -> Result<(), TreeError> {
    let file = || step.location.file.to_string();
    let offset = step.location.offset;
    if key.len() > LONGEST_KEY {
        return Err(TreeError::LongKey {
            file: file(),
            offset,
            length: key.len(),
        });
    }
    match last {
        Some(last) if key < last || (key == last && step.next > 1) => Err(TreeError::Key {
            file: file(),
            offset,
            key: key.escape_ascii().to_string(),
            from: last.escape_ascii().to_string(),
        }),
        _ => Ok(()),
    }
}

impl<S: Store> Iterator for Walk<'_, S> {
    type Item = Result<Entry, TreeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance();
        if next.is_err() {
            self.path.clear();
        }
        next.transpose()
    }
}

impl<S: Store> FusedIterator for Walk<'_, S> {}
