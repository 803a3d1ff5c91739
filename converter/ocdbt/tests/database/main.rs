//! Tests through the public interface.

#[cfg(unix)]
mod folder;
mod hostile;
mod round_trip;
mod vectors;
mod writer;
mod written_by_tensorstore;
