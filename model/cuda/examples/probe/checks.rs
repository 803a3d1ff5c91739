//! Every operation against f64 on the CPU: fresh random operands, poisoned results, odd sizes.

use cuda::choice::fastest;
use cuda::convolution::{self, Convolution};
use cuda::graph::Graph;
use cuda::linear::{self, Layout, Linear, Product};
use cuda::module::Module;
use cuda::{Buffer, Device, Element, Error, Result, arguments};
use half::bf16;

use crate::random::{Random, round};

const WORKSPACE: u64 = 64 << 20;

/// Runs all checks, prints a line each, and tells how many failed.
pub fn run(device: &Device, module: &Module) -> Result<usize> {
    let mut random = Random::new();
    let mut failures = memory(device, &mut random)?;
    failures += kernels(device, module, &mut random)?;
    for product in products() {
        failures += check_product(device, product, &mut random)?;
    }
    for shape in shapes() {
        failures += check_convolution(device, shape, &mut random)?;
    }
    failures += choice(device)?;
    Ok(failures + errors(device)?)
}

fn report(name: &str, passed: bool, detail: &str) -> usize {
    println!("{} {name}: {detail}", if passed { "ok  " } else { "FAIL" });
    usize::from(!passed)
}

/// Copies longer than the staging memory, and of odd lengths.
fn memory(device: &Device, random: &mut Random) -> Result<usize> {
    let mut failures = 0;
    for count in [1usize, 1001, (8 << 20) + 3, (40 << 20) + 1] {
        let seed = random.normal(Element::F32).to_bits();
        let values = (0..count as u64)
            .map(|i| (i.wrapping_mul(seed) >> 13) as u8)
            .collect::<Vec<_>>();
        let buffer = device.allocate(count as u64)?;
        device.poison(buffer.span())?;
        device.write(&values, buffer.span())?;
        let back: Vec<u8> = device.download(buffer.span())?;
        failures += report(
            &format!("copy of {count} bytes"),
            back == values,
            "there and back",
        );
    }
    Ok(failures)
}

/// A launch with more than 48 KiB of shared memory, and a captured graph against the same work run directly.
fn kernels(device: &Device, module: &Module, random: &mut Random) -> Result<usize> {
    let count = 50_000usize;
    let values = random
        .normals(count, Element::F32)
        .iter()
        .map(|&value| value as f32)
        .collect::<Vec<_>>();
    let (from, to) = (device.upload(&values)?, device.allocate(count as u64 * 4)?);
    device.poison(to.span())?;
    let reverse = module.kernel("reverse")?;
    let shared = count as u32 * 4;
    reverse.allow_shared(shared)?;
    reverse.launch(
        [1, 1, 1],
        [256, 1, 1],
        shared,
        &arguments![from.span(), to.span(), count as i32],
    )?;
    let back: Vec<f32> = device.download(to.span())?;
    let mut failures = report(
        "shared memory",
        back.iter().eq(values.iter().rev()),
        "200,000 bytes in one block",
    );
    let add = module.kernel("add_one")?;
    let ones = device.upload(&[0.0f32; 32])?;
    let graph = Graph::capture(device, || {
        (0..10).try_for_each(|_| add.launch([1, 1, 1], [32, 1, 1], 0, &arguments![ones.span()]))
    })?;
    graph.replay()?;
    graph.replay()?;
    let sums: Vec<f32> = device.download(ones.span())?;
    let detail = format!("{} nodes replayed twice give {}", graph.nodes()?, sums[31]);
    failures += report("graph", sums == [20.0; 32], &detail);
    Ok(failures)
}

