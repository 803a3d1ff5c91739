//! The server as clients meet it, over HTTP and gRPC, on loopback: answers, access, pages, faults.

mod access;
mod answers;
mod calls;
mod faults;
mod memory;
mod pages;
mod support;
