//! Times of the forward pass's large shapes, of copies, and of launches with and without a graph.

use std::time::Instant;

use cuda::convolution::{self, Convolution};
use cuda::graph::Graph;
use cuda::linear::{self, Linear, Product};
use cuda::module::Module;
use cuda::{Device, Element, Result, Span};

use crate::random::{add_one, fill};

const WORKSPACE: u64 = 64 << 20;

/// How many ways to do each are timed.
const WAYS: usize = 16;

/// Prints the tables.
pub fn run(device: &Device, module: &Module) -> Result<()> {
    copies(device)?;
    launches(device, module)?;
    let workspace = device.allocate(WORKSPACE)?;
    products(device, module, &workspace)?;
    convolutions(device, module, &workspace)
}

/// The median of ten times in milliseconds, after two that are not counted.
fn median(device: &Device, mut enqueue: impl FnMut() -> Result<()>) -> Result<f32> {
    enqueue()?;
    enqueue()?;
    let mut times = (0..10)
        .map(|_| device.time(&mut enqueue))
        .collect::<Result<Vec<_>>>()?;
    times.sort_by(f32::total_cmp);
    Ok(times[5])
}

fn random(
    device: &Device,
    module: &Module,
    count: u64,
    element: Element,
    seed: u32,
) -> Result<Span> {
    let buffer = device.allocate(count * element.bytes())?;
    fill(module, &buffer, element, seed)?;
    Ok(buffer)
}

fn copies(device: &Device) -> Result<()> {
    let bytes = 1u64 << 30;
    let (one, other) = (device.allocate(bytes)?, device.allocate(bytes)?);
    let mut host = vec![1u8; bytes as usize];
    let start = Instant::now();
    device.write(&host, &one)?;
    device.synchronize()?;
    let up = bytes as f64 / start.elapsed().as_secs_f64() / 1e9;
    let start = Instant::now();
    device.read(&one, &mut host)?;
    let down = bytes as f64 / start.elapsed().as_secs_f64() / 1e9;
    let across =
        2.0 * bytes as f64 / f64::from(median(device, || device.copy(&one, &other))?) / 1e6;
    println!(
        "copies of 1 GiB: to the device {up:.1} GB/s, back {down:.1} GB/s, on the device {across:.0} GB/s"
    );
    Ok(())
}

fn launches(device: &Device, module: &Module) -> Result<()> {
    let add = module.kernel("add_one")?;
    let values = device.upload(&[0.0f32; 32])?;
    let enqueue = || (0..1000).try_for_each(|_| add_one(&add, &values));
    let direct = median(device, enqueue)?;
    let graph = Graph::capture(device, enqueue)?;
    let replayed = median(device, || graph.replay())?;
    println!(
        "a tiny kernel of 1,000 in a row: {direct:.2} us launched, {replayed:.2} us in a graph"
    );
    Ok(())
}

fn products(device: &Device, module: &Module, workspace: &Span) -> Result<()> {
    use Element::{Bf16, F32};
    let long = 1 << 20;
    let list = [
        Product::new(long, 1536, 768, Bf16, Bf16).with_bias(),
        Product::new(long, 768, 1536, Bf16, Bf16).with_bias(),
        Product::new(long, 1536, 1024, Bf16, Bf16).with_bias(),
        Product::new(long, 1536, 1024, Bf16, F32).with_bias(),
        Product::new(8192, 8192, 8192, Bf16, Bf16),
        Product::new(8192, 1536, 3072, Bf16, Bf16).with_bias(),
        Product {
            relu: true,
            ..Product::new(8192, 1536, 3072, Bf16, Bf16).with_bias()
        },
        Product::new(4096, 1536, 1536, Bf16, Bf16).with_bias(),
        Product::new(32, 1536, 1536, Bf16, Bf16).with_bias(),
        Product::new(8192, 1536, 1536, F32, F32).with_bias(),
        Product {
            tf32: true,
            ..Product::new(8192, 1536, 1536, F32, F32).with_bias()
        },
    ];
    for product in list {
        let Product {
            rows,
            inner,
            columns,
            input,
            output,
            ..
        } = product;
        let start = Instant::now();
        let plans = Linear::ranked(device, product, WORKSPACE, WAYS)?;
        let planned = start.elapsed().as_secs_f64() * 1e3;
        let x = random(device, module, rows * inner, input, 1)?;
        let w = random(device, module, inner * columns, input, 2)?;
        let bias = random(device, module, columns, output, 3)?;
        let y = device.allocate(rows * columns * output.bytes())?;
        let bias = product.bias.then_some(bias);
        let operands = linear::Operands {
            x,
            w,
            bias,
            c: None,
            y,
        };
        let run = |linear: &Linear| linear.run(&operands, workspace);
        let name = format!("{product} tf32 {} planned in {planned:.1} ms", product.tf32);
        table(device, &name, product.operations(), &plans, run)?;
    }
    Ok(())
}

