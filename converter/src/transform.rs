//! What happens to a tensor between source and target.
//!
//! A chain of transforms runs over a list of tensors. Most act on every tensor of the list; the folds take what they need in a
//! fixed order.

mod cast;
mod fold;
mod layout;

pub use layout::permute;

use std::fmt;

use crate::{
    tensor::{Dtype, Shape, Tensor, TensorType, from_f64, to_f64},
    text::counted,
};

/// The precision in which a fold computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Every operation rounds to f32; sums run in order.
    F32,
    /// Every operation rounds to f64; the result rounds once to the weight's type.
    F64,
}

/// One step with its lengths worked out.
#[derive(Clone, Debug, PartialEq)]
pub enum Transform {
    /// Another element type: floats only, to nearest even.
    Cast {
        /// The new type.
        dtype: Dtype,
    },
    /// Axes in another order: axis `i` of the result is axis `axes[i]` of the operand.
    Permute {
        /// A permutation of all axes.
        axes: Vec<usize>,
    },
    /// Another shape of as many elements, in row-major order.
    Reshape {
        /// The new shape.
        shape: Vec<usize>,
    },
    /// Takes out these axes of length one.
    Squeeze {
        /// Axes of the operand.
        axes: Vec<usize>,
    },
    /// Takes out leading axes of length one until `keep_last` axes are left.
    SqueezeLeading {
        /// Axes that stay.
        keep_last: usize,
    },
    /// Takes `[weight, scale]`; centres the weight over all axes but the last (population variance) and multiplies it by
    /// `scale * rsqrt(max(fan_in * variance, minimum))`, where `fan_in` is the product of all axes but the last.
    StandardizeWeight {
        /// The least `fan_in * variance`.
        minimum: f64,
        /// Computes in this.
        precision: Precision,
    },
    /// Takes `[scale, variance, offset]`; gives `[scale * rsqrt(variance + epsilon), offset]`.
    FoldNorm {
        /// Added to the variance.
        epsilon: f64,
        /// Computes in this.
        precision: Precision,
    },
    /// Another value for NaN.
    FillNan {
        /// What stands there instead.
        value: f64,
    },
}

impl Transform {
    /// The types that come out, without looking at any value.
    ///
    /// # Errors
    /// Says which shape or type does not fit, and why.
    pub fn infer(&self, input: &[TensorType]) -> Result<Vec<TensorType>, String> {
        match self {
            Transform::Cast { dtype } => {
                input.iter().map(|kind| cast::infer(kind, *dtype)).collect()
            }
            Transform::StandardizeWeight { .. } => fold::infer_standardize(input),
            Transform::FoldNorm { .. } => fold::infer_norm(input),
            Transform::FillNan { .. } => match input.iter().find(|kind| !kind.dtype.is_float()) {
                Some(kind) => Err(format!("{} has no NaN", kind.dtype)),
                None => Ok(input.to_vec()),
            },
            _ => input.iter().map(|kind| self.infer_one(kind)).collect(),
        }
    }

    fn infer_one(&self, kind: &TensorType) -> Result<TensorType, String> {
        let shape = match self {
            Transform::Permute { axes } => layout::permuted_shape(&kind.shape, axes)?,
            Transform::Reshape { shape } => layout::reshaped(kind, shape)?,
            Transform::Squeeze { axes } => layout::squeezed(&kind.shape, axes)?,
            Transform::SqueezeLeading { keep_last } => {
                layout::squeezed_leading(&kind.shape, *keep_last)?
            }
            _ => kind.shape.clone(),
        };
        Ok(TensorType {
            shape,
            dtype: kind.dtype,
        })
    }

    /// Whether values and their order stay as they are, so that nothing needs to be copied.
    pub fn keeps_bytes(&self) -> bool {
        matches!(
            self,
            Transform::Reshape { .. }
                | Transform::Squeeze { .. }
                | Transform::SqueezeLeading { .. }
        )
    }

