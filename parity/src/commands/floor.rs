//! `parity floor`: how far recordings of one model are from each other.

use anyhow::{Result, bail};

use super::compare::{coarser, other_weights, recordings};
use super::write::{self, both};
use crate::cli::FloorArgs;
use crate::compare::Settings;
use crate::exit::Exit;
use crate::floor::{Floor, FloorEntry, Measured, sides};
use crate::levels::Thresholds;
use crate::progress::note;
use crate::recording::Recording;
use crate::report::grid::{Grid, terminal_width, wrapped};
use crate::result::Farthest;

/// Measures, writes the floor file and prints it.
///
/// # Errors
/// Where a recording cannot be read, two have no case in common or are of different checkpoints, or the file cannot be written.
pub fn run(args: &FloorArgs) -> Result<Exit> {
    let all = args
        .recordings
        .iter()
        .map(|path| Recording::open(path))
        .collect::<Result<Vec<_>, _>>()?;
    let floor = measure(&all)?;
    let text = serde_json::to_string_pretty(&floor)?;
    let printed = match args.json {
        true => format!("{text}\n"),
        false => table(&floor),
    };
    both(&printed, || {
        Ok(write::text(&args.out, &format!("{text}\n"))?)
    })?;
    note(&format!("wrote {}", args.out.display()));
    Ok(Exit::Agree)
}

/// The largest distance of any two recordings, per case and output.
///
/// # Errors
/// Where two have no case or output in common, hold the same values or are of different checkpoints, or an array cannot be read.
pub fn measure(recordings: &[Recording]) -> Result<Floor> {
    let mut measured = Vec::new();
    for (i, a) in recordings.iter().enumerate() {
        for b in &recordings[i + 1..] {
            measured.extend(pair(a, b)?);
        }
    }
    if measured.is_empty() {
        bail!("the recordings have no output in common that both hold with finite values");
    }
    let names = recordings.iter().map(Recording::name).collect();
    Ok(Floor::new(names, measured))
}

fn pair(a: &Recording, b: &Recording) -> Result<Vec<Measured>> {
    if let Some(reason) = other_weights(a, b) {
        bail!("{reason}: a floor is one model's distance to itself");
    }
    let dtypes = [a, b].map(|recording| recording.manifest.compute_dtype);
    let settings = Settings {
        level: 1,
        dtype: coarser(dtypes[0], dtypes[1]),
        sides: sides(dtypes[0], dtypes[1]),
        thresholds: Thresholds::profile("default")?,
        floor: None,
        known: None,
        tables: true,
        only: None,
    };
    let run = recordings(a, b, &[], &settings)?;
    let mut measured = Vec::new();
    let mut differs = false;
    for case in &run.cases {
        for output in &case.outputs {
            let summary = &output.summary;
            differs |= !summary.identical;
            let Some(relative_l2) = summary.relative_l2.value() else {
                continue;
            };
            if !output.reference_dtype.is_float() {
                continue;
            }
            let classes = output.classes.as_ref();
            let typical = |farthest: &Option<Farthest>| farthest.as_ref()?.typical.value();
            let entry = FloorEntry {
                relative_l2,
                one_minus_pearson: summary.one_minus_pearson.value(),
                pair: format!("{} and {}, {}", a.name(), b.name(), case.name),
                measured: 1,
                values: summary.finite,
                effective: output.effective,
                track: typical(&output.farthest_track),
                window: typical(&output.farthest_window),
                sides: settings.sides,
                class_margin: classes.and_then(|classes| classes.margin_noise.value()),
                spread_of_pairs: None,
                spread_of_cases: None,
            };
            measured.push(Measured {
                case: case.name.clone(),
                output: output.name.clone(),
                entry,
            });
        }
    }
    // Two runs that round alike are no two samples of the noise.
    if !differs {
        bail!(
            "{} and {} hold the same values in every output: a run beside itself has no noise to measure; record the model in another setting (device, compiler flags, precision)",
            a.path.display(),
            b.path.display()
        );
    }
    Ok(measured)
}

fn table(floor: &Floor) -> String {
    let width = terminal_width();
    let titles = [
        "output", "rel L2", "1-r", "track", "window", "worth", "measured", "farthest",
    ];
    let or_dash = |value: Option<f64>| value.map_or("-".into(), |x| format!("{x:.1e}"));
    let mut rows: Vec<Vec<String>> = vec![titles.map(String::from).to_vec()];
    for (name, entry) in &floor.outputs {
        rows.push(vec![
            name.replace("taps/alphagenome/", "taps/"),
            format!("{:.2e}", entry.relative_l2),
            or_dash(entry.one_minus_pearson),
            or_dash(entry.track),
            or_dash(entry.window),
            entry
                .effective
                .map_or("-".into(), |n| format!("{n:.0} of {}", entry.values)),
            entry.measured.to_string(),
            entry.pair.clone(),
        ]);
    }
    let mut text = format!(
        "noise floor of {}: per output the largest distance of two of them, of all values and of the farthest track and window, and how many independent values it is worth\n",
        floor.recordings.join(", ")
    );
    let mut pairs: Vec<_> = floor.outputs.values().map(|entry| &entry.pair).collect();
    pairs.dedup();
    if let [only] = pairs.as_slice() {
        text.push_str(&format!("measured once, on {only}\n"));
        rows.iter_mut().for_each(|row| row.truncate(6));
    }
    let text: Vec<String> = text.lines().map(|line| wrapped(line, 2, width)).collect();
    let mut text = format!("{}\n", text.join("\n"));
    let grid = Grid {
        rows,
        droppable: &["farthest", "measured"],
    };
    grid.write(&mut text, width);
    text
}
