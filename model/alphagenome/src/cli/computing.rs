//! Where a model runs, and how precisely.

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use inference::machine::nearest;
use terminal::{Device, Devices};

/// Where and how a model runs.
#[derive(Args, Clone, Debug)]
pub struct Computing {
    /// Where the model runs: cpu, cuda, cuda:N (or burn-cuda: Burn's own operations); variants are scored on several, as cuda:all
    /// or cuda:0,cuda:1
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub device: Devices,
    /// How precisely the model computes [default: f32 on a CPU, tf32 on a GPU]
    #[arg(long, visible_alias = "dtype", value_enum)]
    pub precision: Option<Precision>,
    /// One of `parity`'s arithmetics instead, which say where XLA rounds
    #[arg(long, value_enum, conflicts_with = "precision")]
    pub arithmetic: Option<parity::cli::Arithmetic>,
}

/// How precisely a model computes. Sums are in float32 in all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Precision {
    /// bfloat16, as AlphaGenome ships: fastest, and of a substitution's small effect little is left
    #[value(alias = "bfloat16")]
    Bf16,
    /// float32, products of TF32 operands: 20 to 40 times less noise than bfloat16
    Tf32,
    /// float32; on a GPU its products with parameters are three of bfloat16, accurate to 16 bits and summed in float32
    #[value(alias = "float32")]
    F32,
}

impl Computing {
    /// The only device.
    ///
    /// # Errors
    /// Where there may be several.
    pub fn only(&self) -> Result<Device> {
        let only = self.device.only();
        only.with_context(|| {
            format!(
                "--device {}: variants are scored on several devices; this runs on one",
                self.device
            )
        })
    }

    /// The arithmetic that was named, or that of the precision on the device.
    pub fn arithmetic(&self) -> model::Arithmetic {
        use model::Arithmetic::{SplitF32, XlaCpuBf16, XlaCpuF32, XlaGpuTf32};
        let device = self.device.first();
        let default = match device {
            Device::Cpu => Precision::F32,
            _ => Precision::Tf32,
        };
        let of_precision = || match self.precision.unwrap_or(default) {
            Precision::Bf16 => nearest(device, XlaCpuBf16),
            Precision::Tf32 => XlaGpuTf32,
            Precision::F32 => match device {
                Device::Cuda(_) => SplitF32,
                other => nearest(other, XlaCpuF32),
            },
        };
        self.arithmetic.map_or_else(of_precision, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use model::Arithmetic::{SplitF32, XlaCpuBf16, XlaCpuF32, XlaGpuBf16, XlaGpuF32, XlaGpuTf32};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        computing: Computing,
    }

    #[test]
    fn a_precision_is_an_arithmetic_of_the_device() {
        for (line, arithmetic) in [
            ("", XlaCpuF32),
            ("--precision bf16", XlaCpuBf16),
            ("--precision tf32", XlaGpuTf32),
            ("--device cuda", XlaGpuTf32),
            ("--device cuda:1 --precision f32", SplitF32),
            ("--device cuda:all --precision f32", SplitF32),
            ("--device cpu,cpu", XlaCpuF32),
            ("--device burn-cuda --precision f32", XlaGpuF32),
            ("--device cuda --dtype bf16", XlaGpuBf16),
            ("--arithmetic xla-gpu-bf16", XlaGpuBf16),
        ] {
            let words = std::iter::once("x").chain(line.split_whitespace());
            let line = Line::try_parse_from(words).unwrap();
            assert_eq!(line.computing.arithmetic(), arithmetic);
        }
        let both = ["x", "--precision", "f32", "--arithmetic", "xla-gpu-f32"];
        assert!(Line::try_parse_from(both).is_err());
    }
}
