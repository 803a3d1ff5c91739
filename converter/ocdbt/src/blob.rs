use std::{fmt, ops::Deref, ops::Range, sync::Arc};

use memmap2::Mmap;

/// Bytes that are cheap to clone and to cut: a part of a memory-mapped file, or of a buffer.
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
    owner: Owner,
    range: Range<usize>,
}

#[derive(Clone)]
enum Owner {
    Mapped(Arc<Mmap>),
    Buffer(Arc<Vec<u8>>),
}

impl Blob {
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
            owner: self.owner.clone(),
            range: start + range.start..start + range.end,
        })
    }

    pub(crate) fn mapped(map: Arc<Mmap>) -> Self {
        let range = 0..map.len();
        Self {
            owner: Owner::Mapped(map),
            range,
        }
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        let range = 0..bytes.len();
        Self {
            owner: Owner::Buffer(Arc::new(bytes)),
            range,
        }
    }
}

impl Deref for Blob {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let all: &[u8] = match &self.owner {
            Owner::Mapped(map) => map,
            Owner::Buffer(buffer) => buffer,
        };
        &all[self.range.clone()]
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
