//! Lists an OCDBT database, or writes one value to standard output.
//!
//! `cargo run --release --example ocdbt -- list FOLDER [PREFIX]`, `... -- cat FOLDER KEY`

use std::{
    error::Error,
    io::{self, Write},
};

use ocdbt::{Database, FolderStore, Value};

const USAGE: &str = "usage: ocdbt list FOLDER [PREFIX] | ocdbt cat FOLDER KEY";

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["list", folder] => list(folder, ""),
        ["list", folder, prefix] => list(folder, prefix),
        ["cat", folder, key] => cat(folder, key),
        _ => Err(USAGE.into()),
    }
}

fn list(folder: &str, prefix: &str) -> Result<(), Box<dyn Error>> {
    let database = Database::open(FolderStore::open(folder)?)?;
    let mut out = io::stdout().lock();
    for entry in database.entries_under(prefix.as_bytes()) {
        let entry = entry?;
        let key = entry.key.escape_ascii();
        match &entry.value {
            Value::Inline(bytes) => writeln!(out, "{:>12}  {key}", bytes.len())?,
            Value::Indirect {
                file,
                offset,
                length,
            } => writeln!(out, "{length:>12}  {key}  {file} at {offset}")?,
        }
    }
    Ok(())
}

fn cat(folder: &str, key: &str) -> Result<(), Box<dyn Error>> {
    let database = Database::open(FolderStore::open(folder)?)?;
    let value = database
        .get(key.as_bytes())?
        .ok_or_else(|| format!("{folder}: no key {key:?}"))?;
    io::stdout().write_all(&database.read(&value)?)?;
    Ok(())
}
