//! The page of `--html`: complete, self-contained, escaped, and the same for the same result.

mod page;

use std::path::Path;
use std::process::Command;

use page::{check_self_contained, check_well_formed};
use parity::report::{html, json};
use parity::result::{Decision, NotCompared, Report, ScatterPoint};
use parity_stats::{Reason, Stat};

const PANELS: [&str; 7] = [
    "scatter",
    "magnitude",
    "differences",
    "ulp",
    "position",
    "length",
    "tracks",
];
const NUMPY: [&str; 2] = ["tests/data/two_frameworks/a", "tests/data/two_frameworks/b"];
const TINY: [&str; 2] = [
    "../tests/fixtures/recordings/tiny_cpu_f32",
    "../tests/fixtures/recordings/tiny_cpu_bf16",
];

/// The result of comparing two recordings, and the page that the program writes.
fn compare(pair: [&str; 2]) -> (Report, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.html");
    let output = Command::new(env!("CARGO_BIN_EXE_parity"))
        .args(["compare", "--json", "--html"])
        .arg(&file)
        .args(pair.map(|name| root.join(name)))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let page = std::fs::read_to_string(&file)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    (json::read(&text, "stdout").unwrap(), page)
}

#[test]
fn the_page_is_whole_and_needs_nothing_else() {
    for pair in [NUMPY, TINY] {
        let (report, page) = compare(pair);
        check_well_formed(&page);
        check_self_contained(&page);
        let predictions = report.runs[0].cases[0]
            .outputs
            .iter()
            .filter(|output| !output.name.starts_with("taps/"));
        let sections = page.matches("<details class=\"output\"").count();
        assert!(sections >= predictions.count());
        for panel in PANELS {
            let found = page.matches(&format!("data-panel=\"{panel}\"")).count();
            assert_eq!(found, sections, "{panel}");
        }
        // A figure holds a drawing with a title, or says why not.
        for figure in page.split("<figure class=\"panel").skip(1) {
            let figure = figure.split("</figure>").next().unwrap();
            let drawn = figure.contains("role=\"img\"><title>") && figure.contains("<desc>");
            assert!(drawn != figure.contains("No drawing: "), "{figure}");
        }
        for part in [
            "findings",
            "overview",
            "outputs",
            "heads",
            "across",
            "cases",
            "details",
            "provenance",
            "guide",
        ] {
            assert!(page.contains(&format!("<section id=\"{part}\"")), "{part}");
        }
        for side in [&report.runs[0].reference, &report.runs[0].candidate] {
            for text in [&side.name, &side.path, &side.framework]
                .into_iter()
                .chain(&side.versions)
            {
                assert!(page.contains(text.as_str()), "{text}");
            }
        }
        assert!(page.contains(&report.program) && page.contains("parity compare --json --html"));
        assert!(page.len() < 3_000_000, "{} bytes", page.len());
    }
}

#[test]
fn each_reason_for_no_drawing_is_said() {
    let (_, page) = compare(NUMPY);
    for reason in [
        "all 2 cases are 96 bp long",
        "every difference is zero",
        "every finite pair is equal",
    ] {
        assert!(page.contains(reason), "{reason}");
    }
    let (_, page) = compare(TINY);
    for reason in [
        "positions are compared as sets",
        "a mask is equal or not",
        "a junction joins two positions",
        "no table per track: 4 positions were kept, and 16 are needed",
        "its channels are no tracks",
    ] {
        assert!(page.contains(reason), "{reason}");
    }
}

#[test]
fn the_same_result_gives_the_same_bytes() {
    let (report, page) = compare(NUMPY);
    assert_eq!(html::write(std::slice::from_ref(&report)), page);
    let again = json::read(&json::write(&report), "again").unwrap();
    assert_eq!(html::write(&[again]), page);
}

