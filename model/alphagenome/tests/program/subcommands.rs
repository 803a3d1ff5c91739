//! `convert` and `parity` within the program: help, exit codes, completions, manuals.

use tests::fixtures;

use crate::support::{MODEL, alphagenome};

fn here(arguments: &[&str]) -> tests::program::Outcome {
    let scratch = tempfile::tempdir().unwrap();
    alphagenome(scratch.path(), arguments)
}

#[test]
fn help_names_the_subcommand_as_one() {
    let convert = here(&["convert", "--help"]);
    convert.expect_code(0);
    assert!(
        convert.stdout.contains("alphagenome convert --hub google/"),
        "{convert}"
    );
    assert!(
        convert.stdout.contains("Usage: alphagenome convert"),
        "{convert}"
    );
    let level = here(&["parity", "level2", "--help"]);
    level.expect_code(0);
    assert!(
        level
            .stdout
            .contains("  alphagenome parity level2 --dtype f32"),
        "{level}"
    );
    assert!(!level.stdout.contains("alphagenome alphagenome"), "{level}");
    // Their own completions would be those of another program.
    assert!(!here(&["parity", "--help"]).stdout.contains("completions"));
}

#[test]
fn exit_codes_are_those_of_the_programs() {
    let model = MODEL.to_str().unwrap();
    let snapshot = fixtures::Form::Zarr.path();
    let verify = [
        "convert",
        "verify",
        model,
        "--snapshot",
        snapshot.to_str().unwrap(),
    ];
    here(&verify).expect_code(0);
    here(&["convert", "--snapshot", "nowhere"])
        .expect_code(2)
        .expect_message(&["error: ", "nowhere"]);
    let recording = fixtures::recording("tiny_cpu_f32");
    let recording = recording.to_str().unwrap();
    let level = [
        "parity",
        "level2",
        "--model",
        model,
        "--recording",
        recording,
    ];
    here(&level).expect_code(0);
    here(&[
        "parity",
        "level2",
        "--model",
        "nowhere",
        "--recording",
        recording,
    ])
    .expect_code(2)
    .expect_message(&["parity: ", "nowhere"]);
    here(&["convert"])
        .expect_code(2)
        .expect_message(&["--snapshot"]);
    here(&["nothing"]).expect_code(2);
}

#[test]
fn quiet_may_stand_before_and_after_the_subcommand() {
    let model = MODEL.to_str().unwrap();
    let recording = fixtures::recording("tiny_cpu_f32");
    let recording = recording.to_str().unwrap();
    let rest = ["level2", "--model", model, "--recording", recording];
    let loud = here(&[&["parity"], &rest[..]].concat());
    assert!(!loud.stderr.is_empty(), "{loud}");
    for quiet in [&["-q", "parity"][..], &["parity", "-q"]] {
        let silent = here(&[quiet, &rest[..]].concat());
        assert_eq!(silent.stderr, "", "{quiet:?}");
        silent.expect_code(0);
    }
}

#[test]
fn completions_and_manuals_have_all_commands() {
    let bash = here(&["completions", "bash"]);
    bash.expect_code(0);
    for command in [
        "alphagenome__convert__verify",
        "alphagenome__parity__level2",
    ] {
        assert!(
            bash.stdout.contains(command)
                || bash.stdout.contains(&command.replace("__", "__subcmd__")),
            "{command}"
        );
    }
    let scratch = tempfile::tempdir().unwrap();
    alphagenome(scratch.path(), ["man", "man1"]).expect_code(0);
    for page in [
        "alphagenome.1",
        "alphagenome-convert-verify.1",
        "alphagenome-parity-level2.1",
    ] {
        assert!(scratch.path().join("man1").join(page).exists(), "{page}");
    }
}
