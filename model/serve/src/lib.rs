//! Predictions and variant scores over gRPC and HTTP.
