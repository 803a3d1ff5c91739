//! AlphaGenome's forward pass in Burn
