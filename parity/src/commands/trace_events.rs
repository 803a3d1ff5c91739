//! A pass as a Chrome (Perfetto) trace: a slice a module, and below it its operations.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use super::bench::Measured;

/// Writes the trace of all lengths, a process each.
pub(super) fn write(path: &Path, lengths: &[Measured]) -> Result<()> {
    let mut events = Vec::new();
    for (process, measured) in lengths.iter().enumerate() {
        let name = format!("{} bp", measured.length);
        events.push(
            json!({"ph": "M", "pid": process, "name": "process_name", "args": {"name": name}}),
        );
        let mut at = 0.0;
        for module in &measured.modules {
            let micros = module.milliseconds * 1e3;
            let mut slice = slice(process, 0, &module.module, at, micros);
            slice["args"] =
                json!({"TFLOP": module.operations / 1e12, "GB": module.bytes as f64 / 1e9});
            events.push(slice);
            let mut from = at;
            for (operation, milliseconds) in &module.steps {
                events.push(self::slice(process, 1, operation, from, milliseconds * 1e3));
                from += milliseconds * 1e3;
            }
            at += micros;
        }
    }
    let trace = json!({"traceEvents": events, "displayTimeUnit": "ms"});
    Ok(super::write::text(path, &format!("{trace}\n"))?)
}

fn slice(process: usize, thread: usize, name: &str, at: f64, micros: f64) -> Value {
    json!({"ph": "X", "pid": process, "tid": thread, "name": name, "ts": at, "dur": micros})
}
