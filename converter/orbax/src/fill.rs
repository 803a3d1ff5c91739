//! What stands in a chunk that is not stored.
//!
//! <https://zarr-specs.readthedocs.io/en/latest/v2/v2.0.html#fill-value-encoding>,
//! <https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html#fill-value>

use half::{bf16, f16};
use serde_json::Value;

use crate::{
    array::{ArrayError, unsupported},
    dtype::DType,
};

/// Returns a fill value as the bytes of one element, or nothing for `null`: TensorStore then stores every chunk.
pub(crate) fn parse(value: &Value, dtype: DType) -> Result<Option<Vec<u8>>, ArrayError> {
    if value.is_null() {
        return Ok(None);
    }
    let bytes = match dtype {
        DType::F16 => float(value).map(|x| f16::from_f64(x).to_le_bytes().to_vec()),
        DType::BF16 => float(value).map(|x| bf16::from_f64(x).to_le_bytes().to_vec()),
        DType::F32 => float(value).map(|x| (x as f32).to_le_bytes().to_vec()),
        DType::F64 => float(value).map(|x| x.to_le_bytes().to_vec()),
        _ => integer(value, dtype),
    };
    match bytes.or_else(|| bits(value, dtype)) {
        Some(bytes) => Ok(Some(bytes)),
        None => unsupported("fill_value", value, "null or a value of the array's type"),
    }
}

fn float(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some("NaN") => Some(f64::NAN),
        Some("Infinity") => Some(f64::INFINITY),
        Some("-Infinity") => Some(f64::NEG_INFINITY),
        _ => value.as_f64(),
    }
}

fn integer(value: &Value, dtype: DType) -> Option<Vec<u8>> {
    let number = match value {
        Value::Bool(value) => i128::from(*value),
        // Some writers give integers a fraction of zero.
        Value::Number(number) => match number.as_i128() {
            Some(number) => number,
            None => number.as_f64().filter(|x| x.fract() == 0.0)? as i128,
        },
        _ => return None,
    };
    let width = 8 * dtype.size() as u32;
    let (least, most) = match dtype {
        DType::Bool => (0, 1),
        DType::I8 | DType::I16 | DType::I32 | DType::I64 => {
            (-(1 << (width - 1)), (1 << (width - 1)) - 1)
        }
        _ => (0, (1 << width) - 1),
    };
    let fits = (least..=most).contains(&number);
    fits.then(|| number.to_le_bytes()[..dtype.size()].to_vec())
}

/// The bits of an element in hexadecimal, as zarr v3 writes a NaN that is not the usual one.
fn bits(value: &Value, dtype: DType) -> Option<Vec<u8>> {
    let digits = value.as_str()?.strip_prefix("0x")?;
    let bits = u64::from_str_radix(digits, 16).ok()?;
    (dtype != DType::Bool && digits.len() == 2 * dtype.size())
        .then(|| bits.to_le_bytes()[..dtype.size()].to_vec())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_of_every_kind_of_type() {
        let float = |x: f32| x.to_le_bytes().to_vec();
        for (value, dtype, bytes) in [
            (json!(0), DType::F32, float(0.0)),
            (json!(-0.0), DType::F32, float(-0.0)),
            (json!(7.5), DType::F32, float(7.5)),
            (json!("-Infinity"), DType::F32, float(f32::NEG_INFINITY)),
            (json!("NaN"), DType::F32, vec![0, 0, 0xc0, 0x7f]),
            (json!("0x7fc00001"), DType::F32, vec![1, 0, 0xc0, 0x7f]),
            (json!("NaN"), DType::BF16, vec![0xc0, 0x7f]),
            (json!(1.5), DType::BF16, vec![0xc0, 0x3f]),
            (json!(1.5), DType::F16, vec![0, 0x3e]),
            (json!(-2), DType::F64, (-2f64).to_le_bytes().to_vec()),
            (json!(-2), DType::I16, vec![0xfe, 0xff]),
            (json!(3.0), DType::U8, vec![3]),
            (json!(u64::MAX), DType::U64, vec![0xff; 8]),
            (json!(true), DType::Bool, vec![1]),
            (json!(0), DType::Bool, vec![0]),
        ] {
            assert_eq!(parse(&value, dtype).unwrap(), Some(bytes), "{value}");
        }
        assert_eq!(parse(&Value::Null, DType::F32).unwrap(), None);
    }

    #[test]
    fn values_of_another_type() {
        for (value, dtype) in [
            (json!("zero"), DType::F32),
            (json!([0, 0]), DType::F32),
            (json!("0x7fc0"), DType::F32),
            (json!("0x02"), DType::Bool),
            (json!(256), DType::U8),
            (json!(-1), DType::U64),
            (json!(1u64 << 63), DType::I64),
            (json!(0.5), DType::I32),
            (json!(1e300), DType::I64),
            (json!(2), DType::Bool),
        ] {
            assert!(
                matches!(
                    parse(&value, dtype),
                    Err(ArrayError::Unsupported {
                        field: "fill_value",
                        ..
                    })
                ),
                "{value}"
            );
        }
    }
}
