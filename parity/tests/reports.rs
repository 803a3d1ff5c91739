//! Reports as they are written: where to, under which names, and with which characters.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::{Case, fixture, numpy, parity, result_file, text};

fn compare(reports: &[&str]) -> std::process::Output {
    let (a, b) = (numpy("a"), numpy("b"));
    let mut arguments = vec!["compare", a.as_str(), b.as_str()];
    arguments.extend(reports);
    parity(&arguments)
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

#[test]
fn what_stands_at_a_reports_path_keeps_its_nature() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("target"), "old").unwrap();
    symlink("target", at("link")).unwrap();
    fs::write(at("private"), "old").unwrap();
    fs::set_permissions(at("private"), fs::Permissions::from_mode(0o600)).unwrap();
    let made = Command::new("mkfifo").arg(at("pipe")).status().unwrap();
    assert!(made.success());
    let reader = std::thread::spawn({
        let pipe = at("pipe");
        move || fs::read_to_string(pipe).unwrap()
    });
    let [link, private, pipe] = ["link", "private", "pipe"].map(|name| path(folder.path(), name));
    let output = compare(&["--junit", &link, "--mqc", &private, "--html", &pipe]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(fs::symlink_metadata(at("link")).unwrap().is_symlink());
    assert!(
        fs::read_to_string(at("target"))
            .unwrap()
            .starts_with("<?xml")
    );
    let mode = fs::metadata(at("private")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(fs::metadata(at("pipe")).unwrap().file_type().is_fifo());
    assert!(reader.join().unwrap().ends_with("</html>\n"));
}

#[test]
fn a_report_to_stdout_follows_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("both");
    for stdout in [None, Some(&file)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_parity"));
        command.args([
            "compare",
            &numpy("a"),
            &numpy("b"),
            "--junit",
            "/dev/stdout",
        ]);
        let output = match stdout {
            None => text(&command.output().unwrap().stdout),
            Some(file) => {
                let status = command.stdout(fs::File::create(file).unwrap()).status();
                assert!(status.unwrap().success());
                fs::read_to_string(file).unwrap()
            }
        };
        let (table, report) = output.split_once("<?xml").unwrap();
        assert!(table.contains("the candidate agrees"), "{table}");
        assert!(report.ends_with("</testsuites>\n"), "{report}");
    }
}

#[test]
fn a_table_is_not_lost_with_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let html = path(folder.path(), "page.html");
    let output = compare(&["--junit", "/dev/full", "--html", &html]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stdout).contains("the candidate agrees"));
    assert!(text(&output.stderr).starts_with("parity: /dev/full: cannot be written: No space"));
    assert!(
        fs::metadata("/dev/full")
            .unwrap()
            .file_type()
            .is_char_device()
    );
    assert!(
        fs::metadata(html).unwrap().len() > 10_000,
        "the other report is lost"
    );
}