/// The times of the heuristic's first way and of the fastest, and after which others it stands.
fn table<T>(
    device: &Device,
    name: &str,
    operations: f64,
    ways: &[T],
    run: impl Fn(&T) -> Result<()>,
) -> Result<()> {
    let mut times: Vec<f32> = Vec::new();
    for way in ways {
        run(way)?;
        let once = device.time(|| run(way))?;
        // The heuristic's last ways can be many times slower than its first.
        let slow = times.first().is_some_and(|&first| once > 1.5 * first);
        times.push(if slow {
            once
        } else {
            median(device, || run(way))?
        });
    }
    let rank = (0..times.len())
        .min_by(|&a, &b| times[a].total_cmp(&times[b]))
        .unwrap_or(0);
    let speed = |time: f32| operations / f64::from(time) / 1e9;
    let (first, best) = (times[0], times[rank]);
    println!(
        "{first:8.3} ms {:6.1} TFLOP/s | {best:8.3} ms {:6.1} TFLOP/s way {rank:2} of {:2} | {name}",
        speed(first),
        speed(best),
        times.len()
    );
    let others = times
        .iter()
        .map(|time| format!("{time:.3}"))
        .collect::<Vec<_>>()
        .join(" ");
    println!("         {others}");
    Ok(())
}

fn convolutions(device: &Device, module: &Module, workspace: &Span) -> Result<()> {
    use Element::{Bf16, F32};
    let sizes = [
        (20, 768, 768),
        (19, 768, 896),
        (19, 896, 896),
        (18, 896, 1024),
        (18, 1024, 1024),
        (17, 1024, 1152),
        (17, 1152, 1152),
        (16, 1152, 1280),
        (16, 1280, 1280),
        (15, 1280, 1408),
        (15, 1408, 1408),
        (14, 1408, 1536),
        (14, 1536, 1536),
        (12, 768, 768),
        (5, 1536, 1536),
    ];
    let shape = |log: u32, inputs, outputs, width, element, bias, residual| convolution::Shape {
        batch: 1,
        length: 1 << log,
        inputs,
        outputs,
        width,
        input: element,
        output: element,
        bias,
        residual,
        tf32: false,
    };
    let mut list = Vec::new();
    for (log, inputs, outputs) in sizes {
        list.push(shape(log, inputs, outputs, 5, Bf16, Some(Bf16), true));
    }
    list.push(shape(20, 768, 768, 5, Bf16, Some(Bf16), false));
    list.push(shape(20, 768, 768, 5, Bf16, None, false));
    list.push(shape(20, 4, 768, 15, Bf16, Some(Bf16), false));
    list.push(shape(20, 8, 768, 15, Bf16, Some(Bf16), false));
    list.push(shape(15, 768, 768, 5, F32, Some(F32), true));
    for shape in list {
        if let Err(error) = convolution(device, module, workspace, shape) {
            println!("     none: {error}");
        }
    }
    Ok(())
}

/// One shape on random operands.
fn convolution(
    device: &Device,
    module: &Module,
    workspace: &Span,
    shape: convolution::Shape,
) -> Result<()> {
    let convolution::Shape {
        length,
        inputs,
        outputs,
        width,
        input: element,
        ..
    } = shape;
    let x = random(device, module, length * inputs, element, 1)?;
    let w = random(device, module, outputs * width * inputs, element, 2)?;
    let bias = random(device, module, outputs, shape.bias.unwrap_or(element), 3)?;
    let residual = random(device, module, length * outputs, element, 4)?;
    let y = device.allocate(length * outputs * element.bytes())?;
    let operands = convolution::Operands {
        x,
        w,
        bias: shape.bias.is_some().then_some(bias),
        residual: shape.residual.then_some(residual),
        y,
    };
    let start = Instant::now();
    let plans = Convolution::ranked(device, shape, workspace.bytes(), WAYS)?;
    let planned = start.elapsed().as_secs_f64();
    let engines = plans
        .iter()
        .map(|plan| plan.engine().to_string())
        .collect::<Vec<_>>()
        .join(" ");
    let name = format!("{shape} planned in {planned:.2} s, engines {engines}");
    table(
        device,
        &name,
        shape.operations(),
        &plans,
        |plan: &Convolution| plan.run(&operands, workspace),
    )
}
