//! `parity invariance`, `parity precision` and `parity attention` on the tiny model, as a user runs them.

use std::path::Path;

use serde_json::Value;
use tests::program::{self, Outcome};

/// The tiny model with its metadata, under the name `model`.
fn model() -> tempfile::TempDir {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    program::convert_tiny(env!("CARGO_BIN_EXE_tested-convert"), scratch.path());
    scratch
}

fn parity(working: &Path, arguments: &str) -> Outcome {
    let arguments = arguments.split(' ').chain(["--model", "model"]);
    let outcome = program::run(program::command(
        env!("CARGO_BIN_EXE_tested-parity"),
        working,
        arguments,
    ));
    outcome.expect_no_panic();
    outcome
}

fn json(working: &Path, arguments: &str, code: i32) -> Value {
    let outcome = parity(working, &format!("{arguments} --json"));
    outcome.expect_code(code);
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|e| panic!("{e}: {outcome}"))
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

fn rows<'a>(report: &'a Value, condition: &str) -> Vec<&'a Value> {
    let rows = report["rows"].as_array().expect("rows");
    let of = |row: &&Value| row["condition"] == condition;
    rows.iter().filter(of).collect()
}

#[test]
fn predictions_do_not_depend_on_batch_order_organism_or_threads() {
    let scratch = model();
    for arithmetic in ["xla-cpu-f32", "xla-gpu-bf16"] {
        let arguments = format!("invariance --length 2048,4096 --arithmetic {arithmetic}");
        let report = json(scratch.path(), &arguments, 0);
        assert_eq!(report["schema"], "parity-invariance");
        assert_eq!(report["agree"], true);
        assert_eq!(report["first_failure"], Value::Null);
        for (condition, count) in [
            ("repeat", 4),
            ("letters", 2),
            ("batch", 6),
            ("order", 2),
            ("organisms", 2),
            ("threads", 6),
        ] {
            let found = rows(&report, condition);
            assert_eq!(found.len(), count, "{condition}");
            for row in found {
                assert_eq!(row["verdict"], "pass", "{row}");
                assert_eq!((&row["equal"], number(&row["limit"])), (&true.into(), 0.0));
                assert_eq!(row["outputs"].as_array().map(Vec::len), Some(35));
                // Every sequence of a batch that is reversed, and both of mixed organisms, are compared.
                let values = &row["outputs"][0]["values"];
                let once = &rows(&report, "repeat")[usize::from(row["length"] == 4096) * 2];
                let times = match condition {
                    "order" => 3.0,
                    "organisms" => 2.0,
                    _ => 1.0,
                };
                let once = number(&once["outputs"][0]["values"]);
                assert_eq!(number(values), times * once, "{condition}");
            }
        }
        for condition in ["padding", "reverse-complement"] {
            for row in rows(&report, condition) {
                assert_eq!(row["verdict"], "information", "{row}");
                assert!(number(&row["relative_l2"]) > 0.1, "{row}");
            }
        }
        let skipped = report["skipped"].as_array().expect("conditions left out");
        assert_eq!(skipped.len(), 1, "{skipped:?}");
    }
}

