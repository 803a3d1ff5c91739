//! What the Hub knows a file's bytes by, and their name in the cache.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// The digest of a file's bytes, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Digest {
    /// Of a file in git: the SHA-1 of `blob`, a space, the size, a zero byte, and the bytes.
    Git(String),
    /// Of a file that is stored elsewhere: the SHA-256 of the bytes.
    Sha256(String),
}

impl Digest {
    /// The digest that `name` is by its length, if it can be one.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        if !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        match name.len() {
            40 => Some(Self::Git(name)),
            64 => Some(Self::Sha256(name)),
            _ => None,
        }
    }

    /// In hexadecimal, as the cache calls the bytes.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Git(name) | Self::Sha256(name) => name,
        }
    }

    /// For messages.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Git(name) => format!("git's SHA-1 {name}"),
            Self::Sha256(name) => format!("SHA-256 {name}"),
        }
    }

    /// The digest of this kind of a file's bytes.
    pub(super) fn of(&self, path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        Ok(match self {
            Self::Git(_) => {
                let size = file.metadata()?.len();
                let start = Sha1::new_with_prefix(format!("blob {size}\0"));
                Self::Git(hex(read_into(start, &mut file)?))
            }
            Self::Sha256(_) => Self::Sha256(hex(read_into(Sha256::new(), &mut file)?)),
        })
    }
}

fn read_into<D: sha2::Digest>(mut digest: D, file: &mut File) -> io::Result<impl AsRef<[u8]>> {
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(digest.finalize()),
            count => digest.update(&buffer[..count]),
        }
    }
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_gits_and_sha256() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "hello\n").unwrap();
        // `git hash-object` and `sha256sum` of the same file.
        for name in [
            "ce013625030ba8dba906f756967f9e9ca394464a",
            "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
        ] {
            let digest = Digest::parse(name).unwrap();
            assert_eq!(digest.of(&path).unwrap(), digest);
        }
        for name in ["", "../evil", "ce01", &"g".repeat(40)] {
            assert_eq!(Digest::parse(name), None);
        }
    }
}
