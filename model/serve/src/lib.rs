//! Predictions and variant scores over gRPC and HTTP.
//!
//! | module | what it does |
//! |---|---|
//! | [`engine`] | the queue in front of the models: fair, bounded, with deadlines |

#![forbid(unsafe_code)]

pub mod engine;
pub mod grpc;
