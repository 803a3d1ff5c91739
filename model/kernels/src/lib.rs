//! float32 kernels for the CPU on plain slices: products, convolutions, norms, attention.
