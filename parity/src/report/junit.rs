//! JUnit XML: a suite a case, a test an output. `time` is that of the model's pass, where one was run.

use std::fmt::Write;

use super::rows::{Outcome, suites};
use crate::result::Report;

/// The results as JUnit XML.
pub fn write(reports: &[Report]) -> String {
    let mut body = String::new();
    let mut total = Counts::default();
    for suite in suites(reports) {
        let name = escape(&suite.name);
        let mut tests = String::new();
        let mut counts = Counts {
            seconds: suite.case.seconds,
            ..Counts::default()
        };
        for (output, figures, outcome) in suite.rows() {
            counts.tests += 1;
            let distance = figures.map_or(String::new(), |output| {
                escape(&format!("relative L2 {}", output.summary.relative_l2))
            });
            let inner = match outcome {
                Outcome::Pass => format!("<system-out>{distance}</system-out>"),
                Outcome::Fail(why) => {
                    counts.failures += 1;
                    format!(
                        r#"<failure message="{}">{distance}</failure>"#,
                        escape(&why)
                    )
                }
                Outcome::Skipped(why) => {
                    counts.skipped += 1;
                    format!(r#"<skipped message="{}"/>"#, escape(&why))
                }
            };
            let output = escape(output);
            let _ = writeln!(
                tests,
                r#"    <testcase classname="{name}" name="{output}">{inner}</testcase>"#
            );
        }
        let _ = writeln!(
            body,
            "  <testsuite name=\"{name}\"{}>\n{tests}  </testsuite>",
            counts.attributes()
        );
        total.add(&counts);
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"parity\"{}>\n{body}</testsuites>\n",
        total.attributes()
    )
}

#[derive(Default)]
struct Counts {
    tests: usize,
    failures: usize,
    skipped: usize,
    seconds: Option<f64>,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.tests += other.tests;
        self.failures += other.failures;
        self.skipped += other.skipped;
        if let Some(seconds) = other.seconds {
            *self.seconds.get_or_insert(0.0) += seconds;
        }
    }

    fn attributes(&self) -> String {
        let (tests, failures, skipped) = (self.tests, self.failures, self.skipped);
        let time = self
            .seconds
            .map_or(String::new(), |s| format!(r#" time="{s:.3}""#));
        format!(r#" tests="{tests}" failures="{failures}" errors="0" skipped="{skipped}"{time}"#)
    }
}

/// Text for XML 1.0, which has no way to write control characters, U+FFFE and U+FFFF: they are written as `\u001b`.
fn escape(text: &str) -> String {
    let text = terminal::line(text);
    let entities = [
        ('&', "&amp;"),
        ('<', "&lt;"),
        ('>', "&gt;"),
        ('"', "&quot;"),
    ];
    entities
        .iter()
        .fold(text.into_owned(), |text, (c, entity)| {
            text.replace(*c, entity)
        })
}
