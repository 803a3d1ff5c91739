//! End-to-end tests through the binaries, fixtures, and the gated integration tests
