//! Products of matrices against f64.

use cuda::linear::{Layout, Linear, Operands, Product};
use cuda::{Device, Element, Result};

use crate::compare::{Guarded, WORKSPACE, bound, compare, download, report, upload};
use crate::random::Random;

/// Runs the checks and tells how many failed.
pub fn run(device: &Device, random: &mut Random) -> Result<usize> {
    products().into_iter().try_fold(0, |failures, product| {
        Ok(failures + check(device, product, random)?)
    })
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

fn check(device: &Device, product: Product, random: &mut Random) -> Result<usize> {
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
    let y_buffer = Guarded::new(device, c_buffer.bytes())?;
    let workspace = device.allocate(WORKSPACE)?;
    device.poison(&workspace)?;
    let operands = Operands {
        x: x_buffer,
        w: w_buffer,
        bias: product.bias.then(|| bias_buffer.clone()),
        c: (product.beta != 0.0).then(|| c_buffer.clone()),
        y: y_buffer.span(),
    };
    linear.run(&operands, &workspace)?;
    let y = download(device, &y_buffer.span(), output)?;
    let again = y_buffer.holds(device, || linear.run(&operands, &workspace))?;
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
    Ok(failed
        + report(
            "  again in a graph",
            again,
            "bit for bit, margins untouched",
        ))
}
