//! Writes OCDBT structures, right ones and wrong ones. For tests only: it keeps everything in memory and reuses no space.

use std::collections::BTreeMap;

use ocdbt::MemoryStore;

pub const MANIFEST: u32 = 0x0cdb_3a2a;
pub const NODE: u32 = 0x0cdb_20de;
/// The file that all nodes and values stand in.
pub const FILE: &str = "d/data";
pub const UUID: [u8; 16] = [7; 16];

pub fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

pub fn varints(values: impl IntoIterator<Item = u64>) -> Vec<u8> {
    values.into_iter().flat_map(varint).collect()
}

/// Wraps a body; `compression` is the method's number.
pub fn envelope(magic: u32, compression: u64, body: &[u8]) -> Vec<u8> {
    let body = match compression {
        1 => zstd::bulk::compress(body, 1).unwrap(),
        _ => body.to_vec(),
    };
    wrap(magic, compression, &body)
}

/// Wraps a body that is compressed already.
pub fn wrap(magic: u32, compression: u64, body: &[u8]) -> Vec<u8> {
    let head = [varint(0), varint(compression), body.to_vec()].concat();
    let length = (4 + 8 + head.len() + 4) as u64;
    let bytes = [magic.to_be_bytes().as_slice(), &length.to_le_bytes(), &head].concat();
    seal(bytes)
}

/// Appends the checksum of an envelope.
pub fn seal(bytes: Vec<u8>) -> Vec<u8> {
    let checksum = crc32c::crc32c(&bytes).to_le_bytes();
    [bytes.as_slice(), &checksum].concat()
}

/// A table of data files without shared prefixes: paths and the lengths of their bases.
pub fn table(files: &[(&str, u64)]) -> Vec<u8> {
    [
        varint(files.len() as u64),
        varints((1..files.len()).map(|_| 0)),
        varints(files.iter().map(|(path, _)| path.len() as u64)),
        varints(files.iter().map(|(_, base)| *base)),
        files.iter().flat_map(|(path, _)| path.bytes()).collect(),
    ]
    .concat()
}

/// The columns of keys, with as much shared as can be.
fn keys(keys: &[Vec<u8>], shared: Option<&[u64]>) -> Vec<u8> {
    let common = |pair: &[Vec<u8>]| {
        pair[0]
            .iter()
            .zip(&pair[1])
            .take_while(|(a, b)| a == b)
            .count()
    };
    let prefixes: Vec<_> = keys.windows(2).map(common).collect();
    let starts: Vec<_> = [0].into_iter().chain(prefixes.iter().copied()).collect();
    let suffixes: Vec<&[u8]> = keys
        .iter()
        .zip(&starts)
        .map(|(key, &start)| &key[start..])
        .collect();
    [
        varint(keys.len() as u64),
        varints(prefixes.iter().map(|&length| length as u64)),
        varints(suffixes.iter().map(|suffix| suffix.len() as u64)),
        varints(shared.unwrap_or_default().iter().copied()),
        suffixes.concat(),
    ]
    .concat()
}

/// A leaf's body. Values over `inline` bytes are appended to `data`.
pub fn leaf(entries: &[(Vec<u8>, Vec<u8>)], inline: usize, data: &mut Vec<u8>) -> Vec<u8> {
    let outside = |value: &[u8]| value.len() > inline;
    let mut offsets = Vec::new();
    for (_, value) in entries.iter().filter(|(_, value)| outside(value)) {
        offsets.push(data.len() as u64);
        data.extend_from_slice(value);
    }
    [
        vec![0],
        table(&[(FILE, 0)]),
        keys(
            &entries
                .iter()
                .map(|(key, _)| key.clone())
                .collect::<Vec<_>>(),
            None,
        ),
        varints(entries.iter().map(|(_, value)| value.len() as u64)),
        entries
            .iter()
            .map(|(_, value)| u8::from(outside(value)))
            .collect(),
        varints(offsets.iter().map(|_| 0)),
        varints(offsets),
        entries
            .iter()
            .filter(|(_, value)| !outside(value))
            .flat_map(|(_, value)| value.clone())
            .collect(),
    ]
    .concat()
}

