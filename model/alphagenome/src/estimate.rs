//! What a run is expected to take: from shares that were scored before, or from rates that were measured.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::json;
use terminal::Devices;

use crate::cli::computing::Computing;
use crate::shards::{Finished, INDEL, SUBSTITUTION, Shard};

/// Rates that were measured.
#[derive(Deserialize)]
struct Rates {
    rates: Vec<Rate>,
}

/// What scoring a variant took.
#[derive(Clone, Debug, Deserialize)]
struct Rate {
    device: String,
    measured_on: String,
    arithmetic: String,
    length: i64,
    substitution_ms: f64,
    indel_ms: f64,
    device_gb: f64,
}

/// What a run is expected to take.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    variants: u64,
    cost: u64,
    length: i64,
    devices: Devices,
    /// Seconds on one device.
    seconds: Option<f64>,
    /// GB on a device.
    device_gb: Option<f64>,
    /// GB of shares on disk.
    disk_gb: Option<f64>,
    /// Where these come from.
    source: String,
}

impl Expected {
    /// Of variants and their cost; finished shares in the folder `shares` say what theirs took.
    ///
    /// # Errors
    /// Where a share cannot be read.
    pub fn new(
        computing: &Computing,
        length: i64,
        (variants, cost): (u64, u64),
        shares: Option<&Path>,
    ) -> Result<Self> {
        let mut expected = Self {
            variants,
            cost,
            length,
            devices: computing.device.clone(),
            seconds: None,
            device_gb: None,
            disk_gb: None,
            source: "not measured for this device: score one share, and ask again".into(),
        };
        let arithmetic = computing.arithmetic().name();
        if let Some(rate) = Rate::at(computing.device.kind(), arithmetic, length)? {
            let each = rate.substitution_ms / SUBSTITUTION as f64;
            let indels = rate.indel_ms / INDEL as f64;
            // Of unknown kinds of variants, the dearer unit.
            expected.seconds = Some(cost as f64 * each.max(indels) / 1000.0);
            expected.device_gb = Some(rate.device_gb);
            expected.source = format!("recommended scorers on an {}", rate.measured_on);
        }
        if let Some(folder) = shares.filter(|folder| folder.is_dir()) {
            let measured = Measured::of(folder, [computing.device.kind(), arithmetic])?;
            if measured.scored > 0 {
                let share = variants as f64 / measured.scored as f64;
                expected.seconds = Some(measured.seconds * share);
                expected.source = format!("{} finished shares", measured.shares);
            }
            if measured.items > 0 {
                let share = variants as f64 / measured.items as f64;
                expected.disk_gb = Some(measured.bytes as f64 * share / 1e9);
            }
        }
        Ok(expected)
    }

    /// As text, or as JSON; `all` is how many variants the input has.
    #[must_use]
    pub fn text(&self, all: u64, json: bool) -> String {
        if json {
            let document = json!({
                "variants": self.variants,
                "variants_of_the_input": all,
                "cost": self.cost,
                "length": self.length,
                "device": self.devices.to_string(),
                "device_seconds": self.seconds,
                "device_memory_gb": self.device_gb,
                "disk_gb": self.disk_gb,
                "source": self.source,
            });
            return format!("{document:#}\n");
        }
        let real = |value: Option<f64>, unit: &str| match value {
            Some(value) if value >= 100.0 => format!("{value:.0} {unit}"),
            Some(value) => format!("{value:.2} {unit}"),
            None => "not known".into(),
        };
        let rows = [
            ("variants", format!("{} of {all}", self.variants)),
            (
                "cost",
                format!("{} (substitution {SUBSTITUTION}, indel {INDEL})", self.cost),
            ),
            ("length", format!("{} bp", self.length)),
            ("device", self.devices.to_string()),
            ("device time", real(self.seconds, "s on one device")),
            ("device memory", real(self.device_gb, "GB")),
            ("disk", real(self.disk_gb, "GB")),
            ("from", self.source.clone()),
        ];
        let line = |(name, value): &(&str, String)| format!("{name:<14} {value}\n");
        rows.iter().map(line).collect()
    }
}

impl Rate {
    /// At a length: on the line through the two lengths that were measured, or in proportion to one.
    fn at(device: &str, arithmetic: &str, length: i64) -> Result<Option<Self>> {
        let rates: Rates =
            toml::from_str(include_str!("../data/rates.toml")).context("data/rates.toml")?;
        let mut of = rates.rates.into_iter().filter(|rate| {
            (rate.device.as_str(), rate.arithmetic.as_str()) == (device, arithmetic)
        });
        let Some(first) = of.next() else {
            return Ok(None);
        };
        let nothing = Self {
            length: 0,
            substitution_ms: 0.0,
            indel_ms: 0.0,
            device_gb: 0.0,
            ..first.clone()
        };
        let second = of.next().unwrap_or(nothing);
        let share = (length - first.length) as f64 / (second.length - first.length) as f64;
        let between = |a: f64, b: f64| (a + share * (b - a)).max(0.0);
        Ok(Some(Self {
            substitution_ms: between(first.substitution_ms, second.substitution_ms),
            indel_ms: between(first.indel_ms, second.indel_ms),
            device_gb: between(first.device_gb, second.device_gb),
            length,
            ..first
        }))
    }
}

/// What finished shares took.
#[derive(Default)]
struct Measured {
    shares: u64,
    items: u64,
    /// Variants that were scored in these seconds.
    scored: u64,
    seconds: f64,
    bytes: u64,
}

impl Measured {
    /// Those on this kind of device in this arithmetic.
    fn of(folder: &Path, wanted: [&str; 2]) -> Result<Self> {
        let mut found = Self::default();
        for shard in Shard::among(folder)? {
            let place = shard.folder(folder);
            let Ok(Some(finished)) = Finished::read(&place) else {
                continue;
            };
            let own = ["device", "arithmetic"].map(|name| finished.settings.get(name));
            if own.map(|value| value.map_or("", String::as_str)) != wanted {
                continue;
            }
            found.shares += 1;
            found.items += finished.items;
            found.scored += finished.scored;
            found.seconds += finished.seconds * finished.devices.len().max(1) as f64;
            for entry in std::fs::read_dir(&place).with_context(|| place.display().to_string())? {
                found.bytes += entry?.metadata()?.len();
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_lie_on_the_line_through_what_was_measured() {
        let at = |arithmetic: &str, length| Rate::at("cuda", arithmetic, length).unwrap();
        let same = at("xla-gpu-tf32", 131_072).unwrap();
        assert_eq!((same.substitution_ms, same.indel_ms), (39.4, 69.6));
        let far = at("xla-gpu-tf32", 1_048_576).unwrap();
        assert_eq!((far.substitution_ms, far.device_gb), (264.9, 76.4));
        let between = at("xla-gpu-tf32", 524_288).unwrap();
        assert!((39.4..264.9).contains(&between.substitution_ms));
        let one = at("xla-gpu-f32", 65_536).unwrap();
        assert_eq!(one.substitution_ms, 194.0);
        assert!(at("xla-cpu-f32", 131_072).is_none());
    }
}
