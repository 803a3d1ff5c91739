//! Keys of clients. Digests of them are held and compared, in constant time, so that neither a key nor its length shows.

use std::fmt;
use std::path::Path;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::Error;

/// The argument that names the file.
const ARGUMENT: &str = "--api-keys";
/// Characters that a key has at least.
const SHORTEST: usize = 16;

/// Keys, any of which opens the server.
#[derive(Clone)]
pub struct Keys(Vec<[u8; 32]>);

impl Keys {
    /// Reads a file: a key a line, and lines that begin with `#`.
    ///
    /// # Errors
    /// Where it cannot be read, or as [`Keys::parse`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(Error::read(ARGUMENT, path))?;
        Self::parse(&bytes).map_err(|reason| Error::content(ARGUMENT, path, reason))
    }

    /// Keys of a text.
    ///
    /// # Errors
    /// Where there is none, or one cannot be a header's value or is short. Names the line, and never what stands in it.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let mut keys = Vec::new();
        for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let key = line.trim_ascii();
            if key.is_empty() || key.starts_with(b"#") {
                continue;
            }
            let number = number + 1;
            if !key.iter().all(u8::is_ascii_graphic) {
                return Err(format!(
                    "line {number}: a key consists of visible ASCII characters, without spaces"
                ));
            }
            if key.len() < SHORTEST {
                return Err(format!(
                    "line {number}: a key of fewer than {SHORTEST} characters can be guessed; `openssl rand -hex 24` makes one"
                ));
            }
            keys.push(digest(key));
        }
        match keys.is_empty() {
            true => Err("has no key: write one a line".into()),
            false => Ok(Self(keys)),
        }
    }

    /// What the client with this key is called; nothing where the key is none of them. Takes as long for a wrong key as for a right
    /// one. The name tells clients apart, and nobody finds the key from it.
    #[must_use]
    pub fn client(&self, key: &[u8]) -> Option<String> {
        let given = digest(key);
        let equal = |found: Choice, known: &[u8; 32]| found | known.ct_eq(&given);
        let found = self.0.iter().fold(Choice::from(0), equal);
        let name = given[..4].iter().map(|byte| format!("{byte:02x}"));
        let name = format!("key {}", name.collect::<String>());
        bool::from(found).then_some(name)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

fn digest(key: &[u8]) -> [u8; 32] {
    Sha256::digest(key).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "0123456789abcdef";
    const SECOND: &str = "fedcba9876543210+/";

    #[test]
    fn keys_of_a_file_open_and_others_do_not() {
        let keys = Keys::parse(format!("# ours\n{FIRST}\r\n\n  {SECOND}  ").as_bytes()).unwrap();
        let names = [FIRST, SECOND].map(|key| keys.client(key.as_bytes()).unwrap());
        assert!(names[0] != names[1] && !names[0].contains(FIRST));
        for wrong in [
            "",
            "# ours",
            &FIRST[..15],
            "0123456789abcdeF",
            &format!("{FIRST} "),
        ] {
            assert_eq!(keys.client(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(format!("{keys:?}"), "2 keys");
    }

    #[test]
    fn a_fault_names_its_line_and_not_the_key() {
        let fault = |text: &str| Keys::parse(text.as_bytes()).unwrap_err();
        assert!(fault("# none\n").contains("no key"));
        let short = fault(&format!("{FIRST}\nsecret"));
        assert!(
            short.contains("line 2") && !short.contains("secret"),
            "{short}"
        );
        let spaced = fault("0123456789abcdef 0123456789abcdef");
        assert!(
            spaced.contains("line 1") && !spaced.contains("0123"),
            "{spaced}"
        );
    }
}
