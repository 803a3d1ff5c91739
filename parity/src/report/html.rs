//! One self-contained page: verdict, tables, drawings and provenance, in light and dark, without a network.
//!
//! The drawings are SVG made here; the style and the small script (sorting, theme) stand inside the page, and all of it
//! reads without the script. The bytes depend on the results alone.

mod across;
mod cases;
mod checks;
mod details;
mod figures;
mod findings;
mod group;
mod heads;
mod heat;
mod outputs;
mod overview;
mod panels;
mod path;
mod plot;
mod provenance;
pub mod scale;
mod section;
pub mod shell;
mod summary;
mod table;
pub mod text;
mod variants;

use crate::result::Report;
pub use path::path;

const STYLE: &str = include_str!("html/report.css");
/// What the words of the page mean.
const GUIDE: &str = include_str!("html/guide.html");

/// Outputs with panels at most: predictions first, then taps that fail.
const SECTIONS: usize = 120;
/// Taps among them at most.
const TAPS: usize = 16;

/// The page over all results.
pub fn write(reports: &[Report]) -> String {
    let cases = group::cases(reports);
    let groups = group::groups(&cases);
    let several = reports
        .iter()
        .map(|report| report.runs.len())
        .sum::<usize>()
        > 1;
    let (shown, left_out) = with_sections(&groups);
    let anchored = |number: usize| shown.iter().any(|group| group.number == number);
    let mut body = summary::header(reports, &cases, &groups);
    body.push_str("<main>\n");
    body.push_str(&findings::findings(reports, several, &groups, &anchored));
    body.push_str(&overview::draw(&groups, several, &anchored));
    body.push_str(&outputs::outputs(&groups, several, &anchored));
    body.push_str(&heads::table(reports));
    body.push_str(&across::across(&cases, &groups, &anchored));
    body.push_str(&cases::cases(&cases, several));
    body.push_str(&cases::sites(&cases, several));
    body.push_str(&variants::variants(reports));
    body.push_str("<section id=\"details\"><h2>Output by output</h2>\n");
    body.push_str(
        "<p class=\"about\">Panels of one case show the case that is farthest from the reference; \
         the table under them has every case.</p>\n",
    );
    let open = open(&shown);
    for group in &shown {
        body.push_str(&section::section(
            group,
            several,
            open.contains(&group.number),
        ));
    }
    if left_out > 0 {
        body.push_str(&format!(
            "<p class=\"about\">{left_out} module outputs (taps) stand in the tables alone: \
             panels are drawn for predictions and for the first {TAPS} taps that fail.</p>\n"
        ));
    }
    body.push_str("</section>\n");
    body.push_str(&provenance::section(reports));
    body.push_str(GUIDE);
    body.push_str("</main>\n");
    shell::page(&summary::title(reports), STYLE, &body)
}

/// The outputs that get a section, and how many do not.
fn with_sections<'a, 'b>(groups: &'b [group::Group<'a>]) -> (Vec<&'b group::Group<'a>>, usize) {
    let predictions = groups.iter().filter(|group| !group.is_tap());
    let taps = groups
        .iter()
        .filter(|group| group.is_tap() && group.failing() > 0);
    let shown: Vec<_> = predictions.chain(taps.take(TAPS)).take(SECTIONS).collect();
    let left_out = groups.len() - shown.len();
    (shown, left_out)
}

/// The sections that stand open: the first that fail, else those farthest from the reference.
fn open(groups: &[&group::Group<'_>]) -> Vec<usize> {
    let failing: Vec<usize> = groups
        .iter()
        .filter(|group| group.failing() > 0)
        .map(|group| group.number)
        .take(3)
        .collect();
    if !failing.is_empty() {
        return failing;
    }
    let mut far: Vec<_> = groups
        .iter()
        .filter(|group| group.first().reference_dtype.is_float())
        .collect();
    let distance = |group: &group::Group<'_>| group::distance(group.farthest().output);
    far.sort_by(|a, b| distance(b).total_cmp(&distance(a)));
    far.iter().take(2).map(|group| group.number).collect()
}
