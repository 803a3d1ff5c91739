//! The exit codes, all of them.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | agree; accept; the command did what was asked |
//! | 1 | disagree; fall back; results drifted apart |
//! | 2 | could not run: wrong arguments, missing or malformed files |
//! | 3 | validate: neither accepted nor rejected |

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The candidate agrees, or the command did what was asked.
    Agree,
    /// The candidate disagrees.
    Disagree,
    /// Nothing could be said.
    CouldNotRun,
    /// `parity verdict` says: validate.
    Validate,
}

impl Exit {
    /// The code.
    pub fn code(self) -> u8 {
        match self {
            Self::Agree => 0,
            Self::Disagree => 1,
            Self::CouldNotRun => 2,
            Self::Validate => 3,
        }
    }

    /// [`Exit::Agree`] where `agree`.
    pub fn of(agree: bool) -> Self {
        if agree { Self::Agree } else { Self::Disagree }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
