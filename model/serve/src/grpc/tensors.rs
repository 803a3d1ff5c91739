//! Values as tensors and their chunks.

use prost::bytes::Bytes;

use super::messages::tensor::Payload;
use super::messages::{CompressionType, DataType, Tensor, TensorChunk};

/// Bytes of a chunk before it is compressed: half of what a channel takes that nobody told otherwise.
const CHUNK: usize = 2 << 20;
/// Bytes up to which values go into the message that announces them.
const INLINE: usize = 256 << 10;

/// A tensor to be sent, from the values as the model gave them.
pub struct Packed {
    values: Vec<f32>,
    kind: DataType,
    compress: bool,
}

impl Packed {
    /// Values of a tensor.
    pub fn new(values: Vec<f32>, compress: bool) -> Self {
        // What was computed in bfloat16 is sent as that: the same values in half the bytes.
        let short = values.iter().all(|value| value.to_bits() & 0xffff == 0);
        let kind = match short {
            true => DataType::Bfloat16,
            false => DataType::Float32,
        };
        Self {
            values,
            kind,
            compress,
        }
    }

    /// What announces it, with the values where they are few.
    pub fn tensor(&self, shape: &[usize]) -> Tensor {
        let payload = match self.count() {
            0 => Payload::Array(self.chunk(&self.values)),
            count => Payload::ChunkCount(count as i64),
        };
        Tensor {
            shape: shape.iter().map(|axis| *axis as i32).collect(),
            data_type: self.kind.into(),
            payload: Some(payload),
        }
    }

    /// How many chunks follow.
    pub fn count(&self) -> usize {
        match self.values.len() * self.width() <= INLINE {
            true => 0,
            false => self.values.len().div_ceil(CHUNK / self.width()),
        }
    }

    /// The chunk of that number.
    pub fn part(&self, number: usize) -> TensorChunk {
        let items = CHUNK / self.width();
        let from = number * items;
        let to = (from + items).min(self.values.len());
        self.chunk(&self.values[from..to])
    }

    /// Bytes of a value.
    fn width(&self) -> usize {
        match self.kind {
            DataType::Bfloat16 => 2,
            _ => 4,
        }
    }

    fn chunk(&self, values: &[f32]) -> TensorChunk {
        let mut bytes = vec![0; values.len() * self.width()];
        match self.kind {
            DataType::Bfloat16 => {
                for (to, value) in bytes.chunks_exact_mut(2).zip(values) {
                    to.copy_from_slice(&((value.to_bits() >> 16) as u16).to_le_bytes());
                }
            }
            _ => {
                for (to, value) in bytes.chunks_exact_mut(4).zip(values) {
                    to.copy_from_slice(&value.to_le_bytes());
                }
            }
        }
        // The frame must say how long its content is, or the SDK cannot read it.
        let compressed = self.compress.then(|| zstd::bulk::compress(&bytes, 1));
        let (data, kind) = match compressed {
            Some(Ok(compressed)) => (compressed, CompressionType::Zstd),
            _ => (bytes, CompressionType::None),
        };
        TensorChunk {
            data: Bytes::from(data),
            compression_type: kind.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the SDK reads it.
    fn read(packed: &Packed, shape: &[usize]) -> Vec<f32> {
        let tensor = packed.tensor(shape);
        let chunks = match tensor.payload.unwrap() {
            Payload::Array(chunk) => vec![chunk],
            Payload::ChunkCount(count) => (0..count as usize)
                .map(|number| packed.part(number))
                .collect(),
        };
        let mut bytes = Vec::new();
        for chunk in chunks {
            match CompressionType::try_from(chunk.compression_type).unwrap() {
                CompressionType::None => bytes.extend_from_slice(&chunk.data),
                CompressionType::Zstd => {
                    let length = zstd::zstd_safe::get_frame_content_size(&chunk.data);
                    let length = length.unwrap().expect("the frame says its length") as usize;
                    bytes.extend(zstd::bulk::decompress(&chunk.data, length).unwrap());
                }
            }
        }
        match DataType::try_from(tensor.data_type).unwrap() {
            DataType::Bfloat16 => bytes
                .chunks_exact(2)
                .map(|it| f32::from_bits(u32::from(u16::from_le_bytes([it[0], it[1]])) << 16))
                .collect(),
            _ => bytes
                .chunks_exact(4)
                .map(|it| f32::from_le_bytes([it[0], it[1], it[2], it[3]]))
                .collect(),
        }
    }

    #[test]
    fn values_come_back_whole_or_in_chunks() {
        for count in [
            0,
            1,
            INLINE / 4,
            INLINE / 4 + 1,
            CHUNK / 4,
            3 * CHUNK / 4 + 7,
        ] {
            for compress in [false, true] {
                let values: Vec<_> = (0..count).map(|at| (at as f32).sqrt() + 0.1).collect();
                let packed = Packed::new(values.clone(), compress);
                assert_eq!(read(&packed, &[count]), values);
            }
        }
    }

    #[test]
    fn bfloat16_is_sent_as_what_it_is() {
        let values: Vec<_> = (0..CHUNK).map(|at| at as f32).map(rounded).collect();
        let packed = Packed::new(values.clone(), false);
        assert_eq!(packed.kind, DataType::Bfloat16);
        assert_eq!(read(&packed, &[CHUNK]), values);
        let packed = Packed::new(vec![1.0, 1.0 + f32::EPSILON], false);
        assert_eq!(packed.kind, DataType::Float32);
    }

    fn rounded(value: f32) -> f32 {
        f32::from_bits(value.to_bits() & 0xffff_0000)
    }
}
