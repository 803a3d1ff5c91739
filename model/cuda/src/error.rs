//! The one error type: what failed, with which library, and what to do about it.

use crate::library::Library;

/// The result of everything in this package.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong between a program and a CUDA device.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A shared library is absent, or cannot be loaded.
    #[error("{library} cannot be loaded ({reason}; tried {tried} on the loader's path and LD_LIBRARY_PATH): {advice}", advice = library.advice())]
    Library {
        /// Which library.
        library: Library,
        /// The file names that were tried.
        tried: String,
        /// What the loader said.
        reason: String,
    },

    /// A shared library is there, but older than the functions used here.
    #[error("{library} is version {found}, and version {needed} or newer is needed: {advice}", advice = library.advice())]
    TooOld {
        /// Which library.
        library: Library,
        /// Its version.
        found: String,
        /// The oldest version that serves.
        needed: &'static str,
    },

    /// No GPU has this number.
    #[error(
        "there is no CUDA device {ordinal}: {count} found (numbered from 0; CUDA_VISIBLE_DEVICES can hide devices)"
    )]
    NoDevice {
        /// The number asked for.
        ordinal: u32,
        /// How many devices the driver shows.
        count: u32,
    },

    /// The device has too little free memory.
    #[error("the CUDA device has no room for {asked} more bytes: {free} of {total} bytes are free")]
    OutOfMemory {
        /// Bytes asked for.
        asked: u64,
        /// Bytes free on the device, other programs' memory counted as used.
        free: u64,
        /// Bytes on the device.
        total: u64,
    },

    /// A call failed.
    #[error("{library}: {call} failed: {status}")]
    Call {
        /// Which library.
        library: Library,
        /// The function's name.
        call: &'static str,
        /// The status it returned, with the library's explanation where it has one.
        status: String,
    },

    /// The sources of kernels do not compile.
    #[error("the CUDA kernels of {name} do not compile:\n{log}")]
    Compile {
        /// The name of the sources.
        name: String,
        /// What the compiler printed.
        log: String,
    },

    /// A module has no such kernel.
    #[error(
        "the CUDA module {module} has no kernel {kernel} (kernels are looked up by their extern \"C\" names)"
    )]
    NoKernel {
        /// The module.
        module: String,
        /// The kernel.
        kernel: String,
    },

    /// No library offers the operation for this shape and these types.
    #[error("{library} offers nothing for {operation}{detail}")]
    Unsupported {
        /// Which library.
        library: Library,
        /// The operation with its shapes and types.
        operation: String,
        /// What is known beyond that; empty or starting with a separator.
        detail: String,
    },

    /// A call contradicts what it was planned for.
    #[error("{operation}: {problem}")]
    Contract {
        /// The operation.
        operation: String,
        /// Expected and found.
        problem: String,
    },
}

impl Error {
    /// A call that contradicts what `operation` was planned for.
    pub(crate) fn contract(operation: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Contract {
            operation: operation.into(),
            problem: problem.into(),
        }
    }
}
