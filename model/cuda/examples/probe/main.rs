//! Checks every operation against f64 on the CPU, and times the forward pass's large shapes, on the GPU at hand.
//!
//! `cargo run --release -p cuda --example probe [-- checks|timings|all [ORDINAL]]`

mod checks;
mod compare;
mod convolutions;
mod products;
mod random;
mod timings;

use std::time::Instant;

use cuda::compile::{Options, compile};
use cuda::module::Module;
use cuda::{Device, Result, cache};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let part = arguments.next().unwrap_or_else(|| "all".to_owned());
    let ordinal = arguments
        .next()
        .and_then(|argument| argument.parse().ok())
        .unwrap_or(0);
    match run(&part, ordinal) {
        Ok(0) => {}
        Ok(failures) => {
            eprintln!("{failures} checks failed");
            std::process::exit(1);
        }
        Err(error) => {
            eprintln!("error: {error}");
            std::process::exit(2);
        }
    }
}

fn run(part: &str, ordinal: u32) -> Result<usize> {
    let start = Instant::now();
    let device = Device::open(ordinal)?;
    println!(
        "{:#?}\nopened in {:.2} s",
        device.properties(),
        start.elapsed().as_secs_f64()
    );
    let start = Instant::now();
    let folder = cache::folder().map(|folder| folder.join("kernels"));
    let options = Options {
        fused_multiply_add: true,
        ..Options::default()
    };
    let cubin = compile(
        &random::SOURCE,
        &options,
        device.properties().architecture,
        folder.as_deref(),
    )?;
    let module = Module::load(&device, &cubin)?;
    println!(
        "kernels {} in {:.2} s",
        if cubin.cached {
            "from the cache"
        } else {
            "compiled"
        },
        {
            device.synchronize()?;
            start.elapsed().as_secs_f64()
        }
    );
    let failures = if part == "timings" {
        0
    } else {
        checks::run(&device, &module)?
    };
    if part != "checks" {
        timings::run(&device, &module)?;
    }
    println!(
        "peak device memory {:.2} GB",
        device.peak_bytes() as f64 / 1e9
    );
    Ok(failures)
}
