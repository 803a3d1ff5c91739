//! Finds the module that is wrong: for each module the error that is handed on, and the error that it makes.
//!
//! The **propagated** error of a module is the distance of its output from the recorded one in an ordinary pass. Its **local**
//! error is that distance when the module alone is run on the recorded input. A module with a local error above its floor is
//! at fault; a propagated error without one was made earlier.

mod arrays;
#[cfg(feature = "burn")]
mod changes;
#[cfg(feature = "burn")]
mod channels;
#[cfg(feature = "burn")]
mod configurations;
#[cfg(feature = "burn")]
mod crop;
#[cfg(feature = "burn")]
mod culprit;
#[cfg(feature = "burn")]
mod fit;
mod floor;
#[cfg(feature = "burn")]
mod functions;
#[cfg(feature = "burn")]
mod inputs;
#[cfg(feature = "burn")]
mod joint;
mod kind;
#[cfg(feature = "burn")]
mod outputs;
#[cfg(feature = "burn")]
mod pools;
#[cfg(feature = "burn")]
mod probe;
#[cfg(feature = "burn")]
mod recorded;
mod report;
#[cfg(feature = "burn")]
mod search;
#[cfg(feature = "burn")]
mod sites;
#[cfg(feature = "burn")]
mod subject;
mod two;
#[cfg(feature = "burn")]
mod walk;
#[cfg(feature = "burn")]
mod weights;

pub use arrays::distance;
pub use floor::LocalFloor;
pub use kind::{Kind, Trial};
pub use report::{Case, Culprit, Input, Report, Row, SCHEMA, SCHEMA_VERSION};
#[cfg(feature = "burn")]
pub use search::search;
#[cfg(feature = "burn")]
pub use subject::Subject;
pub use two::two;
