//! `parity floor`: how far recordings of one model are from each other.

use anyhow::{Result, bail};

use super::compare::{coarser, other_weights, recordings};
use super::write::{self, both};
use crate::cli::FloorArgs;
use crate::compare::Settings;
use crate::exit::Exit;
use crate::floor::{Floor, FloorEntry};
use crate::levels::Thresholds;
use crate::progress::note;
use crate::recording::Recording;
use crate::report::grid::{Grid, terminal_width, wrapped};

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
/// Where two have no case or output in common or are of different checkpoints, or an array cannot be read.
pub fn measure(recordings: &[Recording]) -> Result<Floor> {
    let mut floor = Floor::new(recordings.iter().map(Recording::name).collect());
    for (i, a) in recordings.iter().enumerate() {
        for b in &recordings[i + 1..] {
            add_pair(&mut floor, a, b)?;
        }
    }
    if floor.outputs.is_empty() {
        bail!("the recordings have no output in common");
    }
    Ok(floor)
}

fn add_pair(floor: &mut Floor, a: &Recording, b: &Recording) -> Result<()> {
    if let Some(reason) = other_weights(a, b) {
        bail!("{reason}: a floor is one model's distance to itself");
    }
    let settings = Settings {
        level: 1,
        dtype: coarser(a.manifest.compute_dtype, b.manifest.compute_dtype),
        thresholds: Thresholds::profile("default")?,
        floor: None,
        tables: false,
        only: None,
    };
    let run = recordings(a, b, &[], &settings)?;
    for case in &run.cases {
        for output in &case.outputs {
            let summary = &output.summary;
            let Some(relative_l2) = summary.relative_l2.value() else {
                continue;
            };
            if !output.reference_dtype.is_float() {
                continue;
            }
            let entry = FloorEntry {
                relative_l2,
                one_minus_pearson: summary.one_minus_pearson.value(),
                pair: format!("{} and {}, {}", a.name(), b.name(), case.name),
                measured: 1,
            };
            floor.add(&case.name, &output.name, entry);
        }
    }
    Ok(())
}

fn table(floor: &Floor) -> String {
    let width = terminal_width();
    let titles = ["output", "rel L2", "1-r", "measured", "farthest"];
    let mut rows: Vec<Vec<String>> = vec![titles.map(String::from).to_vec()];
    for (name, entry) in &floor.outputs {
        rows.push(vec![
            name.replace("taps/alphagenome/", "taps/"),
            format!("{:.2e}", entry.relative_l2),
            entry
                .one_minus_pearson
                .map_or("-".into(), |r| format!("{r:.1e}")),
            entry.measured.to_string(),
            entry.pair.clone(),
        ]);
    }
    let mut text = format!(
        "noise floor of {}: per output the largest distance of two of them\n",
        floor.recordings.join(", ")
    );
    let mut pairs: Vec<_> = floor.outputs.values().map(|entry| &entry.pair).collect();
    pairs.dedup();
    if let [only] = pairs.as_slice() {
        text.push_str(&format!("measured once, on {only}\n"));
        rows.iter_mut().for_each(|row| row.truncate(3));
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
