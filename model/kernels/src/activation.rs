//! Functions of one number, applied to many.

use crate::functions;
use crate::parallel::{for_pieces, vectorised};

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `max(x, 0)`, NaN for NaN.
    Relu,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// `x * sigmoid(1.702 x)` (AlphaGenome's `layers.gelu`).
    GeluSigmoid,
    /// `x / 2 * (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))` (`jax.nn.gelu`).
    GeluTanh,
}

/// Calls `$with!(f)` where `f` is the function as an inlinable expression; one loop is compiled a function.
macro_rules! for_function {
    ($function:expr, $with:ident) => {
        match $function {
            Function::Relu => $with!(|x: f32| if x < 0.0 { 0.0 } else { x }),
            Function::Sigmoid => $with!(functions::sigmoid),
            Function::GeluSigmoid => $with!(functions::gelu_sigmoid),
            Function::GeluTanh => $with!(functions::gelu_tanh),
        }
    };
}
pub(crate) use for_function;

/// Applies `function` in place.
pub fn apply(values: &mut [f32], function: Function) {
    macro_rules! run {
        ($f:expr) => {
            for_pieces(values, 1, |_, values| {
                vectorised(
                    #[inline(always)]
                    || {
                        for x in values {
                            *x = $f(*x);
                        }
                    },
                )
            })
        };
    }
    for_function!(function, run);
}

/// Writes `function(x)` into `destination`.
///
/// # Panics
/// If the lengths differ.
pub fn map(destination: &mut [f32], x: &[f32], function: Function) {
    assert_eq!(destination.len(), x.len(), "as many results as arguments");
    macro_rules! run {
        ($f:expr) => {
            for_pieces(destination, 1, |first, values| {
                let x = &x[first..][..values.len()];
                vectorised(
                    #[inline(always)]
                    || {
                        for (y, &x) in values.iter_mut().zip(x) {
                            *y = $f(x);
                        }
                    },
                )
            })
        };
    }
    for_function!(function, run);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{numbers, on_threads};

    #[test]
    fn every_element_of_any_length_gets_the_function() {
        type Scalar = fn(f32) -> f32;
        let scalar: [(Function, Scalar); 4] = [
            (Function::Relu, |x| x.max(0.0)),
            (Function::Sigmoid, functions::sigmoid),
            (Function::GeluSigmoid, functions::gelu_sigmoid),
            (Function::GeluTanh, functions::gelu_tanh),
        ];
        for (function, one) in scalar {
            for length in [0, 1, 15, 17, 40_001] {
                let x: Vec<f32> = numbers(3, length).iter().map(|x| x * 9.0).collect();
                // Bit for bit: neither vector width nor number of threads may change a result.
                let expected: Vec<f32> = x.iter().map(|&x| one(x)).collect();
                let mut y = vec![f32::NAN; length];
                on_threads(2, || map(&mut y, &x, function));
                assert!(y == expected, "{function:?}, {length}");
                let mut y = x;
                on_threads(1, || apply(&mut y, function));
                assert!(y == expected, "{function:?} in place, {length}");
            }
        }
    }

    #[test]
    fn relu_keeps_nan() {
        let mut values = [f32::NAN, -1.0, f32::INFINITY];
        apply(&mut values, Function::Relu);
        assert!(values[0].is_nan());
        assert_eq!(values[1..], [0.0, f32::INFINITY]);
    }
}
