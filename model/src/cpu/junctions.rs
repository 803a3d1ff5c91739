//! Splice junctions.

use burn::tensor::Tensor;
use burn_flex::Flex;
use kernels::junctions::{self, Place};
use kernels::rotary::Angles;

use super::floats::{Floats, filled};
use super::products::operands;
use crate::plain::Sites;
use crate::precision::Rounding;

pub(super) fn junctions(
    donors: Sites<'_, Flex>,
    acceptors: Sites<'_, Flex>,
    rounding: Rounding,
) -> Tensor<Flex, 3> {
    let [count, partners] = [donors.0.dims()[0], acceptors.0.dims()[0]];
    let tissues = donors.1.scale.dims()[0];
    let counts = filled([count, partners, tissues], |_| ());
    fill_junctions(counts, 0, donors, acceptors, rounding)
}

pub(super) fn fill_junctions(
    counts: Tensor<Flex, 3>,
    first: usize,
    donors: Sites<'_, Flex>,
    acceptors: Sites<'_, Flex>,
    rounding: Rounding,
) -> Tensor<Flex, 3> {
    let [_, partners, tracks] = counts.dims();
    let place = Place {
        partners,
        tracks,
        first,
    };
    let [count, channels] = donors.0.dims();
    let shape = [
        count,
        acceptors.0.dims()[0],
        donors.1.scale.dims()[0],
        channels,
    ];
    let mut counts = Floats::new(counts);
    let [donors, acceptors] = [Parts::new(donors), Parts::new(acceptors)];
    let (donors, acceptors) = (donors.sites(), acceptors.sites());
    junctions::junctions(
        counts.as_mut_slice(),
        place,
        donors,
        acceptors,
        operands(rounding),
        shape,
    );
    counts.into_tensor()
}

/// The tensors of one side: channels, scales, offsets, cosines and sines.
struct Parts([Floats; 5]);

impl Parts {
    fn new((x, affine, rotation): Sites<'_, Flex>) -> Self {
        Self([
            Floats::new(x),
            Floats::of(&affine.scale),
            Floats::of(&affine.offset),
            Floats::of(&rotation.cosine),
            Floats::of(&rotation.sine),
        ])
    }

    fn sites(&self) -> junctions::Sites<'_> {
        let [x, scale, offset, cosine, sine] = self.0.each_ref().map(Floats::as_slice);
        junctions::Sites {
            x,
            scale,
            offset,
            angles: Angles { cosine, sine },
        }
    }
}
