//! Measures the kernels at AlphaGenome's sizes: products in GFLOP/s, everything else in GB/s of memory read and written.
//!
//! `cargo run --release -p kernels --example rates [length in bp, default 4096]`

use std::hint::black_box;
use std::time::Instant;

use kernels::activation::Function;
use kernels::attention::{Shape, attention};
use kernels::convolution::convolve;
use kernels::embedding::embed;
use kernels::junctions::{Place, Sites, junctions};
use kernels::linear::Epilogue;
use kernels::norm::{Affine, affine, layer_norm};
use kernels::operands::Operands;
use kernels::pool::{max_pool, upsample_add};
use kernels::product::{Matrix, MatrixMut, Threads, multiply};
use kernels::rotary::Angles;
use kernels::tracks::{Unscale, scaled_and_unscaled};

fn main() {
    let length = std::env::args()
        .nth(1)
        .map_or(Ok(4096), |text| text.parse());
    let Ok(length) = length else {
        eprintln!("usage: rates [length in bp]");
        std::process::exit(2);
    };
    println!("{length} bp on {} threads", rayon::current_num_threads());
    products(length);
    convolutions(length);
    elementwise(length);
    attentions(length / 128);
    splice_junctions();
}

/// The shortest of several runs, in seconds.
fn seconds(mut run: impl FnMut()) -> f64 {
    let mut shortest = f64::INFINITY;
    let begin = Instant::now();
    while begin.elapsed().as_secs_f64() < 0.3 {
        let start = Instant::now();
        run();
        shortest = shortest.min(start.elapsed().as_secs_f64());
    }
    shortest
}

/// Numbers without denormals, zeros or patterns that a branch predictor could learn.
fn numbers(count: usize) -> Vec<f32> {
    let hash = |i: usize| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f32;
    (0..count)
        .map(|i| hash(i + 1) / (1u64 << 23) as f32 - 1.0)
        .collect()
}

fn products(length: usize) {
    println!(
        "\nproduct {:>28} x {:>5} x {:>5}   GFLOP/s",
        "rows", "inner", "cols"
    );
    let trunk = length / 128;
    let shapes = [
        ("tower q", trunk, 1536, 1024),
        ("tower mlp up", trunk, 1536, 3072),
        ("tower mlp down", trunk, 3072, 1536),
        ("embedder 128 bp", trunk, 1536, 3072),
        ("decoder skip", length, 768, 768),
        ("embedder 1 bp", length, 768, 1536),
        ("head rna_seq", length, 1536, 768),
        ("head procap", length, 1536, 128),
        ("head splice sites", length, 1536, 5),
        ("junction tissue", 512, 768, 512),
    ];
    for (name, m, k, n) in shapes {
        let (a, b, mut c) = (numbers(m * k), numbers(k * n), vec![0.0; m * n]);
        let time = seconds(|| {
            let (left, right) = (Matrix::new(&a, m, k), Matrix::new(&b, k, n));
            multiply(
                MatrixMut::new(black_box(&mut c), m, n),
                left,
                right,
                Threads::All,
            );
        });
        println!(
            "{name:20} {m:>15} x {k:>5} x {n:>5} {:>9.1}",
            2e-9 * (m * k * n) as f64 / time
        );
    }
}

fn convolutions(length: usize) {
    println!("\nnorm, gelu, convolution of width 5              GFLOP/s");
    for stage in 0..7 {
        let (length, inputs) = (length >> stage, 768 + 128 * stage);
        let outputs = inputs + if stage == 0 { 0 } else { 128 };
        let (x, kernel) = (numbers(length * inputs), numbers(5 * inputs * outputs));
        let (scale, offset) = (numbers(inputs), numbers(inputs));
        let mut y = vec![0.0; length * outputs];
        let norm = Affine {
            scale: &scale,
            offset: &offset,
        };
        let time = seconds(|| {
            let before = Some((norm, Function::GeluSigmoid));
            convolve(
                black_box(&mut y),
                &x,
                before,
                &kernel,
                Epilogue::default(),
                [length, 5, inputs, outputs],
            );
        });
        let work = 1e-9 * (2 * length * 5 * inputs * outputs) as f64;
        println!(
            "{:20} {length:>15} x {inputs:>5} x {outputs:>5} {:>9.1}",
            "",
            work / time
        );
    }
}

