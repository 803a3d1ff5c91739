//! Downloads from a small Hub on the loopback interface, each in a process with an environment of its own.

#![cfg(unix)]

mod access;
mod cache;
mod home;
mod interruption;
mod model;
mod server;
