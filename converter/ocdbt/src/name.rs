use thiserror::Error;

/// Why a file's name is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NameError {
    /// The name is empty.
    #[error("it is empty")]
    Empty,
    /// The name starts at the file system's root.
    #[error("it is absolute")]
    Absolute,
    /// The name holds a NUL byte.
    #[error("it holds a NUL byte")]
    Nul,
    /// The name holds a backslash, which some systems take for a separator.
    #[error("it holds a backslash")]
    Backslash,
    /// A part between two slashes is empty, `.` or `..`.
    #[error("a part of it is empty, `.` or `..`")]
    Part,
}

/// Checks that a file's name leads downwards from a store's root, on every operating system.
///
/// # Errors
///
/// If the name is empty or absolute, holds a NUL byte or a backslash, or has a part that is empty, `.` or `..`.
///
/// # Examples
///
/// ```
/// use ocdbt::{NameError, check_name};
///
/// assert_eq!(check_name("ocdbt.process_0/d/1f00"), Ok(()));
/// assert_eq!(check_name("d/../../etc/passwd"), Err(NameError::Part));
/// assert_eq!(check_name("/etc/passwd"), Err(NameError::Absolute));
/// ```
pub fn check_name(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.starts_with('/') {
        return Err(NameError::Absolute);
    }
    if name.contains('\0') {
        return Err(NameError::Nul);
    }
    if name.contains('\\') {
        return Err(NameError::Backslash);
    }
    if name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(NameError::Part);
    }
    Ok(())
}
