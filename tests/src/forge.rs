//! Writes OCDBT databases: good ones as a starting point, and any wrong one that a test wants.
//!
//! The format is described in TensorStore's `kvstore/ocdbt/index.rst`. Nothing here checks what it is told to write.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::folder;

/// First bytes of a manifest.
pub const MANIFEST: u32 = 0x0cdb_3a2a;
/// First bytes of a node of the B+tree.
pub const NODE: u32 = 0x0cdb_20de;
/// The data file that a [`Forgery`] writes.
pub const DATA_FILE: &str = "d/0123456789abcdef0123456789abcdef";
/// What TensorStore writes for "no such place".
pub const MISSING: u64 = u64::MAX;

/// Appends an unsigned LEB128.
pub fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// An envelope with whatever head, and a checksum that fits.
pub fn envelope(magic: u32, version: u64, compression: u64, body: &[u8]) -> Vec<u8> {
    let mut head = Vec::new();
    varint(&mut head, version);
    varint(&mut head, compression);
    let length = 4 + 8 + head.len() + body.len() + 4;
    let mut out = magic.to_be_bytes().to_vec();
    out.extend((length as u64).to_le_bytes());
    out.extend(head);
    out.extend(body);
    out.extend(crc32c::crc32c(&out).to_le_bytes());
    out
}

/// Sets the checksum of an envelope right again, after a change inside.
pub fn reseal(envelope: &mut [u8]) {
    let body = envelope.len() - 4;
    let sum = crc32c::crc32c(&envelope[..body]);
    envelope[body..].copy_from_slice(&sum.to_le_bytes());
}

/// A node or the tree below it: where it lies and what it says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Offset in the data file.
    pub offset: u64,
    /// Bytes in the data file.
    pub length: u64,
    /// Keys below.
    pub keys: u64,
    /// Bytes of nodes below, itself included.
    pub tree_bytes: u64,
    /// Bytes of values that are not inline.
    pub value_bytes: u64,
}

/// A data file table with one file.
pub fn table(path: &str) -> Vec<u8> {
    let mut out = Vec::new();
    varint(&mut out, 1);
    varint(&mut out, path.len() as u64);
    varint(&mut out, 0);
    out.extend(path.as_bytes());
    out
}

/// The body of a manifest that names one version: the tree at `root` with `height`, in the file `path`.
pub fn manifest_body(path: &str, root: Place, height: u8) -> Vec<u8> {
    let mut out = vec![7; 16];
    out.push(0);
    varint(&mut out, 1024);
    varint(&mut out, 100_000_000);
    out.extend([4, 0]);
    out.extend(table(path));
    varint(&mut out, 1);
    varint(&mut out, 1);
    out.push(height);
    for value in [
        0,
        root.offset,
        root.length,
        root.keys,
        root.tree_bytes,
        root.value_bytes,
    ] {
        varint(&mut out, value);
    }
    out.extend(1_700_000_000_000_000_000_u64.to_le_bytes());
    out.push(0);
    out
}

/// A database that grows.
#[derive(Debug)]
pub struct Forgery {
    data: Vec<u8>,
    /// The path that nodes and manifest give for the data file.
    pub path: String,
}

impl Default for Forgery {
    fn default() -> Self {
        Self {
            data: Vec::new(),
            path: DATA_FILE.into(),
        }
    }
}

impl Forgery {
    /// Appends bytes to the data file; returns their offset.
    pub fn bytes(&mut self, bytes: &[u8]) -> u64 {
        let offset = self.data.len() as u64;
        self.data.extend(bytes);
        offset
    }

    /// Appends a node with this body.
    pub fn node(&mut self, body: &[u8], keys: u64) -> Place {
        let sealed = envelope(NODE, 0, 0, body);
        let length = sealed.len() as u64;
        let offset = self.bytes(&sealed);
        Place {
            offset,
            length,
            keys,
            tree_bytes: length,
            value_bytes: 0,
        }
    }

