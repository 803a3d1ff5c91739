//! Who may use the server, from where, and how much.
//!
//! | module | what it does |
//! |---|---|
//! | [`arguments`] | the command's arguments, and what an address needs |
//! | [`keys`] | keys of clients |
//! | [`tls`] | certificate and key of the server |
//! | [`limits`] | how large requests and answers may be |
//! | [`origin`] | whether a page of another site asks |
//! | [`gate`] | what every request passes, of gRPC as of HTTP |
//! | [`watched`] | answers whose reader stopped reading |

pub mod arguments;
pub mod gate;
pub mod keys;
pub mod limits;
pub mod origin;
pub mod tls;
pub mod watched;

use std::net::SocketAddr;
use std::path::PathBuf;

pub use arguments::{Access, AccessArguments};
pub use keys::Keys;
pub use limits::{Exceeded, Limits};

/// Why the server may not begin.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address that others reach.
    #[error(
        "--listen {0}: other machines reach this address: give --tls-cert, --tls-key and --api-keys, or --insecure where everyone \
         on the way may use it and read along"
    )]
    Open(SocketAddr),
    /// A file that cannot be read.
    #[error("{argument} {}: {source}", path.display())]
    Read {
        /// Which argument names it.
        argument: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that is not what it should be. What stands in it is not repeated.
    #[error("{argument} {}: {reason}", path.display())]
    Content {
        /// Which argument names it.
        argument: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong, and what was expected.
        reason: String,
    },
}

impl Error {
    fn read(argument: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Read {
            argument,
            path: path.to_owned(),
            source,
        }
    }

    fn content(
        argument: &'static str,
        path: &std::path::Path,
        reason: impl std::fmt::Display,
    ) -> Self {
        Self::Content {
            argument,
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }
}
