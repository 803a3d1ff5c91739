//! What the programs say to a terminal: text without control characters, errors, bars, manuals and completions; and the
//! devices and shares that several take.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod device;
mod devices;
mod error;
mod escape;
mod manual;
mod output;
mod progress;
mod shard;

pub use device::Device;
pub use devices::Devices;
pub use error::{is_broken_pipe, message};
pub use escape::{line, text};
pub use manual::Manual;
pub use output::{Loudness, Speech, fail, note, print, speech, stdout};
pub use progress::Progress;
pub use shard::{Shard, Sharing, Unit, differences, lock, same_run};
