//! Ctrl-C and its like.

use std::io;

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
    low_level::emulate_default_handler,
};

use crate::publish;

/// From now on, a signal that ends the process removes the folders in the making first. Signals that the process was started
/// to ignore, as `nohup` does, stay ignored.
///
/// # Errors
/// If the system takes no handler.
pub fn install() -> io::Result<()> {
    let ignored = ignored();
    let signals = [SIGINT, SIGTERM, SIGHUP];
    let heeded = signals
        .into_iter()
        .filter(|signal| ignored >> (signal - 1) & 1 == 0);
    let mut signals = Signals::new(heeded)?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for signal in signals.forever() {
                publish::abandon();
                let _ = emulate_default_handler(signal);
            }
        })?;
    Ok(())
}

/// The signals that are ignored, as bits.
fn ignored() -> u64 {
    // Other systems than Linux do not tell.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}
