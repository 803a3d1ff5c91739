//! The conditions.

use clap::ValueEnum;
use model::sequence::{LENGTH_STEP, LONGEST};
use serde::Serialize;

/// A change that the model's predictions should not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// The same pass again
    Repeat,
    /// Lower case, and other letters than N where no base is known
    Letters,
    /// Alone, and at every place of a batch
    Batch,
    /// A batch, and the same in reverse order
    Order,
    /// Alone, and beside the same sequence of another organism
    Organisms,
    /// All threads, and one, two and three of them (CPU only)
    Threads,
    /// The CUDA device, and the CPU (with --device cuda only)
    Device,
    /// A run of N behind the sequence
    Padding,
    /// The other strand
    ReverseComplement,
}

impl Condition {
    /// The name as a person writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Repeat => "repeat",
            Self::Letters => "letters",
            Self::Batch => "batch",
            Self::Order => "order",
            Self::Organisms => "organisms",
            Self::Threads => "threads",
            Self::Device => "device",
            Self::Padding => "padding",
            Self::ReverseComplement => "reverse-complement",
        }
    }

    /// Whether it can be tried at a length that the model takes.
    pub fn fits(self, length: usize) -> bool {
        self != Self::Padding || length + LENGTH_STEP <= LONGEST
    }

    /// Passes over a sequence of `length`, in units of that length, beside the pass that all are compared with.
    pub fn passes(self, length: usize, batch: usize) -> f64 {
        match self {
            Self::Repeat => 2.0,
            Self::Letters | Self::ReverseComplement => 1.0,
            Self::Batch => (batch * batch) as f64,
            Self::Order => (2 * batch) as f64,
            Self::Organisms => 3.0,
            // One thread takes as long as there are cores.
            Self::Threads => {
                2.0 + std::thread::available_parallelism().map_or(1.0, |n| n.get() as f64)
            }
            // On the CPU, whose time nothing here tells.
            Self::Device => 0.0,
            Self::Padding => 1.0 + LENGTH_STEP as f64 / length as f64,
        }
    }
}
