use std::{
    fmt,
    ops::{Deref, Range},
    sync::{Arc, Mutex, PoisonError},
};

/// Bytes that are cheap to clone and to cut: a part of a buffer.
///
/// A blob keeps what it points into alive. It dereferences to `[u8]`.
///
/// # Examples
///
/// ```
/// use ocdbt::Blob;
///
/// let blob = Blob::from(b"checkpoint".to_vec());
/// assert_eq!(&blob[..5], b"check");
/// ```
#[derive(Clone)]
pub struct Blob {
    buffer: Arc<Buffer>,
    range: Range<usize>,
}

struct Buffer {
    bytes: Vec<u8>,
    home: Option<Arc<Buffers>>,
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(home) = self.home.take() {
            home.keep(std::mem::take(&mut self.bytes));
        }
    }
}

/// Buffers that are read into again: the system clears the pages of fresh ones, which takes as long as to fill them.
#[derive(Debug, Default)]
pub(crate) struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    /// Bytes that are kept at most; AlphaGenome's largest chunks have 40 MB.
    const KEPT: usize = 128 << 20;

    /// An empty buffer.
    pub(crate) fn take(&self) -> Vec<u8> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.pop().unwrap_or_default()
    }

    /// Bytes whose buffer comes back when they are no longer needed.
    pub(crate) fn lend(self: &Arc<Self>, bytes: Vec<u8>) -> Blob {
        Blob::new(bytes, Some(Arc::clone(self)))
    }

    fn keep(&self, mut bytes: Vec<u8>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held: usize = kept.iter().map(Vec::capacity).sum();
        if held + bytes.capacity() <= Self::KEPT {
            bytes.clear();
            kept.push(bytes);
        }
    }
}

impl Blob {
    fn new(bytes: Vec<u8>, home: Option<Arc<Buffers>>) -> Self {
        let range = 0..bytes.len();
        let buffer = Arc::new(Buffer { bytes, home });
        Self { buffer, range }
    }

    /// Cuts out a part without copying it, or gives `None` if `range` does not lie inside.
    ///
    /// # Examples
    ///
    /// ```
    /// use ocdbt::Blob;
    ///
    /// let blob = Blob::from(b"checkpoint".to_vec());
    /// assert_eq!(&*blob.slice(5..10).unwrap(), b"point");
    /// assert!(blob.slice(5..11).is_none());
    /// ```
    pub fn slice(&self, range: Range<usize>) -> Option<Self> {
        if range.start > range.end || range.end > self.len() {
            return None;
        }
        let start = self.range.start;
        Some(Self {
            buffer: Arc::clone(&self.buffer),
            range: start + range.start..start + range.end,
        })
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes, None)
    }
}

impl Deref for Blob {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.buffer.bytes[self.range.clone()]
    }
}

impl AsRef<[u8]> for Blob {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Blob {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Blob {}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.len())
    }
}
