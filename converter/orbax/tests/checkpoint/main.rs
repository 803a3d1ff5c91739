//! Tests through the public interface.

mod built;
mod damaged;
mod forms;
mod grids;
mod hostile_arrays;
mod hostile_chunks;
mod hostile_trees;
mod tiny_model;
mod written_by_orbax;