/// A child of an inner node.
#[derive(Clone)]
pub struct Subtree {
    /// The least key below, whole.
    pub key: Vec<u8>,
    /// How much of the key, from the node's own prefix on, is left out below.
    pub shared: u64,
    pub offset: u64,
    pub length: u64,
    pub keys: u64,
}

/// An inner node's body, whose keys start after a prefix of `prefix` bytes.
pub fn interior(height: u8, prefix: usize, children: &[Subtree]) -> Vec<u8> {
    let shared: Vec<_> = children.iter().map(|child| child.shared).collect();
    let relative: Vec<_> = children
        .iter()
        .map(|child| child.key[prefix..].to_vec())
        .collect();
    [
        vec![height],
        table(&[(FILE, 0)]),
        keys(&relative, Some(&shared)),
        varints(children.iter().map(|_| 0)),
        varints(children.iter().map(|child| child.offset)),
        varints(children.iter().map(|child| child.length)),
        varints(children.iter().map(|child| child.keys)),
        varints(children.iter().map(|_| 0)),
        varints(children.iter().map(|_| 0)),
    ]
    .concat()
}

/// The settings at a manifest's start.
pub fn config(kind: u8) -> Vec<u8> {
    [
        UUID.as_slice(),
        &[kind],
        &varint(100),
        &varint(1 << 23),
        &[4],
        &varint(0),
    ]
    .concat()
}

/// A manifest's body with one version, whose root stands in `FILE`.
pub fn manifest(root: &Subtree, height: u8) -> Vec<u8> {
    [
        config(0),
        table(&[(FILE, 0)]),
        varints([1, 1]),
        vec![height],
        varints([0, root.offset, root.length, root.keys, 0, 0]),
        0u64.to_le_bytes().to_vec(),
        varint(0),
    ]
    .concat()
}

/// Appends a node to the data file.
pub fn append(data: &mut Vec<u8>, compression: u64, body: &[u8], key: &[u8], keys: u64) -> Subtree {
    let node = envelope(NODE, compression, body);
    let offset = data.len() as u64;
    data.extend_from_slice(&node);
    Subtree {
        key: key.to_vec(),
        shared: 0,
        offset,
        length: node.len() as u64,
        keys,
    }
}

pub fn store(root: &Subtree, height: u8, data: Vec<u8>) -> MemoryStore {
    let manifest = envelope(MANIFEST, 1, &manifest(root, height));
    MemoryStore::from_iter([("manifest.ocdbt", manifest), (FILE, data)])
}

/// How a database is written.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Entries a node.
    pub fan: usize,
    /// Values over so many bytes stand outside the leaves.
    pub inline: usize,
    /// The number of the compression method.
    pub compression: u64,
}

/// A database of `entries`, of which there is at least one.
pub fn database(entries: &BTreeMap<Vec<u8>, Vec<u8>>, style: Style) -> MemoryStore {
    let mut data = Vec::new();
    let entries: Vec<_> = entries
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let mut height = 0;
    while entries.len() > style.fan.pow(u32::from(height) + 1) {
        height += 1;
    }
    let root = node(&entries, 0, height, style, &mut data);
    store(&root, height, data)
}

/// Writes a subtree. Every node leaves out what its keys have in common, and its parent says how much that is.
fn node(
    entries: &[(Vec<u8>, Vec<u8>)],
    prefix: usize,
    height: u8,
    style: Style,
    data: &mut Vec<u8>,
) -> Subtree {
    let body = if height == 0 {
        let relative: Vec<_> = entries
            .iter()
            .map(|(key, value)| (key[prefix..].to_vec(), value.clone()))
            .collect();
        leaf(&relative, style.inline, data)
    } else {
        let child = |part: &[(Vec<u8>, Vec<u8>)]| {
            let (first, last) = (&part[0].0, &part[part.len() - 1].0);
            let common = first.iter().zip(last).take_while(|(a, b)| a == b).count();
            let shared = (common - prefix) as u64;
            Subtree {
                shared,
                ..node(part, common, height - 1, style, data)
            }
        };
        let children: Vec<_> = entries
            .chunks(style.fan.pow(u32::from(height)))
            .map(child)
            .collect();
        interior(height, prefix, &children)
    };
    append(
        data,
        style.compression,
        &body,
        &entries[0].0,
        entries.len() as u64,
    )
}
