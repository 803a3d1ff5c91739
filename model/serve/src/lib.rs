//! Predictions and variant scores over gRPC and HTTP.
//!
//! | module | what it does |
//! |---|---|
//! | [`engine`] | the queue in front of the models: fair, bounded, with deadlines |
//! | [`http`] | answers as JSON, Parquet and npz, and pages |
//! | [`access`] | who may use the server, from where, and how much |
//! | [`server`] | the port: connections, both protocols over it, and its end |
//! | [`metrics`] | what is counted |

#![forbid(unsafe_code)]

pub mod access;
pub mod engine;
pub mod grpc;
pub mod http;
pub mod metrics;
pub mod server;
