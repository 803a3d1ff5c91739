//! A heat map: tracks along, cases down, the distance as shade.

use super::{Drawing, note, nothing_to_draw};
use crate::outputs::Kind;
use crate::report::html::group::{Group, Member};
use crate::report::html::heat::Heat;
use crate::report::html::plot::Plot;
use crate::report::html::scale::{Scale, Tick};
use crate::result::TrackTable;

/// Cells of a row, and of the whole map, at most: the page stays small, and a cell stays visible.
const COLUMNS: usize = 256;
const CELLS: usize = 2048;
/// The map is as wide as the page, and as high as its rows need.
const WIDTH: f64 = 1180.0;
const ROWS: (f64, f64) = (8.0, 22.0);

pub(super) fn draw(group: &Group<'_>) -> Result<Drawing, String> {
    let mut rows: Vec<(Member<'_>, &TrackTable)> = group
        .members
        .iter()
        .filter_map(|member| Some((*member, member.output.tracks.as_ref()?)))
        .collect();
    if rows.is_empty() {
        return Err(missing(group));
    }
    // Organisms have different tracks: rows of one stand together.
    rows.sort_by_key(|(member, _)| (member.case.case.organism_index, member.case.number));
    let channels = rows
        .iter()
        .filter_map(|(_, table)| table.tracks.iter().map(|track| track.group + 1).max())
        .max()
        .unwrap_or(0);
    let columns = channels.min(COLUMNS).min((CELLS / rows.len()).max(1));
    if columns == 0 {
        return Err("no track holds finite values".into());
    }
    let width = channels.div_ceil(columns);
    let columns = channels.div_ceil(width);
    let map: Vec<Vec<Option<f64>>> = rows
        .iter()
        .map(|(_, table)| row(table, width, columns))
        .collect();
    let Some(heat) = Heat::of(map.iter().flatten().flatten().copied()) else {
        return Err("no track has a defined distance".into());
    };
    let n = rows.len();
    let end = (columns * width) as f64;
    let y = Scale::Linear(0.0, n as f64);
    let height = (200.0 / n as f64).clamp(ROWS.0, ROWS.1);
    let mut plot = Plot::new(Scale::Linear(0.0, end), y, "track (channel)", "case")
        .with_x_ticks(channel_ticks(channels, width))
        .with_y_ticks(case_ticks(&rows))
        .with_size(WIDTH, n as f64 * height);
    for class in 0..Heat::CLASSES {
        let cells = map.iter().enumerate().flat_map(|(i, row)| {
            row.iter().enumerate().filter_map(move |(column, value)| {
                let top = (n - i) as f64;
                let left = (column * width) as f64;
                (value.map(|x| heat.class(x)) == Some(class)).then_some([
                    left,
                    left + width as f64,
                    top - 1.0,
                    top,
                ])
            })
        });
        plot.cells(Heat::NAMES[class], cells);
    }
    let mut note = match width {
        1 => String::new(),
        width => format!("each cell the worst of {width} tracks"),
    };
    if map.iter().flatten().any(Option::is_none) {
        let blank = "blank: padding or undefined";
        note = if note.is_empty() {
            blank.into()
        } else {
            format!("{note}; {blank}")
        };
    }
    Ok(Drawing {
        svg: plot.finish(
            &format!("{}: error by track and case", group.name()),
            &format!(
                "Relative L2 distance of {channels} tracks in {n} cases, from {} to {}.",
                heat.low(),
                heat.high()
            ),
        ),
        legend: heat.legend("relative L2", "h"),
        note,
    })
}

/// The largest distance of the tracks of each cell.
fn row(table: &TrackTable, width: usize, columns: usize) -> Vec<Option<f64>> {
    let mut row = vec![None; columns];
    for track in &table.tracks {
        if let (Some(x), Some(cell)) = (track.relative_l2.value(), row.get_mut(track.group / width))
        {
            *cell = Some(cell.map_or(x, |y: f64| y.max(x)));
        }
    }
    row
}

fn missing(group: &Group<'_>) -> String {
    let output = group.first();
    if let Some(reason) = nothing_to_draw(output) {
        return reason;
    }
    let told = [
        "no table per track",
        "junctions: no table",
        "read in blocks",
    ];
    let note = told.iter().find_map(|start| note(output, start));
    note.unwrap_or_else(|| match output.kind {
        Kind::Embedding | Kind::Pair | Kind::Tap => "its channels are no tracks".into(),
        _ => "no statistics per track were made".into(),
    })
}

fn channel_ticks(channels: usize, width: usize) -> Vec<Tick> {
    // A channel stands in the middle of its cell where each has its own.
    let shift = if width == 1 { 0.5 } else { 0.0 };
    let stride = match channels {
        0..=24 => 1,
        _ => {
            let raw = channels as f64 / 16.0;
            let power = 10f64.powf(raw.log10().floor());
            [1.0, 2.0, 5.0, 10.0]
                .into_iter()
                .map(|f| f * power)
                .find(|&s| s >= raw)
                .unwrap_or(raw) as usize
        }
    };
    (0..channels)
        .step_by(stride.max(1))
        .map(|channel| (channel as f64 + shift, channel.to_string()))
        .collect()
}

fn case_ticks(rows: &[(Member<'_>, &TrackTable)]) -> Vec<Tick> {
    let n = rows.len();
    rows.iter()
        .enumerate()
        .step_by(n.div_ceil(20))
        .map(|(i, (member, _))| ((n - i) as f64 - 0.5, format!("#{}", member.case.number)))
        .collect()
}