fn products() -> Vec<Product> {
    use Element::{Bf16, F32};
    let layout = |stride, batch, transposed| Layout {
        stride,
        batch,
        transposed,
    };
    // Attention: 8 heads of q [S, 8, 64] with one k [S, 64], to logits [8, S, S].
    let heads = Product {
        batch: 8,
        x: layout(8 * 64, 64, false),
        w: layout(64, 0, true),
        alpha: 0.125,
        ..Product::new(40, 64, 40, Bf16, F32)
    };
    // Attention: 8 heads of p [8, S, S] with one v [S, 96], to [S, 8, 96].
    let values = Product {
        batch: 8,
        w: layout(96, 0, false),
        y: layout(8 * 96, 96, false),
        ..Product::new(40, 40, 96, Bf16, Bf16)
    };
    vec![
        Product::new(32, 1536, 1536, Bf16, Bf16).with_bias(),
        Product::new(35, 37, 29, Bf16, Bf16),
        Product::new(35, 37, 29, Bf16, F32).with_bias(),
        Product {
            beta: 1.0,
            ..Product::new(37, 64, 29, Bf16, F32).with_bias()
        },
        Product {
            relu: true,
            ..Product::new(129, 768, 1536, Bf16, Bf16).with_bias()
        },
        Product {
            beta: 1.0,
            ..Product::new(129, 256, 72, Bf16, Bf16).with_bias()
        },
        Product::new(129, 256, 72, Bf16, F32).with_bias(),
        Product {
            beta: 1.0,
            relu: true,
            ..Product::new(129, 256, 72, Bf16, F32).with_bias()
        },
        Product::new(131, 1536, 128, Bf16, Bf16).with_transposed_w(),
        Product {
            x: layout(136, 0, true),
            ..Product::new(131, 64, 128, Bf16, Bf16)
        },
        heads,
        values,
        Product {
            batch: 3,
            ..Product::new(17, 40, 24, F32, F32)
        },
        Product::new(129, 768, 256, F32, F32).with_bias(),
        Product {
            tf32: true,
            ..Product::new(129, 768, 256, F32, F32).with_bias()
        },
        Product {
            relu: true,
            ..Product::new(35, 37, 29, F32, F32).with_bias()
        },
    ]
}

fn shapes() -> Vec<convolution::Shape> {
    use Element::{Bf16, F32};
    let shape =
        |batch, length, inputs, outputs, width, element, bias, residual| convolution::Shape {
            batch,
            length,
            inputs,
            outputs,
            width,
            element,
            bias,
            residual,
            tf32: false,
        };
    vec![
        shape(2, 37, 64, 72, 5, Bf16, Some(Bf16), true),
        shape(2, 37, 64, 72, 5, Bf16, Some(F32), true),
        shape(2, 37, 64, 72, 5, Bf16, None, true),
        shape(3, 129, 768, 768, 5, Bf16, Some(Bf16), false),
        shape(1, 128, 768, 896, 5, Bf16, Some(Bf16), true),
        shape(2, 3, 64, 64, 5, Bf16, Some(Bf16), true),
        shape(2, 41, 4, 768, 15, Bf16, Some(Bf16), false),
        shape(2, 41, 8, 768, 15, Bf16, Some(Bf16), false),
        shape(2, 41, 64, 64, 1, Bf16, None, false),
        shape(2, 37, 64, 72, 5, F32, Some(F32), true),
        shape(2, 129, 768, 256, 5, F32, Some(F32), false),
        convolution::Shape {
            tf32: true,
            ..shape(2, 129, 768, 256, 5, F32, Some(F32), false)
        },
        shape(2, 41, 4, 768, 15, F32, Some(F32), false),
    ]
}

fn upload(device: &Device, values: &[f64], element: Element) -> Result<Buffer> {
    match element {
        Element::Bf16 => device.upload(
            &values
                .iter()
                .map(|&value| bf16::from_f64(value))
                .collect::<Vec<_>>(),
        ),
        Element::F32 => {
            device.upload(&values.iter().map(|&value| value as f32).collect::<Vec<_>>())
        }
    }
}

fn download(device: &Device, buffer: &Buffer, element: Element) -> Result<Vec<f64>> {
    Ok(match element {
        Element::Bf16 => device
            .download::<bf16>(buffer.span())?
            .iter()
            .map(|value| value.to_f64())
            .collect(),
        Element::F32 => device
            .download::<f32>(buffer.span())?
            .iter()
            .map(|&value| value.into())
            .collect(),
    })
}

/// Whether the same work in a graph gives the very same bytes as `y` holds from the direct run.
fn captured(device: &Device, y: &Buffer, run: impl FnOnce() -> Result<()>) -> Result<bool> {
    let direct: Vec<u8> = device.download(y.span())?;
    device.poison(y.span())?;
    Graph::capture(device, run)?.replay()?;
    Ok(direct == device.download::<u8>(y.span())?)
}

