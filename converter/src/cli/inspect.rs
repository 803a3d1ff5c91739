//! `convert inspect`.

use std::io::Write as _;

use converter::{tensor::Shape, text};
use orbax::{Key, ZarrVersion};
use serde_json::{Value, json};

use super::{Outcome, arguments::InspectArguments, print_json, source, table::Table};

pub fn run(arguments: &InspectArguments) -> anyhow::Result<Outcome> {
    let snapshot = source::snapshot(&arguments.source)?;
    let checkpoint = source::checkpoint(&snapshot)?;
    let checkpoint = checkpoint.inner();
    let leaves = checkpoint.leaves();
    let bytes: u64 = leaves.iter().map(|leaf| leaf.bytes() as u64).sum();
    let stored: u64 = leaves.iter().map(orbax::Leaf::stored_bytes).sum();
    if arguments.json {
        let entries = leaves.iter().map(|leaf| {
            let path = leaf.path().iter().map(|key| match key {
                Key::Index(index) => Value::from(*index),
                Key::Name(name) => Value::from(name.as_str()),
            });
            json!({
                "name": leaf.name(),
                "path": path.collect::<Vec<_>>(),
                "shape": leaf.shape(),
                "dtype": leaf.dtype().to_string(),
                "bytes": leaf.bytes(),
                "stored_bytes": leaf.stored_bytes(),
                "chunk_shape": leaf.chunk_shape(),
                "chunks": leaf.chunks(),
                "shard_shape": leaf.shard_shape(),
                "zarr": version(leaf),
            })
        });
        print_json(&json!({
            "folder": snapshot.dir,
            "repo": snapshot.repo,
            "revision": snapshot.revision,
            "layout": checkpoint.layout().to_string(),
            "bytes": bytes,
            "stored_bytes": stored,
            "leaves": entries.collect::<Vec<_>>(),
        }))?;
        return Ok(Outcome::Fine);
    }
    let mut table = Table::new([
        "tree",
        "shape",
        "dtype",
        "bytes",
        "stored",
        "chunks",
        "chunk shape",
        "shard shape",
        "zarr",
    ]);
    let mut open: &[Key] = &[];
    for leaf in leaves {
        let Some((last, parents)) = leaf.path().split_last() else {
            continue;
        };
        let common = open.iter().zip(parents).take_while(|(a, b)| a == b).count();
        for (depth, key) in parents.iter().enumerate().skip(common) {
            table.row([format!("{}{}", "  ".repeat(depth), label(key))]);
        }
        open = parents;
        table.row([
            format!("{}{}", "  ".repeat(parents.len()), label(last)),
            Shape(leaf.shape()).to_string(),
            leaf.dtype().to_string(),
            text::bytes(leaf.bytes() as u64),
            text::bytes(leaf.stored_bytes()),
            leaf.chunks().to_string(),
            Shape(leaf.chunk_shape()).to_string(),
            leaf.shard_shape()
                .map_or("-".to_owned(), |shape| Shape(shape).to_string()),
            version(leaf).to_string(),
        ]);
    }
    let mut out = terminal::stdout();
    table.write(&mut out)?;
    let count = text::counted(leaves.len(), "leaf", "leaves");
    let sizes = format!("{} ({} stored)", text::bytes(bytes), text::bytes(stored));
    writeln!(
        out,
        "{count}, {sizes}, {}: {}",
        checkpoint.layout(),
        snapshot.dir.display()
    )?;
    out.flush()?;
    Ok(Outcome::Fine)
}

/// The version of the zarr format that the leaf is stored in.
fn version(leaf: &orbax::Leaf) -> u8 {
    match leaf.zarr() {
        ZarrVersion::V2 => 2,
        ZarrVersion::V3 => 3,
    }
}

fn label(key: &Key) -> String {
    match key {
        Key::Index(index) => format!("[{index}]"),
        Key::Name(name) => name.clone(),
    }
}
