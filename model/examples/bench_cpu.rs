//! Times the whole forward pass in float32, all heads and all outputs, until they are on the host:
//! `bench_cpu --model DIR --length BASE_PAIRS [--repeat N]`.
//!
//! Prints one line of JSON. The first pass is given apart, as for a framework that compiles then.
//! `model/bench/forward.py` runs this beside JAX.

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use burn::backend::Flex;
use model::{AlphaGenome, Arithmetic, Batch, NoTaps, Request, Sequence};

const USAGE: &str = "usage: bench_cpu --model DIR --length BASE_PAIRS [--repeat N]";

fn main() -> Result<(), Box<dyn Error>> {
    let (mut dir, mut length, mut repeat) = (None, None, 3_usize);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(USAGE)?;
        match name.as_str() {
            "--model" => dir = Some(PathBuf::from(value)),
            "--length" => length = Some(value.parse::<usize>()?),
            "--repeat" => repeat = value.parse()?,
            _ => return Err(USAGE.into()),
        }
    }
    let (dir, length) = (dir.ok_or(USAGE)?, length.ok_or(USAGE)?);

    let begin = Instant::now();
    let model = AlphaGenome::<Flex>::load(&dir, &Default::default(), Arithmetic::XlaCpuF32)?;
    let load_seconds = begin.elapsed().as_secs_f64();
    let batch = Batch::new(vec![Sequence::from_indices(&bases(length))?], vec![0])?;

    let mut seconds = Vec::new();
    for _ in 0..=repeat {
        let begin = Instant::now();
        let outputs = model.forward(&batch, &Request::everything(), &mut NoTaps)?;
        let arrays = outputs.into_arrays();
        seconds.push(begin.elapsed().as_secs_f64());
        drop(arrays);
    }
    let report = serde_json::json!({
        "framework": "Burn",
        "length": length,
        "load_seconds": load_seconds,
        "first_seconds": seconds[0],
        "seconds": seconds[1..],
    });
    println!("{report}");
    Ok(())
}

/// Bases at random, the same at every call (a linear congruential generator; Knuth's MMIX constants).
fn bases(length: usize) -> Vec<u8> {
    let mut state = 42_u64;
    std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 62) as u8
    })
    .take(length)
    .collect()
}
