//! The tables of `parity attention`.

use super::{Cost, Length, Pair, Report};
use crate::report::grid::{Grid, wrapped};

/// The report as text.
pub fn write(report: &Report, width: Option<usize>) -> String {
    let mut text = format!(
        "{}: attention, plain against fused, {} on {}\n",
        report.model, report.arithmetic, report.device
    );
    if let Some(why) = &report.one_form {
        text.push_str(&wrapped(&format!("nothing to compare: {why}"), 2, width));
        text.push('\n');
        return text;
    }
    let alone = report
        .lengths
        .iter()
        .filter_map(|of| Some((of.length, of.alone.as_ref()?)));
    let rows: Vec<_> = alone.map(|(length, pair)| row(length, pair)).collect();
    if !rows.is_empty() {
        text.push_str("\nthe operation alone, on random numbers\n");
        grid(&mut text, "", rows, width);
    }
    text.push_str("\nin the model, block by block on what the model gives them: the farthest block, times of all\n");
    let rows = report.lengths.iter().filter_map(farthest).collect();
    grid(&mut text, "block", rows, width);
    text.push_str("\nthe whole pass: the farthest output\n");
    let rows = report.lengths.iter().map(whole).collect();
    grid(&mut text, "output", rows, width);
    for length in &report.lengths {
        text.push_str(&format!("  {}\n", embeddings(length)));
    }
    let most = report
        .lengths
        .iter()
        .map(Length::distance)
        .fold(0.0, f64::max);
    let line = match report.agree == Some(true) {
        true => format!(
            "the forms agree: no block is farther than {most:.1e} (limit {:.1e})",
            report.limit
        ),
        false => format!(
            "the forms do NOT agree: a block is {most:.1e} apart (limit {:.1e})\n  {}",
            report.limit, report.command
        ),
    };
    text.push_str(&wrapped(&line, 2, width));
    text.push('\n');
    text
}

fn grid(text: &mut String, what: &str, rows: Vec<Vec<String>>, width: Option<usize>) {
    let titles = [
        "bp", "rel L2", "max|d|", "ms fused", "plain", "times", "MB fused", "plain", what,
    ];
    let rows = std::iter::once(titles.map(String::from).to_vec()).chain(rows);
    let grid = Grid {
        rows: rows.collect(),
        droppable: &["max|d|"],
    };
    grid.write(text, width);
}

fn cells(
    length: usize,
    distance: Option<f64>,
    largest: f64,
    cost: Cost,
    what: &str,
) -> Vec<String> {
    let ms = |x: Option<f64>| x.map_or("-".into(), |x| format!("{x:.2}"));
    let mb = |x: Option<u64>| x.map_or("-".into(), |x| format!("{:.1}", x as f64 / 1e6));
    let times = match (cost.fused_milliseconds, cost.plain_milliseconds) {
        (Some(fused), Some(plain)) if fused > 0.0 => format!("{:.2}", plain / fused),
        _ => "-".into(),
    };
    vec![
        length.to_string(),
        distance.map_or("inf".into(), |x| format!("{x:.1e}")),
        format!("{largest:.1e}"),
        ms(cost.fused_milliseconds),
        ms(cost.plain_milliseconds),
        times,
        mb(cost.fused_bytes),
        mb(cost.plain_bytes),
        what.into(),
    ]
}

fn row(length: usize, pair: &Pair) -> Vec<String> {
    let closeness = &pair.closeness;
    cells(
        length,
        closeness.relative_l2,
        closeness.largest,
        pair.cost,
        "",
    )
}

/// The block that is farthest, with the times of all.
fn farthest(length: &Length) -> Option<Vec<String>> {
    let farther = |a: &&Pair, b: &&Pair| a.closeness.distance().total_cmp(&b.closeness.distance());
    let pair = length.blocks.iter().max_by(farther)?;
    let sum = |of: fn(&Cost) -> Option<f64>| length.blocks.iter().map(|pair| of(&pair.cost)).sum();
    let cost = Cost {
        fused_milliseconds: sum(|cost| cost.fused_milliseconds),
        plain_milliseconds: sum(|cost| cost.plain_milliseconds),
        ..pair.cost
    };
    let closeness = &pair.closeness;
    let name = pair.name.trim_start_matches("alphagenome/");
    Some(cells(
        length.length,
        closeness.relative_l2,
        closeness.largest,
        cost,
        name,
    ))
}

fn whole(length: &Length) -> Vec<String> {
    let worst = length.outputs.worst.as_deref();
    let found = length
        .outputs
        .outputs
        .iter()
        .find(|output| Some(output.name.as_str()) == worst);
    let largest = found.map_or(0.0, |output| output.closeness.largest);
    let name = worst.unwrap_or("none differs");
    cells(
        length.length,
        length.outputs.relative_l2,
        largest,
        length.pass,
        name,
    )
}

fn embeddings(length: &Length) -> String {
    let of = |name: &str| {
        let output = length
            .outputs
            .outputs
            .iter()
            .find(|output| output.name == name);
        let distance = output.and_then(|output| output.closeness.relative_l2);
        distance.map_or("-".into(), |distance| format!("{distance:.1e}"))
    };
    format!(
        "{} bp: embeddings 1bp / 128bp / pair {} / {} / {}",
        length.length,
        of("embeddings_1bp"),
        of("embeddings_128bp"),
        of("embeddings_pair")
    )
}
