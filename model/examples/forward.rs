//! Runs a random sequence through a model and prints shapes and time: `forward DIR [BASE_PAIRS] [ARITHMETIC] [REPEATS]`.

use std::path::Path;
use std::time::Instant;

use burn::backend::Flex;
use model::{AlphaGenome, Arithmetic, Batch, NoTaps, Request, Sequence};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments
        .next()
        .ok_or("usage: forward DIR [BASE_PAIRS] [ARITHMETIC] [REPEATS]")?;
    let length = arguments.next().map_or(Ok(4096), |text| text.parse())?;
    let arithmetic = arguments
        .next()
        .map_or(Ok(Arithmetic::XlaCpuF32), |text| text.parse())?;
    let repeats: usize = arguments.next().map_or(Ok(1), |text| text.parse())?;

    let start = Instant::now();
    let model = AlphaGenome::<Flex>::load(Path::new(&dir), &Default::default(), arithmetic)?;
    eprintln!("loaded in {:.2} s", start.elapsed().as_secs_f64());

    let mut state = 42_u64;
    let bases: Vec<u8> = (0..length)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 62) as u8
        })
        .collect();
    let batch = Batch::new(vec![Sequence::from_indices(&bases)?], vec![0])?;
    for repeat in 0..repeats {
        let start = Instant::now();
        let outputs = model.forward(&batch, &Request::everything(), &mut NoTaps)?;
        eprintln!(
            "forward {length} bp in {:.2} s",
            start.elapsed().as_secs_f64()
        );
        if repeat == 0 {
            for (name, output) in outputs.iter() {
                println!("{name} {:?}", output.shape());
            }
        }
    }
    Ok(())
}
