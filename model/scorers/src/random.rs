//! NumPy's `default_rng`: PCG64 seeded by a `SeedSequence` (O'Neill, "PCG", HMC-CS-2014-0905), so that ties are drawn as
//! 0.3.0 draws them.

const MULTIPLIER: u128 = 0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645;

/// `numpy.random.default_rng(seed)`.
#[derive(Clone, Debug)]
pub(crate) struct Generator {
    state: u128,
    increment: u128,
    /// The upper half of the last 64 bits, which NumPy keeps for the next 32.
    half: Option<u32>,
}

impl Generator {
    pub(crate) fn new(seed: u32) -> Self {
        let words = seed_words(seed);
        let wide = |at: usize| u128::from(words[at]) << 64 | u128::from(words[at + 1]);
        let mut generator = Self {
            state: 0,
            increment: wide(2) << 1 | 1,
            half: None,
        };
        generator.step();
        generator.state = generator.state.wrapping_add(wide(0));
        generator.step();
        generator
    }

    /// The state, and the half that is kept, as text.
    pub(crate) fn state(&self) -> String {
        let half = self.half.map(|half| half.to_string());
        format!("{}:{}", self.state, half.unwrap_or_default())
    }

    /// Goes on from what [`Generator::state`] gave for a generator of the same seed; nothing where that is no such text.
    pub(crate) fn resume(&mut self, text: &str) -> Option<()> {
        let (state, half) = text.split_once(':')?;
        let half = match half {
            "" => None,
            half => Some(half.parse().ok()?),
        };
        (self.state, self.half) = (state.parse().ok()?, half);
        Some(())
    }

    fn step(&mut self) {
        self.state = self
            .state
            .wrapping_mul(MULTIPLIER)
            .wrapping_add(self.increment);
    }

    fn next_u64(&mut self) -> u64 {
        self.step();
        let folded = (self.state >> 64) as u64 ^ self.state as u64;
        folded.rotate_right((self.state >> 122) as u32)
    }

    fn next_u32(&mut self) -> u32 {
        if let Some(half) = self.half.take() {
            return half;
        }
        let both = self.next_u64();
        self.half = Some((both >> 32) as u32);
        both as u32
    }

    /// A whole number of `low..=high`, all equally likely (Lemire's method, as `Generator.integers` uses it for ranges of
    /// less than 32 bits). A range of one draws nothing.
    pub(crate) fn integer(&mut self, low: u32, high: u32) -> u32 {
        let range = high - low;
        if range == 0 {
            return low;
        }
        let values = u64::from(range) + 1;
        let mut product = u64::from(self.next_u32()) * values;
        if (product as u32) < values as u32 {
            let threshold = (u32::MAX - range) % values as u32;
            while (product as u32) < threshold {
                product = u64::from(self.next_u32()) * values;
            }
        }
        low + (product >> 32) as u32
    }
}

/// `SeedSequence(seed).generate_state(4, uint64)` for a seed of one word.
fn seed_words(seed: u32) -> [u64; 4] {
    const XSHIFT: u32 = 16;
    let mut hash = 0x43b0_d7e5u32;
    let mut mix_in = |value: u32| {
        let value = value ^ hash;
        hash = hash.wrapping_mul(0x931e_8875);
        let value = value.wrapping_mul(hash);
        value ^ value >> XSHIFT
    };
    let mix = |x: u32, y: u32| {
        let mixed = x
            .wrapping_mul(0xca01_f9dd)
            .wrapping_sub(y.wrapping_mul(0x4973_f715));
        mixed ^ mixed >> XSHIFT
    };
    let mut pool = [seed, 0, 0, 0].map(&mut mix_in);
    for from in 0..4 {
        for to in 0..4 {
            if from != to {
                pool[to] = mix(pool[to], mix_in(pool[from]));
            }
        }
    }
    let mut hash = 0x8b51_f9ddu32;
    let words: [u32; 8] = std::array::from_fn(|at| {
        let value = pool[at % 4] ^ hash;
        hash = hash.wrapping_mul(0x58f3_8ded);
        let value = value.wrapping_mul(hash);
        value ^ value >> XSHIFT
    });
    std::array::from_fn(|at| u64::from(words[2 * at]) | u64::from(words[2 * at + 1]) << 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `default_rng(42).bit_generator.random_raw()` and `default_rng(42).integers(0, 10, 8)` of NumPy 2.4.
    #[test]
    fn draws_what_numpy_draws() {
        assert_eq!(Generator::new(42).next_u64(), 14_276_969_152_011_380_360);
        let mut generator = Generator::new(42);
        assert_eq!(
            [(); 8].map(|()| generator.integer(0, 9)),
            [0, 7, 6, 4, 4, 8, 0, 6]
        );
    }
}