    /// Applies the step.
    ///
    /// # Errors
    /// As [`Transform::infer`]; a plan has run that before, so an error here is a defect.
    pub fn apply(&self, input: Vec<Tensor>) -> Result<Vec<Tensor>, String> {
        let kinds: Vec<TensorType> = input.iter().map(|tensor| tensor.kind.clone()).collect();
        let output = self.infer(&kinds)?;
        let each = |change: &dyn Fn(Tensor, TensorType) -> Tensor,
                    input: Vec<Tensor>,
                    output: Vec<TensorType>| {
            input
                .into_iter()
                .zip(output)
                .map(|(tensor, kind)| change(tensor, kind))
                .collect()
        };
        Ok(match self {
            Transform::Reshape { .. }
            | Transform::Squeeze { .. }
            | Transform::SqueezeLeading { .. } => each(
                &|tensor, kind| Tensor {
                    kind,
                    data: tensor.data,
                },
                input,
                output,
            ),
            Transform::Cast { .. } => each(&cast::cast, input, output),
            Transform::Permute { axes } => {
                let change = |tensor: Tensor, kind: TensorType| {
                    let mut data = Vec::with_capacity(kind.bytes());
                    let Ok(()) = layout::permute(&tensor.data, &tensor.kind, axes, &mut |piece| {
                        data.extend_from_slice(piece);
                        Ok::<(), std::convert::Infallible>(())
                    });
                    Tensor { kind, data }
                };
                each(&change, input, output)
            }
            Transform::StandardizeWeight { minimum, precision } => {
                vec![fold::standardize(
                    &input[0], &input[1], *minimum, *precision,
                )]
            }
            Transform::FoldNorm { epsilon, precision } => fold::norm(input, *epsilon, *precision),
            Transform::FillNan { value } => {
                let filled = |x: f64| if x.is_nan() { *value } else { x };
                let change = |tensor: Tensor, kind: TensorType| {
                    let values = to_f64(kind.dtype, &tensor.data);
                    let data = from_f64(
                        kind.dtype,
                        &values.into_iter().map(filled).collect::<Vec<_>>(),
                    );
                    Tensor { kind, data }
                };
                each(&change, input, output)
            }
        })
    }
}

impl fmt::Display for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Transform::Cast { dtype } => write!(f, "cast {dtype}"),
            Transform::Permute { axes } => write!(f, "permute {}", Shape(axes)),
            Transform::Reshape { shape } => write!(f, "reshape {}", Shape(shape)),
            Transform::Squeeze { axes } => write!(f, "squeeze {}", Shape(axes)),
            Transform::SqueezeLeading { keep_last } => {
                write!(f, "squeeze to {}", counted(*keep_last, "axis", "axes"))
            }
            Transform::StandardizeWeight { minimum, precision } => {
                write!(f, "standardize weight (minimum {minimum:e}, {precision})")
            }
            Transform::FoldNorm { epsilon, precision } => {
                write!(f, "fold norm (epsilon {epsilon:e}, {precision})")
            }
            Transform::FillNan { value } => write!(f, "fill NaN with {value}"),
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Precision::F32 => "f32",
            Precision::F64 => "f64",
        })
    }
}

/// The bytes that a chain holds at once at its peak: each step's operands and results together.
///
/// # Errors
/// As [`Transform::infer`]; also if a size does not fit `usize`.
pub fn infer_chain(
    chain: &[Transform],
    input: Vec<TensorType>,
) -> Result<(Vec<TensorType>, usize), String> {
    let size = |kinds: &[TensorType]| {
        kinds
            .iter()
            .try_fold(0usize, |sum, kind| sum.checked_add(kind.checked_bytes()?))
            .ok_or("its size overflows")
    };
    let mut kinds = input;
    let mut peak = size(&kinds)?;
    for step in chain {
        let next = step
            .infer(&kinds)
            .map_err(|reason| format!("{step}: {reason}"))?;
        let held = if step.keeps_bytes() {
            size(&next)?
        } else {
            size(&kinds)?.saturating_add(size(&next)?)
        };
        peak = peak.max(held);
        kinds = next;
    }
    Ok((kinds, peak))
}

/// The axes of a chain that moves elements in one permutation alone: its tensor is handed on while it is permuted, in pieces.
#[must_use]
pub fn only_permutation(chain: &[Transform]) -> Option<&[usize]> {
    let mut moves = chain.iter().filter(|step| !step.keeps_bytes());
    match (moves.next(), moves.next()) {
        (Some(Transform::Permute { axes }), None) => Some(axes),
        _ => None,
    }
}

/// The most bytes that are held where such a chain hands on its tensor, of a source of this `kind`; nothing for other chains.
#[must_use]
pub fn peak_in_pieces(chain: &[Transform], kind: &TensorType) -> Option<usize> {
    let axes = only_permutation(chain)?;
    let read = before_permutation(chain, kind).ok()?;
    Some(kind.bytes() + layout::piece_bytes(&read, axes))
}

/// What such a chain's permutation reads, of a source of this `kind`.
///
/// # Errors
/// As [`Transform::infer`].
pub fn before_permutation(chain: &[Transform], kind: &TensorType) -> Result<TensorType, String> {
    let mut before = chain.iter().take_while(|step| step.keeps_bytes());
    let mut kinds = before.try_fold(vec![kind.clone()], |kinds, step| step.infer(&kinds))?;
    kinds.pop().ok_or_else(|| "nothing is left".to_owned())
}

#[cfg(test)]
mod tests;
