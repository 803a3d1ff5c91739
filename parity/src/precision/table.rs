//! The tables of `parity precision`.

use super::{Loss, Report, Switch, Switches};
use crate::report::grid::{Grid, wrapped};

/// Modules that are named as those that lose most.
const NAMED: usize = 3;

/// The report as text.
pub fn write(report: &Report, width: Option<usize>) -> String {
    let mut text = format!(
        "{}: relative L2 from {} on {}, {} bp, {:.0} s\n",
        report.model, report.reference, report.device, report.length, report.seconds
    );
    text.push_str("\nmodules: propagated error / local error (the reference's input)\n");
    modules(&mut text, &report.arithmetics, width);
    text.push_str("\noutputs\n");
    outputs(&mut text, &report.arithmetics, width);
    for loss in &report.arithmetics {
        if let Some(line) = loses_most(loss) {
            text.push_str(&wrapped(&line, 2, width));
            text.push('\n');
        }
    }
    if let Some(switches) = &report.switches {
        text.push('\n');
        blocks(&mut text, switches, width);
    }
    text
}

fn modules(text: &mut String, losses: &[Loss], width: Option<usize>) {
    let Some(first) = losses.first() else { return };
    let mut rows = vec![titles("module", losses)];
    for (index, module) in first.modules.iter().enumerate() {
        let cells = losses.iter().map(|loss| match loss.modules.get(index) {
            Some(found) if found.local.is_some() => {
                format!("{} / {}", number(found.propagated), number(found.local))
            }
            Some(found) => number(found.propagated),
            None => "-".into(),
        });
        let path = module.path.trim_start_matches("alphagenome/");
        rows.push(std::iter::once(path.to_string()).chain(cells).collect());
    }
    grid(text, rows, width);
}

fn outputs(text: &mut String, losses: &[Loss], width: Option<usize>) {
    let Some(first) = losses.first() else { return };
    let mut rows = vec![titles("output", losses)];
    for (index, output) in first.outputs.iter().enumerate() {
        let of = |loss: &Loss| loss.outputs.get(index).and_then(|found| found.relative_l2);
        let cells = losses.iter().map(|loss| number(of(loss)));
        rows.push(std::iter::once(output.name.clone()).chain(cells).collect());
    }
    grid(text, rows, width);
}

fn titles(first: &str, losses: &[Loss]) -> Vec<String> {
    let names = losses.iter().map(|loss| loss.arithmetic.clone());
    // The last column of a grid is left-aligned: an empty one keeps the figures in their columns.
    std::iter::once(first.to_string())
        .chain(names)
        .chain([String::new()])
        .collect()
}

fn grid(text: &mut String, rows: Vec<Vec<String>>, width: Option<usize>) {
    let grid = Grid {
        rows,
        droppable: &[],
    };
    grid.write(text, width);
}

/// The modules with the largest local error.
fn loses_most(loss: &Loss) -> Option<String> {
    let mut modules: Vec<_> = loss
        .modules
        .iter()
        .filter_map(|module| {
            Some((
                module.path.trim_start_matches("alphagenome/"),
                module.local?,
            ))
        })
        .filter(|(path, _)| !path.starts_with("head/"))
        .collect();
    modules.sort_by(|a, b| b.1.total_cmp(&a.1));
    let named = modules.iter().take(NAMED);
    let named: Vec<String> = named
        .map(|(path, local)| format!("{path} ({local:.1e})"))
        .collect();
    (!named.is_empty()).then(|| {
        format!(
            "{} loses most by itself in {}",
            loss.arithmetic,
            named.join(", ")
        )
    })
}

fn blocks(text: &mut String, switches: &Switches, width: Option<usize>) {
    let [fine, bins, pair] = switches.embeddings.map(number);
    text.push_str(&format!(
        "one block in float32, all others in {} ({fine} / {bins} / {pair}); times on {}\n",
        switches.arithmetic, switches.timed_on
    ));
    let titles = [
        "block",
        "wins",
        "embeddings 1bp / 128bp / pair",
        "ms",
        "in float32",
        "of all",
        "wins most in",
    ];
    let mut rows = vec![titles.map(String::from).to_vec()];
    rows.extend(
        switches
            .rows
            .iter()
            .map(|row| cells(row, switches.milliseconds)),
    );
    let grid = Grid {
        rows,
        droppable: &["of all", "wins most in"],
    };
    grid.write(text, width);
    let line = format!(
        "wins: share of the error of embeddings and predictions that goes (geometric mean); a change that means nothing wins \
         {:.1} %, so less than that is noise",
        100.0 * switches.noise
    );
    text.push_str(&wrapped(&line, 2, width));
    text.push('\n');
}

fn cells(row: &Switch, all: f64) -> Vec<String> {
    let [fine, bins, pair] = row.embeddings.map(number);
    let more = row.float32_milliseconds - row.milliseconds;
    vec![
        row.block.clone(),
        format!("{:.1} %", 100.0 * row.wins),
        format!("{fine} / {bins} / {pair}"),
        format!("{:.2}", row.milliseconds),
        format!("{:.2}", row.float32_milliseconds),
        match all > 0.0 {
            true => format!("{:+.1} %", 100.0 * more / all),
            false => "-".into(),
        },
        row.most.as_ref().map_or("-".into(), |(name, share)| {
            format!("{name} ({:.1} %)", 100.0 * share)
        }),
    ]
}

fn number(x: Option<f64>) -> String {
    x.map_or("-".into(), |x| format!("{x:.1e}"))
}
