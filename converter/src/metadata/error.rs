//! What can go wrong with track metadata.

use std::path::PathBuf;

/// A place in a text: both counted from one, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Position {
    /// Line and column of a byte offset, which may lie behind the end.
    pub(super) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: 1 + before.matches('\n').count(),
            column: 1 + before[line_start..].chars().count(),
        }
    }
}

/// A problem at a place in a text whose file is not known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) position: Position,
    pub(super) problem: String,
}

impl Fault {
    pub(super) fn new(position: Position, problem: impl Into<String>) -> Self {
        Self {
            position,
            problem: problem.into(),
        }
    }
}

/// Why track metadata could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder lacks an organism's file.
    #[error(
        "{}: no {file_name}: the track metadata of {organism} is missing. --metadata takes the folder that holds one such \
         file for each organism, as in AlphaGenome's src/alphagenome_research/model/metadata",
        .dir.display()
    )]
    MissingFile {
        /// The folder that was searched.
        dir: PathBuf,
        /// The file that it should hold.
        file_name: String,
        /// The organism's name.
        organism: &'static str,
    },

    /// A file could not be read.
    #[error("{}: cannot read the track metadata: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },

    /// A file is larger than any track metadata.
    #[error("{}: longer than {limit} bytes, which no track metadata is; is this the right file?", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The largest length that is read.
        limit: u64,
    },

    /// A file is not the protobuf text that it should be, or says something that AlphaGenome has no meaning for.
    #[error("{}:{line}:{column}: {problem}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from one.
        line: usize,
        /// The column in characters, from one.
        column: usize,
        /// What is wrong there, what was expected and, for a name, the nearest known one.
        problem: String,
    },

    /// The metadata does not describe the model's heads.
    #[error("the track metadata does not fit the checkpoint:\n{}", .mismatches.iter().map(|m| format!("  {m}")).collect::<Vec<_>>().join("\n"))]
    Mismatch {
        /// Every disagreement, one line each.
        mismatches: Vec<String>,
    },

    /// Strands cannot be exchanged because they do not come in pairs.
    #[error(
        "{output_type} of {organism} has {positive} tracks on the positive strand and {negative} on the negative one; they must pair up"
    )]
    UnpairedStrands {
        /// The output.
        output_type: &'static str,
        /// The organism's name.
        organism: &'static str,
        /// How many tracks are on the positive strand.
        positive: usize,
        /// How many tracks are on the negative strand.
        negative: usize,
    },
}
