//! Operands to the device, results back, and what is said of them.

use cuda::graph::Graph;
use cuda::{Device, Element, Result, Span};
use half::bf16;

use crate::random::round;

/// Workspace of every operation in bytes.
pub const WORKSPACE: u64 = 64 << 20;

/// Prints the line of a check, and counts it if it failed.
pub fn report(name: &str, passed: bool, detail: &str) -> usize {
    println!("{} {name}: {detail}", if passed { "ok  " } else { "FAIL" });
    usize::from(!passed)
}

pub fn upload(device: &Device, values: &[f64], element: Element) -> Result<Span> {
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

pub fn download(device: &Device, span: &Span, element: Element) -> Result<Vec<f64>> {
    Ok(match element {
        Element::Bf16 => device
            .download::<bf16>(span)?
            .iter()
            .map(|value| value.to_f64())
            .collect(),
        Element::F32 => device
            .download::<f32>(span)?
            .iter()
            .map(|&value| value.into())
            .collect(),
    })
}

/// A poisoned result with margins before and after it that nothing may write.
pub struct Guarded {
    whole: Span,
    result: Span,
}

/// Bytes of each margin.
const MARGIN: u64 = 4096;

impl Guarded {
    pub fn new(device: &Device, bytes: u64) -> Result<Self> {
        let whole = device.allocate(bytes + 2 * MARGIN)?;
        device.poison(&whole)?;
        let result = whole.slice(MARGIN, bytes)?;
        Ok(Self { whole, result })
    }

    pub fn span(&self) -> Span {
        self.result.clone()
    }

    /// Whether the margins are as they were, and the same work in a graph gives the very same bytes.
    pub fn holds(&self, device: &Device, run: impl FnOnce() -> Result<()>) -> Result<bool> {
        let direct: Vec<u8> = device.download(&self.whole)?;
        let margin = MARGIN as usize;
        let (before, after) = (&direct[..margin], &direct[direct.len() - margin..]);
        let intact = before.iter().chain(after).all(|&byte| byte == 0xff);
        device.poison(&self.whole)?;
        Graph::capture(device, run)?.replay()?;
        Ok(intact && direct == device.download::<u8>(&self.whole)?)
    }
}

/// Relative L2 distance, the largest difference, and the share of results that are not the reference's rounding.
pub fn compare(name: &str, found: &[f64], expected: &[f64], element: Element, bound: f64) -> usize {
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

pub fn bound(output: Element, tf32: bool) -> f64 {
    match (output, tf32) {
        (Element::Bf16, _) => 2e-3,
        (Element::F32, true) => 6e-4,
        (Element::F32, false) => 2e-6,
    }
}
