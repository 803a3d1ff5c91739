//! Writes every output and tap of a pass to a safetensors file: `record DIR SEQUENCE ORGANISM OUT [ARITHMETIC]`.
//!
//! SEQUENCE is a text file of letters, ORGANISM an index.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use burn::backend::Flex;
use model::{AlphaGenome, Arithmetic, Array, Batch, Request, Sequence, Taps, Values};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

/// Keeps what every module gives.
#[derive(Default)]
struct Everything(BTreeMap<String, Array>);

impl Taps for Everything {
    fn wants(&self, _path: &str) -> bool {
        true
    }

    fn take(&mut self, path: &str, array: Array) {
        self.0.insert(format!("taps/{path}"), array);
    }
}

fn bytes(values: &Values) -> (Dtype, Vec<u8>) {
    match values {
        Values::F32(values) => (
            Dtype::F32,
            values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
        ),
        Values::F16(values) => (
            Dtype::F16,
            values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
        ),
        Values::Bf16(values) => (
            Dtype::BF16,
            values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
        ),
        Values::I32(values) => (
            Dtype::I32,
            values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
        ),
        Values::Bool(values) => (
            Dtype::BOOL,
            values.iter().map(|&value| u8::from(value)).collect(),
        ),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, sequence, organism, out, rest @ ..] = arguments.as_slice() else {
        return Err("usage: record DIR SEQUENCE ORGANISM OUT [ARITHMETIC]".into());
    };
    let arithmetic = rest
        .first()
        .map_or(Ok(Arithmetic::XlaCpuF32), |text| text.parse())?;
    let model = AlphaGenome::<Flex>::load(Path::new(dir), &Default::default(), arithmetic)?;
    let sequence = Sequence::parse(std::fs::read_to_string(sequence)?.trim())?;
    let batch = Batch::new(vec![sequence], vec![organism.parse()?])?;
    let mut taps = Everything::default();
    let start = Instant::now();
    let outputs = model.forward(&batch, &Request::everything(), &mut taps)?;
    eprintln!(
        "forward with taps in {:.2} s",
        start.elapsed().as_secs_f64()
    );
    let mut arrays = outputs.into_arrays();
    arrays.append(&mut taps.0);
    let arrays = arrays
        .iter()
        .map(|(name, array)| (name, &array.shape, bytes(&array.values)));
    let arrays: Vec<_> = arrays.collect();
    let mut views = Vec::with_capacity(arrays.len());
    for (name, shape, (dtype, data)) in &arrays {
        views.push((
            name.as_str(),
            TensorView::new(*dtype, shape.to_vec(), data)?,
        ));
    }
    safetensors::serialize_to_file(views, None, Path::new(out))?;
    Ok(())
}
