//! The command line as a user meets it: help, manuals, spellings, and how much is said.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::CommandFactory;
use parity::cli::Cli;
use support::{fixture, json, numpy, parity, text};

#[test]
fn every_command_has_examples_that_parse() {
    let command = Cli::command();
    for sub in command.get_subcommands() {
        let name = sub.get_name();
        let help = text(&parity(&[name, "--help"]).stdout);
        let examples = help.split_once("Examples:\n").expect(name).1;
        let lines = examples.lines().flat_map(|line| line.split("; "));
        let mut own = 0;
        for line in lines
            .map(str::trim)
            .filter(|line| line.starts_with("parity "))
        {
            let words = line.split(" > ").next().unwrap_or(line).split(' ');
            Cli::command()
                .try_get_matches_from(words)
                .unwrap_or_else(|e| panic!("{line}: {e}"));
            own += usize::from(line.split(' ').nth(1) == Some(name) || name.starts_with("level"));
        }
        assert!(own > 0, "{name} has no example of its own: {help}");
    }
}

#[test]
fn completions_and_manual_pages_name_every_command() {
    let names: BTreeSet<String> = Cli::command()
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned())
        .collect();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = parity(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let script = text(&output.stdout);
        assert!(names.iter().all(|name| script.contains(name)), "{shell}");
    }
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    let output = parity(&["man", &pages.display().to_string()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    for name in names {
        let page = fs::read_to_string(pages.join(format!("parity-{name}.1"))).unwrap();
        assert!(
            page.contains(".SH SYNOPSIS") && page.contains("Examples"),
            "{name}"
        );
    }
}

#[test]
fn values_are_taken_as_people_write_them() {
    for line in [
        "record --out x --sequences y --organism mouse",
        "smoke --sequences y --organism human --length 16k",
        "bench --dtype float32 --organism 1 --lengths 4096,128k",
        "invariance --organism Mouse --length 2048,1M",
        "precision --lengths 4k --organism human",
        "attention --organism mouse --lengths 2048",
        "level2 --dtype bfloat16",
        "compare a b --dtype float32 -q",
    ] {
        let words = std::iter::once("parity").chain(line.split(' '));
        Cli::command()
            .try_get_matches_from(words)
            .unwrap_or_else(|e| panic!("{line}: {e}"));
    }
    for (line, expected) in [
        (
            "bench --organism rat",
            "expected human, mouse, or an organism's index",
        ),
        (
            "smoke --sequences y --length 4kb",
            "expected base pairs, as 4096, 128k or 1M",
        ),
        ("compare a b -q -v", "cannot be used with"),
    ] {
        let output = parity(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(output.status.code(), Some(2));
        let told = text(&output.stderr);
        assert!(told.contains(expected), "{line}: {told}");
    }
}

#[test]
fn quiet_says_nothing_and_verbose_every_step() {
    let folder = tempfile::tempdir().unwrap();
    let floor = folder.path().join("floor.json").display().to_string();
    let (a, b) = (numpy("a"), numpy("b"));
    let said = |more: &[&str]| {
        let arguments = [&["floor", &a, &b, "--out", &floor], more].concat();
        text(&parity(&arguments).stderr)
    };
    assert_eq!(said(&["--quiet"]), "");
    assert_eq!(said(&[]), format!("parity: wrote {floor}\n"));
    let steps = said(&["-v"]);
    assert!(
        steps.starts_with("parity: snp_ref atac/predictions_1bp\n"),
        "{steps}"
    );
    let output = parity(&["compare", "/nowhere", "/nowhere", "-q"]);
    assert!(text(&output.stderr).contains("no such recording"));
}

#[test]
fn folders_of_recordings_are_compared_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let side = |side: &str, recordings: &[(&str, &str)]| {
        let side = folder.path().join(side);
        for (name, fixture) in recordings {
            let to = side.join(name);
            fs::create_dir_all(&to).unwrap();
            for entry in fs::read_dir(fixture).unwrap() {
                let entry = entry.unwrap();
                fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
            }
        }
        side.display().to_string()
    };
    let (numpy_a, numpy_b) = (numpy("a"), numpy("b"));
    let (f64_, f32_) = (fixture("tiny_cpu_f64"), fixture("tiny_cpu_f32"));
    let references = side(
        "references",
        &[("numpy", &numpy_a), ("tiny", &f64_), ("alone", &numpy_a)],
    );
    let candidates = side("candidates", &[("numpy", &numpy_b), ("tiny", &f32_)]);
    let output = parity(&["compare", &references, &candidates, "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("references/alone is not among the candidates"));
    let runs = json(&output)["runs"].as_array().unwrap().len();
    assert_eq!(runs, 2);
    // One reference is held to every candidate.
    let both = side("both", &[("first", &numpy_a), ("second", &numpy_b)]);
    let output = parity(&["compare", &numpy_a, &both, "--json"]);
    assert_eq!(json(&output)["runs"].as_array().unwrap().len(), 2);
    let output = parity(&["compare", &candidates, &both]);
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(
        told.contains("no recording of") && told.contains("first, second"),
        "{told}"
    );
    assert!(Path::new(&references).is_dir());
}
