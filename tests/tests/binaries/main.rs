//! The programs, run as a user runs them: the main job on the tiny snapshot, and bad input of every kind.

mod convert;
mod evidence;
mod hostile_arrays;
mod hostile_database;
mod hostile_disk;
mod hostile_forgeries;
mod hostile_metadata;
mod hostile_paths;
mod hostile_spec;
mod main_job;
mod parity;
mod smoke;