#[test]
fn what_is_demanded_and_does_not_hold_is_named_with_its_command() {
    let scratch = model();
    let arguments = "invariance --length 2048 --only repeat,reverse-complement";
    let demanding = format!("{arguments} --reverse-complement-limit 0.01");
    let outcome = parity(scratch.path(), &demanding);
    outcome.expect_code(1);
    for words in [
        "NOT invariant: the first that breaks is reverse-complement at 2048 bp",
        "parity invariance --model model --device cpu --arithmetic xla-cpu-f32",
        "--length 2048 --only reverse-complement --reverse-complement-limit 0.01",
    ] {
        assert!(outcome.stdout.contains(words), "{words}: {outcome}");
    }
    outcome.expect_message(&["2 conditions at 1 length: about"]);
    let report = json(scratch.path(), &demanding, 1);
    assert_eq!(report["first_failure"], 2);
    let again = "parity invariance --model model --device cpu --arithmetic xla-cpu-f32 --organism 0 --batch 3 --length 2048 \
        --only repeat,reverse-complement --reverse-complement-limit 0.01";
    assert_eq!(report["command"], again);
    let outputs = rows(&report, "reverse-complement")[0]["outputs"].clone();
    let names = outputs.as_array().expect("outputs").iter();
    let names: Vec<&str> = names.filter_map(|output| output["name"].as_str()).collect();
    // All but embeddings, sites and the mask.
    assert_eq!(names.len(), 30, "{names:?}");
    assert!(names.contains(&"contact_maps/predictions"));
    assert!(names.contains(&"splice_sites_junction/predictions"));
    for (wrong, words) in [
        ("--length 3000", "--length 3000: expected multiples of 2048"),
        ("--batch 0", "--batch 0: expected at least 1"),
        ("--batch 65", "--batch 65: expected up to 64"),
        (
            "--length 1050624",
            "expected multiples of 2048 up to 1048576",
        ),
        (
            "--only device",
            "nothing to try: device: needs --device cuda",
        ),
        (
            "--only batch,order --batch 1",
            "nothing to try: batch: needs --batch 2 or more; order: needs",
        ),
        (
            "--only padding --length 1048576",
            "nothing to try: padding at 1048576 bp: the model takes up to",
        ),
        ("--organism 7", "--organism 7: the model has 2"),
        (
            "--padding-limit -1",
            "--padding-limit -1: expected a distance",
        ),
    ] {
        let wrong = wrong.replace(" -1", "=-1");
        let outcome = parity(scratch.path(), &format!("invariance {wrong}"));
        outcome.expect_code(2).expect_message(&[words]);
    }
}

fn module<'a>(loss: &'a Value, path: &str) -> &'a Value {
    let modules = loss["modules"].as_array().expect("modules").iter();
    let mut modules = modules.filter(|module| module["path"] == path);
    modules.next().unwrap_or_else(|| panic!("no module {path}"))
}

#[test]
fn precision_is_lost_where_an_arithmetic_rounds() {
    let scratch = model();
    let report = json(scratch.path(), "precision --length 2048 --by part", 0);
    assert_eq!(report["schema"], "parity-precision");
    let losses = report["arithmetics"].as_array().expect("arithmetics");
    let fine = |loss: &Value| number(&loss["outputs"][1]["relative_l2"]);
    assert_eq!(losses[0]["outputs"][1]["name"], "embeddings_1bp");
    let [f32_, tf32, strict, shipped] = [0, 1, 2, 3].map(|index| fine(&losses[index]));
    assert!(f32_ < tf32 && tf32 < 0.2 * strict && strict > 5e-3 && shipped > 5e-3);
    // xla-gpu-f32 rounds in attention alone; TF32 in every product; bfloat16 everywhere.
    let local = |loss: usize, path: &str| {
        number(&module(&losses[loss], &format!("alphagenome/{path}"))["local"])
    };
    assert_eq!(local(0, "sequence_encoder/downres_block_0"), 0.0);
    assert!(local(0, "transformer_tower/mha_block") > 1e-5);
    assert_eq!(local(1, "embed"), 0.0);
    assert!(local(1, "sequence_encoder/downres_block_0") > 1e-5);
    assert!(local(3, "embed") > 1e-4);
    let switches = &report["switches"];
    assert_eq!(switches["arithmetic"], "xla-gpu-bf16");
    let rows = switches["rows"].as_array().expect("rows");
    let blocks: Vec<&str> = rows
        .iter()
        .filter_map(|row| row["block"].as_str())
        .collect();
    assert_eq!(blocks.len(), 5, "{blocks:?}");
    assert!(rows.is_sorted_by(|a, b| number(&a["wins"]) >= number(&b["wins"])));
    let modules = rows.iter().filter_map(|row| row["modules"].as_array());
    let stages = module_count(&losses[0]);
    assert_eq!(modules.map(Vec::len).sum::<usize>(), stages);
}

fn module_count(loss: &Value) -> usize {
    loss["modules"].as_array().map_or(0, Vec::len)
}

