//! Tests through the public interface.

mod aggregated;
mod beside;
mod built;
mod damaged;
mod fill_values;
mod forms;
mod grids;
mod hostile_arrays;
mod hostile_chunks;
mod hostile_trees;
mod tiny_model;
mod written_by_orbax;
