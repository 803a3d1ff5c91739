//! Digests of what was read and written.
//!
//! BLAKE3: `conversion.json` says so under `digest_algorithm`, and `b3sum` computes it elsewhere.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::tensor::TensorType;

/// The algorithm's name in the ledger.
pub const ALGORITHM: &str = "blake3";

/// The digest of bytes, in hexadecimal.
pub fn of(data: &[u8]) -> String {
    blake3::hash(data).to_hex().to_string()
}

/// The digest of a file, in hexadecimal, read by all processors.
///
/// # Errors
/// Where it cannot be read.
pub fn of_file(path: &Path) -> io::Result<String> {
    let mut digest = Digest::default();
    digest.read(path)?;
    Ok(digest.finish())
}

/// A digest in the making.
#[derive(Clone, Debug, Default)]
pub struct Digest(blake3::Hasher);

impl Digest {
    /// Adds bytes.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// Adds the bytes of a file, read by all processors.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn read(&mut self, path: &Path) -> io::Result<()> {
        let mut file = File::open(path)?;
        // Not mapped: a file that is cut off meanwhile would end the process.
        let mut bytes = vec![0; 4 << 20];
        loop {
            match file.read(&mut bytes)? {
                0 => return Ok(()),
                count => {
                    self.0.update_rayon(&bytes[..count]);
                }
            }
        }
    }

    /// The digest of all bytes, in hexadecimal.
    pub fn finish(&self) -> String {
        self.0.finalize().to_hex().to_string()
    }
}

/// The digest of a set of arrays: of the lines `name dtype shape digest`, in the order of the names.
///
/// It does not depend on how a checkpoint stores its arrays.
pub fn of_arrays<'a>(
    arrays: impl IntoIterator<Item = (&'a str, &'a TensorType, &'a str)>,
) -> String {
    let mut lines: Vec<String> = arrays
        .into_iter()
        .map(|(name, kind, digest)| format!("{name} {kind} {digest}\n"))
        .collect();
    lines.sort_unstable();
    of(lines.concat().as_bytes())
}
