use std::fmt;

/// One step on the way from the tree's root to a leaf.
///
/// # Examples
///
/// ```
/// use orbax::Key;
///
/// let path = [Key::Index(0), Key::Name("linear/w".into())];
/// assert_eq!(orbax::display_path(&path), "[0]['linear/w']");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A position in a list or tuple.
    Index(usize),
    /// A key of a dictionary, or a field's name.
    Name(String),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "[{index}]"),
            Self::Name(name) => write!(f, "['{name}']"),
        }
    }
}

/// Writes a path as Python would: `[0]['linear']['w']`.
///
/// # Examples
///
/// ```
/// use orbax::Key;
///
/// assert_eq!(orbax::display_path(&[Key::Name("step".into())]), "['step']");
/// ```
pub fn display_path(path: &[Key]) -> String {
    path.iter().map(Key::to_string).collect()
}
