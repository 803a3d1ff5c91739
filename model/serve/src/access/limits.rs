//! How large requests and answers may be. What both protocols have in common is held by the engine.

use clap::Args;

use crate::engine;

/// The largest that is taken.
#[derive(Args, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request
    #[arg(long = "max-message", value_name = "BYTES", default_value_t = Limits::default().message, value_parser = positive)]
    pub message: usize,
    /// Base pairs that the model sees of a request
    #[arg(long = "max-length", value_name = "BP", default_value_t = Limits::default().length, value_parser = clap::value_parser!(i64).range(2048..=1_048_576))]
    pub length: i64,
    /// Scorers of a request
    #[arg(long = "max-scorers", value_name = "N", default_value_t = Limits::default().scorers, value_parser = positive)]
    pub scorers: usize,
    /// Base pairs of a request for saturation mutagenesis
    #[arg(long = "max-ism", value_name = "BP", default_value_t = Limits::default().ism, value_parser = clap::value_parser!(i64).range(1..))]
    pub ism: i64,
    /// Variants of a request over HTTP
    #[arg(long = "max-variants", value_name = "N", default_value_t = Limits::default().variants, value_parser = positive)]
    pub variants: usize,
    /// Values that an answer over HTTP holds
    #[arg(long = "max-values", value_name = "N", default_value_t = Limits::default().values, value_parser = clap::value_parser!(u64).range(1..))]
    pub values: u64,
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("expected a whole number from 1".into()),
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message: 4 << 20,
            length: engine::Limits::default().length,
            scorers: engine::Limits::default().scorers,
            ism: engine::Limits::default().ism_width,
            variants: 256,
            values: 1 << 26,
        }
    }
}

/// A request, or its answer, is larger than what is taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    /// Its bytes.
    #[error(
        "the request has more than {0} bytes, the most that this server takes; send less at once"
    )]
    Message(usize),
    /// Variants.
    #[error(
        "{found} variants are more than {most}, the most that this server takes at once; send some in another request"
    )]
    Variants {
        /// How many.
        found: usize,
        /// The most.
        most: usize,
    },
    /// The answer.
    #[error(
        "the answer would hold {found} values, more than {most}, the most that this server sends at once; choose fewer tracks or a shorter region"
    )]
    Values {
        /// How many.
        found: u64,
        /// The most.
        most: u64,
    },
}

impl Limits {
    /// Those that the engine holds.
    #[must_use]
    pub fn engine(&self) -> engine::Limits {
        let usual = engine::Limits::default();
        engine::Limits {
            length: self.length,
            scorers: self.scorers,
            ism_width: self.ism,
            // Several of the largest requests fit at once.
            queued_bytes: usual
                .queued_bytes
                .max((self.message as u64).saturating_mul(8)),
            ..usual
        }
    }

    /// Fails where so many variants are too many.
    ///
    /// # Errors
    /// Then.
    pub fn check_variants(&self, found: usize) -> Result<(), Exceeded> {
        let most = self.variants;
        within(found <= most, Exceeded::Variants { found, most })
    }

    /// Fails where an answer of so many values is too large.
    ///
    /// # Errors
    /// Then.
    pub fn check_values(&self, found: u64) -> Result<(), Exceeded> {
        let most = self.values;
        within(found <= most, Exceeded::Values { found, most })
    }
}

fn within(fits: bool, exceeded: Exceeded) -> Result<(), Exceeded> {
    match fits {
        true => Ok(()),
        false => Err(exceeded),
    }
}
