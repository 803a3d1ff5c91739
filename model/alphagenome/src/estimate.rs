//! What a run is expected to take: from shares that were scored before, or from rates that were measured.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use genome::Interval;
use genome::fasta::Fasta;
use serde::Deserialize;
use serde_json::json;
use terminal::Devices;

use crate::cli::arguments::ScoringArguments;
use crate::shards::{Finished, INDEL, SUBSTITUTION, Shard};
use crate::work::{Identity, Settings};

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
    /// Models on each device.
    workers: u8,
    /// Seconds on one device; with several models at most.
    seconds: Option<f64>,
    /// GB on a device, for all its models.
    device_gb: Option<f64>,
    /// GB of shares on disk.
    disk_gb: Option<f64>,
    /// Where these come from.
    source: String,
}

impl Expected {
    /// Of variants and their cost, as records of a VCF or rows; finished shares in the folder `shares` say what theirs took.
    ///
    /// # Errors
    /// Where a share, or what it is held against, cannot be read.
    pub fn new(
        scoring: &ScoringArguments,
        (length, vcf): (i64, bool),
        (variants, cost): (u64, u64),
        shares: Option<&Path>,
    ) -> Result<Self> {
        let computing = &scoring.model.computing;
        let workers = scoring.workers;
        let mut expected = Self {
            variants,
            cost,
            length,
            devices: computing.device.clone(),
            workers,
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
            expected.device_gb = Some(rate.device_gb * f64::from(workers));
            expected.source = format!("recommended scorers on an {}", rate.measured_on);
            if workers > 1 {
                expected.source += ", with one model a device; several take less time";
            }
        }
        if let Some(folder) = shares.filter(|folder| folder.is_dir()) {
            let measured = Measured::of(folder, scoring, (length, vcf))?;
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
                "workers": self.workers,
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
        let unit = match self.workers {
            1 => "s on one device",
            _ => "s on one device, at most",
        };
        let rows = [
            ("variants", format!("{} of {all}", self.variants)),
            (
                "cost",
                format!("{} (substitution {SUBSTITUTION}, indel {INDEL})", self.cost),
            ),
            ("length", format!("{} bp", self.length)),
            ("device", self.devices.to_string()),
            ("workers", self.workers.to_string()),
            ("device time", real(self.seconds, unit)),
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
    /// Those of this length, with the settings that scoring takes its time by.
    fn of(folder: &Path, scoring: &ScoringArguments, (length, vcf): (i64, bool)) -> Result<Self> {
        let mut found = Self::default();
        let mut wanted = None;
        for shard in Shard::among(folder)? {
            let place = shard.folder(folder);
            let Ok(Some(finished)) = Finished::read(&place) else {
                continue;
            };
            let wanted = match &mut wanted {
                Some(wanted) => wanted,
                None => wanted.insert(costly(scoring, vcf)?),
            };
            let same = wanted
                .iter()
                .all(|(name, value)| finished.settings.get(name) == Some(value));
            if !same || window(&finished.settings) != Some(length) {
                continue;
            }
            found.shares += 1;
            found.items += finished.items;
            found.scored += finished.scored;
            found.seconds += finished.seconds * device_share(&finished, scoring.workers);
            for entry in std::fs::read_dir(&place).with_context(|| place.display().to_string())? {
                found.bytes += entry?.metadata()?.len();
            }
        }
        Ok(found)
    }
}

/// The settings that scoring takes its time by, but for the length, as a share notes them.
fn costly(scoring: &ScoringArguments, vcf: bool) -> Result<Settings> {
    let mut settings = scoring.settings(Identity::Place)?;
    settings.retain(|name, _| {
        ["arithmetic", "as", "device", "organism", "stitching"].contains(&name.as_str())
    });
    let setup = scoring.open(Fasta::open(&scoring.fasta)?)?;
    let names: Vec<_> = setup.scorers.iter().map(ToString::to_string).collect();
    let format = if vcf { "vcf" } else { "table" };
    settings.extend([
        ("scorers".into(), names.join("; ")),
        ("format".into(), format.into()),
    ]);
    Ok(settings)
}

/// Base pairs that the model sees: `score` notes them, or one window for all, as `ism` does.
fn window(settings: &Settings) -> Option<i64> {
    let text = settings.get("window")?;
    let width = || Some(text.parse::<Interval>().ok()?.width());
    text.parse().ok().or_else(width)
}

/// Seconds of one device in a second of a share, with `workers` models on each. Models of one device share it: several take no longer
/// than one, and one takes no longer than several do one after the other.
fn device_share(share: &Finished, workers: u8) -> f64 {
    let models = share.devices.len().max(1);
    let names: BTreeSet<_> = share.devices.iter().map(|device| &device.name).collect();
    let devices = names.len().max(1);
    let fewer = models as f64 / devices as f64 / f64::from(workers);
    devices as f64 * fewer.max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shards::Device;

    #[test]
    fn models_of_one_device_share_its_time() {
        let share = |names: &[&str]| Finished {
            shard: "1/2".into(),
            first: 0,
            items: 0,
            total: 0,
            failures: 0,
            rows: 0,
            seconds: 1.0,
            scored: 0,
            devices: names
                .iter()
                .map(|name| Device {
                    name: (*name).into(),
                    variants: 0,
                    failure: None,
                })
                .collect(),
            settings: Settings::new(),
            header: String::new(),
            batches: Vec::new(),
            digest: String::new(),
        };
        for (names, workers, expected) in [
            (&["cuda:0"][..], 1, 1.0),
            (&[], 1, 1.0),
            (&["cuda:0"], 2, 1.0),
            (&["cuda:0", "cuda:1"], 1, 2.0),
            (&["cuda:0", "cuda:0"], 2, 1.0),
            // Asked for one model, and measured with two.
            (&["cuda:0", "cuda:0"], 1, 2.0),
            (&["cuda:0", "cuda:0", "cuda:1", "cuda:1"], 2, 2.0),
        ] {
            assert_eq!(device_share(&share(names), workers), expected, "{names:?}");
        }
    }

    #[test]
    fn a_share_says_its_length_or_window() {
        let of = |text: &str| window(&Settings::from([("window".into(), text.into())]));
        assert_eq!(of("2048"), Some(2048));
        assert_eq!(of("chr1:1000-3048:."), Some(2048));
        assert_eq!(of("wide"), None);
        assert_eq!(window(&Settings::new()), None);
    }

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
