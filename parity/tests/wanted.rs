//! Arguments that name nothing, or that nothing would come of.

mod support;

use support::{fixture, parity, result_file, text};

#[test]
fn a_case_or_an_output_that_is_not_there_is_an_error_with_the_names() {
    let (a, b) = (fixture("tiny_cpu_f64"), fixture("tiny_cpu_f32"));
    for (wrong, words) in [
        (["--only", "embedings"], "no output's name in"),
        (
            ["--case", "rand43_4096_human"],
            "has no such case; there is rand42_4096_human",
        ),
        // Of the candidate alone: a case that one side lacks is not compared.
        (
            ["--case", "nrun5_8192_mouse"],
            "tiny_cpu_f64 has no such case",
        ),
    ] {
        let output = parity(&["compare", &a, &b, wrong[0], wrong[1]]);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
        let message = text(&output.stderr);
        assert!(message.contains(words), "{message}");
        assert!(message.contains("rand42_4096_human") || message.contains("embeddings_1bp"));
    }
}

/// Of two cases that are named one is mistyped: the other alone would pass for both.
#[test]
fn one_mistyped_case_of_two_is_an_error() {
    let (a, b) = (fixture("tiny_cpu_f64"), fixture("tiny_cpu_f32"));
    let cases = ["--case", "rand42_4096_human", "--case", "rand42_4096_huamn"];
    let output = parity(&[&["compare", &a, &b][..], &cases].concat());
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
}

#[test]
fn a_finished_result_takes_no_arguments_of_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (fixture("tiny_cpu_f64"), fixture("tiny_cpu_f32"));
    let (path, _) = result_file(folder.path(), "r.json", &["compare", &a, &b, "--json"]);
    let path = path.display().to_string();
    for flag in [
        ["--floor", "/nope"],
        ["--floor-limit", "2"],
        ["--model", "/nope"],
        ["--recording", "/nope"],
        ["--device", "cuda"],
        ["--arithmetic", "xla-cpu-f32"],
        ["--dtype", "bf16"],
        ["--case", "x"],
        ["--only", "x"],
    ] {
        let output = parity(&["verdict", &path, flag[0], flag[1]]);
        assert_eq!(output.status.code(), Some(2), "{flag:?}");
        let message = text(&output.stderr);
        assert!(
            message.contains("cannot be used with") && message.contains(flag[0]),
            "{message}"
        );
    }
    // What the decision itself reads still counts.
    let output = parity(&["verdict", &path, "--profile", "strict"]);
    assert_ne!(output.status.code(), Some(2), "{}", text(&output.stderr));
}