#[test]
fn text_of_a_result_is_never_markup() {
    const HOSTILE: &str = "</td></style></script><script>alert('x')</script><b a=\"'>&amp;";
    let (mut report, plain) = compare(NUMPY);
    report.profile = HOSTILE.into();
    report.program = HOSTILE.into();
    report.command = HOSTILE.into();
    report.arguments = vec![HOSTILE.into()];
    report.verdict.line = HOSTILE.into();
    for head in &mut report.heads {
        head.head = HOSTILE.into();
        head.worst = Some(HOSTILE.into());
    }
    report.verdict.reasons = vec![HOSTILE.into()];
    let run = &mut report.runs[0];
    for side in [&mut run.reference, &mut run.candidate] {
        side.name = HOSTILE.into();
        side.path = HOSTILE.into();
        side.framework = HOSTILE.into();
        side.made_by = HOSTILE.into();
        side.versions = vec![HOSTILE.into()];
        for text in [
            &mut side.platform,
            &mut side.device,
            &mut side.matmul_precision,
            &mut side.flags,
            &mut side.checkpoint,
            &mut side.checkpoint_digest,
        ] {
            *text = Some(HOSTILE.into());
        }
    }
    for variant in &mut run.variants {
        variant.id = HOSTILE.into();
        variant.outputs[0].name = HOSTILE.into();
    }
    for case in &mut run.cases {
        case.name = HOSTILE.into();
        case.extra = vec![HOSTILE.into()];
        case.not_compared.push(NotCompared {
            name: HOSTILE.into(),
            reason: HOSTILE.into(),
            fails: true,
        });
        for output in &mut case.outputs {
            output.name = format!("{HOSTILE} {}", output.name);
            output.notes = vec![HOSTILE.into()];
            output.pass = false;
            for check in &mut output.checks {
                check.pass = false;
                check.name = HOSTILE.into();
                check.note = Some(HOSTILE.into());
            }
        }
    }
    let page = html::write(&[report]);
    check_well_formed(&page);
    check_self_contained(&page);
    assert_eq!(
        page.matches("<script").count(),
        plain.matches("<script").count()
    );
    assert!(!page.contains("alert('x')") && !page.contains("<b a="));
    assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)"));
}

#[test]
fn undefined_figures_are_given_as_their_reason() {
    let (mut report, _) = compare(NUMPY);
    let none = Stat::Undefined(Reason::Constant);
    for output in report.runs[0]
        .cases
        .iter_mut()
        .flat_map(|case| &mut case.outputs)
    {
        let summary = &mut output.summary;
        for stat in [
            &mut summary.relative_l2,
            &mut summary.mad,
            &mut summary.pearson,
            &mut summary.one_minus_pearson,
            &mut summary.one_minus_cosine,
            &mut summary.t_test.p,
            &mut summary.difference.mean,
        ] {
            *stat = none;
        }
        summary.max = None;
        summary.finite = 0;
        summary.equal = 0;
        output.scatter = vec![ScatterPoint(f64::NAN, f64::INFINITY)];
        for bin in &mut output.positions {
            bin.stats.relative_l2 = none;
        }
        for track in output.tracks.iter_mut().flat_map(|table| &mut table.tracks) {
            track.relative_l2 = none;
        }
        for check in &mut output.checks {
            check.value = none;
            check.pass = false;
        }
        output.pass = false;
    }
    let page = html::write(std::slice::from_ref(&report));
    check_well_formed(&page);
    assert!(page.contains("<i>constant</i>") && page.contains("No drawing: no finite values"));
    // The same with finite values that the figures do not fit.
    for output in report.runs[0]
        .cases
        .iter_mut()
        .flat_map(|case| &mut case.outputs)
    {
        output.summary.finite = 1;
    }
    check_well_formed(&html::write(&[report]));
}

#[test]
fn nothing_compared_is_a_page_too() {
    check_well_formed(&html::write(&[]));
    let (mut report, _) = compare(NUMPY);
    report.runs[0].cases.clear();
    let page = html::write(std::slice::from_ref(&report));
    check_well_formed(&page);
    report.runs.clear();
    report.verdict.decision = Some(Decision::FallBack);
    let page = html::write(&[report]);
    check_well_formed(&page);
    assert!(page.contains("Fall back"));
}
