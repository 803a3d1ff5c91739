//! Where numbers are rounded: the one place that knows what XLA makes of AlphaGenome's program.
//!
//! `docs/bfloat16.md` has the same for readers, module by module.

use std::fmt;
use std::str::FromStr;

use burn::tensor::backend::Backend;
use burn::tensor::{DType, Tensor};

/// The arithmetic of a forward pass, a named choice: what JAX's program becomes under a compiler and its flags.
///
/// [`Arithmetic::roundings`] is the whole difference between the choices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Arithmetic {
    /// float32 throughout, as XLA compiles the model for the CPU.
    #[default]
    XlaCpuF32,
    /// float32 as XLA compiles the model for a GPU at `jax_default_matmul_precision=highest`.
    XlaGpuF32,
    /// float32 as XLA compiles the model for a GPU at JAX's default precision: products take TF32 operands.
    XlaGpuTf32,
    /// bfloat16 as AlphaGenome ships and XLA compiles it for a GPU.
    XlaGpuBf16,
    /// bfloat16 as XLA compiles it for a GPU with `--xla_allow_excess_precision=false`.
    XlaGpuBf16Strict,
    /// bfloat16 as XLA compiles it for the CPU.
    XlaCpuBf16,
    /// float32 on a GPU as [`Arithmetic::XlaGpuF32`], but products with parameters are three of bfloat16: no program of JAX's.
    SplitF32,
}

impl Arithmetic {
    /// Those that are programs of JAX's.
    pub const ALL: [Self; 6] = [
        Self::XlaCpuF32,
        Self::XlaGpuF32,
        Self::XlaGpuTf32,
        Self::XlaGpuBf16,
        Self::XlaGpuBf16Strict,
        Self::XlaCpuBf16,
    ];

    /// Where this arithmetic rounds.
    pub const fn roundings(self) -> Roundings {
        use Rounding::{None, ToBfloat16};
        let shipped = Roundings {
            values: ToBfloat16,
            result: ToBfloat16,
            operands: ToBfloat16,
            products: Products::Float32,
            convolution_steps: None,
            squares: ToBfloat16,
            kernels_for_mean: None,
            kernels_for_variance: ToBfloat16,
            denominators: None,
            learnt_scales: None,
            usage_is_half: false,
        };
        match self {
            Self::XlaCpuF32 => Roundings::FLOAT32,
            Self::XlaGpuF32 => Roundings {
                operands: ToBfloat16,
                ..Roundings::FLOAT32
            },
            Self::XlaGpuTf32 => Roundings {
                operands: ToBfloat16,
                products: Products::Tf32,
                ..Roundings::FLOAT32
            },
            Self::SplitF32 => Roundings {
                operands: ToBfloat16,
                products: Products::Split,
                ..Roundings::FLOAT32
            },
            Self::XlaGpuBf16 => shipped,
            Self::XlaGpuBf16Strict => Roundings {
                kernels_for_mean: ToBfloat16,
                denominators: ToBfloat16,
                learnt_scales: ToBfloat16,
                usage_is_half: true,
                ..shipped
            },
            Self::XlaCpuBf16 => Roundings {
                operands: None,
                convolution_steps: ToBfloat16,
                squares: None,
                kernels_for_mean: ToBfloat16,
                kernels_for_variance: None,
                denominators: ToBfloat16,
                learnt_scales: ToBfloat16,
                usage_is_half: true,
                ..shipped
            },
        }
    }

    /// Whether tensors hold bfloat16 and outputs are bfloat16.
    pub const fn is_bfloat16(self) -> bool {
        matches!(self.roundings().values, Rounding::ToBfloat16)
    }

    /// The name as a person writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::XlaCpuF32 => "xla-cpu-f32",
            Self::XlaGpuF32 => "xla-gpu-f32",
            Self::XlaGpuTf32 => "xla-gpu-tf32",
            Self::XlaGpuBf16 => "xla-gpu-bf16",
            Self::XlaGpuBf16Strict => "xla-gpu-bf16-strict",
            Self::XlaCpuBf16 => "xla-cpu-bf16",
            Self::SplitF32 => "split-f32",
        }
    }
}

impl fmt::Display for Arithmetic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that no arithmetic has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no arithmetic is called `{0}`: expected one of {names}", names = names())]
pub struct UnknownArithmetic(pub String);

fn known() -> impl Iterator<Item = Arithmetic> {
    Arithmetic::ALL.into_iter().chain([Arithmetic::SplitF32])
}

fn names() -> String {
    let names = known().map(|arithmetic| format!("`{arithmetic}`"));
    names.collect::<Vec<_>>().join(", ")
}

impl FromStr for Arithmetic {
    type Err = UnknownArithmetic;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        known()
            .find(|arithmetic| arithmetic.name() == name)
            .ok_or_else(|| UnknownArithmetic(name.to_owned()))
    }
}

