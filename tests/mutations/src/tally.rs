//! How many faults were found, as text and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use crate::hunt::Hunted;

/// The share of faults of one module whose module is to be named first with full taps.
const MODULES: f64 = 0.95;
/// The share whose kind is to be right too.
const KINDS: f64 = 0.8;

/// The searches of one arithmetic with one recording.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// How the models computed.
    pub arithmetic: &'static str,
    /// What was recorded.
    pub taps: &'static str,
    /// The case.
    pub case: String,
    /// Seconds of all searches together.
    pub seconds: f64,
    /// Every fault.
    pub found: Vec<Hunted>,
}

/// What a run counts.
#[derive(Clone, Debug, Serialize)]
pub struct Count {
    /// How the models computed.
    pub arithmetic: &'static str,
    /// What was recorded.
    pub taps: &'static str,
    /// Faults in one module that change something in this arithmetic.
    pub faults: usize,
    /// Those whose module was named first.
    pub modules: usize,
    /// Those whose kind was right as well.
    pub kinds: usize,
    /// Faults that change nothing in this arithmetic, and those that lie in several modules: not counted.
    pub left_out: Vec<String>,
    /// Seconds of all searches together.
    pub seconds: f64,
}

/// All runs.
#[derive(Clone, Debug, Serialize)]
pub struct Tally {
    /// `hunt`.
    pub schema: &'static str,
    /// Version of this document.
    pub schema_version: u32,
    /// What each run counts.
    pub counts: Vec<Count>,
    /// Whether both shares are reached wherever everything was recorded.
    pub reached: bool,
    /// The runs.
    pub runs: Vec<Run>,
}

impl Tally {
    /// Of runs; a fault counts where it changes something against the full taps of the same arithmetic. Kinds are held to their
    /// share where they are `promised`.
    pub fn new(runs: Vec<Run>, promised: bool) -> Self {
        let idle = |run: &Run, name: &str| {
            runs.iter()
                .filter(|other| other.arithmetic == run.arithmetic)
                .any(|other| {
                    other
                        .found
                        .iter()
                        .any(|fault| fault.name == name && !fault.changes)
                })
        };
        let count = |run: &Run| {
            let (left_out, counted): (Vec<&Hunted>, Vec<&Hunted>) = run
                .found
                .iter()
                .partition(|fault| fault.several || idle(run, &fault.name));
            Count {
                arithmetic: run.arithmetic,
                taps: run.taps,
                faults: counted.len(),
                modules: counted.iter().filter(|fault| fault.right_module()).count(),
                kinds: counted.iter().filter(|fault| fault.right_kind()).count(),
                left_out: left_out.iter().map(|fault| fault.name.clone()).collect(),
                seconds: run.seconds,
            }
        };
        let counts: Vec<Count> = runs.iter().map(count).collect();
        let enough = |count: &Count| {
            let of = |part: usize| part as f64 / count.faults.max(1) as f64;
            of(count.modules) >= MODULES && (!promised || of(count.kinds) >= KINDS)
        };
        Self {
            schema: "hunt",
            schema_version: 1,
            reached: counts
                .iter()
                .filter(|count| count.taps.starts_with("full"))
                .all(enough),
            counts,
            runs,
        }
    }

    /// The table, then the faults that were missed, or all.
    pub fn text(&self, all: bool) -> String {
        let mut text = String::from(
            "| arithmetic | recording | faults | module first | kind too | seconds |\n|---|---|---|---|---|---|\n",
        );
        for count in &self.counts {
            let share = |part: usize| {
                format!(
                    "{part} ({:.1} %)",
                    100.0 * part as f64 / count.faults.max(1) as f64
                )
            };
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {:.0} |",
                count.arithmetic,
                count.taps,
                count.faults,
                share(count.modules),
                share(count.kinds),
                count.seconds
            );
        }
        for (run, count) in self.runs.iter().zip(&self.counts) {
            let _ = writeln!(text, "\n{}, {}", run.arithmetic, run.taps);
            if !count.left_out.is_empty() {
                let _ = writeln!(text, "  not counted: {}", count.left_out.join("; "));
            }
            let missed = |fault: &&Hunted| {
                all || (!fault.right_kind() && !count.left_out.contains(&fault.name))
            };
            for fault in run.found.iter().filter(missed) {
                text.push_str(&line(fault));
            }
        }
        text
    }
}

/// What was said of a fault.
fn line(fault: &Hunted) -> String {
    let what = match (fault.right_module(), fault.right_kind()) {
        (_, true) => "right",
        (true, _) => "kind",
        (false, _) => "module",
    };
    let words = |kind: Option<parity::bisect::Kind>| kind.map_or("none", |kind| kind.words());
    let module = |path: &str| path.trim_start_matches("alphagenome/").to_owned();
    format!(
        "  {what:<6}  {} in {}: {}; named {}: {}, {}{} ({:.1} s)\n",
        fault.name,
        module(&fault.module),
        words(fault.kind),
        fault.named.as_deref().map_or("nobody".into(), module),
        words(fault.called),
        fault
            .explained
            .map_or(String::new(), |share| format!("{:.1} % ", 100.0 * share)),
        fault.why.as_deref().unwrap_or("-"),
        fault.seconds
    )
}