    /// Appends a leaf; its values go to the data file, and each is given as (key, offset, length).
    pub fn leaf(&mut self, entries: &[(&[u8], u64, u64)]) -> Place {
        let mut body = vec![0];
        body.extend(table(&self.path));
        keys(
            &mut body,
            &entries.iter().map(|entry| entry.0).collect::<Vec<_>>(),
        );
        body.extend(entries.iter().flat_map(|entry| entry.0));
        entries.iter().for_each(|entry| varint(&mut body, entry.2));
        body.extend(entries.iter().map(|_| 1));
        body.extend(entries.iter().map(|_| 0));
        entries.iter().for_each(|entry| varint(&mut body, entry.1));
        let value_bytes = entries.iter().map(|entry| entry.2).sum();
        Place {
            value_bytes,
            ..self.node(&body, entries.len() as u64)
        }
    }

    /// The body of an interior node; each child is given with its first key.
    pub fn interior_body(&self, height: u8, children: &[(&[u8], Place)]) -> Vec<u8> {
        let mut body = vec![height];
        body.extend(table(&self.path));
        keys(
            &mut body,
            &children.iter().map(|child| child.0).collect::<Vec<_>>(),
        );
        body.extend(children.iter().map(|_| 0));
        body.extend(children.iter().flat_map(|child| child.0));
        body.extend(children.iter().map(|_| 0));
        let columns: [fn(&Place) -> u64; 5] = [
            |p| p.offset,
            |p| p.length,
            |p| p.keys,
            |p| p.tree_bytes,
            |p| p.value_bytes,
        ];
        for column in columns {
            children
                .iter()
                .for_each(|child| varint(&mut body, column(&child.1)));
        }
        body
    }

    /// Appends an interior node.
    pub fn interior(&mut self, height: u8, children: &[(&[u8], Place)]) -> Place {
        let body = self.interior_body(height, children);
        let sum =
            |column: fn(&Place) -> u64| children.iter().map(|child| column(&child.1)).sum::<u64>();
        let node = self.node(&body, sum(|p| p.keys));
        let tree_bytes = node.length + sum(|p| p.tree_bytes);
        Place {
            tree_bytes,
            value_bytes: sum(|p| p.value_bytes),
            ..node
        }
    }

    /// Appends values, then one leaf that holds them all.
    pub fn values(&mut self, values: &BTreeMap<Vec<u8>, Vec<u8>>) -> Place {
        let mut entries = Vec::new();
        for (key, value) in values {
            let offset = self.bytes(value);
            entries.push((key.as_slice(), offset, value.len() as u64));
        }
        self.leaf(&entries)
    }

    /// Writes the data file and a manifest with `body` into the snapshot at `folder`.
    pub fn write(&self, folder: &Path, manifest: &[u8]) {
        let data = folder.join(DATA_FILE);
        fs::create_dir_all(data.parent().expect("it has a folder")).expect("a folder");
        fs::write(data, &self.data).expect("the data file");
        fs::write(folder.join("manifest.ocdbt"), manifest).expect("the manifest");
    }

    /// Writes the tree at `root`.
    pub fn finish(&self, folder: &Path, root: Place, height: u8) {
        let body = manifest_body(&self.path, root, height);
        self.write(folder, &envelope(MANIFEST, 0, 0, &body));
    }
}

fn keys(body: &mut Vec<u8>, keys: &[&[u8]]) {
    varint(body, keys.len() as u64);
    body.extend(keys.iter().skip(1).map(|_| 0));
    keys.iter().for_each(|key| varint(body, key.len() as u64));
}

/// The keys and values of a plain zarr snapshot, as a database would hold them.
pub fn values_of_zarr(snapshot: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    folder::contents(snapshot)
        .into_iter()
        .map(|(path, bytes)| {
            (
                path.to_str()
                    .expect("a plain name")
                    .replace('\\', "/")
                    .into_bytes(),
                bytes,
            )
        })
        .filter(|(key, _)| key.starts_with(b"0.") || key.starts_with(b"1."))
        .collect()
}
