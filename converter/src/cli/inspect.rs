//! `convert inspect`.

use std::io::Write as _;

use converter::{
    checkpoint::{OrbaxCheckpoint, Part},
    tensor::Shape,
    text,
};
use orbax::{Bare, Content, Key, ZarrVersion};
use serde_json::{Value, json};

use super::{Outcome, arguments::InspectArguments, print_json, source, table::Table};

pub fn run(arguments: &InspectArguments) -> anyhow::Result<Outcome> {
    let snapshot = source::snapshot(&arguments.source)?;
    let checkpoint = source::checkpoint(&snapshot)?;
    let leaves = || {
        let parts = checkpoint.parts().iter();
        parts.flat_map(|part| part.checkpoint.leaves())
    };
    let bytes: u64 = leaves().map(|leaf| leaf.bytes() as u64).sum();
    let stored: u64 = leaves().map(orbax::Leaf::stored_bytes).sum();
    if arguments.json {
        let (mut arrays, mut others) = (Vec::new(), Vec::new());
        for part in checkpoint.parts() {
            arrays.extend(
                part.checkpoint
                    .leaves()
                    .iter()
                    .map(|leaf| array(part, leaf)),
            );
            others.extend(part.checkpoint.bare().iter().map(|bare| other(part, bare)));
        }
        print_json(&json!({
            "folder": snapshot.dir,
            "items": snapshot.items,
            "unfinished": snapshot.unfinished,
            "repo": snapshot.repo,
            "revision": snapshot.revision,
            "layout": checkpoint.layout(),
            "bytes": bytes,
            "stored_bytes": stored,
            "leaves": arrays,
            "others": others,
        }))?;
        return Ok(Outcome::Fine);
    }
    let mut out = terminal::stdout();
    tree(&checkpoint).write(&mut out)?;
    let count = text::counted(leaves().count(), "leaf", "leaves");
    let others: usize = checkpoint
        .parts()
        .iter()
        .map(|part| part.checkpoint.bare().len())
        .sum();
    let others = match others {
        0 => String::new(),
        count => format!(
            " and {} no conversion reads",
            text::counted(count, "value that", "values that")
        ),
    };
    let sizes = format!("{} ({} stored)", text::bytes(bytes), text::bytes(stored));
    writeln!(
        out,
        "{count}{others}, {sizes}, {}: {}",
        checkpoint.layout(),
        snapshot.dir.display()
    )?;
    out.flush()?;
    Ok(Outcome::Fine)
}

fn array(part: &Part, leaf: &orbax::Leaf) -> Value {
    json!({
        "name": part.name(leaf.name()),
        "path": json_path(&part.path(leaf.path())),
        "shape": leaf.shape(),
        "dtype": leaf.dtype().to_string(),
        "value_type": leaf.value_type(),
        "key_implementation": leaf.key_implementation(),
        "bytes": leaf.bytes(),
        "stored_bytes": leaf.stored_bytes(),
        "chunk_shape": leaf.chunk_shape(),
        "chunks": leaf.chunks(),
        "fill_value_chunks": leaf.filled(),
        "shard_shape": leaf.shard_shape(),
        "zarr": leaf.zarr().map(number),
    })
}

fn other(part: &Part, bare: &Bare) -> Value {
    let (shape, dtype) = match &bare.content {
        Content::Array { dtype, shape } => (json!(shape), json!(dtype)),
        _ => (Value::Null, Value::Null),
    };
    let text = match &bare.content {
        Content::Text(text) => json!(text),
        _ => Value::Null,
    };
    json!({
        "name": part.name(&bare.name),
        "path": json_path(&part.path(&bare.path)),
        "value_type": bare.value_type,
        "what": bare.to_string(),
        "shape": shape,
        "dtype": dtype,
        "text": text,
    })
}

fn json_path(path: &[Key]) -> Value {
    let keys = path.iter().map(|key| match key {
        Key::Index(index) => Value::from(*index),
        Key::Name(name) => Value::from(name.as_str()),
    });
    Value::from_iter(keys)
}

/// The tree as a table, a row a node.
fn tree(checkpoint: &OrbaxCheckpoint) -> Table {
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
    let mut open = Vec::new();
    for part in checkpoint.parts() {
        for leaf in part.checkpoint.leaves() {
            let label = branch(&mut table, &mut open, &part.path(leaf.path()));
            let dtype = match leaf.key_implementation() {
                None => leaf.dtype().to_string(),
                Some(keys) => format!("{} (keys of {keys})", leaf.dtype()),
            };
            let chunks = match leaf.filled() {
                0 => leaf.chunks().to_string(),
                filled => format!("{} ({filled} not stored)", leaf.chunks()),
            };
            table.row([
                label,
                Shape(leaf.shape()).to_string(),
                dtype,
                text::bytes(leaf.bytes() as u64),
                text::bytes(leaf.stored_bytes()),
                chunks,
                Shape(leaf.chunk_shape()).to_string(),
                leaf.shard_shape()
                    .map_or("-".to_owned(), |shape| Shape(shape).to_string()),
                leaf.zarr()
                    .map_or("-".to_owned(), |version| number(version).to_string()),
            ]);
        }
        for bare in part.checkpoint.bare() {
            let label = branch(&mut table, &mut open, &part.path(&bare.path));
            let (shape, what) = match &bare.content {
                Content::Array { dtype, shape } => (Shape(shape).to_string(), dtype.clone()),
                _ => ("-".to_owned(), bare.to_string()),
            };
            table.row([label, shape, what]);
        }
    }
    table
}

/// Opens the branches that lead to a node, and gives the label of the node itself.
fn branch(table: &mut Table, open: &mut Vec<Key>, path: &[Key]) -> String {
    let Some((last, parents)) = path.split_last() else {
        return "(root)".to_owned();
    };
    let common = open.iter().zip(parents).take_while(|(a, b)| a == b).count();
    for (depth, key) in parents.iter().enumerate().skip(common) {
        table.row([format!("{}{}", "  ".repeat(depth), label(key))]);
    }
    *open = parents.to_vec();
    format!("{}{}", "  ".repeat(parents.len()), label(last))
}

/// A version of the zarr format as a number.
fn number(version: ZarrVersion) -> u8 {
    match version {
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