#[test]
fn the_block_that_rounds_wins_everything() {
    let scratch = model();
    let arguments = "precision --length 2048 --by part --arithmetics xla-gpu-f32";
    let report = json(scratch.path(), arguments, 0);
    let command = report["command"].as_str().expect("a command");
    assert!(
        command.ends_with("--arithmetics xla-gpu-f32 --by part"),
        "{command}"
    );
    let rows = report["switches"]["rows"].as_array().expect("rows");
    let row = |block: &str| {
        let mut rows = rows.iter().filter(|row| row["block"] == block);
        rows.next().unwrap_or_else(|| panic!("no block {block}"))
    };
    // All rounding but the junctions' is in the tower: in float32 nothing is left of the embeddings' errors.
    assert_eq!(rows[0]["block"], "tower");
    assert!(number(&row("tower")["wins"]) > 0.99);
    for index in 0..3 {
        assert_eq!(number(&row("tower")["embeddings"][index]), 0.0);
        assert!(number(&report["switches"]["embeddings"][index]) > 1e-5);
    }
    for block in ["encoder", "decoder", "embedders"] {
        assert_eq!(number(&row(block)["wins"]), 0.0, "{block}");
    }
    let wins = number(&row("heads")["wins"]);
    assert!(wins > 0.0 && wins < 0.5, "{wins}");
    let outcome = parity(scratch.path(), "precision --length 2048 --modules nothing");
    outcome
        .expect_code(2)
        .expect_message(&["--modules nothing"]);
    let table = parity(
        scratch.path(),
        "precision --length 2048 --modules mha_block_3 --by module",
    );
    let words = "one block in float32, all others in xla-gpu-bf16";
    assert!(table.stdout.contains(words), "{table}");
    assert_eq!(
        table
            .stdout
            .matches("  transformer_tower/mha_block_3 ")
            .count(),
        2
    );
}

#[test]
fn two_forms_of_attention_agree() {
    let scratch = model();
    let arguments = "attention --length 2048,4096 --repeats 1";
    let report = json(scratch.path(), arguments, 0);
    assert_eq!(
        (&report["schema"], &report["agree"]),
        (&"parity-attention".into(), &true.into())
    );
    assert_eq!(report["one_form"], Value::Null);
    for length in report["lengths"].as_array().expect("lengths") {
        // Both forms ran: sums in another order are not equal, but near.
        let near = |pair: &Value| {
            let distance = number(&pair["relative_l2"]);
            assert!(distance > 0.0 && distance < 1e-6, "{pair}");
        };
        near(&length["alone"]);
        let blocks = length["blocks"].as_array().expect("blocks");
        assert_eq!(blocks.len(), 9);
        blocks.iter().for_each(near);
        let outputs = &length["outputs"];
        assert!(number(&outputs["relative_l2"]) < 1e-4, "{outputs}");
        assert!(number(&length["pass"]["plain_milliseconds"]) > 0.0);
    }
    let outcome = parity(scratch.path(), &format!("{arguments} --limit 0"));
    outcome.expect_code(1);
    assert!(
        outcome.stdout.contains("the forms do NOT agree"),
        "{outcome}"
    );
    assert!(
        outcome.stdout.contains("parity attention --model model"),
        "{outcome}"
    );
    let options = "--length 2048,4096 --repeats 1 --limit 0";
    assert!(outcome.stdout.contains(options), "{outcome}");
    for (wrong, words) in [
        ("--length 100", "--length 100"),
        ("--limit nan", "--limit NaN: expected a distance"),
    ] {
        let outcome = parity(scratch.path(), &format!("attention {wrong}"));
        outcome.expect_code(2).expect_message(&[words]);
    }
}

#[test]
fn a_part_of_a_sequence_is_timed_alone() {
    let scratch = model();
    for part in ["1", "500", "2048", "1M"] {
        let arguments = format!("bench --length 2048 --repeats 1 --json --part {part}");
        let outcome = parity(scratch.path(), &arguments);
        outcome.expect_code(0);
        assert!(outcome.stdout.contains("\"part\": "), "{outcome}");
    }
}

#[test]
fn a_bench_that_cannot_be_is_refused_before_it_is_timed() {
    let scratch = model();
    for (wrong, words) in [
        ("--repeats 0", "--repeats 0: expected at least 1"),
        ("--part 0", "--part 0: expected at least 1"),
        ("--tune", "--tune: expected --device cuda"),
        ("--trace trace.json", "--trace: expected --device cuda"),
        // The organism is refused by the first pass.
        ("--beside burn-cuda --organism 9", "burn-cuda"),
    ] {
        let arguments = format!("bench --length 2048 {wrong}");
        let outcome = parity(scratch.path(), &arguments);
        outcome.expect_code(2).expect_message(&[words]);
    }
}
