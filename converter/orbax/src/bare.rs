use std::fmt;

use crate::{dtype::DType, key::Key};

/// A node of the tree that is not read as an array.
///
/// # Examples
///
/// ```
/// let checkpoint = orbax::Checkpoint::open("tests/data/single")?;
/// let what: Vec<String> = checkpoint.bare().iter().map(|bare| bare.to_string()).collect();
/// assert_eq!(what, ["empty Dict", "empty Dict", "None"]);
/// # Ok::<_, orbax::OpenError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bare {
    /// The way from the tree's root.
    pub path: Vec<Key>,
    /// The keys of the path, joined by dots.
    pub name: String,
    /// What the value was when it was saved: `Dict`, `None`, `string`, `jax.Array`, ...
    pub value_type: String,
    /// What is there of it.
    pub content: Content,
}

/// What there is of a node that is not read as an array.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// An empty container or `None`, for which nothing is stored.
    Nothing,
    /// A string.
    Text(String),
    /// An array of a type that has no place in [`DType`]: `int4`, `float8_e4m3fn`, `complex64`, ...
    Array {
        /// The type's name, as it is stored.
        dtype: String,
        /// The lengths of the axes.
        shape: Vec<usize>,
    },
    /// Something else, or nothing where there should be something.
    Unread(&'static str),
}

/// Says what the value is: `None`, `empty Dict`, `string "adam"`, `int4 [3, 4]`.
impl fmt::Display for Bare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.content {
            Content::Nothing if self.value_type == "None" => f.write_str("None"),
            Content::Nothing => write!(f, "empty {}", self.value_type),
            Content::Text(text) => write!(f, "string {text:?}"),
            Content::Array { dtype, shape } => write!(f, "{dtype} {shape:?}"),
            Content::Unread(why) => write!(f, "{} ({why})", self.value_type),
        }
    }
}

/// A value that stands in a file of its own format, where the tree says that no array is stored.
#[derive(Debug)]
pub(crate) enum Value {
    /// The elements of an array, little-endian.
    Array {
        dtype: DType,
        shape: Vec<usize>,
        bytes: Vec<u8>,
    },
    Bare(Content),
}
