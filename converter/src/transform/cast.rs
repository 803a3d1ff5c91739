//! Casts between floating-point types, to nearest even.

use crate::tensor::{Dtype, Tensor, TensorType, from_f64, to_f64};

pub(super) fn infer(kind: &TensorType, dtype: Dtype) -> Result<TensorType, String> {
    if kind.dtype != dtype && !(kind.dtype.is_float() && dtype.is_float()) {
        return Err(format!(
            "only floating-point types can be cast, not {} to {dtype}",
            kind.dtype
        ));
    }
    Ok(TensorType {
        shape: kind.shape.clone(),
        dtype,
    })
}

pub(super) fn cast(tensor: Tensor, kind: TensorType) -> Tensor {
    let data = match (tensor.kind.dtype, kind.dtype) {
        (from, to) if from == to => tensor.data,
        (Dtype::F32, Dtype::Bf16) => narrow(&tensor.data),
        (Dtype::Bf16, Dtype::F32) => widen(&tensor.data),
        (from, to) => {
            // f64 holds every value of the other types, so that only the last step rounds. Blocks keep it in the cache.
            let mut data = Vec::with_capacity(kind.bytes());
            for block in tensor.data.chunks(from.size() * 4096) {
                data.extend_from_slice(&from_f64(to, &to_f64(from, block)));
            }
            data
        }
    };
    Tensor { kind, data }
}

/// float32 to bfloat16: the common case, without the way over f64.
fn narrow(data: &[u8]) -> Vec<u8> {
    let round = |bytes: &[u8; 4]| half::bf16::from_f32(f32::from_le_bytes(*bytes)).to_le_bytes();
    data.as_chunks::<4>().0.iter().flat_map(round).collect()
}

fn widen(data: &[u8]) -> Vec<u8> {
    data.as_chunks::<2>()
        .0
        .iter()
        .flat_map(|&[low, high]| [0, 0, low, high])
        .collect()
}