/// Where an arithmetic rounds, to bfloat16 unless said; everywhere else numbers are float32.
///
/// Read off the programs that XLA compiled (H200 and CPU, JAX 0.11.2 and 0.10.2), and confirmed with recorded module
/// outputs. Sums, means, softmax, attention logits, the heads and the junctions' rotary embedding are float32 in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roundings {
    /// Parameters where they are read, and the result of every operation on a tensor that JAX holds in its compute
    /// type: each product's sums, each addition of a bias, each step of a norm or an activation.
    pub values: Rounding,
    /// The last step of an operation: as [`values`](Self::values), unless what follows takes it unrounded.
    pub result: Rounding,
    /// The operands of the five products that ask for bfloat16 operands with float32 accumulation under any policy
    /// (`jax.lax.DotAlgorithmPreset.BF16_BF16_F32`): in the sequence attention, queries and keys after the rotary
    /// embedding, then weights and values; the same in the row attention; in the junctions, donors and acceptors after
    /// their rotary embedding. A GPU rounds them; the CPU takes them as float32, even the last addition
    /// that made keys and values.
    pub operands: Rounding,
    /// The operands of all other products and of convolutions, the heads' included; sums are float32.
    pub products: Products,
    /// A convolution's sums, and those with the bias, before the residual is added: cuDNN adds all three in float32.
    pub convolution_steps: Rounding,
    /// The squares whose mean a `LayerNorm` takes.
    pub squares: Rounding,
    /// A convolution kernel before its mean is taken. What the mean is taken off is rounded in any case.
    pub kernels_for_mean: Rounding,
    /// A convolution kernel less its mean, before its variance is taken.
    pub kernels_for_variance: Rounding,
    /// The denominators of the trunk's rotary frequencies.
    pub denominators: Rounding,
    /// The learnt scales of genome tracks.
    pub learnt_scales: Rounding,
    /// Whether the usage of splice sites passes through float16.
    pub usage_is_half: bool,
}

impl Roundings {
    /// No rounding anywhere, but for the usage of splice sites, which is float16.
    pub const FLOAT32: Self = Self {
        values: Rounding::None,
        result: Rounding::None,
        operands: Rounding::None,
        products: Products::Float32,
        convolution_steps: Rounding::None,
        squares: Rounding::None,
        kernels_for_mean: Rounding::None,
        kernels_for_variance: Rounding::None,
        denominators: Rounding::None,
        learnt_scales: Rounding::None,
        usage_is_half: true,
    };

    /// What is float32 under any policy takes: the operands of products alone may be rounded.
    pub const fn in_float32(self) -> Self {
        Self {
            products: self.products,
            ..Self::FLOAT32
        }
    }

    /// The same, with the last step left unrounded for what follows.
    pub const fn unfinished(self) -> Self {
        Self {
            result: Rounding::None,
            ..self
        }
    }
}

/// What happens to a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// It stays as it is.
    None,
    /// It is rounded to the nearest bfloat16, ties to even, and used as float32.
    ToBfloat16,
}

impl Rounding {
    /// Rounds a tensor; shape and float type stay.
    pub fn apply<B: Backend, const D: usize>(self, x: Tensor<B, D>) -> Tensor<B, D> {
        match self {
            Self::None => x,
            Self::ToBfloat16 => {
                let dtype = x.dtype();
                x.cast(DType::BF16).cast(dtype)
            }
        }
    }

    /// Rounds one number.
    pub fn number(self, x: f32) -> f32 {
        match self {
            Self::None => x,
            Self::ToBfloat16 => half::bf16::from_f32(x).to_f32(),
        }
    }

    /// Rounds numbers in place.
    pub fn numbers(self, values: &mut [f32]) {
        if self == Self::ToBfloat16 {
            for value in values {
                *value = self.number(*value);
            }
        }
    }
}

/// What the operands of a product are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Products {
    /// As they are.
    Float32,
    /// Rounded to TF32, float32 with 10 bits of mantissa: to nearest, ties to even.
    Tf32,
    /// On a GPU, where the second operand is a parameter: the nearest bfloat16 `h` and that of the rest `l` of either, and the sum
    /// of `h h`, `h l` and `l h`, which leaves out 2^-16 of a product. As they are elsewhere.
    Split,
}

impl Products {
    /// Rounds a tensor; its values pass through the host.
    pub fn apply<B: Backend, const D: usize>(self, x: Tensor<B, D>) -> Tensor<B, D> {
        match self {
            Self::Float32 | Self::Split => x,
            Self::Tf32 => {
                let (dtype, device) = (x.dtype(), x.device());
                let mut data = x.into_data().convert::<f32>();
                let values = data.as_mut_slice::<f32>();
                self.numbers(values.expect("the data was converted to float32"));
                Tensor::from_data(data, (&device, dtype))
            }
        }
    }

