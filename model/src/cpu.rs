//! The operations on Burn's CPU backend.

use burn::backend::Flex;

use crate::operations::Operations;

impl Operations for Flex {}
