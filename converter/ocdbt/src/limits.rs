/// What a reader accepts before it gives up, so that a hostile database costs bounded memory and time.
///
/// The defaults read every database that TensorStore's and Orbax's default settings can make, up to about half a million
/// keys. Raise them for larger ones.
///
/// # Examples
///
/// ```
/// let limits = ocdbt::Limits { tree_bytes: 4 << 30, ..ocdbt::Limits::default() };
/// assert_eq!(limits.node_bytes, 100_000_000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one manifest or node once decompressed, and of its keys (or paths) once their shared prefixes are spelt out.
    /// Orbax allows its nodes 100,000,000 bytes.
    pub node_bytes: u64,
    /// Bytes of all nodes, keys and inline values that one walk over a tree may decode.
    pub tree_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            node_bytes: 100_000_000,
            tree_bytes: 256 << 20,
        }
    }
}