/// Relative L2 distance, the largest difference, and the share of results that are not the reference's rounding.
fn compare(name: &str, found: &[f64], expected: &[f64], element: Element, bound: f64) -> usize {
    let squares = found
        .iter()
        .zip(expected)
        .map(|(a, b)| (a - b).powi(2))
        .sum::<f64>();
    let distance = (squares / expected.iter().map(|value| value.powi(2)).sum::<f64>()).sqrt();
    let largest = found
        .iter()
        .zip(expected)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max);
    let other = found
        .iter()
        .zip(expected)
        .filter(|(a, b)| **a != round(**b, element))
        .count();
    let other = other as f64 / found.len() as f64;
    // In bf16 one rounding of sums in f32 is the reference's but for rare ties; a second would alter a tenth or more.
    let once = element == Element::F32 || other < 0.02;
    let detail = format!(
        "relative L2 {distance:.2e}, largest {largest:.2e}, not the rounding of f64 {other:.4}"
    );
    report(name, distance <= bound && once, &detail)
}

fn bound(output: Element, tf32: bool) -> f64 {
    match (output, tf32) {
        (Element::Bf16, _) => 2e-3,
        (Element::F32, true) => 6e-4,
        (Element::F32, false) => 2e-6,
    }
}

fn check_product(device: &Device, product: Product, random: &mut Random) -> Result<usize> {
    let Product {
        rows,
        inner,
        columns,
        batch,
        input,
        output,
        ..
    } = product;
    let (rows, inner, columns, batch) = (
        rows as usize,
        inner as usize,
        columns as usize,
        batch as usize,
    );
    let length = |layout: Layout, rows: usize, columns: usize| {
        let (lines, width) = if layout.transposed {
            (columns, rows)
        } else {
            (rows, columns)
        };
        (lines - 1) * layout.stride as usize + width + (batch - 1) * layout.batch as usize
    };
    let at = |layout: Layout, entry: usize, row: usize, column: usize| {
        let (line, place) = if layout.transposed {
            (column, row)
        } else {
            (row, column)
        };
        entry * layout.batch as usize + line * layout.stride as usize + place
    };
    let x = random.normals(length(product.x, rows, inner), input);
    let w = random.normals(length(product.w, inner, columns), input);
    let c = random.normals(length(product.y, rows, columns), output);
    let bias = random.normals(columns, output);
    let linear = Linear::plan(device, product, WORKSPACE)?;
    let (x_buffer, w_buffer) = (upload(device, &x, input)?, upload(device, &w, input)?);
    let (c_buffer, bias_buffer) = (upload(device, &c, output)?, upload(device, &bias, output)?);
    let y_buffer = device.allocate(c_buffer.span().bytes)?;
    let workspace = device.allocate(WORKSPACE)?;
    device.poison(y_buffer.span())?;
    device.poison(workspace.span())?;
    let operands = linear::Operands {
        x: x_buffer.span(),
        w: w_buffer.span(),
        bias: product.bias.then(|| bias_buffer.span()),
        c: (product.beta != 0.0).then(|| c_buffer.span()),
        y: y_buffer.span(),
    };
    linear.run(&operands, workspace.span())?;
    let y = download(device, &y_buffer, output)?;
    let again = captured(device, &y_buffer, || {
        linear.run(&operands, workspace.span())
    })?;
    let (mut found, mut expected) = (Vec::new(), Vec::new());
    for entry in 0..batch {
        for row in 0..rows {
            for column in 0..columns {
                let sum = (0..inner)
                    .map(|k| x[at(product.x, entry, row, k)] * w[at(product.w, entry, k, column)])
                    .sum::<f64>();
                let place = at(product.y, entry, row, column);
                let value = f64::from(product.alpha) * sum
                    + if product.beta == 0.0 {
                        0.0
                    } else {
                        f64::from(product.beta) * c[place]
                    }
                    + if product.bias { bias[column] } else { 0.0 };
                expected.push(if product.relu { value.max(0.0) } else { value });
                found.push(y[place]);
            }
        }
    }
    let Product {
        relu, beta, tf32, ..
    } = product;
    let name = format!("{product} relu {relu} beta {beta} tf32 {tf32}");
    let failed = compare(
        &name,
        &found,
        &expected,
        output,
        bound(output, product.tf32),
    );
    Ok(failed + report("  the same in a graph", again, "bit for bit"))
}

