//! One drawing over all predictions: a row an output, a mark a case, the distance on a common scale.

use std::fmt::Write;

use super::group::Group;
use super::scale::Scale;
use super::text::escape;

const WIDTH: f64 = 1080.0;
const LEFT: f64 = 290.0;
const RIGHT: f64 = 20.0;
const ROW: f64 = 17.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 36.0;

/// The drawing; nothing where no prediction holds floats.
pub(super) fn draw(
    groups: &[Group<'_>],
    several: bool,
    anchored: &dyn Fn(usize) -> bool,
) -> String {
    let rows: Vec<&Group<'_>> = groups
        .iter()
        .filter(|group| !group.is_tap() && group.first().reference_dtype.is_float())
        .collect();
    let members = || rows.iter().flat_map(|group| &group.members);
    let distances = members().filter_map(|m| m.output.summary.relative_l2.value());
    let floors = members().filter_map(|m| m.output.floor.as_ref().map(|floor| floor.floor));
    let Some(scale) = Scale::log(distances.chain(floors)) else {
        return String::new();
    };
    let px = |x: f64| LEFT + 14.0 + scale.at(x) * (WIDTH - LEFT - RIGHT - 14.0);
    let bottom = TOP + ROW * rows.len() as f64;
    let mut out = format!(
        "<section id=\"overview\"><h2>Distance of every prediction</h2>\n\
         <figure class=\"wide\" data-panel=\"overview\"><svg viewBox=\"0 0 {WIDTH} {:.0}\" role=\"img\">\
         <title>Relative L2 distance of every prediction in every case</title>\
         <desc>A row an output, a mark a case, on a logarithmic scale. The numbers stand in the table below.</desc>",
        bottom + BOTTOM
    );
    let mut grid = String::new();
    for (x, label) in scale.ticks(10) {
        let x = px(x);
        let _ = write!(grid, "M{x:.1} {TOP}V{bottom:.1}");
        for y in [TOP - 8.0, bottom + 16.0] {
            let _ = write!(
                out,
                "<text class=\"tick mid\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
                escape(&label)
            );
        }
    }
    let _ = write!(out, "<path class=\"grid\" d=\"{grid}\"/>");
    let (mut dots, mut crosses, mut zeros, mut marks) =
        (String::new(), String::new(), String::new(), String::new());
    for (i, group) in rows.iter().enumerate() {
        let y = TOP + ROW * (i as f64 + 0.5);
        let name = escape(&group.short_name());
        let class = if group.failing() > 0 {
            "label bad"
        } else {
            "label"
        };
        let text = format!(
            "<text class=\"{class}\" x=\"{}\" y=\"{:.1}\">{name}</text>",
            LEFT - 8.0,
            y + 4.0
        );
        if anchored(group.number) {
            let _ = write!(out, "<a href=\"#o{}\">{text}</a>", group.number);
        } else {
            out.push_str(&text);
        }
        for member in &group.members {
            if let Some(floor) = &member.output.floor {
                let _ = write!(marks, "M{:.1} {:.1}v9", px(floor.floor), y - 4.5);
            }
            let Some(x) = member.output.summary.relative_l2.value() else {
                continue;
            };
            let at = px(x);
            let _ = match (x > 0.0, member.output.pass) {
                (_, false) => write!(crosses, "M{:.1} {:.1}l6 6m0-6l-6 6", at - 3.0, y - 3.0),
                (true, true) => write!(dots, "M{at:.1} {y:.1}h0"),
                (false, true) => write!(zeros, "M{:.1} {y:.1}h0", LEFT + 4.0),
            };
        }
    }
    for (class, path) in [
        ("floor", &marks),
        ("dot big", &dots),
        ("dot big ref", &zeros),
        ("cross bad", &crosses),
    ] {
        if !path.is_empty() {
            let _ = write!(out, "<path class=\"{class}\" d=\"{path}\"/>");
        }
    }
    let _ = write!(
        out,
        "<path class=\"axis\" d=\"M{LEFT} {TOP}V{bottom:.1}\"/><text class=\"name end\" x=\"{}\" y=\"{:.1}\">relative L2 distance (logarithmic)</text></svg>",
        WIDTH - RIGHT,
        bottom + BOTTOM - 4.0
    );
    let mut legend = String::from(
        "<span><svg class=\"key\" viewBox=\"0 0 16 10\" aria-hidden=\"true\"><path class=\"dot big\" d=\"M8 5h0\"/></svg>a case that passes</span>",
    );
    let mut say = |class: &str, d: &str, meaning: &str| {
        let _ = write!(
            legend,
            "<span><svg class=\"key\" viewBox=\"0 0 16 10\" aria-hidden=\"true\"><path class=\"{class}\" d=\"{d}\"/></svg>{meaning}</span>"
        );
    };
    if !crosses.is_empty() {
        say("cross bad", "M5.5 2.5l5 5m0-5l-5 5", "a case that fails");
    }
    if !zeros.is_empty() {
        say("dot big ref", "M8 5h0", "equal (at the left edge)");
    }
    if !marks.is_empty() {
        say("floor", "M8 0v10", "the reference's distance to itself");
    }
    let undefined = members()
        .filter(|m| m.output.summary.relative_l2.value().is_none())
        .count();
    if undefined > 0 {
        let _ = write!(
            legend,
            "<span>{undefined} without a defined distance not drawn</span>"
        );
    }
    if several {
        legend.push_str("<span>all recordings together</span>");
    }
    let _ = writeln!(out, "<p class=\"legend\">{legend}</p></figure></section>");
    out
}
