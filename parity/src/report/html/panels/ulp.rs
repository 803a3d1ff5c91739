//! The histogram of distances in units in the last place.

use parity_stats::FloatType;
use parity_stats::histogram::UlpBin;

use super::{Drawing, nothing_to_draw};
use crate::report::html::plot::Plot;
use crate::report::html::scale::Scale;
use crate::report::html::text::{count, percent};
use crate::result::OutputResult;

pub(super) fn draw(output: &OutputResult) -> Result<Drawing, String> {
    if let Some(reason) = nothing_to_draw(output) {
        return Err(reason);
    }
    let Some(ulp) = &output.summary.ulp else {
        return Err(format!(
            "no ULPs are counted for {}",
            output.reference_dtype
        ));
    };
    let Some(last) = ulp.bins.last() else {
        return Err("no finite values".into());
    };
    let name = match ulp.float_type {
        FloatType::F32 => "float32",
        FloatType::Bf16 => "bfloat16",
        FloatType::F16 => "float16",
    };
    // A bin's place: the bit length of its distances.
    let slot = |bin: &UlpBin| f64::from(u64::BITS - bin.low.leading_zeros());
    let total: u64 = ulp.bins.iter().map(|bin| bin.count).sum();
    let share = |n: u64| 100.0 * n as f64 / total as f64;
    let slots = slot(last).max(6.0);
    let Some(y) = Scale::from_zero(ulp.bins.iter().map(|bin| share(bin.count))) else {
        return Err("no finite values".into());
    };
    let stride = (slots as usize + 1).div_ceil(8);
    let ticks = (0..=slots as u32)
        .step_by(stride)
        .map(|length| (f64::from(length) + 0.5, label(length)))
        .collect();
    let mut plot = Plot::new(
        Scale::Linear(0.0, slots + 1.0),
        y,
        &format!("distance in {name} steps"),
        "share of values (%)",
    )
    .with_x_ticks(ticks);
    let bars = ulp.bins.iter().filter(|bin| bin.count > 0);
    plot.bars(
        "bar",
        bars.map(|bin| (slot(bin) + 0.05, slot(bin) + 0.95, share(bin.count))),
    );
    let near = percent(ulp.within(1) as f64 / total as f64);
    Ok(Drawing {
        svg: plot.finish(
            &format!("{}: distance in units in the last place", output.name),
            &format!(
                "{near} at most one step apart; the largest distance is {} steps.",
                ulp.max
            ),
        ),
        legend: String::new(),
        note: format!("{near} at most 1 step apart; largest {}", count(ulp.max)),
    })
}

/// The smallest distance of a bit length, marked where it stands for more.
fn label(length: u32) -> String {
    match length {
        0 => "0".into(),
        1 => "1".into(),
        2..=10 => format!("{}+", 1u64 << (length - 1)),
        length => format!("2{}+", super::super::text::raised(length as i32 - 1)),
    }
}
