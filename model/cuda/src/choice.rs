//! The fastest of several ways to do the same, found once by timing and remembered on disk.

use std::path::Path;

use crate::cache;
use crate::device::Device;
use crate::error::{Error, Result};

/// How often each way is timed after its first run; the least time counts, since noise only adds.
const RUNS: usize = 4;

/// Takes the fastest of `ways`, by running each with `run` on the stream. The choice is kept in the folder `cache`
/// under `key`, which must name everything that it depends on beside the device and the libraries' versions: what is
/// computed, and how the ways are listed. What is kept is not timed again.
pub fn fastest<T>(
    device: &Device,
    key: &str,
    cache: Option<&Path>,
    mut ways: Vec<T>,
    run: impl Fn(&T) -> Result<()>,
) -> Result<T> {
    let file = cache.map(|folder| {
        let properties = device.properties();
        let versions = format!(
            "{} cuBLASLt {} cuDNN {}",
            properties.name, properties.cublaslt, properties.cudnn
        );
        let key = format!("{versions} of {} {key}", ways.len());
        folder.join(format!("{}.choice", blake3::hash(key.as_bytes()).to_hex()))
    });
    let kept = file
        .as_deref()
        .and_then(cache::read)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u64::from_le_bytes);
    if let Some(rank) = kept
        .map(|rank| rank as usize)
        .filter(|&rank| rank < ways.len())
    {
        return Ok(ways.swap_remove(rank));
    }
    let mut best: Option<(f32, usize)> = None;
    for (rank, way) in ways.iter().enumerate() {
        // A way that fails here is none; its first run also loads its code.
        let Ok(time) = least(
            device,
            best.map_or(f32::INFINITY, |(least, _)| least),
            || run(way),
        ) else {
            continue;
        };
        if best.is_none_or(|(least, _)| time < least) {
            best = Some((time, rank));
        }
    }
    let Some((_, rank)) = best else {
        return Err(Error::contract(key, "none of the ways to do it runs"));
    };
    if let Some(file) = file {
        cache::write(&file, &(rank as u64).to_le_bytes());
    }
    Ok(ways.swap_remove(rank))
}

/// The least of a few times in milliseconds; of one time, where that is far from the best so far.
fn least(device: &Device, best: f32, run: impl Fn() -> Result<()>) -> Result<f32> {
    run()?;
    let mut least = device.time(&run)?;
    if least < 1.5 * best {
        for _ in 1..RUNS {
            least = least.min(device.time(&run)?);
        }
    }
    Ok(least)
}