#[test]
fn a_report_that_cannot_be_written_is_told_before_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = path(folder.path(), "none/file");
    let same = path(folder.path(), "same");
    for arguments in [
        vec!["level2", "--model", "/no-model", "--junit", &nowhere],
        vec!["verdict", "/no-result", "--mqc", &nowhere],
        vec![
            "compare",
            "/no-recording",
            "/no-recording",
            "--html",
            &nowhere,
        ],
        vec!["bisect", "--recording", "/no-recording", "--html", &nowhere],
        vec!["floor", "/no-recording", "/no-recording", "--out", &nowhere],
        vec!["bench", "--model", "/no-model", "--trace", &nowhere],
        vec![
            "compare",
            "/no-recording",
            "/no-recording",
            "--junit",
            &same,
            "--html",
            &same,
        ],
    ] {
        let output = parity(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let told = text(&output.stderr);
        assert!(told.contains("cannot be written"), "{arguments:?}: {told}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Names of a recording that hold what commands a terminal, forges a line, or has no place in XML.
const HOSTILE: &str = "a\u{1b}[2J\u{9b}31m\r\u{202e}\u{fffe}\nparity: forged";

fn hostile(folder: &Path) -> [String; 3] {
    let case = |value: f32| Case::of(vec![(HOSTILE, vec![1, 8, 2], vec![value; 16])]);
    let record = |name: &str, value| {
        let recording = case(value).record(&folder.join(name));
        let manifest = Path::new(&recording).join("manifest.json");
        let text = fs::read_to_string(&manifest).unwrap();
        let named = serde_json::to_string(HOSTILE).unwrap();
        let text = text.replace("\"case\"", &named).replace("\"test\"", &named);
        fs::write(manifest, text).unwrap();
        recording
    };
    [record("one", 1.0), record("two", 2.0), record("three", 3.0)]
}

#[test]
fn names_do_not_command_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two, _] = hostile(folder.path());
    let (result, _) = result_file(folder.path(), "r.json", &["compare", &one, &two, "--json"]);
    let result = result.display().to_string();
    for arguments in [
        vec!["compare", &one, &two, "-v"],
        vec!["compare", &one, &two, "--json"],
        vec!["compare", &one, &two, "--case", "none"],
        vec!["explain", &result],
        vec!["verdict", &result],
    ] {
        let output = parity(&arguments);
        let said = text(&output.stdout) + &text(&output.stderr);
        let commands: Vec<char> = said
            .chars()
            .filter(|&c| c != '\n' && (c.is_control() || matches!(c, '\u{202e}' | '\u{fffe}')))
            .collect();
        assert_eq!(commands, [], "{arguments:?}: {said}");
        assert!(said.contains("\\u001b[2J"), "{arguments:?}: {said}");
    }
    let found: Value = serde_json::from_str(&fs::read_to_string(result).unwrap()).unwrap();
    assert_eq!(found["runs"][0]["cases"][0]["outputs"][0]["name"], HOSTILE);
}

#[test]
fn junit_holds_what_xml_may_and_names_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two, three] = hostile(folder.path());
    // The last two share their names; equal results would count once.
    let results: Vec<String> = [("1", &two), ("2", &two), ("2", &three)]
        .iter()
        .enumerate()
        .map(|(index, (level, candidate))| {
            let arguments = ["compare", &one, candidate, "--level", level, "--json"];
            let (file, _) = result_file(folder.path(), &format!("{index}.json"), &arguments);
            file.display().to_string()
        })
        .collect();
    let junit = path(folder.path(), "junit.xml");
    let mut arguments = vec!["verdict"];
    arguments.extend(results.iter().map(String::as_str));
    arguments.extend(["--junit", &junit]);
    parity(&arguments);
    let xml = fs::read_to_string(junit).unwrap();
    // XML 1.0, production [2].
    let allowed =
        |c: char| matches!(c, '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    assert!(xml.chars().all(allowed), "{xml}");
    let names: Vec<&str> = xml
        .lines()
        .filter_map(|line| line.trim().strip_prefix("<testsuite "))
        .collect();
    assert_eq!(names.len(), 3);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 3, "{names:?}");
}

#[test]
fn junit_has_the_seconds_of_a_pass() {
    let folder = tempfile::tempdir().unwrap();
    let (file, _) = result_file(
        folder.path(),
        "r.json",
        &["compare", &numpy("a"), &numpy("b"), "--json"],
    );
    let mut result: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    result["runs"][0]["cases"][1]["seconds"] = 1.25.into();
    fs::write(&file, result.to_string()).unwrap();
    let junit = path(folder.path(), "junit.xml");
    parity(&["verdict", &file.display().to_string(), "--junit", &junit]);
    let xml = fs::read_to_string(junit).unwrap();
    assert_eq!(xml.matches(r#" time="1.250">"#).count(), 2, "{xml}");
}

/// Rows of MultiQC custom content, by name.
fn rows(file: &Path) -> (String, serde_json::Map<String, Value>) {
    let mqc: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let id = mqc["id"].as_str().unwrap().to_owned();
    (id, mqc["data"].as_object().unwrap().clone())
}

/// MultiQC keeps what follows the last `/`, cuts at extensions, and joins rows of equal names and tables of equal `id`s.
#[test]
fn multiqc_can_tell_every_row_from_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let (f64_, f32_, bf16) = (
        fixture("tiny_cpu_f64"),
        fixture("tiny_cpu_f32"),
        fixture("tiny_cpu_bf16"),
    );
    let mut ids = BTreeSet::new();
    for candidate in [&f32_, &bf16] {
        let mqc = folder.path().join("parity_mqc.json");
        let junit = path(folder.path(), "junit.xml");
        let arguments = ["compare", &f64_, candidate, "--dtype", "f32", "--mqc"];
        parity(
            &[
                &arguments[..],
                &[&mqc.display().to_string(), "--junit", &junit],
            ]
            .concat(),
        );
        let (id, rows) = rows(&mqc);
        assert!(ids.insert(id));
        let junit = fs::read_to_string(junit).unwrap();
        let failed = rows.values().filter(|row| row["verdict"] == "fail").count();
        assert_eq!(rows.len(), junit.matches("<testcase ").count());
        assert_eq!(failed, junit.matches("<failure ").count());
        assert_eq!(failed > 0, candidate == &bf16);
        let heads: BTreeSet<&str> = rows
            .keys()
            .filter_map(|name| name.split(' ').next())
            .collect();
        assert_eq!(
            heads.len(),
            rows.len(),
            "a row that is cut is no row of its own"
        );
        assert!(rows.keys().all(|name| !name.contains('/')));
    }
}
