//! JUnit XML: a suite a case, a test an output.

use std::fmt::Write;

use crate::result::Report;
use crate::verdict::why;

/// The results as JUnit XML.
pub fn write(reports: &[Report]) -> String {
    let mut suites = String::new();
    let (mut tests, mut failures) = (0, 0);
    for run in reports.iter().flat_map(|report| &report.runs) {
        for case in &run.cases {
            let name = format!(
                "{} vs {}: {}",
                run.reference.name, run.candidate.name, case.name
            );
            let missing: Vec<_> = case.not_compared.iter().collect();
            let failed = case.outputs.iter().filter(|output| !output.pass).count()
                + missing.iter().filter(|entry| entry.fails).count();
            let skipped = missing.iter().filter(|entry| !entry.fails).count();
            let count = case.outputs.len() + missing.len();
            tests += count;
            failures += failed;
            let _ = writeln!(
                suites,
                r#"  <testsuite name="{}" tests="{count}" failures="{failed}" skipped="{skipped}">"#,
                escape(&name)
            );
            for output in &case.outputs {
                let line = format!("relative L2 {}", output.summary.relative_l2);
                let body = if output.pass {
                    format!("<system-out>{}</system-out>", escape(&line))
                } else {
                    let why = escape(&why(output));
                    format!(r#"<failure message="{why}">{}</failure>"#, escape(&line))
                };
                test(&mut suites, &name, &output.name, &body);
            }
            for entry in missing {
                let tag = if entry.fails { "failure" } else { "skipped" };
                let body = format!(r#"<{tag} message="{}"/>"#, escape(&entry.reason));
                test(&mut suites, &name, &entry.name, &body);
            }
            suites.push_str("  </testsuite>\n");
        }
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"parity\" tests=\"{tests}\" failures=\"{failures}\">\n{suites}</testsuites>\n"
    )
}

fn test(out: &mut String, class: &str, name: &str, body: &str) {
    let _ = writeln!(
        out,
        r#"    <testcase classname="{}" name="{}">{body}</testcase>"#,
        escape(class),
        escape(name)
    );
}

/// Text for XML; control characters that XML cannot hold become spaces.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