fn check_convolution(
    device: &Device,
    shape: convolution::Shape,
    random: &mut Random,
) -> Result<usize> {
    let element = shape.element;
    let [batch, length, inputs, outputs, width] = [
        shape.batch,
        shape.length,
        shape.inputs,
        shape.outputs,
        shape.width,
    ]
    .map(|size| size as usize);
    let convolution = match Convolution::plan(device, shape, WORKSPACE) {
        Ok(convolution) => convolution,
        Err(error) => return Ok(report(&shape.to_string(), false, &error.to_string())),
    };
    let x = random.normals(batch * length * inputs, element);
    let w = random.normals(outputs * width * inputs, element);
    let residual = random
        .normals(batch * length * outputs, element)
        .iter()
        .map(|value| value * 8.0)
        .collect::<Vec<_>>();
    let bias = random
        .normals(outputs, Element::Bf16)
        .iter()
        .map(|value| value * 8.0)
        .collect::<Vec<_>>();
    let (x_buffer, w_buffer) = (upload(device, &x, element)?, upload(device, &w, element)?);
    let residual_buffer = upload(device, &residual, element)?;
    let bias_buffer = upload(device, &bias, shape.bias.unwrap_or(Element::F32))?;
    let y_buffer = device.allocate(residual_buffer.span().bytes)?;
    let workspace = device.allocate(WORKSPACE)?;
    device.poison(y_buffer.span())?;
    device.poison(workspace.span())?;
    let operands = convolution::Operands {
        x: x_buffer.span(),
        w: w_buffer.span(),
        bias: shape.bias.is_some().then(|| bias_buffer.span()),
        residual: shape.residual.then(|| residual_buffer.span()),
        y: y_buffer.span(),
    };
    convolution.run(&operands, workspace.span())?;
    let found = download(device, &y_buffer, element)?;
    let again = captured(device, &y_buffer, || {
        convolution.run(&operands, workspace.span())
    })?;
    let mut expected = Vec::with_capacity(found.len());
    for entry in 0..batch {
        for position in 0..length {
            for output in 0..outputs {
                let mut sum = 0.0;
                for tap in 0..width {
                    let Some(from) = (position + tap)
                        .checked_sub(width / 2)
                        .filter(|&from| from < length)
                    else {
                        continue;
                    };
                    let row = &x[(entry * length + from) * inputs..][..inputs];
                    let weights = &w[(output * width + tap) * inputs..][..inputs];
                    sum += row.iter().zip(weights).map(|(a, b)| a * b).sum::<f64>();
                }
                sum += if shape.bias.is_some() {
                    bias[output]
                } else {
                    0.0
                };
                sum += if shape.residual {
                    residual[(entry * length + position) * outputs + output]
                } else {
                    0.0
                };
                expected.push(sum);
            }
        }
    }
    let name = format!("{shape} (engine {})", convolution.engine());
    let failed = compare(
        &name,
        &found,
        &expected,
        element,
        bound(element, shape.tf32),
    );
    Ok(failed + report("  the same in a graph", again, "bit for bit"))
}

/// The faster way is chosen, and remembered.
fn choice(device: &Device) -> Result<usize> {
    let folder = std::env::temp_dir().join(format!("probe-{}", std::process::id()));
    let (small, large) = (device.allocate(1 << 10)?, device.allocate(1 << 30)?);
    let choose = |ways: [u64; 3]| {
        fastest(
            device,
            "fills",
            Some(&folder),
            ways.to_vec(),
            |&bytes| match bytes {
                0 => device.synchronize().and(Err(Error::Contract {
                    operation: "a way".into(),
                    problem: "fails".into(),
                })),
                1 => device.fill(small.span(), 0),
                _ => device.fill(large.span(), 0),
            },
        )
    };
    let (first, second) = (choose([0, 2, 1])?, choose([7, 8, 9])?);
    // Whether it can be removed does not matter to the check.
    let _ = std::fs::remove_dir_all(folder);
    Ok(report(
        "choice",
        (first, second) == (1, 9),
        &format!("took {first}, then {second}"),
    ))
}

/// What a user can meet comes back as an error, and the device still works after it.
fn errors(device: &Device) -> Result<usize> {
    let memory = device.memory()?;
    let found = device.allocate(memory.total * 2).err();
    let full =
        matches!(&found, Some(Error::OutOfMemory { asked, .. }) if *asked == memory.total * 2);
    let mut failures = report(
        "out of memory",
        full,
        &found.map_or(String::new(), |error| error.to_string()),
    );
    let found = Device::open(4096)
        .err()
        .map_or(String::new(), |error| error.to_string());
    failures += report(
        "no such device",
        found.contains("no CUDA device 4096"),
        &found,
    );
    let failed = Graph::capture(device, || device.synchronize())
        .err()
        .map_or(String::new(), |error| error.to_string());
    failures += report(
        "waiting inside a capture",
        failed.contains("cuStreamSynchronize"),
        &failed,
    );
    let after: Vec<u8> = device.download(device.upload(&[7u8; 9])?.span())?;
    Ok(failures + report("the device after errors", after == [7; 9], "copies"))
}
