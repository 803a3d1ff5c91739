//! Convolutions against f64.

use cuda::convolution::{Convolution, Operands, Shape};
use cuda::{Device, Element, Result};

use crate::compare::{Guarded, WORKSPACE, bound, compare, download, report, upload};
use crate::random::Random;

/// Runs the checks and tells how many failed.
pub fn run(device: &Device, random: &mut Random) -> Result<usize> {
    shapes().into_iter().try_fold(0, |failures, shape| {
        Ok(failures + check(device, shape, random)?)
    })
}

fn shapes() -> Vec<Shape> {
    use Element::{Bf16, F32};
    let shape = |batch, length, inputs, outputs, width, element, bias, residual| Shape {
        batch,
        length,
        inputs,
        outputs,
        width,
        input: element,
        output: element,
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
        Shape {
            tf32: true,
            ..shape(2, 129, 768, 256, 5, F32, Some(F32), false)
        },
        shape(2, 41, 4, 768, 15, F32, Some(F32), false),
        Shape {
            output: F32,
            ..shape(2, 129, 768, 256, 5, Bf16, Some(F32), true)
        },
    ]
}

fn check(device: &Device, shape: Shape, random: &mut Random) -> Result<usize> {
    let (element, result) = (shape.input, shape.output);
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
    let residual_buffer = upload(device, &residual, result)?;
    let bias_buffer = upload(device, &bias, shape.bias.unwrap_or(Element::F32))?;
    let y_buffer = Guarded::new(device, residual_buffer.bytes())?;
    let workspace = device.allocate(WORKSPACE)?;
    device.poison(&workspace)?;
    let operands = Operands {
        x: x_buffer,
        w: w_buffer,
        bias: shape.bias.is_some().then(|| bias_buffer.clone()),
        residual: shape.residual.then(|| residual_buffer.clone()),
        y: y_buffer.span(),
    };
    convolution.run(&operands, &workspace)?;
    let found = download(device, &y_buffer.span(), result)?;
    let again = y_buffer.holds(device, || convolution.run(&operands, &workspace))?;
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
    let failed = compare(&name, &found, &expected, result, bound(result, shape.tf32));
    Ok(failed
        + report(
            "  again in a graph",
            again,
            "bit for bit, margins untouched",
        ))
}