    /// Rounds one number.
    pub fn number(self, x: f32) -> f32 {
        /// Bits of a float32's mantissa that TF32 does not have.
        const CUT: u32 = 13;
        match self {
            Self::Tf32 if x.is_finite() => {
                let bits = x.to_bits();
                let even = (bits >> CUT) & 1;
                let rounded = bits + ((1 << (CUT - 1)) - 1) + even;
                f32::from_bits(rounded >> CUT << CUT)
            }
            _ => x,
        }
    }

    /// Rounds numbers in place.
    pub fn numbers(self, values: &mut [f32]) {
        if self == Self::Tf32 {
            for value in values {
                *value = self.number(*value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::backend::Flex;

    #[test]
    fn names_read_back() {
        for arithmetic in known() {
            assert_eq!(arithmetic.to_string().parse(), Ok(arithmetic));
        }
        let error = "bf16".parse::<Arithmetic>().unwrap_err();
        assert!(error.to_string().contains("`bf16`"));
        assert!(error.to_string().ends_with("`split-f32`"));
    }

    #[test]
    fn only_the_bfloat16_choices_round_values() {
        let bfloat16 = Arithmetic::ALL.map(Arithmetic::is_bfloat16);
        assert_eq!(bfloat16, [false, false, false, true, true, true]);
        for arithmetic in Arithmetic::ALL {
            let roundings = arithmetic.roundings();
            assert_eq!(roundings.result, roundings.values);
            assert_eq!(roundings.unfinished().result, Rounding::None);
        }
    }

    #[test]
    fn rounding_is_to_nearest_even() {
        let device = Default::default();
        // Steps of bfloat16 above 1 are 2^-7: half a step goes to the even neighbour, below for 1 and above for 1 + 2^-7.
        let values = [1.0, 1.0 + 1.0 / 256.0, 1.0 + 3.0 / 256.0, -1.3];
        let nearest = [1.0, 1.0, 1.015_625, -1.296_875];
        let x = Tensor::<Flex, 1>::from_floats(values, &device);
        let rounded = Rounding::ToBfloat16
            .apply(x.clone())
            .into_data()
            .to_vec::<f32>()
            .unwrap();
        assert_eq!(rounded, nearest);
        assert_eq!(
            values.map(|value| Rounding::ToBfloat16.number(value)),
            nearest
        );
        let mut numbers = values;
        Rounding::ToBfloat16.numbers(&mut numbers);
        assert_eq!(numbers, nearest);
        let kept = Rounding::None.apply(x).into_data().to_vec::<f32>().unwrap();
        assert_eq!(kept, values);
    }

    #[test]
    fn tf32_has_ten_bits_of_mantissa() {
        let device = Default::default();
        // Steps above 1 are 2^-10; half a step goes to the even neighbour.
        let step = 1.0 / 1024.0;
        let values = [1.0, 1.0 + step / 2.0, 1.0 + 1.5 * step, -1.0 - 0.6 * step];
        let nearest = [1.0, 1.0, 1.0 + 2.0 * step, -1.0 - step];
        let x = Tensor::<Flex, 1>::from_floats(values, &device);
        let rounded = Products::Tf32.apply(x.clone()).into_data();
        assert_eq!(rounded.to_vec::<f32>().unwrap(), nearest);
        let kept = Products::Float32.apply(x).into_data();
        assert_eq!(kept.to_vec::<f32>().unwrap(), values);
        let tf32 = |x: f32| Products::Tf32.number(x);
        assert_eq!(tf32(f32::MAX), f32::INFINITY);
        assert_eq!(tf32(f32::NEG_INFINITY), f32::NEG_INFINITY);
        assert_eq!(tf32(-0.0).to_bits(), (-0.0f32).to_bits());
        assert!(tf32(f32::from_bits(0x7fff_ffff)).is_nan());
    }

    #[test]
    fn only_the_products_of_tf32_differ_from_float32_on_a_gpu() {
        let tf32 = Arithmetic::XlaGpuTf32.roundings();
        let float32 = Arithmetic::XlaGpuF32.roundings();
        assert_eq!(
            tf32,
            Roundings {
                products: Products::Tf32,
                ..float32
            }
        );
        assert_eq!(tf32.in_float32().products, Products::Tf32);
        assert_eq!(tf32.in_float32().operands, Rounding::None);
        for arithmetic in Arithmetic::ALL {
            let products = arithmetic.roundings().products;
            assert_eq!(
                products != Products::Float32,
                arithmetic == Arithmetic::XlaGpuTf32
            );
        }
        let split = Arithmetic::SplitF32.roundings();
        assert_eq!(
            float32,
            Roundings {
                products: Products::Float32,
                ..split
            }
        );
        assert_eq!(split.in_float32().products, Products::Split);
    }
}
