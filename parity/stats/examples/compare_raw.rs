//! Compares two raw little-endian arrays: `compare_raw DTYPE REFERENCE CANDIDATE [REPEATS]`.
//!
//! Reads both files into memory, then times the comparison alone and prints one line of JSON: the
//! statistics, the best time and the rate. `parity/bench` runs it beside numpy and scipy.

use std::time::Instant;

use parity_stats::{FloatType, Options, Values, compare};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [dtype, reference, candidate, rest @ ..] = args.as_slice() else {
        return Err("usage: compare_raw f32|bf16 REFERENCE CANDIDATE [REPEATS]".into());
    };
    let repeats: u32 = rest.first().map_or(Ok(3), |r| r.parse())?;
    let (a, b) = (std::fs::read(reference)?, std::fs::read(candidate)?);
    let bytes = a.len() + b.len();
    let (seconds, summary) = match dtype.as_str() {
        "f32" => {
            let read = |bytes: Vec<u8>| -> Vec<f32> {
                bytes
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .map(|&x| f32::from_le_bytes(x))
                    .collect()
            };
            let (a, b) = (read(a), read(b));
            time(Values::F32(&a), Values::F32(&b), FloatType::F32, repeats)?
        }
        "bf16" => {
            let read = |bytes: Vec<u8>| -> Vec<u16> {
                bytes
                    .as_chunks::<2>()
                    .0
                    .iter()
                    .map(|&x| u16::from_le_bytes(x))
                    .collect()
            };
            let (a, b) = (read(a), read(b));
            time(Values::Bf16(&a), Values::Bf16(&b), FloatType::Bf16, repeats)?
        }
        other => return Err(format!("dtype {other}: expected f32 or bf16").into()),
    };
    let line = serde_json::json!({
        "bytes": bytes,
        "seconds": seconds,
        "gb_per_s": bytes as f64 / 1e9 / seconds,
        "statistics": summary,
    });
    println!("{line}");
    Ok(())
}

fn time(
    a: Values<'_>,
    b: Values<'_>,
    ulp: FloatType,
    repeats: u32,
) -> Result<(f64, parity_stats::Summary), Box<dyn std::error::Error>> {
    let options = Options {
        ulp: Some(ulp),
        ..Options::default()
    };
    let mut best = f64::INFINITY;
    let mut summary = compare(a.slice(0..0), b.slice(0..0), &options)?;
    for _ in 0..repeats {
        let start = Instant::now();
        summary = compare(a, b, &options)?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok((best, summary))
}
