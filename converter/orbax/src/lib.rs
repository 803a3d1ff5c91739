//! Read Orbax checkpoints: the tree, and its zarr arrays over OCDBT or plain files
