//! Read OCDBT databases, the key-value format of TensorStore