fn elementwise(length: usize) {
    println!("\nelementwise                          ms        GB/s");
    let channels = 768;
    let count = length * channels;
    let x = numbers(count);
    let mut y = vec![0.0; count];
    let (scale, offset) = (numbers(channels), numbers(channels));
    let norm = Affine {
        scale: &scale,
        offset: &offset,
    };
    let report = |name: &str, floats: usize, time: f64| {
        println!(
            "{name:28} {:>10.3} {:>11.1}",
            1e3 * time,
            4e-9 * floats as f64 / time
        );
    };
    report(
        "affine",
        2 * count,
        seconds(|| affine(black_box(&mut y), &x, norm, None)),
    );
    for function in [Function::Relu, Function::GeluSigmoid, Function::GeluTanh] {
        let time = seconds(|| affine(black_box(&mut y), &x, norm, Some(function)));
        report(&format!("affine, {function:?}"), 2 * count, time);
    }
    report(
        "layer norm",
        2 * count,
        seconds(|| layer_norm(black_box(&mut y), &x, norm, true)),
    );
    let half = count / 2;
    report(
        "max pool",
        3 * half,
        seconds(|| max_pool(black_box(&mut y[..half]), &x, channels)),
    );
    report(
        "upsample",
        5 * half,
        seconds(|| upsample_add(black_box(&mut y), &x[..half], channels, 0.9)),
    );
    let skip = numbers(count / 128);
    let time = seconds(|| {
        y.copy_from_slice(&x);
        embed(black_box(&mut y), Some(&skip), norm, &offset);
    });
    report("copy and output embedding", 4 * count, time);
    let mut unscaled = vec![0.0; count];
    for squashing in [false, true] {
        let unscale = Unscale {
            factor: &offset,
            squashing,
        };
        let time = seconds(|| {
            y.copy_from_slice(&x);
            scaled_and_unscaled(black_box(&mut y), &mut unscaled, &scale, unscale);
        });
        report(
            if squashing {
                "copy and squashed tracks"
            } else {
                "copy and tracks"
            },
            5 * count,
            time,
        );
    }
}

fn attentions(length: usize) {
    let shape = Shape {
        length,
        heads: 8,
        key_width: 128,
        value_width: 192,
        bias_rows: length / 16,
    };
    let (q, k, v) = (
        numbers(length * 8 * 128),
        numbers(length * 128),
        numbers(length * 192),
    );
    let bias = numbers(8 * (length / 16).pow(2));
    let mut y = vec![0.0; length * 8 * 192];
    println!("\nattention of {length} positions              ms     GFLOP/s");
    for operands in [Operands::Float32, Operands::Bfloat16] {
        let time =
            seconds(|| attention(black_box(&mut y), [&q, &k, &v, &bias], 5.0, operands, shape));
        let work = 2e-9 * (8 * length * length * (128 + 192)) as f64;
        println!(
            "{:28} {:>10.3} {:>11.1}",
            format!("{operands:?}"),
            1e3 * time,
            work / time
        );
    }
}

fn splice_junctions() {
    let (sites, tissues, channels) = (512, 367, 768);
    let angles = numbers(sites * channels / 2);
    let (x, affine) = (numbers(sites * channels), numbers(tissues * channels));
    let sites_of = || Sites {
        x: &x,
        scale: &affine,
        offset: &affine,
        angles: Angles {
            cosine: &angles,
            sine: &angles,
        },
    };
    let place = Place {
        partners: sites,
        tracks: 2 * tissues,
        first: 0,
    };
    let mut y = vec![0.0; 2 * sites * sites * tissues];
    println!("\njunctions of one strand               ms     GFLOP/s");
    for operands in [Operands::Float32, Operands::Bfloat16] {
        let shape = [sites, sites, tissues, channels];
        let time = seconds(|| {
            junctions(
                black_box(&mut y),
                place,
                sites_of(),
                sites_of(),
                operands,
                shape,
            )
        });
        let work = 2e-9 * (sites * sites * tissues * channels) as f64;
        println!(
            "{:28} {:>10.3} {:>11.1}",
            format!("{operands:?}"),
            1e3 * time,
            work / time
        );
    }
}
